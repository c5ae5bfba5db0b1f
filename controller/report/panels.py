"""Chooses what is drawn over plant time from a journal and from scored series: whatever is there, and nothing that is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from controller.report.chart import Limit, Line, Panel
from controller.report.compare import Column, baselines, ours
from controller.report.read import History, Track, asked_track, highest, setpoints_of, total, track
from safety.limits import INLET_ALLOWABLE_C, HallLimits
from safety.signals import Role, parse, point

STYLES: Final = ("g36", "fixed", "third", "fourth")
SHOWN_BASELINES: Final = 3  # more lines than this in one panel are no longer told apart


def zone_of(history: History | None) -> ZoneInfo:
    """Returns the site's time zone, UTC where it has none or one that this machine does not know."""
    try:
        return ZoneInfo(history.time_zone if history else "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _style(column: Column, nth: int) -> str:
    return column.name if column.name in ("g36", "fixed") else STYLES[2 + nth % 2]


def scored_lines(columns: tuple[Column, ...], key: str) -> list[Line]:
    """Returns one series of every policy that has it, ours first."""
    mine = ours(columns)
    lines = [Line(mine.label, "ours", found)] if mine and (found := mine.track(key)) else []
    others = [(c, found) for c in baselines(columns) if (found := c.track(key))][:SHOWN_BASELINES]
    return lines + [Line(c.label, _style(c, i), found) for i, (c, found) in enumerate(others)]


def _known(found: Track) -> bool:
    return any(v is not None for v in found.values)


def _measured(label: str, found: Track, style: str = "ours") -> list[Line]:
    return [Line(label, style, found)] if _known(found) else []


def inlet_limits(history: History | None) -> tuple[Limit, Limit]:
    """Returns the narrowest recommended and allowable inlet of the site's halls, TC 9.9's own where there is no site."""
    halls: Sequence[HallLimits] = history.limits.halls if history else ()
    recommended = min((h.inlet_recommended_c for h in halls), default=27.0)  # ASHRAE TC 9.9 2021
    return Limit("recommended", recommended), Limit("allowable", min((h.inlet_allowable_c for h in halls), default=INLET_ALLOWABLE_C["A1"]))


def setpoint_panels(history: History) -> list[Panel]:
    """Returns a panel for every setpoint: what was in force, and what was asked for before the envelope judged it."""
    panels = []
    for setpoint in setpoints_of(history):
        effective = track(history.moments, point(setpoint, Role.EFFECTIVE))
        asked = asked_track(history.moments, setpoint)
        lines = [
            *([Line("in force", "ours", effective, stepped=True)] if _known(effective) else []),
            *([Line("asked", "asked", asked, stepped=True)] if _known(asked) else []),
        ]
        parts = parse(setpoint)
        if lines:
            title = f"{parts.quantity.says.removeprefix('setpoint of the ')}, {parts.equipment}"
            panels.append(Panel(title[0].upper() + title[1:], unit_label(parts.quantity.unit), tuple(lines), height=130, wide=False))
    return panels


def unit_label(unit: str) -> str:
    """Returns a unit as a reader knows it."""
    return {"degC": "°C", "1": "count"}.get(unit, unit)


def power_panels(columns: tuple[Column, ...], history: History | None) -> list[Panel]:
    """Returns facility power and cooling power of every policy, measured facility power where nothing was scored."""
    facility = scored_lines(columns, "facility_kw") or (_measured("measured", total(history.moments, "facility_power_kw")) if history else [])
    found = [("Facility power", facility, 190), ("Cooling power", scored_lines(columns, "cooling_kw"), 150)]
    return [Panel(title, "kW", tuple(lines), height=height) for title, lines, height in found if lines]


def inlet_panel(columns: tuple[Column, ...], history: History | None) -> list[Panel]:
    """Returns the hottest rack inlet against its limits: true values where they are known, and what the sensors said."""
    true = scored_lines(columns, "inlet_max_c")
    mine_is_true = any(line.style == "ours" for line in true)
    seen = _measured("as its sensors saw it", highest(history.moments, "rack_inlet_max_c"), "fourth" if mine_is_true else "ours") if history else []
    lines = (*true, *seen) if mine_is_true else (*seen, *true)
    return [Panel("Hottest rack inlet", "°C", lines, inlet_limits(history), height=190)] if lines else []


def weather_panels(columns: tuple[Column, ...], history: History | None) -> list[Panel]:
    """Returns what the day asked of the plant: IT load and wet bulb, each on its own scale."""
    mine = ours(columns) or next(iter(columns), None)
    load = _measured("measured", total(history.moments, "it_load_kw")) if history else []
    wetbulb = _measured("measured", highest(history.moments, "oa_wetbulb_c")) if history else []
    if mine and not load and (found := mine.track("it_kw")):
        load = [Line("true", "ours", found)]
    if mine and not wetbulb and (found := mine.track("oa_wetbulb_c")):
        wetbulb = [Line("true", "ours", found)]
    return [Panel(t, u, tuple(lines), height=130, wide=False) for t, u, lines in (("IT load", "kW", load), ("Outside wet bulb", "°C", wetbulb)) if lines]
