"""The data that identification works on: measured signals by time at cycle pace, and the masks that say which rows may be used for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plant_models.reduced.liquid_side import LOOP_STATE, TCS_STATE, liquid_halls
from plant_models.reduced.model import HALL_STATES, PLANT_STATES
from plant_models.reduced.weather import DRYBULB, WETBULB
from plant_models.site.topology import Plant, Site
from safety.signals import EconomiserState, MachineState

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Table = Mapping[str, Array]
SETTLE_S = 900.0  # transients after a change of what runs: 15 min
_DAY_S = 86400.0
_STILL_ROWS_LEAST = 150
_AT_REST: Mapping[str, float] = {
    "chws_setpoint_c": 0.3,
    "chw_dp_setpoint_kpa": 8.0,
    "cws_setpoint_c": 0.5,
    "crah_supply_setpoint_c": 0.3,
    "crah_fan_setpoint_pct": 3.0,
    "chws_temp_c": 0.5,
    "crah_supply_temp_c": 0.6,
}
_AT_REST_LIQUID: Mapping[str, float] = {
    "tcs_setpoint_c": 0.3,
    "tcs_dp_setpoint_kpa": 8.0,
    "fws_setpoint_c": 0.3,
    "tcs_supply_temp_c": 0.6,
    "fws_supply_temp_c": 0.6,
}


class IdentificationError(Exception):
    """Data from which no model can be identified; ``problems`` says all that is missing, a line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Takes what is missing."""
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Machines:
    """What ran in one plant, by row."""

    chillers: Array
    cells: Array
    chw_pumps: Array
    cw_pumps: Array
    cw_speed: Array
    """Of the condenser pumps, share."""
    in_line: Array
    free: Array


@dataclass(frozen=True)
class Coolers:
    """What of a facility loop's dry coolers had water, and what share of them was wet, by row."""

    running: Array
    wet_share: Array


@dataclass(frozen=True)
class Data:
    """A table with what follows from it: the pace, steady rows, and the split into days to fit and days held back."""

    site: Site
    table: Table
    step_s: float
    machines: Mapping[str, Machines]
    coolers: Mapping[str, Coolers]
    """By facility loop."""
    settled: Mask
    """Nothing was switched of late."""
    still: Mask
    """Nothing was moved of late either; all settled rows where such rows are too few."""
    fit: Mask

    def __getitem__(self, signal: str) -> Array:
        """Returns a column."""
        return self.table[signal]

    def has(self, *signals: str) -> bool:
        """Returns whether all of these columns are there."""
        return all(s in self.table for s in signals)

    def usable(self, mask: Mask, *signals: str) -> Mask:
        """Returns the rows of a mask in which all these columns are known."""
        found = mask.copy()
        for signal in signals:
            found &= np.isfinite(self.table[signal])
        return found

    def calm(self, equipment: str) -> Mask:
        """Returns the rows before which, for ``SETTLE_S``, time had no gap and nothing of one piece of equipment moved by more than is usual at rest."""
        return ~_recent(_gaps(self.table["at_s"], self.step_s), self.step_s) & _unmoved(
            {c: v for c, v in self.table.items() if c.startswith(f"{equipment}.")}, self.step_s, _AT_REST
        )

    def calm_liquid(self, hall: str, loop: str) -> Mask:
        """Returns the same rows for the technology water of a hall and a facility loop behind it."""
        columns = {c: v for c, v in self.table.items() if c.startswith((f"{hall}.", f"{loop}."))}
        return ~_recent(_gaps(self.table["at_s"], self.step_s), self.step_s) & _unmoved(columns, self.step_s, _AT_REST_LIQUID)

    def setpoint(self, setpoint: str, measured: str) -> Array:
        """Returns a setpoint's column, or that of its measurement where the site has none."""
        return self.table[setpoint] if setpoint in self.table else self.table[measured]


def needed_columns(site: Site) -> tuple[str, ...]:
    """Returns the columns without which nothing can be identified."""
    plants = [f"{p.name}.{s}" for p in site.plant for s in (*PLANT_STATES[:2], "chw_flow_kgs")]
    halls = [f"{h.name}.{s}" for h in site.hall for s in (*HALL_STATES[:2], "it_load_kw")]
    liquid = [f"{h.name}.{TCS_STATE}" for h in liquid_halls(site)] + [f"{loop.name}.{q}" for loop in site.facility_loop for q in (LOOP_STATE, "fws_flow_kgs")]
    weather = ((WETBULB,) if site.tower else ()) + ((DRYBULB,) if site.facility_loop else ())
    return ("at_s", *plants, *halls, *liquid, *weather)


