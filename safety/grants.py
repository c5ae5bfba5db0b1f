"""How much of each setpoint is lent to the daemon: nothing, one value that a person accepted, a span around what the BAS does, or all of it.

It only ever narrows what is proposed; the envelope judges afterwards and may ask for more cooling than a span lets through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from safety.finite import finite, known
from safety.records import Reach

SETTLED_S: Final = 1800.0  # engineering value: a setpoint handed back ramps to the BAS's own within half an hour

SPANS: Final[Mapping[str, tuple[float, ...]]] = {
    "chws_setpoint_c": (0.5, 1.5, 4.0),  # K
    "chw_dp_setpoint_kpa": (10.0, 25.0, 60.0),
    "cws_setpoint_c": (1.0, 2.0, 4.0),  # K
    "crah_supply_setpoint_c": (0.5, 1.5, 3.0),  # K; TC 9.9 2021: the recommended range is 9 K wide
    "crah_fan_setpoint_pct": (5.0, 15.0, 35.0),
    "fan_setpoint_pct": (5.0, 15.0, 35.0),
    "speed_setpoint_pct": (5.0, 15.0, 35.0),
    "running_setpoint_count": (1.0, 1.0, 1.0),  # one machine more or less than the BAS would run
    "humidify_setpoint_c": (0.5, 1.0, 2.0),  # K of dew point
    "dehumidify_setpoint_c": (0.5, 1.0, 2.0),  # K of dew point
    "tcs_setpoint_c": (0.5, 1.5, 4.0),  # K
    "tcs_dp_setpoint_kpa": (10.0, 25.0, 60.0),
    "fws_setpoint_c": (0.5, 1.5, 4.0),  # K
}
"""How far a setpoint in canary may be from what the BAS had in force by itself, by quantity and step, in its own unit (engineering values)."""

STEPS: Final = 3
"""How many steps a canary widens in."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What is lent of one setpoint: one accepted ``value``; else up to ``span`` from what the BAS does by itself, None for all that the envelope permits."""

    span: float | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Footing:
    """What the BAS had in force by itself, by setpoint, and when something was last lent to the daemon [s]; None for never."""

    own: Mapping[str, float] = field(default_factory=dict)
    lent_at_s: float | None = None


Grants = Mapping[str, Grant]
"""What is lent, by setpoint; one that is not in it is the BAS's."""


def spanned(setpoint: str, step: int) -> Grant:
    """Returns the grant of a setpoint in canary at a step, the first step for any that is not known; a quantity without a span is not to be moved."""
    spans = SPANS.get(setpoint.partition(".")[2], (0.0,) * STEPS)
    return Grant(span=dict(enumerate(spans)).get(step, spans[0]))


def footing_after(before: Footing, in_force: Mapping[str, float], requested: Mapping[str, float], at_s: float) -> Footing:
    """Follows what the BAS does by itself while nothing is asked of it; what it does within half an hour of a hand-back may still be ours."""
    if requested:
        return Footing({**in_force, **before.own}, at_s)
    returning = before.lent_at_s is not None and 0.0 <= at_s - before.lent_at_s < SETTLED_S
    return replace(before, own={**in_force, **before.own} if returning else {**before.own, **in_force})


def moved_freely(grants: Grants) -> frozenset[str]:
    """Returns the setpoints that the daemon moves by itself."""
    return frozenset(name for name, grant in grants.items() if grant.value is None)


def narrowed(asked: Mapping[str, float], grants: Grants, footing: Footing) -> dict[str, float]:
    """Returns what may be asked of what is proposed: accepted values as they are, others within their span, and nothing of what is not lent.

    A setpoint with a span of which nobody knows what the BAS did is not asked for.
    """
    found: dict[str, float] = {}
    for name, grant in grants.items():
        if grant.value is not None:
            found[name] = grant.value
        elif name in asked and grant.span is None:
            found[name] = asked[name]
        elif name in asked:
            limits, value = _limits(name, grant, footing), finite(asked[name])
            if limits is not None and value is not None:
                found[name] = min(max(value, limits[0]), limits[1])
    return found


def confined(reach: Mapping[str, Reach], grants: Grants, footing: Footing) -> dict[str, Reach]:
    """Returns what a plan may reach with the spans as further bounds; where both do not meet, the end of the reach that is nearest to the span."""
    found = dict(reach)
    for name in reach.keys() & grants.keys():
        limits = _limits(name, grants[name], footing)
        if limits is not None:
            now, later = (_into(limits, low, high) for low, high in ((reach[name].low, reach[name].high), (reach[name].low_later, reach[name].high_later)))
            found[name] = Reach(*now, *later)
    return found


def _limits(name: str, grant: Grant, footing: Footing) -> tuple[float, float] | None:
    """Returns between what values a setpoint with a span may be, None without a span or where its middle is not known."""
    own = known(footing.own, name)
    return None if own is None or grant.span is None else (own - grant.span, own + grant.span)


def _into(limits: tuple[float, float], low: float, high: float) -> tuple[float, float]:
    """Returns limits as far as they lie within a range, its nearest end where they do not."""
    return min(max(limits[0], low), high), min(max(limits[1], low), high)
