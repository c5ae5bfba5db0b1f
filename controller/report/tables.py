"""The report's tables and tiles as HTML: numbers side by side, with a dash where a number does not exist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from controller.report.compare import Column, Saving, baselines, keys_of, ours, saving
from controller.report.read import History, Moment
from safety.records import Outcome

MACHINES: Final = {
    "chillers": "Chillers",
    "chw_pumps": "Chilled-water pumps",
    "cw_pumps": "Condenser-water pumps",
    "economiser_pumps": "Economiser pumps",
    "towers": "Cooling towers",
    "dry_coolers": "Dry coolers",
    "fws_pumps": "Facility-water pumps",
    "crah_fans": "CRAH fans",
    "cdu_pumps": "CDU pumps",
    "humidity": "Humidity",
    "heaters": "Heaters",
    "cooling_total": "Cooling, all of it",
    "electrical_losses": "Electrical losses",
    "server_fans": "Server fans",
    "it_without_fans": "IT without fans",
    "facility_total": "Facility, all of it",
}
VIOLATIONS: Final = {
    "inlet_above_recommended_rack_minutes": "Inlet above recommended [rack-minutes]",
    "inlet_degree_minutes_above_recommended": "Inlet above recommended [K minutes]",
    "inlet_above_allowable_rack_minutes": "Inlet above allowable [rack-minutes]",
    "inlet_rate_events": "Inlet changed too fast [events]",
    "air_dew_point_minutes": "Air below its dew point margin [min]",
    "tcs_dew_point_minutes": "Technology water below its dew point margin [min]",
    "tcs_over_class_minutes": "Technology water above its class [min]",
    "humidity_minutes": "Humidity outside its limits [min]",
    "min_flow_minutes": "Flow below the machine's minimum [min]",
    "lift_minutes": "Lift outside the machine's range [min]",
    "starts_over_limit": "Starts beyond the limit",
}
SUMS: Final = ("cooling_total", "facility_total")
FIGURES: Final = (
    ("pue", "PUE", 3),
    ("wue_l_per_kwh", "WUE [L/kWh]", 2),
    ("cue_kg_per_kwh", "CUE [kg/kWh]", 3),
    ("kw_per_ton", "Plant [kW/ton]", 3),
    ("cost", "Cost", 0),
)
LAST_DECISIONS: Final = 40
NONE: Final = "&ndash;"
TIMES: Final = (
    ("solve_ms", "p50", "Plan, median [ms]", 1),
    ("solve_ms", "p99", "Plan, p99 [ms]", 1),
    ("solve_ms", "max", "Plan, longest [ms]", 1),
    ("solve_ms", "failed", "Plans failed", 0),
    ("cycle_ms", "p50", "Cycle, median [ms]", 1),
    ("cycle_ms", "p99", "Cycle, p99 [ms]", 1),
    ("cycle_ms", "max", "Cycle, longest [ms]", 1),
)


def number(value: float | None, digits: int = 0, unit: str = "") -> str:
    """Returns a number with thousands separated, a dash where there is none."""
    return NONE if value is None else f"{value:,.{digits}f}".replace("-", "&minus;") + unit


def table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], mine: int | None = None, css: str = "") -> str:
    """Returns an HTML table; ``rows`` are (class of the row, cells), ``mine`` is the column to set off. Cells are HTML already."""
    mark = [' class="mine"' if i == mine else "" for i in range(len(head))]
    top = "".join(f"<th{mark[i]}>{cell}</th>" for i, cell in enumerate(head))
    body = "".join(f'<tr class="{kind}">' + "".join(f"<td{mark[i]}>{cell}</td>" for i, cell in enumerate(cells)) + "</tr>" for kind, cells in rows)
    return f'<div class="scroll"><table class="{css}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _head(columns: tuple[Column, ...], first: str) -> tuple[list[str], int | None]:
    mine = ours(columns)
    return [first, *(escape(c.label) for c in columns)], columns.index(mine) + 1 if mine else None


def _numbers(columns: tuple[Column, ...], label: str, digits: int, *keys: str) -> list[str]:
    return [escape(label), *(number(column.number(*keys), digits) for column in columns)]


def _savings(columns: tuple[Column, ...], base: Column) -> list[str]:
    return [f"Saving against {escape(base.label)}", *("" if column is base else percent(saving(column, base)) for column in columns)]


def energy_table(columns: tuple[Column, ...]) -> str:
    """Returns energy by machine and the figures that follow from it; a machine that no policy used is left out."""
    present = [key for key in MACHINES if any(c.number("energy_kwh", key) for c in columns)]
    rows = [("sum" if key in SUMS else "", _numbers(columns, MACHINES[key], 0, "energy_kwh", key)) for key in present]
    rows += [("", _numbers(columns, label, digits, key)) for key, label, digits in FIGURES if any(c.number(key) is not None for c in columns)]
    rows += [("sum", _savings(columns, base)) for base in baselines(columns) if base.name in ("g36", "fixed")]
    head, mine = _head(columns, "Energy [kWh]")
    return table(head, rows, mine, "scores")


def percent(found: Saving) -> str:
    """Returns the headline saving, or why there is none."""
    return number(found.headline_pct, 2, " %") if not found.void else f'<span title="{escape(found.void)}">not comparable</span>'


def words(key: str) -> str:
    """Returns a key of the JSON as words."""
    return VIOLATIONS.get(key) or key.replace("_", " ").capitalize()


def counts_table(columns: tuple[Column, ...], key: str, first: str) -> str:
    """Returns a sub-table of counts, one row a kind; nothing where no column has it."""
    kinds = keys_of(columns, key)
    head, mine = _head(columns, first)
    return table(head, [("", _numbers(columns, words(kind), 0, key, kind)) for kind in kinds], mine, "scores") if kinds else ""


def _two(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    return table(head, [("", row) for row in rows])


def journal_tables(history: History) -> str:
    """Returns what the journal itself counts: time in each mode, interventions by rule, plans, writes."""
    moments, hours = history.moments, history.cycle_s / 3600.0
    modes = Counter(m.mode for m in moments)
    rules = Counter(i.rule for m in moments for i in m.interventions)
    outcomes = Counter(o.value for m in moments for o in m.outcomes.values())
    solved = sorted(m.iterations for m in moments if m.solved)
    plans = [
        ("cycles", number(len(moments))),
        ("plans solved", f"{number(len(solved))} ({number(100.0 * len(solved) / len(moments), 1)} %)"),
        ("solver iterations, median", number(solved[len(solved) // 2] if solved else None)),
        ("solver iterations, most", number(solved[-1] if solved else None)),
        ("readings refused by the gate", number(sum(m.faults for m in moments))),
        ("cycles without a receipt", number(sum(1 for m in moments if m.written and not m.outcomes))),
    ]
    blocks = [
        _two(("Mode", "Hours"), [(escape(mode), number(n * hours, 1)) for mode, n in modes.most_common()]),
        _two(("Rule of the envelope", "Interventions"), [(escape(rule), number(n)) for rule, n in rules.most_common()] or [("none", "0")]),
        _two(("Writes", ""), [(escape(words(o)), number(outcomes.get(o, 0))) for o in Outcome]),
        _two(("Plans and cycles", ""), plans),
    ]
    return '<div class="columns">' + "".join(f"<div>{block}</div>" for block in blocks) + "</div>"


def solver_table(columns: tuple[Column, ...]) -> str:
    """Returns solver and cycle times of the policies that have them [ms]."""
    timed = tuple(c for c in columns if c.table("solve_ms") or c.table("cycle_ms"))
    shown = [row for row in TIMES if any(c.number(row[0], row[1]) is not None for c in timed)]
    head, mine = _head(timed, "Wall time")
    return table(head, [("", _numbers(timed, label, digits, a, b)) for a, b, label, digits in shown], mine, "scores") if shown else ""


def local(at_s: float, zone: ZoneInfo) -> str:
    """Returns an instant of plant time as the site's clock shows it."""
    return datetime.fromtimestamp(at_s, zone).strftime("%-d %b %H:%M")


