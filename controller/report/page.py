"""Assembles the report's page: headline numbers first, then the course over plant time, then every number, then the last decisions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from controller.report import style
from controller.report.chart import LEFT, RIGHT, Frame, Panel, frame_of, panel_svg, ribbon_svg, thin
from controller.report.compare import DAEMON, Column, baselines, ours, saving, worse_violations
from controller.report.panels import inlet_limits, inlet_panel, power_panels, setpoint_panels, weather_panels, zone_of
from controller.report.proof import experiment_html, metrics_table, proof_of
from controller.report.read import History, highest, spans
from controller.report.tables import counts_table, decisions_table, energy_table, events_table, journal_tables, local, number, solver_table

VIOLATIONS = ("inlet_above_recommended_rack_minutes", "inlet_above_allowable_rack_minutes")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the page is made of; each part may be missing, not all of them."""

    history: History | None
    columns: tuple[Column, ...]
    scenario: Mapping[str, Any]
    investment: float | None = None
    """What the controller costs once, in the site's currency; None where the reader did not say."""


def tile(name: str, value: str, note: str, css: str = "") -> str:
    """Returns one headline number with what must stand beside it."""
    return f'<div class="tile"><div class="name">{escape(name)}</div><div class="value {css}">{value}</div><div class="note">{note}</div></div>'


def saving_tiles(columns: tuple[Column, ...]) -> list[str]:
    """Returns the saving against each baseline that people ask for."""
    mine, tiles = ours(columns), []
    for base in baselines(columns):
        if mine and base.name in ("g36", "fixed"):
            found = saving(mine, base)
            parts = (("cooling", found.cooling_pct), ("facility", found.facility_pct), ("cost", found.cost_pct))
            note = "of its cooling energy; " + ", ".join(f"{what} {number(value, 1)} %" for what, value in parts)
            worse = worse_violations(mine, base)
            kinds = "kind" if len(worse) == 1 else "kinds"
            note += f"; <b>but more violations, of {len(worse)} {kinds}</b>" if worse else ""
            css = "" if found.headline_pct is None else "bad" if found.headline_pct <= 0 or worse else "good"
            tiles.append(tile(f"Saving against {base.short}", number(found.headline_pct, 1, "<small> %</small>"), escape(found.void) or note, css))
    return tiles


def score_tiles(columns: tuple[Column, ...]) -> list[str]:
    """Returns violations and PUE of ours beside those of the baselines."""
    mine = ours(columns)
    if mine is None:
        return []
    others = [c for c in baselines(columns) if c.name in ("g36", "fixed")]
    over, far = (mine.number("violations", key) for key in VIOLATIONS)
    beside = ", ".join(f"{c.name} {number(c.number('violations', VIOLATIONS[0]))}" for c in others)
    hot = tile(
        "Rack-minutes over recommended inlet",
        number(over),
        f"over allowable: {number(far)}" + (f"; {escape(beside)}" if beside else ""),
        "" if over is None or far is None else "bad" if far > 0 or any(over > (c.number("violations", VIOLATIONS[0]) or 0) for c in others) else "good",
    )
    pue = tile("PUE", number(mine.number("pue"), 3), ", ".join(f"{escape(c.name)} {number(c.number('pue'), 3)}" for c in others) or "whole facility over IT")
    return [hot, pue]


def journal_tiles(history: History) -> list[str]:
    """Returns what the daemon did: how long it was in charge, how often the envelope stepped in, how hot the sensors saw it."""
    moments = history.moments
    planned = sum(1 for m in moments if m.mode in ("OPTIMISE", "PLAN_ONLY"))
    stepped_in = sum(1 for m in moments if m.interventions)
    known = [v for v in highest(moments, "rack_inlet_max_c").values if v is not None]
    recommended, _ = inlet_limits(history)
    hottest = max(known, default=None)
    return [
        tile(
            "Time on a plan",
            number(100.0 * planned / len(moments), 1, "<small> %</small>"),
            f"{number(len(moments))} cycles, {history.runs} run{'s' if history.runs > 1 else ''}",
        ),
        tile(
            "Cycles the envelope narrowed",
            number(stepped_in),
            f"{number(sum(len(m.interventions) for m in moments))} interventions in all",
        ),
        tile("Hottest inlet measured", number(hottest, 1, "<small> °C</small>"), f"recommended {number(recommended.value, 1)} °C"),
    ]


def figure(panel: Panel, frame: Frame, nth: int) -> str:
    """Returns a panel with its legend; the script fills in the values under the pointer."""
    keys = "".join(f'<span class="key"><i class="{line.style}"></i>{escape(line.label)}<output></output></span>' for line in panel.lines)
    caption = f"<figcaption><b>{escape(panel.title)}</b><span>{escape(panel.unit)}</span>{keys}</figcaption>"
    return f'<figure class="{"wide" if panel.wide else "half"}" data-panel="{nth}">{caption}<div class="scroll">{panel_svg(panel, frame)}</div></figure>'


def ribbons(history: History, frame: Frame) -> str:
    """Returns who was in charge over time, and how far the daemon was trusted."""
    parts = []
    for word, title in (("mode", "Mode"), ("stage", "Stage")):
        found = spans(history, word)
        kinds = dict.fromkeys(span.word for span in found)
        keys = "".join(f'<span class="key band"><i class="{escape(k.lower())}"></i>{escape(k)}</span>' for k in kinds) if word == "mode" else ""
        parts.append(
            f'<figure><figcaption><b>{title}</b>{keys}</figcaption><div class="scroll">{ribbon_svg(found, frame, f"{title} over plant time")}</div></figure>'
        )
    return "".join(parts)


