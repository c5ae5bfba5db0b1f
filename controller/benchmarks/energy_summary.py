"""What the cells of the energy benchmark say together: means and worst cases of savings, and violations beside the tuned resets'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

# Key of the summary: which saving it is the mean and the worst of
SAVINGS: Final[Mapping[str, tuple[str, str]]] = {
    "mpc_vs_g36_headline_pct": ("mpc_vs_g36", "headline_pct"),
    "mpc_vs_g36_cooling_pct": ("mpc_vs_g36", "cooling_pct"),
    "mpc_vs_static_facility_pct": ("mpc_vs_static", "facility_pct"),
    "mpc_vs_fixed_cooling_pct": ("mpc_vs_fixed", "cooling_pct"),
}
HEADROOM_LEAST_PCT: Final = 2.0
"""Of cooling energy: with less to win, the share of it that was won says nothing."""


def summary(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the summary of energy.json: a key appears when its policies were run; a cell whose comparison is void is left out and counted."""
    found: dict[str, Any] = {}
    void = 0
    for key, (pair, saving) in SAVINGS.items():
        savings = [entry["savings"][pair] for entry in entries if pair in entry["savings"]]
        values = [each[saving] for each in savings if each.get(saving) is not None]
        void = max(void, len(savings) - len(values))
        if values:
            found[key] = {"mean": sum(values) / len(values), "worst": min(values), "cells": len(values)}
    found |= _captured(entries)
    over = [more for entry in entries if (more := _violations_over(entry, "mpc", "g36")) is not None]
    if over:
        found["violation_minutes_over_g36"] = max(over)
    return found | ({"void_cells": void} if void else {})


def _captured(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns how much of what the oracle saves over g36 mpc saves too [%], as a ratio of sums of facility energy.

    A cell where the oracle did not converge says nothing; one with less than 2 % of cooling energy to win is named apart.
    """
    won_kwh = headroom_kwh = 0.0
    cells, narrow = 0, []
    for entry in entries:
        if not all(entry["policies"].get(name) for name in ("g36", "mpc", "oracle")):
            continue
        used = {name: each["energy_kwh"] for name, each in entry["policies"].items() if each}
        room_kwh = used["g36"]["facility_total"] - used["oracle"]["facility_total"]
        if 100.0 * room_kwh / used["g36"]["cooling_total"] < HEADROOM_LEAST_PCT:
            narrow.append({key: entry[key] for key in ("site", "climate", "season", "load")})
            continue
        cells += 1
        headroom_kwh += room_kwh
        won_kwh += used["g36"]["facility_total"] - used["mpc"]["facility_total"]
    share = {"captured_of_oracle_headroom_pct": 100.0 * won_kwh / headroom_kwh, "captured_cells": cells} if cells else {}
    return share | ({"cells_without_headroom": narrow} if narrow else {})


def _violations_over(entry: Mapping[str, Any], policy: str, base: str) -> float | None:
    """Returns by how much a policy exceeds another in the kind of violation where it does so most; None where one of them was not run."""
    policies = entry["policies"]
    if policy not in policies or base not in policies:
        return None
    mine, theirs = policies[policy]["violations"], policies[base]["violations"]
    return max(max(float(mine[kind]) - float(theirs[kind]), 0.0) for kind in mine)
