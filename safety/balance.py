"""Heat balance: readings that contradict the plant's physics are found out by several estimates of one heat; what a lost one leads to stands in the ladder."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from safety.finite import known
from safety.records import Fault, FaultCause, Measurements
from safety.signals import MachineState

WATER_KJ_PER_KG_K: Final = 4.19  # specific heat of water at 10 degC, IAPWS
SMOOTHED_S: Final = 600.0  # engineering value: loops and coils hunt with periods of 15-30 min
PERSISTS_S: Final = 1800.0  # engineering value: net time for which a contradiction must be seen, or be gone
SETTLES_S: Final = 1800.0  # engineering value: the loop's stored heat breaks the balance after a change of stage or load
WINDOW_S: Final = 900.0
LOAD_CHANGE: Final = 0.10  # engineering value, of the load, within the window
AIR_CHANGE_K: Final = 1.5  # engineering value, of the halls' return air within the window: racks and structure store or give off heat
GAP_MAX_S: Final = 1800.0  # engineering value: twice the longest cycle; after a longer one the memory says nothing of now
UNEXPLAINED: Final = ""
"""Stands for a contradiction that no single reading explains."""


@dataclass(frozen=True, slots=True)
class BalanceRule:
    """What belongs to one chilled-water plant. ``chillers``: design capacity [kW] by name; ``cooled``: the halls it serves; ``halls``: the same where all
    their heat is the plant's, otherwise none; ``of_site``: all halls, among which ``losses`` are shared by IT load.

    Estimates agree within ``tolerance`` (of their median) or ``floor_kw``, whichever is more.
    """

    plant: str
    chillers: Mapping[str, float]
    cooled: tuple[str, ...] = ()
    halls: tuple[str, ...] = ()
    of_site: tuple[str, ...] = ()
    economisers: tuple[str, ...] = ()
    losses: str = ""
    tolerance: float = 0.15  # engineering value: sensor accuracy and hunting of a healthy plant together
    floor_kw: float = 0.0


Recent = tuple[float, float | None, float | None]


@dataclass(frozen=True, slots=True)
class PlantHeat:
    """Memory of one plant: when it was last looked at and last unsettled [s], its stage, recent (time [s], IT load [kW], return air of its halls [degC],
    each None while unknown), smoothed estimates [kW], for how long each contradiction has been seen net of when it was not [s], and those that stand;
    a contradiction is named by the reading to blame.
    """

    at_s: float
    unsettled_s: float
    stage: tuple[float | None, ...] = ()
    recent: tuple[Recent, ...] = ()
    smoothed_kw: Mapping[str, float] = field(default_factory=dict)
    seen_s: Mapping[str, float] = field(default_factory=dict)
    standing: frozenset[str] = frozenset()


BalanceMemory = Mapping[str, PlantHeat]


@dataclass(frozen=True, slots=True)
class HeatEstimate:
    """One estimate of a plant's heat [kW], and the readings that it hangs on."""

    heat_kw: float
    signals: frozenset[str]


def weigh(measured: Measurements, rules: Sequence[BalanceRule], memory: BalanceMemory) -> tuple[Measurements, BalanceMemory]:
    """Takes the readings out that the heat balance of their plant has contradicted for long enough, and returns what to remember by plant.

    Blamed readings go on being weighed, so that a mended one comes back. Not judged while a plant is unsettled: what stands then stays.
    """
    after = {rule.plant: _looked_at(rule, measured, memory.get(rule.plant)) for rule in rules}
    blamed = sorted({signal for heat in after.values() for signal in heat.standing if signal in measured.values})
    faults = tuple(Fault(signal, FaultCause.DISAGREES, f"{measured.values[signal]:g} contradicts the plant's heat balance") for signal in blamed)
    values = {signal: value for signal, value in measured.values.items() if signal not in blamed}
    return Measurements(measured.taken_at_s, values, (*measured.faults, *faults)), after


def contradicted(memory: BalanceMemory) -> bool:
    """Returns whether readings of any plant contradict each other and none can be blamed."""
    return any(UNEXPLAINED in heat.standing for heat in memory.values())


