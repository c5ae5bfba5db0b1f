"""What a policy cost and what it violated, from true values of a simulated site: the entry of ``backtest --json``; sensors are not asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from plant_models.site.topology import Chiller, Hall, Site
from plant_models.sources.tariff import Tariff
from safety.limits import INLET_ALLOWABLE_C, INLET_RATE_K_PER_H, INLET_RATE_TAPE_K_PER_H

_RECOMMENDED_C: Final = 27.0  # ASHRAE TC 9.9 2021, upper end
_RISE_15MIN_K: Final = 5.0  # ASHRAE TC 9.9 2021
_DEWPOINT_MAX_C: Final = 15.0  # ASHRAE TC 9.9 2021
_RH_MAX_PCT: Final = 60.0  # ASHRAE TC 9.9 2021
_DEWPOINT_MARGIN_K: Final = 2.0  # engineering value: supply air over the dew point
_TCS_DEWPOINT_MARGIN_K: Final = 2.0  # ASHRAE TC 9.9, liquid cooling: technology water over the dew point
_STARTS_PER_HOUR: Final = 3  # chiller makers
_START_TO_START_S: Final = 900.0  # chiller makers: 15-20 min
_STARTING_S: Final = 600.0  # Guideline 36-2021 5.20.12.2: lift is not judged in a machine's first 10 min
_KW_PER_TON: Final = 3.51685
_RATE_GRID_S: Final = 60.0
_PLANT: Final = ("chillers", "chw_pumps", "cw_pumps", "economiser_pumps", "towers", "dry_coolers", "fws_pumps")
_COOLING: Final = (*_PLANT, "crah_fans", "cdu_pumps", "humidity", "heaters")
_OTHERS: Final = ("electrical_losses", "server_fans", "it_without_fans")
VIOLATIONS: Final = (
    "inlet_above_recommended_rack_minutes",
    "inlet_degree_minutes_above_recommended",
    "inlet_above_allowable_rack_minutes",
    "inlet_rate_events",
    "air_dew_point_minutes",
    "tcs_dew_point_minutes",
    "tcs_over_class_minutes",
    "humidity_minutes",
    "min_flow_minutes",
    "lift_minutes",
    "starts_over_limit",
)


class TrueValues(Protocol):
    """What scores need of a site's truth; ``simulator.truth.Truth`` is one. Counters run from the site's start."""

    @property
    def at_s(self) -> float:
        """Returns plant time [s]."""

    @property
    def values(self) -> Mapping[str, float]:
        """Returns true values by signal."""

    @property
    def energy_kwh(self) -> Mapping[str, float]:
        """Returns electric energy by category [kWh]."""

    @property
    def it_work_kwh(self) -> float:
        """Returns utilisation times IT capacity [kWh]."""

    @property
    def water_evaporated_kg(self) -> float:
        """Returns water evaporated [kg]."""

    @property
    def water_blowdown_kg(self) -> float:
        """Returns water blown down and drifted [kg]."""

    @property
    def outside_curve_kwh(self) -> float:
        """Returns chillers' energy outside their published curves [kWh]."""

    @property
    def rejected_kwh(self) -> float:
        """Returns heat that left by the towers [kWh]."""

    @property
    def stored_kwh(self) -> float:
        """Returns heat in water, air and mass [kWh]."""


class Observed(Protocol):
    """A site whose truth is known; ``SimulatedSite`` is one."""

    @property
    def truth(self) -> TrueValues:
        """Returns what is true now."""


@dataclass
class _Machine:
    """When a chiller was started, and whether it ran at the last look."""

    running: bool
    starts: list[float] = field(default_factory=list)