def _changes(moment: Moment) -> str:
    """Returns what was written, a line each, and below it what became of the writes."""
    if not moment.written:
        return NONE
    outcomes = Counter(o.value for o in moment.outcomes.values())
    became = ", ".join(f"{n} {words(o).lower()}" for o, n in outcomes.items()) or "no receipt"
    lines = "".join(f'<div class="item">{escape(s.removesuffix(".request"))} {value:.2f}</div>' for s, value in sorted(moment.written.items()))
    return f'{lines}<div class="soft">{became}</div>'


def _verdict(moment: Moment) -> str:
    """Returns what the envelope changed, a line each."""
    held = [(i, "nothing" if i.permitted is None else f"{i.permitted:.2f}") for i in moment.interventions]
    return "".join(f"<div>{escape(i.rule)}: {escape(i.signal)} {i.asked:.2f} to {permitted}</div>" for i, permitted in held) or NONE


def decisions_table(history: History, zone: ZoneInfo) -> str:
    """Returns the last decisions, newest first, each with its reason in words."""
    rows = []
    for m in reversed(history.moments[-LAST_DECISIONS:]):
        chip = f'<span class="chip {escape(m.mode.lower())}">{escape(m.mode)}</span>'
        says = f'<div class="says">{escape(m.says.removeprefix(m.mode + ": "))}</div>'
        rows.append(("", [local(m.at_s, zone), chip, says, _changes(m), _verdict(m)]))
    return table(["Plant time", "Mode", "Says", "Written and read back", "Narrowed by the envelope"], rows, css="log")


def events_table(history: History, zone: ZoneInfo) -> str:
    """Returns what people and the daemon changed outside a cycle."""
    rows = [("", [local(e.at_s, zone), escape(e.what), escape(e.value), escape(e.who), escape(e.reason)]) for e in history.events[-LAST_DECISIONS:]]
    return table(["Plant time", "Event", "Value", "By", "Reason"], rows, css="log") if rows else ""
