"""The site that is fuzzed and what must hold of it, written out a second time: no number here is taken from safety/."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from safety.limits import ChillerLimits, HallLimits, Limits, LiquidLimits, PlantLimits, SetpointLimits


@dataclass(frozen=True)
class Allowed:
    """What one setpoint may be: the site's range, the longest steps down and up a minute, the sign that cools more (0: none), whether 0 means off,
    a locked-out band, and whether only whole numbers are.
    """

    low: float
    high: float
    down: float
    up: float
    cooler: int
    off: bool = False
    band: tuple[float, float] = (0.0, 0.0)
    whole: bool = False


INF: Final = math.inf
ALLOWED: Final = {
    "plant.chws_setpoint_c": Allowed(7.0, 18.0, 0.2, 0.1, -1),
    "plant.chw_dp_setpoint_kpa": Allowed(40.0, 150.0, 7.5, 15.0, 1),
    "plant.cws_setpoint_c": Allowed(15.0, 30.0, 0.5, 0.5, -1),
    "plant-b.chws_setpoint_c": Allowed(5.5, 20.0, 0.25, 0.1, -1),
    "hall-a.crah_supply_setpoint_c": Allowed(16.0, 26.0, 0.33, 0.2, -1),
    "hall-a.crah_fan_setpoint_pct": Allowed(30.0, 100.0, 5.0, INF, 1, band=(45.0, 55.0)),
    "hall-b.crah_supply_setpoint_c": Allowed(15.0, 27.0, 0.3, 0.15, -1),
    "hall-b.crah_fan_setpoint_pct": Allowed(35.0, 95.0, 4.0, INF, 1, off=True),
    "hall-a.humidify_setpoint_c": Allowed(-9.0, 12.0, 0.1, 0.1, 0),
    "hall-a.dehumidify_setpoint_c": Allowed(-5.0, 15.0, 0.1, 0.1, 0),
    "hall-a.tcs_setpoint_c": Allowed(18.0, 36.0, 1.0, 0.5, -1),
    "hall-a.tcs_dp_setpoint_kpa": Allowed(30.0, 300.0, 20.0, 60.0, 1),
    "cdu-1.tcs_setpoint_c": Allowed(18.0, 40.0, 1.0, 1.0, -1),
    "plant-b.running_setpoint_count": Allowed(0.0, 3.0, INF, INF, 1, whole=True),
}
"""The declared setpoints; the ranges are narrower than the envelope's own."""

LONGEST_CYCLE_MIN: Final = 15.0
RECOMMENDED_C: Final = 27.0
ALLOWABLE_C: Final = {"hall-a": 32.0, "hall-b": 35.0}
RATE_K_PER_H: Final = {"hall-a": 20.0, "hall-b": 5.0}
RISE_K: Final = 5.0
HOT_AFTER_S: Final = 300.0
DEWPOINT_MAX_C: Final = 15.0
HUMIDITY_MAX_PCT: Final = 60.0
DEWPOINT_MARGIN_K: Final = 2.0
ROWS: Final = {"hall-a": ("hall-a-r01", "hall-a-r02", "hall-a-r03"), "hall-b": ("hall-b-r01", "hall-b-r02")}
PLANTS_OF: Final = {"hall-a": ("plant",), "hall-b": ("plant", "plant-b")}  # hall-b hangs on both plants
CHILLERS: Final = {"ch-1": "plant", "ch-2": "plant", "ch-3": "plant-b"}
LIFT_MIN_K: Final = {"ch-1": 8.0, "ch-2": 6.0, "ch-3": 9.0}
LIFT_MAX_K: Final = {"ch-1": 25.0, "ch-2": 30.0, "ch-3": 24.0}
FLOW_STARVED_KGS: Final = {"ch-1": 21.0, "ch-2": 31.5, "ch-3": 15.75}  # 1.05 times the machine's minimum
COLDEST_C: Final = {"ch-1": 5.0, "ch-2": 9.0, "ch-3": 5.0}  # cut-out 4 C and 1 K, or the vendor's minimum
NEAR_CUT_OUT_C: Final = 5.0
BLIND_COLDEST_C: Final = 7.0
BASINS: Final = {"plant": ("ct-1", "ct-2")}
BASIN_MIN_C: Final = 7.0
DRY_COILS: Final = ("hall-b",)

GAP_K: Final = 2.0  # between humidifying and dehumidifying
TCS_MAX_C: Final = 32.0
RACKS_KW, RACK_KPA, LEAST_SHARE, LOSS_EXPONENT = 2000.0, 200.0, 0.4, 1.85
ALARM, FILTER, FILTER_MOST_KPA = "cdu-9.leak_state", "cdu-9.filter_dp_kpa", 60.0

LIMITS: Final = Limits(
    setpoints={
        name: SetpointLimits(
            low=a.low,
            high=a.high,
            raise_per_min=None if a.up == INF else a.up,
            lower_per_min=None if a.down == INF else a.down,
            off_allowed=a.off,
            bands=(a.band,) if a.band[1] else (),
            whole=a.whole,
        )
        for name, a in ALLOWED.items()
    },
    chillers=(
        ChillerLimits("ch-1", "plant", 8.0, 25.0, 20.0),
        ChillerLimits("ch-2", "plant", 6.0, 30.0, 30.0, chws_min_c=9.0),
        ChillerLimits("ch-3", "plant-b", 9.0, 24.0, 15.0, capacity_kw=1000.0),
    ),
    halls=(
        HallLimits("hall-a", "plant", ROWS["hall-a"]),
        HallLimits("hall-b", None, ROWS["hall-b"], inlet_allowable_c=35.0, inlet_rate_k_per_h=5.0, dry_coil=True),
    ),
    plants=(PlantLimits("plant", ("ct-1", "ct-2")), PlantLimits("plant-b")),
    liquids=(LiquidLimits("hall-a", TCS_MAX_C, RACKS_KW, RACK_KPA, LEAST_SHARE, alarms=(ALARM,), filters_kpa={FILTER: FILTER_MOST_KPA}),),
)
"""The same site as the envelope takes it."""

SIGNALS: Final = (
    *(f"{hall}.{quantity}" for hall in ROWS for quantity in ("rack_inlet_max_c", "room_dewpoint_c", "room_rh_pct")),
    *(f"{row}.rack_inlet_c" for rows in ROWS.values() for row in rows),
    *(f"{chiller}.{quantity}" for chiller in CHILLERS for quantity in ("machine_state", "chws_temp_c", "cwr_temp_c", "evaporator_flow_kgs")),
    *(f"{plant}.{quantity}" for plant in ("plant", "plant-b") for quantity in ("chws_temp_c", "cws_temp_c")),
    *(f"{basin}.basin_temp_c" for basins in BASINS.values() for basin in basins),
    "weather.oa_wetbulb_c",
    "hall-a.tcs_supply_temp_c",
    "hall-a.it_power_cap_kw",
    "hall-b.it_load_kw",
    ALARM,
    FILTER,
)
"""What is measured."""