class Scores:
    """Adds up what happens between looks; the first look is where counting begins."""

    def __init__(self, site: Site, tariff: Tariff | None = None) -> None:
        """Takes the site, whose limits count, and its tariff where that is not what ``site.toml`` states."""
        self._site = site
        self._tariff = tariff or Tariff(site)
        self._violations = dict.fromkeys(VIOLATIONS, 0.0)
        self._first: TrueValues | None = None
        self._last: TrueValues | None = None
        self._cost = 0.0
        self._carbon_kg = 0.0
        self._machines: dict[str, _Machine] = {}
        self._rates = {h.name: _InletRate(h) for h in site.hall}

    def observe(self, site: Observed) -> None:
        """Takes one look; what holds now counts for the time since the look before."""
        now = site.truth
        if self._first is None or self._last is None:
            self._first = self._last = now
            self._machines = {c.name: _Machine(_runs(c, now.values)) for c in self._site.chiller}
            return
        minutes = (now.at_s - self._last.at_s) / 60.0
        used_kwh = sum(now.energy_kwh.values()) - sum(self._last.energy_kwh.values())
        self._cost += used_kwh * self._tariff.price_per_kwh(now.at_s)
        self._carbon_kg += used_kwh * self._tariff.carbon_kg_per_kwh(now.at_s)
        for hall in self._site.hall:
            self._air(hall, now, minutes)
            self._liquid(hall, now, minutes)
        for chiller in self._site.chiller:
            self._chiller(chiller, now, minutes)
        self._last = now

    def result(self) -> dict[str, Any]:
        """Returns the policy's entry, without what only the daemon knows. Raises ValueError before the second look.

        Heat stored in the site at the end beyond that at the start is a debt, and is charged to the totals at the plant's mean COP. What no
        machine of the site does is 0.
        """
        first, last = self._first, self._last
        if first is None or last is None or last.at_s <= first.at_s:
            raise ValueError("a score needs two looks at the site")
        used = {name: last.energy_kwh.get(name, 0.0) - first.energy_kwh.get(name, 0.0) for name in (*_COOLING, *_OTHERS)}
        plant_kwh = sum(used[name] for name in _PLANT)
        cooled_kwh = last.rejected_kwh - first.rejected_kwh - used["chillers"]
        cold_kwh = first.stored_kwh - last.stored_kwh
        charge_kwh = -cold_kwh * plant_kwh / cooled_kwh if cooled_kwh > 0.0 else 0.0
        bare_kwh = sum(used.values())
        facility_kwh = bare_kwh + charge_kwh
        it_kwh = used["server_fans"] + used["it_without_fans"]
        water_kg = last.water_evaporated_kg - first.water_evaporated_kg + last.water_blowdown_kg - first.water_blowdown_kg
        levelled = facility_kwh / bare_kwh if bare_kwh > 0.0 else 1.0
        paid, carbon_kg = self._cost * levelled, self._carbon_kg * levelled
        return {
            "energy_kwh": {**used, "cooling_total": sum(used[name] for name in _COOLING) + charge_kwh, "facility_total": facility_kwh},
            "stored_kwh_th_delta": cold_kwh,
            "it_work": last.it_work_kwh - first.it_work_kwh,
            "pue": _ratio(facility_kwh, it_kwh),
            "wue_l_per_kwh": _ratio(water_kg, it_kwh),
            "cue_kg_per_kwh": _ratio(carbon_kg, it_kwh),
            "cost": paid + carbon_kg * self._site.money.carbon_price_per_kg,
            "kw_per_ton": _ratio(plant_kwh * _KW_PER_TON, cooled_kwh),
            "outside_curve_kwh": last.outside_curve_kwh - first.outside_curve_kwh,
            "violations": dict(self._violations),
            "starts": sum(len(m.starts) for m in self._machines.values()),
        }

    def _air(self, hall: Hall, now: TrueValues, minutes: float) -> None:
        limits = self._site.limits
        recommended_c = _RECOMMENDED_C if limits.inlet_recommended_c is None else limits.inlet_recommended_c
        allowable_c = INLET_ALLOWABLE_C[hall.inlet_class] if limits.inlet_allowable_c is None else limits.inlet_allowable_c
        inlets = [now.values[f"{row}.rack_inlet_c"] for row in hall.rows]
        rack_minutes = hall.racks_per_row * minutes
        self._add("inlet_above_recommended_rack_minutes", rack_minutes * sum(t > recommended_c for t in inlets))
        self._add("inlet_degree_minutes_above_recommended", rack_minutes * sum(max(t - recommended_c, 0.0) for t in inlets))
        self._add("inlet_above_allowable_rack_minutes", rack_minutes * sum(t > allowable_c for t in inlets))
        self._add("inlet_rate_events", self._rates[hall.name].events(inlets, now.at_s))
        dewpoint_c, rh_pct = now.values[f"{hall.name}.room_dewpoint_c"], now.values[f"{hall.name}.room_rh_pct"]
        margin_k = _DEWPOINT_MARGIN_K if limits.dewpoint_margin_k is None else limits.dewpoint_margin_k
        dewpoint_max_c = _DEWPOINT_MAX_C if limits.dewpoint_max_c is None else limits.dewpoint_max_c
        self._add("air_dew_point_minutes", minutes * (now.values[f"{hall.name}.crah_supply_temp_c"] < dewpoint_c + margin_k))
        self._add("humidity_minutes", minutes * (dewpoint_c > dewpoint_max_c or rh_pct > _RH_MAX_PCT))

    def _liquid(self, hall: Hall, now: TrueValues, minutes: float) -> None:
        if hall.liquid is None:
            return
        supply_c = now.values[f"{hall.name}.tcs_supply_temp_c"]
        self._add("tcs_dew_point_minutes", minutes * (supply_c < now.values[f"{hall.name}.room_dewpoint_c"] + _TCS_DEWPOINT_MARGIN_K))
        self._add("tcs_over_class_minutes", minutes * (supply_c > hall.liquid.tcs_max_c))

    def _chiller(self, chiller: Chiller, now: TrueValues, minutes: float) -> None:
        machine = self._machines[chiller.name]
        runs = _runs(chiller, now.values)
        if runs and not machine.running:
            machine.starts.append(now.at_s)
            self._add("starts_over_limit", _too_often(machine.starts))
        machine.running = runs
        if not runs:
            return
        flow_kgs = now.values[f"{chiller.name}.evaporator_flow_kgs"]
        self._add("min_flow_minutes", minutes * (flow_kgs < chiller.evaporator_flow_min_share * chiller.evaporator_flow_kgs))
        settled = not machine.starts or now.at_s - machine.starts[-1] >= _STARTING_S
        lift_k = now.values[f"{chiller.name}.cwr_temp_c"] - now.values[f"{chiller.name}.chws_temp_c"]
        self._add("lift_minutes", minutes * (settled and lift_k < chiller.lift_min_k))

    def _add(self, kind: str, amount: float) -> None:
        self._violations[kind] += float(amount)