def estimates_of(rule: BalanceRule, values: Mapping[str, float]) -> dict[str, HeatEstimate]:
    """Returns the estimates of a plant's heat [kW] for which there are readings, by name.

    ``water`` and ``header`` are what the header's water gives off, by the header's flow meter and by those of the evaporators; ``evaporators`` the
    same by each chiller's leaving temperature. The last two are left out while an economiser may carry the load and the water goes round the chillers.
    ``halls`` is what heats the air; ``condenser`` what the towers take less the compressors' power; ``load`` what the machines say of themselves.
    """
    plant = rule.plant
    chwr, chws, chw = (f"{plant}.{name}" for name in ("chwr_temp_c", "chws_temp_c", "chw_flow_kgs"))
    cwr, cws, cw = (f"{plant}.{name}" for name in ("cwr_temp_c", "cws_temp_c", "cw_flow_kgs"))
    water = [(chw, chwr, chws)]
    header = [(f"{chiller}.evaporator_flow_kgs", chwr, chws) for chiller in rule.chillers]
    evaporators = [(f"{chiller}.evaporator_flow_kgs", chwr, f"{chiller}.chws_temp_c") for chiller in rule.chillers]
    powers = [(f"{chiller}.power_kw", -1.0) for chiller in rule.chillers]
    loads = [(f"{chiller}.load_pct", capacity_kw / 100.0) for chiller, capacity_kw in rule.chillers.items()]
    own = [(f"{economiser}.heat_kw", 1.0) for economiser in rule.economisers]
    through = not rule.economisers or any(known(values, f"{chiller}.machine_state") == MachineState.RUNNING for chiller in rule.chillers)
    made = {
        "water": _estimate(values, water),
        "header": _estimate(values, header if through else ()),
        "evaporators": _estimate(values, evaporators if through else ()),
        "halls": _estimate(values, (), _hall_parts(rule, values)),
        "condenser": _estimate(values, [(cw, cwr, cws)], powers),
        "load": _estimate(values, (), [*loads, *own]),
    }
    return {name: HeatEstimate(sum(parts.values()), _weighty(parts, rule)) for name, parts in made.items() if parts is not None}


def contradictions(rule: BalanceRule, estimates: Mapping[str, HeatEstimate]) -> frozenset[str]:
    """Returns what a set of estimates contradicts: nothing, the one reading that explains it, or UNEXPLAINED.

    A reading explains it if the estimates without it, two or more that do not all hang on one reading, agree among themselves and every one with it
    is away from their median.
    """
    if _agree(rule, estimates.values()):
        return frozenset()
    signals = {signal for estimate in estimates.values() for signal in estimate.signals}
    explaining = [signal for signal in signals if _explains(rule, signal, estimates)]
    return frozenset(explaining) if len(explaining) == 1 else frozenset({UNEXPLAINED})


Parts = Mapping[tuple[str, ...], float]


def _hall_parts(rule: BalanceRule, values: Mapping[str, float]) -> list[tuple[str, float]]:
    """Returns what heats a plant's halls as (signal, factor); nothing where the share in the losses is unknown."""
    if not rule.halls:
        return []
    served_kw, total_kw = (_total(values, [f"{hall}.it_load_kw" for hall in halls]) for halls in (rule.halls, rule.of_site))
    if served_kw is None or total_kw is None:
        return []
    share = served_kw / total_kw if total_kw > 0.0 else 0.0
    halls = [(f"{hall}.{power}", 1.0) for hall in rule.halls for power in ("it_load_kw", "crah_fan_power_kw")]
    return [*halls, *([(rule.losses, share)] if rule.losses else [])]


def _estimate(values: Mapping[str, float], waters: Iterable[tuple[str, str, str]], others: Iterable[tuple[str, float]] = ()) -> Parts | None:
    """Returns the parts of one estimate [kW] by the readings in each; None where any is unknown, or there is none."""
    parts: dict[tuple[str, ...], float] = {}
    for one in waters:
        flow_kgs, warm_c, cold_c = (known(values, signal) for signal in one)
        if flow_kgs is None or warm_c is None or cold_c is None:
            return None
        parts[one] = flow_kgs * WATER_KJ_PER_KG_K * (warm_c - cold_c)
    for signal, factor in others:
        value = known(values, signal)
        if value is None:
            return None
        parts[(signal,)] = factor * value
    return parts or None


def _weighty(parts: Parts, rule: BalanceRule) -> frozenset[str]:
    """Returns the readings whose parts are large enough that an error of their own size would be noticed."""
    least = _allowed_kw(rule, [sum(parts.values())])
    by_signal = {signal: sum(part_kw for among, part_kw in parts.items() if signal in among) for signals in parts for signal in signals}
    return frozenset(signal for signal, part_kw in by_signal.items() if abs(part_kw) > least)


