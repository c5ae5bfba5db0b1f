"""Decides every recorded cycle again from what it was given, with the daemon's own cycle code, and says which came out differently."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from controller.cycle import Cycle, OptimiserSeam
from controller.encode import from_plain, plain, to_text
from controller.journal import Entry, JournalError, JournalReader
from controller.optimise.worker import OptimiserWorker, PlanRequest
from controller.record import CycleRecord, RunHeader
from controller.stages import Stages, stages_from, stages_of
from plant_models.reduced.parameters import ReducedParameters
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.points import Points
from plant_models.site.topology import Site
from safety.records import Command, Proposal, Receipt, Snapshot

SOLVE_DEADLINE_WALL_S: Final = 120.0  # iterations limit the solver here, not time


@dataclass
class Recorded:
    """Stands where plant, optimiser and journal stood: gives back what was recorded and keeps what is decided now."""

    entry: Entry
    solver: OptimiserSeam | None = None
    decided: CycleRecord | None = None

    async def read(self) -> Snapshot:
        """Returns the recorded snapshot."""
        return self.entry.record.given.snapshot

    def image(self, snapshot: Snapshot) -> Snapshot:
        """Returns the snapshot as it was recorded, filled in already."""
        return snapshot

    async def plan(self, request: PlanRequest) -> Proposal:
        """Returns the recorded plan, or solves it again where there is a solver."""
        return self.entry.record.given.plan if self.solver is None else await self.solver.plan(request)

    async def intend(self, run: int, record: CycleRecord, digest: str) -> int:
        """Keeps the decision."""
        self.decided = record
        return self.entry.cycle

    async def write(self, command: Command) -> Receipt:
        """Writes nothing."""
        return self.entry.receipt or Receipt(self.entry.record.given.snapshot.taken_at_s, {})

    async def verify(self, command: Command, receipt: Receipt) -> Receipt:
        """Reads nothing back."""
        return receipt

    async def complete(self, cycle: int, receipt: Receipt) -> None:
        """Keeps nothing."""


@dataclass(frozen=True)
class Difference:
    """A cycle that came out differently, and in which of its parts; ``given`` means that its recorded inputs are not those it was decided on."""

    cycle: int
    at_s: float
    parts: tuple[str, ...]


def replay(path: Path, cycle: int | None = None, solve: Path | None = None, told: Callable[[int], None] = lambda _done: None) -> dict[str, Any]:
    """Returns ``{"cycles", "identical", "different"}`` of a journal, or of one cycle of it; ``told`` hears how many are done.

    ``solve`` names a site's directory whose optimiser solves every plan again; otherwise the plans are recorded inputs.

    Raises JournalError where the journal cannot be read or the cycle is not in it.
    """
    reader = JournalReader(path)
    try:
        stages = {run: stages_of_header(header) for run, header in reader.headers().items()}
        if solve:
            _same_model(path, stages, solve)
        count, different = asyncio.run(_replay_all(reader.entries(cycle), stages, solve, told))
    finally:
        reader.close()
    if cycle is not None and count == 0:
        raise JournalError(f"{path}: there is no cycle {cycle}")
    return {"cycles": count, "identical": count - len(different), "different": plain(different)}


async def _replay_all(entries: Iterable[Entry], stages: Mapping[int, Stages], solve: Path | None, told: Callable[[int], None]) -> tuple[int, list[Difference]]:
    count, different = 0, []
    solver = OptimiserWorker(solve, os.environ, SOLVE_DEADLINE_WALL_S, time_limited=False) if solve else None
    if solver:
        await solver.start()
    try:
        for entry in entries:
            count += 1
            parts = await differing(entry, stages[entry.run], solver)
            if parts:
                different.append(Difference(entry.cycle, entry.record.given.snapshot.taken_at_s, parts))
            told(count)
    finally:
        if solver:
            await solver.stop()
    return count, different


async def differing(entry: Entry, stages: Stages, solver: OptimiserSeam | None = None) -> tuple[str, ...]:
    """Returns the parts of a recorded cycle that come out differently now; none for an identical one.

    ``given`` means that the recorded inputs are not those it was decided on, ``plan`` that solving again gave another plan.
    """
    given, recorded = entry.record.given, Recorded(entry, solver if entry.record.given.plan.solved else None)
    await Cycle(stages, recorded, recorded, recorded, entry.run)(
        given.memory, given.stage, given.grants, given.limits, given.orders, given.last_receipt, given.outlook
    )
    if recorded.decided is None:
        return ("cycle",)
    before, now = plain(entry.record.decision), plain(recorded.decided.decision)
    parts = ["given"] if entry.record.digest != entry.digest else []
    parts += ["plan"] if plain(recorded.decided.given.plan) != plain(given.plan) else []
    return tuple(parts + [name for name in before if to_text(before[name]) != to_text(now[name])])


def _same_model(path: Path, stages: Mapping[int, Stages], directory: Path) -> None:
    """Refuses to solve again with another model than the one recorded: the plans would differ and prove nothing."""
    now = stages_of(load_site(directory)).parameters.digest
    others = [str(run) for run, each in stages.items() if each.parameters.digest != now]
    if others:
        raise JournalError(f"{path}: runs {', '.join(others)} were planned with another model than that of {directory} (digest {now[:12]})")


def stages_of_header(header: RunHeader) -> Stages:
    """Builds the stages of a recorded run from its header."""
    loaded = LoadedSite(from_plain(Site, header.site), from_plain(Points, header.points))
    return stages_from(loaded, from_plain(ReducedParameters, header.model))
