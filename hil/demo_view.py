"""How the demo looks in a terminal: a panel that is redrawn, or plain lines where the output is no terminal, and the closing comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Protocol, Self, TextIO
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table

PLAIN_EVERY_S: Final = 3600.0  # of plant time
MACHINES: Final = (
    "chillers",
    "chw_pumps",
    "cw_pumps",
    "economiser_pumps",
    "towers",
    "dry_coolers",
    "fws_pumps",
    "crah_fans",
    "cdu_pumps",
    "humidity",
    "heaters",
)
SUMS: Final = ("cooling_total", "electrical_losses", "server_fans", "it_without_fans", "facility_total")


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of one moment."""

    at_s: float
    time_zone: str
    share: float
    times_real_time: float
    mode: str
    hottest_inlet_c: float | None
    facility_kw: float | None
    cooling_kw: float | None
    effective: Mapping[str, float]
    saving_pct: Mapping[str, float | None]

    @property
    def clock(self) -> str:
        """Returns plant time at the site."""
        return datetime.fromtimestamp(self.at_s, UTC).astimezone(ZoneInfo(self.time_zone)).strftime("%d %b %H:%M")

    @property
    def savings(self) -> str:
        """Returns the savings so far in words."""
        return ", ".join(f"{name} {'-' if pct is None else f'{pct:+.1f} %'}" for name, pct in self.saving_pct.items())


class Screen(Protocol):
    """Where the demo shows itself; as a context manager around the live part."""

    def __enter__(self) -> Self:
        """Begins the live part."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends the live part."""

    def say(self, text: str) -> None:
        """Adds a line."""

    def show(self, now: Shown) -> None:
        """Shows a moment."""

    def show_table(self, rows: Sequence[Sequence[str]]) -> None:
        """Shows a table; the first row is its head."""


def screen_of(output: TextIO) -> Screen:
    """Returns the screen that suits an output."""
    return TerminalScreen(Console(file=output)) if output.isatty() else PlainScreen(output)


class PlainScreen:
    """One line for each hour of plant time."""

    def __init__(self, output: TextIO) -> None:
        """Writes to ``output``."""
        self._output, self._shown_at_s = output, float("-inf")

    def __enter__(self) -> Self:
        """Begins the live part."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends the live part."""

    def say(self, text: str) -> None:
        """Adds a line."""
        print(text, file=self._output, flush=True)

    def show(self, now: Shown) -> None:
        """Shows a moment, if the last one is an hour old."""
        if now.at_s - self._shown_at_s >= PLAIN_EVERY_S:
            self._shown_at_s = now.at_s
            self.say(
                f"{now.clock}  {now.mode:<9} hottest inlet {_number(now.hottest_inlet_c, 2)} C  facility {_number(now.facility_kw)} kW  "
                f"cooling {_number(now.cooling_kw)} kW  saved of cooling: {now.savings}  ({now.times_real_time:.0f} x real time)"
            )

    def show_table(self, rows: Sequence[Sequence[str]]) -> None:
        """Shows a table; the first row is its head."""
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for row in rows:
            self.say("  ".join(cell.ljust(widths[0]) if i == 0 else cell.rjust(widths[i]) for i, cell in enumerate(row)).rstrip())


class TerminalScreen:
    """A panel that is redrawn four times a second."""

    def __init__(self, console: Console) -> None:
        """Draws on ``console``."""
        self._console = console
        self._live = Live(console=console, refresh_per_second=4)

    def __enter__(self) -> Self:
        """Begins the live part."""
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends the live part; the last panel stays."""
        self._live.stop()

    def say(self, text: str) -> None:
        """Adds a line."""
        self._console.print(text, highlight=False, markup=False)

    def show(self, now: Shown) -> None:
        """Shows a moment."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim")
        grid.add_column()
        grid.add_row("plant time", f"[bold]{now.clock}[/]   {now.times_real_time:.0f} x real time")
        grid.add_row("", ProgressBar(total=1.0, completed=now.share, width=50))
        grid.add_row("mode", f"[bold]{now.mode}[/]" + ("   the BAS is in charge" if now.mode == "RELEASE" else ""))
        grid.add_row("hottest inlet", f"{_number(now.hottest_inlet_c, 2)} C")
        grid.add_row("facility, cooling", f"{_number(now.facility_kw)} kW, {_number(now.cooling_kw)} kW")
        grid.add_row("saved of cooling", now.savings)
        for setpoint, value in now.effective.items():
            grid.add_row(setpoint, f"{value:.2f}")
        self._live.update(Panel(grid, title="coldaisle", width=88))

    def show_table(self, rows: Sequence[Sequence[str]]) -> None:
        """Shows a table; the first row is its head."""
        table = Table(show_edge=False)
        for i, name in enumerate(rows[0]):
            table.add_column(name, justify="left" if i == 0 else "right")
        for row in rows[1:]:
            table.add_row(*row)
        self._console.print(table)


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def comparison(policies: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Returns the closing table: energy by machine, PUE, violations and interventions for each policy, and what the first saves against the others."""
    names = list(policies)
    rows = [["kWh", *names]]
    used = [key for key in (*MACHINES, *SUMS) if any(policies[n]["energy_kwh"].get(key) for n in names)]
    rows += [[key.replace("_", " "), *(f"{policies[n]['energy_kwh'].get(key) or 0.0:,.0f}" for n in names)] for key in used]
    rows.append(["PUE", *(f"{policies[n]['pue']:.4f}" for n in names)])
    kinds = [kind for kind in policies[names[0]]["violations"] if any(policies[n]["violations"].get(kind) for n in names)]
    rows += [[f"violations: {kind.replace('_', ' ')}", *(f"{policies[n]['violations'].get(kind) or 0:.1f}" for n in names)] for kind in kinds]
    if not kinds:
        rows.append(["violations of any kind", *("0" for _ in names)])
    rows.append(["interventions", *(f"{sum((policies[n].get('interventions') or {}).values()):.0f}" for n in names)])
    savings = (("facility [% of cooling]", "facility_total", "cooling_total"), ("cooling [%]", "cooling_total", "cooling_total"))
    for label, key, of in (*savings, ("facility [%]", "facility_total", "facility_total")):
        rows.append([f"saved: {label}", "", *(_saved(policies[names[0]], policies[n], key, of) for n in names[1:])])
    return rows


def _saved(ours: Mapping[str, Any], theirs: Mapping[str, Any], key: str, of: str) -> str:
    """Returns a saving as the contract defines it, or a dash where the two did not do the same IT work to within one part in a thousand."""
    if abs(ours["it_work"] - theirs["it_work"]) > 1e-3 * abs(theirs["it_work"]):
        return "-"
    return f"{100.0 * (theirs['energy_kwh'][key] - ours['energy_kwh'][key]) / theirs['energy_kwh'][of]:+.2f}"