def _allowed_kw(rule: BalanceRule, heats_kw: Sequence[float]) -> float:
    return max(rule.floor_kw, rule.tolerance * abs(statistics.median(heats_kw)))


def _agree(rule: BalanceRule, estimates: Iterable[HeatEstimate]) -> bool:
    heats_kw = [estimate.heat_kw for estimate in estimates]
    return not heats_kw or max(heats_kw) - min(heats_kw) <= _allowed_kw(rule, heats_kw)


def _explains(rule: BalanceRule, signal: str, estimates: Mapping[str, HeatEstimate]) -> bool:
    others = [estimate for estimate in estimates.values() if signal not in estimate.signals]
    if len(others) < 2 or not _agree(rule, others) or frozenset.intersection(*(estimate.signals for estimate in others)):
        return False
    heats_kw = [estimate.heat_kw for estimate in others]
    trusted_kw, allowed_kw = statistics.median(heats_kw), _allowed_kw(rule, heats_kw)
    return all(abs(estimate.heat_kw - trusted_kw) > allowed_kw for estimate in estimates.values() if signal in estimate.signals)


def _looked_at(rule: BalanceRule, measured: Measurements, last: PlantHeat | None) -> PlantHeat:
    """Returns the memory of one plant after this set of measurements; after a gap or a clock that ran backwards it begins anew."""
    at_s, values = measured.taken_at_s, measured.values
    stage = tuple(known(values, signal) for signal in (*(f"{c}.machine_state" for c in rule.chillers), *(f"{e}.economiser_state" for e in rule.economisers)))
    now = (at_s, _total(values, [f"{hall}.it_load_kw" for hall in rule.cooled]), _total(values, [f"{hall}.crah_return_temp_c" for hall in rule.cooled]))
    if last is None or not 0.0 <= at_s - last.at_s <= GAP_MAX_S:
        return PlantHeat(at_s, at_s, stage, (now,), {}, last.seen_s if last else {}, last.standing if last else frozenset())
    recent = (*(one for one in last.recent if at_s - one[0] <= WINDOW_S and one[0] < at_s), now)
    unsettled_s = at_s if stage != last.stage or _moves(recent, len(rule.cooled)) else last.unsettled_s
    if at_s - unsettled_s < SETTLES_S:
        return PlantHeat(at_s, unsettled_s, stage, recent, {}, last.seen_s, last.standing)
    elapsed_s, estimates = at_s - last.at_s, estimates_of(rule, values)
    keeps = math.exp(-elapsed_s / SMOOTHED_S)
    smoothed_kw = {name: one.heat_kw + keeps * (last.smoothed_kw.get(name, one.heat_kw) - one.heat_kw) for name, one in estimates.items()}
    found = contradictions(rule, {name: HeatEstimate(smoothed_kw[name], one.signals) for name, one in estimates.items()})
    seen_s, standing = _lasting(last, found, elapsed_s)
    return PlantHeat(at_s, unsettled_s, stage, recent, smoothed_kw, seen_s, standing)


def _total(values: Mapping[str, float], signals: Sequence[str]) -> float | None:
    total = 0.0
    for signal in signals:
        value = known(values, signal)
        if value is None:
            return None
        total += value
    return total


def _moves(recent: Sequence[Recent], halls: int) -> bool:
    """Returns whether load or air move too much within the window for the balance to hold; what is unknown does not count."""
    loads_kw = [load_kw for _, load_kw, _ in recent if load_kw is not None]
    airs_k = [air for _, _, air in recent if air is not None]
    load_moves = bool(loads_kw) and max(loads_kw) - min(loads_kw) > LOAD_CHANGE * max(loads_kw)
    return load_moves or (bool(airs_k) and max(airs_k) - min(airs_k) > AIR_CHANGE_K * halls)


def _lasting(last: PlantHeat, found: frozenset[str], elapsed_s: float) -> tuple[dict[str, float], frozenset[str]]:
    """Returns for how long each contradiction has been seen on balance [s], and which stand: from PERSISTS_S until nothing of it is left."""
    seen_s: dict[str, float] = {}
    for name in sorted({*last.seen_s, *found}):
        now_s = last.seen_s.get(name, 0.0) + (elapsed_s if name in found else -elapsed_s)
        if now_s > 0.0:
            seen_s[name] = min(now_s, PERSISTS_S)
    return seen_s, frozenset(name for name, now_s in seen_s.items() if now_s >= PERSISTS_S or name in last.standing)