class _InletRate:
    """Counts when a hall's inlets begin to change faster than allowed: 5 K in any 15 min, 20 K (with tape 5 K) in any hour."""

    def __init__(self, hall: Hall) -> None:
        self._hour_k = INLET_RATE_TAPE_K_PER_H if hall.tape else INLET_RATE_K_PER_H
        self._looks: deque[tuple[float, Sequence[float]]] = deque()
        self._too_fast = False

    def events(self, inlets_c: Sequence[float], at_s: float) -> int:
        """Returns 1 where a change that is too fast begins with this look, else 0; looks closer than a minute are left out."""
        if self._looks and at_s - self._looks[-1][0] < _RATE_GRID_S:
            return 0
        self._looks.append((at_s, inlets_c))
        while at_s - self._looks[0][0] > 3600.0:
            self._looks.popleft()
        quarter = [c for t, c in self._looks if at_s - t <= 900.0]
        too_fast = _span(quarter) > _RISE_15MIN_K or _span([c for _, c in self._looks]) > self._hour_k
        begins = too_fast and not self._too_fast
        self._too_fast = too_fast
        return int(begins)


def _span(looks: Sequence[Sequence[float]]) -> float:
    return max((max(row) - min(row) for row in zip(*looks, strict=True)), default=0.0)


def _too_often(starts: Sequence[float]) -> int:
    at_s = starts[-1]
    recent = sum(at_s - s < 3600.0 for s in starts)
    return int(recent > _STARTS_PER_HOUR or (len(starts) > 1 and at_s - starts[-2] < _START_TO_START_S))


def _runs(chiller: Chiller, values: Mapping[str, float]) -> bool:
    return values[f"{chiller.name}.running_count"] > 0.5


def _ratio(a: float, b: float) -> float | None:
    return a / b if b > 0.0 else None