def drawn_values(panels: Sequence[Panel], frame: Frame) -> str:
    """Returns what the script needs: the frame, and every line's instants and values."""
    lines = [[{"t": (found := thin(line.track)).at_s, "v": found.values} for line in panel.lines] for panel in panels]
    drawn = {"start": frame.start_s, "end": frame.end_s, "left": LEFT, "right": RIGHT, "zone": str(frame.zone), "panels": lines}
    return json.dumps(drawn, separators=(",", ":")).replace("<", "\\u003c")


def section(title: str, says: str, body: str) -> str:
    """Returns a part of the page, or nothing where it would be empty."""
    return f"<section><h2>{escape(title)}</h2><p>{says}</p>{body}</section>" if body else ""


def course(evidence: Evidence) -> str:
    """Returns all panels on one axis of plant time."""
    history, columns = evidence.history, evidence.columns
    panels = [
        *power_panels(columns, history),
        *inlet_panel(columns, history),
        *(setpoint_panels(history) if history else []),
        *weather_panels(columns, history),
    ]
    frame = frame_of([line.track for panel in panels for line in panel.lines], zone_of(history))
    if frame is None:
        return ""
    figures = "".join(figure(panel, frame, i) for i, panel in enumerate(panels))
    says = (
        f"Times are the site's own ({escape(str(frame.zone))}). Move the pointer over a panel to read all of them at that instant. <span id='instant'></span>"
    )
    body = (ribbons(history, frame) if history else "") + f'<div class="panels">{figures}</div>'
    data = f'<script type="application/json" id="drawn">{drawn_values(panels, frame)}</script><script>{style.SCRIPT}</script>'
    return section("Over plant time", says, body + data)


def numbers(evidence: Evidence) -> str:
    """Returns every number of the scored policies."""
    columns = evidence.columns
    if not columns:
        return ""
    return (
        section("Energy", "By machine, for each policy, at equal IT work; cold in store at the end is priced in.", energy_table(columns))
        + section("Violations", "Counted on true temperatures, not on what the sensors said.", counts_table(columns, "violations", "Violations"))
        + section("Interventions", "What the envelope narrowed, by rule.", counts_table(columns, "interventions", "Rule"))
        + section("Who was in charge", "Minutes in each mode, as scored.", counts_table(columns, "mode_minutes", "Mode"))
        + section("Solver", "Wall-clock time of plans and whole cycles.", solver_table(columns))
    )


def _heading(evidence: Evidence) -> str:
    history = evidence.history
    if history is None:
        return f"<header><h1>Backtest</h1><p>{escape(_scenario(evidence.scenario)) or 'policies compared in simulation'}</p></header>"
    zone = zone_of(history)
    period = f"{local(history.moments[0].at_s, zone)} to {local(history.moments[-1].at_s, zone)}"
    last = history.moments[-1]
    return (
        f"<header><h1>{escape(history.site_name)}: what the controller did</h1><p>{period} plant time &middot; stage {escape(last.stage)} &middot; "
        f"policy {escape(history.header.policy)} &middot; coldaisle {escape(history.header.version)}</p></header>"
    )


def _scenario(scenario: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in scenario.items() if isinstance(value, str | int | float) and not isinstance(value, bool))


def _footer(evidence: Evidence) -> str:
    mine = ours(evidence.columns)
    lines = [
        "A saving is 100 (1 &minus; a/b); the headline divides the difference in facility energy by the baseline's cooling energy, so that server fans "
        "driven up by warmer inlets count against it. PUE is facility energy over all IT energy, server fans included.",
    ]
    if mine and mine.name == DAEMON:
        lines.append(
            "The daemon's own column was scored by the simulator that it controlled over Modbus and OPC UA; the others ran the same plant, "
            "weather and load in process."
        )
    if evidence.history is None:
        lines.append("No journal was given: what is shown comes from the backtest alone.")
    elif not evidence.columns:
        lines.append(
            "No score was given: a journal knows what the sensors said and what was decided; it does not know what would have happened "
            "otherwise, so no saving is stated."
        )
    if evidence.scenario:
        lines.append("Scenario: " + escape(_scenario(evidence.scenario)) + ".")
    return "<footer>" + "".join(f"<p>{line}</p>" for line in lines) + "</footer>"


def page(evidence: Evidence) -> str:
    """Returns the whole report as one HTML document that loads nothing."""
    history = evidence.history
    tiles = saving_tiles(evidence.columns) + score_tiles(evidence.columns) + (journal_tiles(history) if history else [])
    zone = zone_of(history)
    title = f"coldaisle report: {history.site_name}" if history else "coldaisle backtest"
    parts = [
        _heading(evidence),
        f'<div class="tiles">{"".join(tiles)}</div>' if tiles else "",
        section(
            "The experiment",
            "Days of the controller and of the BAS in turns, drawn before the first one.",
            experiment_html(proof_of(history, evidence.investment)),
        )
        if history
        else "",
        course(evidence),
        numbers(evidence),
        section("Figures of the field", "From the site's own meters, over every cycle of the journal.", metrics_table(history)) if history else "",
        section("The daemon's own record", "Counted from the journal.", journal_tables(history)) if history else "",
        section("Last decisions", "Newest first; each cycle returns its reason in a sentence.", decisions_table(history, zone)) if history else "",
        section("Events", "What people and the daemon changed outside a cycle.", events_table(history, zone)) if history else "",
        _footer(evidence),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title><style>{style.CSS}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{"".join(parts)}</main></body></html>\n'
