"""What the plant says of itself in a situation, and what follows for rooms and machines: the envelope's facts, written a second time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tests.fuzz import site


def number(value: Any) -> float | None:
    """Returns a finite number as a float, None for anything else."""
    if type(value) not in (int, float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


@dataclass(frozen=True, eq=False)
class Seen:
    """What the plant says of itself, with unknown for what is no number."""

    measured: Mapping[str, Any]
    in_force: Mapping[str, Any]
    inlets: Mapping[str, Any]
    elapsed_s: Any
    frozen: frozenset[str] = frozenset()
    confidence: Any = 1.0

    def of(self, signal: str) -> float | None:
        """Returns a measurement."""
        return number(self.measured.get(signal))

    @property
    def minutes(self) -> float:
        """Returns the time that a step may use."""
        elapsed_s = number(self.elapsed_s)
        return 0.0 if elapsed_s is None else max(0.0, min(elapsed_s / 60.0, site.LONGEST_CYCLE_MIN))

    def inlets_of(self, hall: str) -> list[float | None]:
        """Returns the hall's own hottest inlet, then each row's."""
        return [self.of(f"{hall}.rack_inlet_max_c"), *(self.of(f"{row}.rack_inlet_c") for row in site.ROWS[hall])]

    @lru_cache(maxsize=64)  # noqa: B019  # few situations, and short-lived
    def overheated(self, hall: str) -> bool:
        """Returns whether anything in the hall is above allowable."""
        return any(value is not None and value > site.ALLOWABLE_C[hall] for value in self.inlets_of(hall))

    @lru_cache(maxsize=64)  # noqa: B019  # few situations, and short-lived
    def hot(self, hall: str) -> bool:
        """Returns whether two neighbours are above the recommended inlet, or any for 5 min or for nobody knows how long."""
        above = [value is not None and value > site.RECOMMENDED_C for value in self.inlets_of(hall)]
        neighbours = any(above[at] and above[at + 1] for at in range(1, len(above) - 1))
        trend = self.inlets.get(hall)
        short = trend is not None and trend.hot_for_s < site.HOT_AFTER_S
        return self.overheated(hall) or neighbours or (any(above) and not short)

    @lru_cache(maxsize=64)  # noqa: B019  # few situations, and short-lived
    def blind(self, hall: str) -> bool:
        """Returns whether the hottest inlet is unknown."""
        whole, *rows = self.inlets_of(hall)
        return whole is None and any(value is None for value in rows)

    @lru_cache(maxsize=64)  # noqa: B019  # few situations, and short-lived
    def rising(self, hall: str) -> bool:
        """Returns whether the inlet rises too fast or may."""
        trend = self.inlets.get(hall)
        if trend is None or trend.rate_k_per_h is None:
            return True
        return not (trend.rate_k_per_h <= site.RATE_K_PER_H[hall] and trend.rise_k <= site.RISE_K)

    @lru_cache(maxsize=64)  # noqa: B019  # few situations, and short-lived
    def falling(self, hall: str) -> bool:
        """Returns whether the inlet falls too fast."""
        trend = self.inlets.get(hall)
        return trend is not None and ((trend.rate_k_per_h is not None and trend.rate_k_per_h < -site.RATE_K_PER_H[hall]) or trend.fall_k > site.RISE_K)

    @lru_cache(maxsize=64)  # noqa: B019  # few situations, and short-lived
    def humid(self, hall: str) -> bool:
        """Returns whether the hall is humid or may be."""
        pairs = ((self.of(f"{hall}.room_dewpoint_c"), site.DEWPOINT_MAX_C), (self.of(f"{hall}.room_rh_pct"), site.HUMIDITY_MAX_PCT))
        return any(value is None or value > most for value, most in pairs)

    @lru_cache(maxsize=64)  # noqa: B019  # few situations, and short-lived
    def compressor(self, chiller: str) -> bool:
        """Returns whether a compressor runs, or may."""
        return self.of(f"{chiller}.machine_state") in (None, 2.0)

    def wet(self, chiller: str) -> bool:
        """Returns whether water must pass a chiller, or may have to."""
        return self.of(f"{chiller}.machine_state") not in (0.0, 4.0, 5.0)

    @lru_cache(maxsize=64)  # noqa: B019  # few situations, and short-lived
    def starved(self, chiller: str) -> bool:
        """Returns whether an evaporator has too little water, or may have."""
        flow_kgs = self.of(f"{chiller}.evaporator_flow_kgs")
        return self.wet(chiller) and (flow_kgs is None or flow_kgs < site.FLOW_STARVED_KGS[chiller])

    @lru_cache(maxsize=64)  # noqa: B019  # few situations, and short-lived
    def cold_basin(self, plant: str) -> bool:
        """Returns whether a basin of the plant is near freezing, or may be."""
        leaving_c = self.of(f"{plant}.cws_temp_c")
        waters = [leaving_c if (basin := self.of(f"{name}.basin_temp_c")) is None else basin for name in site.BASINS.get(plant, ())]
        return any(water is None or water < site.BASIN_MIN_C for water in waters)

    def evaporator_floor_c(self, chiller: str, held: float | None) -> float:
        """Returns the coldest that a running chiller may be asked for."""
        leaving_c = self.of(f"{chiller}.chws_temp_c")
        if leaving_c is None:
            leaving_c = self.of(f"{site.CHILLERS[chiller]}.chws_temp_c")
        floor_c = site.COLDEST_C[chiller]
        if leaving_c is None:
            return max(floor_c, site.BLIND_COLDEST_C if held is None else min(held, site.BLIND_COLDEST_C))
        return floor_c if leaving_c >= site.NEAR_CUT_OUT_C or held is None else max(floor_c, held)

    @property
    def trust(self) -> float:
        """Returns how much of a step towards less cooling the proposer is trusted with."""
        share = number(self.confidence)
        return 0.0 if share is None else max(0.0, min(share, 1.0))

    @property
    def cdu_alarm(self) -> bool:
        """Returns whether an alarm of the CDU stands or its filter is clogged, or may be."""
        lost_kpa = self.of(site.FILTER)
        return self.of(site.ALARM) != 0.0 or lost_kpa is None or lost_kpa > site.FILTER_MOST_KPA

    @property
    def rack_kpa(self) -> float:
        """Returns the pressure that racks need for the power that they may draw."""
        cap_kw = self.of("hall-a.it_power_cap_kw")
        share = 1.0 if cap_kw is None else max(site.LEAST_SHARE, min(cap_kw / site.RACKS_KW, 1.0))
        return site.RACK_KPA * share**site.LOSS_EXPONENT

    def changing(self, plant: str) -> bool:
        """Returns whether any machine of a plant starts or stops, or may."""
        return any(self.of(f"{chiller}.machine_state") in (None, 1.0, 3.0) for chiller, where in site.CHILLERS.items() if where == plant)
