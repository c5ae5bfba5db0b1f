"""Draws panels over plant time as SVG text: lines with their limits, and ribbons of words; colours are classes of the page's style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

from controller.report.read import Span, Track

WIDTH, HALF, LEFT, RIGHT, TOP, BOTTOM = 1000, 486, 52, 12, 8, 20
POINTS_MAX = 1500  # on a line: about what the page has pixels
STEPS_S = (300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel; ``style`` is its class, ``stepped`` draws a value until the next one."""

    label: str
    style: str
    track: Track
    stepped: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A horizontal line that must not be crossed."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity over time."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    limits: tuple[Limit, ...] = ()
    height: int = 150
    wide: bool = True


@dataclass(frozen=True, slots=True)
class Frame:
    """The stretch of plant time [s since 1970] that all panels share, the zone of its labels, and how wide it is drawn."""

    start_s: float
    end_s: float
    zone: ZoneInfo
    width: int = WIDTH

    def x(self, at_s: float) -> float:
        """Returns the horizontal place of an instant."""
        return LEFT + (self.width - LEFT - RIGHT) * (at_s - self.start_s) / (self.end_s - self.start_s)


def frame_of(tracks: Sequence[Track], zone: ZoneInfo) -> Frame | None:
    """Returns the frame that holds every track, or None where there is no instant at all."""
    instants = [t for track in tracks for t in (track.at_s[:1] + track.at_s[-1:])]
    return Frame(min(instants), max(*instants, min(instants) + 300.0), zone) if instants else None


def thin(track: Track, points: int = POINTS_MAX) -> Track:
    """Returns a track with at most about ``points`` values; the lowest and the highest of each stretch are kept, so that no peak is lost."""
    if len(track.at_s) <= points:
        return track
    width = math.ceil(2 * len(track.at_s) / points)
    kept = set()
    for first in range(0, len(track.at_s), width):
        stretch = range(first, min(first + width, len(track.at_s)))
        known = [(v, i) for i in stretch if (v := track.values[i]) is not None]
        kept |= {min(known)[1], max(known)[1]} if known else {first}
    order = sorted(kept)
    return Track(tuple(track.at_s[i] for i in order), tuple(track.values[i] for i in order))


def ticks(low: float, high: float, count: float = 4.0) -> list[float]:
    """Returns round values between ``low`` and ``high``, about ``count`` of them."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1.0, 2.0, 2.5, 5.0, 10.0) if power * m >= rough * 0.999)
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def bounds(panel: Panel) -> tuple[float, float]:
    """Returns the lowest and highest value to draw; a limit far from every line is left outside, a flat line gets room."""
    values = [v for line in panel.lines for v in line.track.values if v is not None]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    reach = max(high - low, 1.0)
    near = [limit.value for limit in panel.limits if low - reach <= limit.value <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    room = 0.06 * (high - low) or max(0.02 * abs(high), 0.5)
    return low - room, high + room


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def path(line: Line, frame: Frame, low: float, high: float, height: int) -> str:
    """Returns the line as SVG path data; it is broken where a value is not known, or where instants lie far apart."""
    track = thin(line.track)
    gap_s = 3.0 * sorted(b - a for a, b in zip(track.at_s, track.at_s[1:], strict=False))[len(track.at_s) // 2 - 1] if len(track.at_s) > 2 else math.inf
    pieces: list[str] = []
    before: tuple[float, float] | None = None
    for at_s, value in zip(track.at_s, track.values, strict=True):
        if value is None:
            before = None
            continue
        x, y = frame.x(at_s), TOP + (height - TOP - BOTTOM) * (high - value) / (high - low)
        if before is None or at_s - before[0] > gap_s:
            pieces.append(f"M{x:.1f} {y:.1f}")
        else:
            pieces.append((f"H{x:.1f}" if line.stepped else "") + (f"L{x:.1f} {y:.1f}" if not line.stepped else f"V{y:.1f}"))
        before = (at_s, value)
    return "".join(pieces)


def time_ticks(frame: Frame) -> list[tuple[float, str, bool]]:
    """Returns instants on round local times, each with its label and whether a new day starts there."""
    step = next((s for s in STEPS_S if (frame.end_s - frame.start_s) / s <= frame.width / 110), STEPS_S[-1])
    first = datetime.fromtimestamp(frame.start_s, frame.zone)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    for i in range(int((frame.end_s - midnight.timestamp()) / step) + 2):
        local = (midnight + timedelta(seconds=i * step)).astimezone(frame.zone)
        if frame.start_s <= local.timestamp() <= frame.end_s:
            day = (local.hour, local.minute) == (0, 0)
            found.append((local.timestamp(), local.strftime("%-d %b" if day else "%H:%M"), day))
    return found


def _grid(frame: Frame, low: float, high: float, height: int) -> list[str]:
    bottom = height - BOTTOM
    out = []
    for value in ticks(low, high, height / 40):
        y = TOP + (bottom - TOP) * (high - value) / (high - low)
        out.append(f'<line class="grid" x1="{LEFT}" x2="{frame.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 3.5:.1f}" text-anchor="end">{value:,.4g}</text>')
    for at_s, label, day in time_ticks(frame):
        x = frame.x(at_s)
        out.append(f'<line class="{"day" if day else "grid"}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
        out.append(f'<text class="tick{" strong" if day else ""}" x="{x:.1f}" y="{height - 5}" text-anchor="middle">{label}</text>')
    return out


def panel_svg(panel: Panel, frame: Frame) -> str:
    """Returns one panel as an SVG element."""
    frame = frame if panel.wide else replace(frame, width=HALF)
    low, high = bounds(panel)
    body = _grid(frame, low, high, panel.height)
    for limit in panel.limits:
        if low < limit.value < high:
            y = TOP + (panel.height - TOP - BOTTOM) * (high - limit.value) / (high - low)
            body.append(f'<line class="limit" x1="{LEFT}" x2="{frame.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            body.append(
                f'<text class="limit-label" x="{frame.width - RIGHT - 4}" y="{y - 4:.1f}" text-anchor="end">{escape(limit.label)} {_number(limit.value)}</text>'
            )
    # the first line is the one the panel is about: drawn last, on top
    body += [f'<path class="line {line.style}" d="{path(line, frame, low, high, panel.height)}"/>' for line in reversed(panel.lines)]
    return _svg(body, frame.width, panel.height, f"{panel.title} [{panel.unit}] over plant time")


def ribbon_svg(spans: Sequence[Span], frame: Frame, title: str) -> str:
    """Returns stretches of time as coloured bands; each that is wide enough carries its word."""
    body = []
    for span in spans:
        start, end = frame.x(max(span.start_s, frame.start_s)), frame.x(min(span.end_s, frame.end_s))
        width = max(end - start, 1.0)
        body.append(
            f'<rect class="band {escape(span.word.lower())}" x="{start:.1f}" y="2" width="{width:.1f}" height="18"><title>{escape(span.word)}</title></rect>'
        )
        if width > 8 * len(span.word) + 8:
            body.append(f'<text class="band-label" x="{start + width / 2:.1f}" y="15" text-anchor="middle">{escape(span.word)}</text>')
    return _svg(body, frame.width, 22, title)


def _svg(body: Sequence[str], width: int, height: int, title: str) -> str:
    cross = f'<line class="cross" x1="0" x2="0" y1="0" y2="{height}" visibility="hidden"/>'
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">{"".join(body)}{cross}</svg>'
