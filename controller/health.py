"""What is true of this cycle that bears on who is in charge: from what was measured, planned, ordered and written to the conditions of the mode table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from controller.hold import Holdings
from controller.record import CycleMemory, Orders
from controller.watch import Sort, WatchMemory
from plant_models.site.conditions import contacts_of, load_share, load_threshold, weather_thresholds
from plant_models.site.ladder import ladder_of
from plant_models.site.load import LoadedSite
from safety.authority import Doubt, plan_confidence
from safety.conditions import Settling, beyond, settle, spoken
from safety.ladder import descend
from safety.limits import Limits
from safety.modes import ROW_OF, Condition, Mode
from safety.ownership import WHOLE_SITE, Maintenance
from safety.records import Estimate, Forecast, Measurements, Outcome, Proposal, Receipt
from safety.signals import Role, point
from safety.trends import hottest_inlet_c

REFUSALS_MAX: Final = 2  # engineering value: one refused write may be a dropped frame, two in a row are not
LATE_PERIODS: Final = 2.0
CONDITION_OF: Final = {Sort.OTHER_WRITER: Condition.SECOND_WRITER, Sort.NOT_APPLIED: Condition.WRITES_REFUSED}
OWNER_SIGNAL: Final = "daemon.owner_id"
BEAT_SIGNAL: Final = "bas.heartbeat"
KILL_SWITCH_SIGNAL: Final = "bas.kill_switch_state"
BEAT_WRAPS: Final = 60000.0  # a 16-bit counter that falls from above this has wrapped, not restarted


@dataclass(frozen=True)
class Circumstances:
    """What a cycle knows when it asks who is in charge."""

    memory: CycleMemory
    measured: Measurements
    estimate: Estimate
    forecast: Forecast
    usable: Proposal
    orders: Orders
    refusals: int
    held: Holdings
    watch: WatchMemory
    maintenance: tuple[Maintenance, ...] = ()
    doubts: frozenset[Doubt] = frozenset()
    contradicted: bool = False
    residual_distrusted: bool = False


def refusals_of(memory: CycleMemory, receipt: Receipt | None) -> int:
    """Returns how many cycles in a row had a write that did not arrive; a cycle that wrote nothing changes nothing."""
    if receipt is None or not receipt.outcomes:
        return memory.refusals
    lost = any(outcome in (Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.DIFFERS) for outcome in receipt.outcomes.values())
    return memory.refusals + 1 if lost else 0


def observe(loaded: LoadedSite, limits: Limits, now: Circumstances) -> tuple[frozenset[Condition], Settling]:
    """Returns the conditions that count in this cycle, and what to remember of those that begin or end.

    While the BAS is in charge anyway, readings that are missing are a gap and not a loss: nothing of ours depends on them, so nothing latches.
    """
    released = now.memory.mode.mode is Mode.RELEASE
    found = set(now.orders.guard)
    if now.orders.release:
        found.add(Condition.OPERATOR_RELEASE)
    if any(hottest_inlet_c(hall, now.measured.values) is None for hall in limits.halls):
        found.add(Condition.READINGS_GAP if released else Condition.INLET_UNKNOWN)
    lost, _ = descend(ladder_of(loaded.site, loaded.points), now.measured.values)
    found |= {Condition.READINGS_GAP if released and ROW_OF[one].latches else one for one in lost}
    if gap(loaded, now.measured):
        found.add(Condition.READINGS_GAP)
    if not now.usable.solved:
        found.add(Condition.NO_PLAN)
    if not now.estimate.valid:
        found.add(Condition.NO_MODEL)
    if not set(_forecast_needs(loaded)) <= now.forecast.series.keys():
        found.add(Condition.NO_FORECAST)
    if now.memory.requested and now.held.followed is False:
        found.add(Condition.LEASE_LAPSED)
    if any(one.equipment == WHOLE_SITE for one in now.maintenance):
        found.add(Condition.MAINTENANCE)
    if now.contradicted:
        found.add(Condition.READINGS_DISAGREE)
    if plan_confidence(now.doubts) <= 0.0:
        found.add(Condition.PLAN_DISTRUSTED)
    if now.residual_distrusted:
        found.add(Condition.RESIDUAL_DISTRUSTED)
    operation, unknown = _of_operation(loaded, now)
    found |= _of_time(loaded, now) | _of_writes(loaded, now) | operation
    return settle(now.memory.settling, found, unknown, now.measured.taken_at_s)


def gap(loaded: LoadedSite, measured: Measurements) -> bool:
    """Returns whether a reading is missing that no plan can do without: a plant's supply temperature, or what is in force of a setpoint."""
    known = loaded.points.by_signal
    needed = [f"{plant.name}.chws_temp_c" for plant in loaded.site.plant]
    needed += [point(setpoint, Role.EFFECTIVE) for setpoint in loaded.points.setpoints]
    return any(signal in known and signal not in measured.values for signal in needed)


def _forecast_needs(loaded: LoadedSite) -> list[str]:
    known = loaded.points.by_signal
    needed = [*(f"{hall.name}.it_load_kw" for hall in loaded.site.hall), "weather.oa_wetbulb_c"]
    return [signal for signal in needed if signal in known]


def _of_operation(loaded: LoadedSite, now: Circumstances) -> tuple[set[Condition], set[Condition]]:
    """Returns the conditions of building, weather and load that are seen, and those that cannot be seen."""
    measured, memory = now.measured.values, now.memory.settling
    found, unknown = map(set, spoken(contacts_of(loaded.site, loaded.points), measured))
    judged = [(threshold, measured.get(signal)) for signal, threshold in weather_thresholds(loaded.site).items()]
    for threshold, value in (*judged, (load_threshold(loaded.site), load_share(loaded.site, measured))):
        verdict = beyond(threshold, value, memory)
        (found if verdict else unknown if verdict is None else set()).add(threshold.condition)
    return found, unknown - found


def _of_time(loaded: LoadedSite, now: Circumstances) -> set[Condition]:
    elapsed_s = now.measured.taken_at_s - now.memory.at_s
    if elapsed_s < 0.0:
        return {Condition.CLOCK_JUMPED}
    late = elapsed_s > LATE_PERIODS * loaded.site.timing.cycle_s and now.memory.cycles > 0
    return {Condition.CYCLES_LATE} if late else set()


def _of_writes(loaded: LoadedSite, now: Circumstances) -> set[Condition]:
    found = set()
    if now.refusals >= REFUSALS_MAX:
        found.add(Condition.WRITES_REFUSED)
    if now.measured.values.get(KILL_SWITCH_SIGNAL):
        found.add(Condition.KILL_SWITCH)
    owner = now.measured.values.get(OWNER_SIGNAL)
    if owner is not None and owner not in (0.0, float(loaded.site.lease.owner_id)):
        found.add(Condition.SECOND_WRITER)
    if now.memory.mode.mode is not Mode.RELEASE:  # what was found before a hand-back must not end the next spell
        found |= {CONDITION_OF[f.sort] for f in now.watch.standing if f.sort in CONDITION_OF}
    beat, before = now.measured.values.get(BEAT_SIGNAL), now.memory.bas_beat
    if beat is not None and before is not None and beat < before < BEAT_WRAPS:
        found.add(Condition.BAS_RESTARTED)
    return found