def prepare(site: Site, table: Table, days_least: float, hold_back_every: int) -> Data:
    """Returns the table made ready; every n-th day is held back.

    Raises IdentificationError where columns are missing or the data span too little.
    """
    missing = [f"column {c}: not in the data" for c in needed_columns(site) if c not in table]
    if missing:
        raise IdentificationError(tuple(missing))
    at_s = table["at_s"]
    if at_s.size < 2:
        raise IdentificationError((f"rows: {at_s.size}; at least {days_least:g} days are needed",))
    steps = np.diff(at_s)
    step_s = float(np.median(steps))
    if not 30.0 <= step_s <= 900.0:
        raise IdentificationError((f"pace of the data: {step_s:g} s; allowed 30 .. 900 s",))
    days = at_s.size * step_s / _DAY_S
    if days < days_least:
        raise IdentificationError((f"rows: {at_s.size} of {step_s:g} s are {days:.1f} days; at least {days_least:g} days are needed",))
    machines = {p.name: _machines(site, p, table) for p in site.plant}
    day = np.floor((at_s - at_s[0]) / _DAY_S).astype(int)
    number = np.cumsum(np.concatenate(([False], np.diff(day) != 0)))
    settled, fit = _settled(at_s, step_s, machines), number % hold_back_every != hold_back_every - 1
    still = settled & _unmoved(table, step_s, _AT_REST)
    enough = int((still & fit).sum()) >= _STILL_ROWS_LEAST
    coolers = {loop.name: _coolers(site, loop.name, table) for loop in site.facility_loop}
    return Data(site, table, step_s, machines, coolers, settled, still if enough else settled, fit)


def _settled(at_s: Array, step_s: float, machines: Mapping[str, Machines]) -> Mask:
    """Returns the rows with nothing switched, and no gap in time, within ``SETTLE_S`` before."""
    changed = _gaps(at_s, step_s)
    for m in machines.values():
        for column in (m.chillers, m.cells, m.cw_pumps, m.in_line, m.free):
            changed |= np.concatenate(([True], np.diff(column) != 0.0))
    return ~_recent(changed, step_s)


def _gaps(at_s: Array, step_s: float) -> Mask:
    return np.concatenate(([True], np.abs(np.diff(at_s) - step_s) > 0.5 * step_s))


def _recent(changed: Mask, step_s: float) -> Mask:
    window = int(np.ceil(SETTLE_S / step_s))
    return np.asarray(np.convolve(changed.astype(float), np.ones(window + 1))[: changed.size] > 0.5)


def _unmoved(table: Table, step_s: float, at_rest: Mapping[str, float]) -> Mask:
    """Returns the rows before which, for ``SETTLE_S``, no setpoint, supply water or supply air moved by more than is usual at rest, by quantity."""
    unmoved = np.ones(next(iter(table.values())).size, dtype=bool)
    window = int(np.ceil(SETTLE_S / step_s))
    columns = [c for c in table if c.partition(".")[2] in at_rest]
    for column in columns:
        values = table[column]
        for k in range(1, window + 1):
            unmoved[k:] &= ~(np.abs(values[k:] - values[:-k]) > at_rest[column.partition(".")[2]])
    unmoved[:window] = False
    return unmoved


def _machines(site: Site, plant: Plant, table: Table) -> Machines:
    size = table["at_s"].size

    def running(names: list[str], otherwise: float) -> Array:
        columns = [table[f"{n}.machine_state"] == MachineState.RUNNING for n in names if f"{n}.machine_state" in table]
        return np.sum(columns, axis=0).astype(float) if columns else np.full(size, otherwise)

    def counted(serves: str, otherwise: Array) -> Array:
        columns = [table[f"{p.name}.running_count"] for p in site.pump if p.plant == plant.name and p.serves == serves and f"{p.name}.running_count" in table]
        return np.sum(columns, axis=0) if columns else otherwise

    states = [table[f"{e.name}.economiser_state"] for e in site.economiser if e.plant == plant.name and f"{e.name}.economiser_state" in table]
    mode = np.max(states, axis=0) if states else np.zeros(size)
    chillers = running([c.name for c in site.chiller if c.plant == plant.name], 1.0)
    cells = running([t.name for t in site.tower if t.plant == plant.name], 1.0)
    in_line, free = (mode >= EconomiserState.PARTIAL).astype(float), (mode >= EconomiserState.FULL).astype(float)
    speeds = [table[f"{p.name}.speed_pct"] / 100.0 for p in site.pump if p.plant == plant.name and p.serves == "cw" and f"{p.name}.speed_pct" in table]
    speed = np.nan_to_num(np.max(speeds, axis=0), nan=1.0) if speeds else np.ones(size)
    return Machines(chillers, cells, counted("chw", np.maximum(chillers, 1.0)), counted("cw", chillers), speed, in_line, free)


def _coolers(site: Site, loop: str, table: Table) -> Coolers:
    size, names = table["at_s"].size, [c.name for c in site.dry_cooler if c.loop == loop]
    states = [table[f"{n}.machine_state"] == MachineState.RUNNING for n in names if f"{n}.machine_state" in table]
    pads = [np.nan_to_num(table[f"{n}.pad_state"]) for n in names if f"{n}.pad_state" in table]
    running = np.maximum(np.sum(states, axis=0), 1.0) if states else np.full(size, float(len(names)))
    return Coolers(running, np.mean(pads, axis=0) if pads else np.zeros(size))
