"""Takes up after a start what the journal says of trust: days that were scored, drills, latched faults, proposals, and overrides that still stand."""

from __future__ import annotations

import json
from typing import Final

from controller.encode import from_text
from controller.journal import Journal
from controller.record import CycleRecord
from controller.rollout.advice import Advisor
from controller.rollout.overrides import Overrides, standing_of
from controller.rollout.promotion import Promotions
from controller.rollout.score import Sums

OUTCOMES: Final = ("accepted", "rejected", "expired")
LOOK_BACK_S: Final = 2 * 86400.0  # a start must not read years of cycles: what is older than this and was never scored does not count


async def resume_rollout(journal: Journal, promotions: Promotions, advisor: Advisor, overrides: Overrides) -> None:
    """Restores the counts; what persons had accepted is not lent again: after a start the BAS has the plant, and a person is asked anew."""
    overrides.standing = await standing_of(journal)
    for what in ("drill", "latched"):
        for event in await journal.events(what):
            promotions.hear(event)
    promotions.heard.clear()
    for outcome in OUTCOMES:
        decided = await journal.events(f"advice_{outcome}")
        advisor.counts[outcome] = len(decided)
        advisor.made = max([advisor.made, *(int(json.loads(event.value)["number"]) for event in decided)])
    await _scores(journal, promotions)


async def _scores(journal: Journal, promotions: Promotions) -> None:
    """Adds up the days that ended since the count began, then the cycles since."""
    board, from_s = promotions.scoreboard, promotions.trusts.counted_from_s
    days = [from_text(tuple[str, Sums], event.value) for event in await journal.events("scored")]
    board.days = [(day, sums) for day, sums in days if sums.begin_s >= from_s]
    since_s = max([from_s, promotions.engine.clock.now_s() - LOOK_BACK_S, *(sums.end_s for _, sums in board.days)])

    def add(record: CycleRecord) -> None:
        board.add(record)

    await journal.since(since_s, add)
