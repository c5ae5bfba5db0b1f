"""What the upkeep of a site's model remembers from day to day, and what it tells an operator; updates nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from controller.encode import from_text
from plant_models.reduced.drift import Upkeep

MEMORY: Final = "upkeep.json"


@dataclass(frozen=True)
class Kept:
    """What is remembered between updates: of which identified model, until when in plant time [s], and the factors and sums by group."""

    model: str
    until_s: float = 0.0
    upkeep: Upkeep = field(default_factory=Upkeep)
    version: str = ""
    """Of the last updated model that was kept, "" while there is none."""


def remembered(directory: Path) -> Kept | None:
    """Returns what was remembered in a site's directory of state, None where nothing (readable) is."""
    try:
        return from_text(Kept, (directory / MEMORY).read_text())
    except (OSError, ValueError):
        return None


def status(directory: Path) -> Mapping[str, Any]:
    """Returns what an operator asks of the model's upkeep: factors by group, which groups have drifted, and the version that waits to be taken."""
    kept = remembered(directory)
    if kept is None:
        return {"until_s": None, "factors": {}, "drifted": [], "version": ""}
    factors = {group: round(t.factor, 4) for group, t in sorted(kept.upkeep.groups.items())}
    return {"until_s": kept.until_s, "factors": factors, "drifted": list(kept.upkeep.drifted), "version": kept.version}
