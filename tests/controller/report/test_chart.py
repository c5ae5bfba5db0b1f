"""What is drawn is where it belongs, gaps stay gaps, and no peak is lost to thinning."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.report.chart import LEFT, RIGHT, WIDTH, Frame, Limit, Line, Panel, bounds, frame_of, panel_svg, path, ribbon_svg, thin, ticks, time_ticks
from controller.report.read import Span, Track

UTC = ZoneInfo("UTC")
DAY = Frame(0.0, 86400.0, UTC)


def test_the_frame_holds_every_track() -> None:
    frame = frame_of([Track((100.0, 900.0), (1.0, 2.0)), Track((50.0,), (1.0,)), Track((), ())], UTC)
    assert frame is not None
    assert (frame.start_s, frame.end_s) == (50.0, 900.0)
    assert frame_of([Track((), ())], UTC) is None
    assert (frame.x(50.0), frame.x(900.0)) == (LEFT, WIDTH - RIGHT)


def test_a_line_is_broken_where_a_value_is_unknown_or_time_is_missing() -> None:
    at_s = tuple(300.0 * i for i in range(10))
    assert path(Line("x", "ours", Track(at_s, (1.0,) * 10)), DAY, 0.0, 2.0, 150).count("M") == 1
    assert path(Line("x", "ours", Track(at_s, (1.0,) * 4 + (None,) + (1.0,) * 5)), DAY, 0.0, 2.0, 150).count("M") == 2
    late = at_s[:5] + tuple(t + 7200.0 for t in at_s[5:])
    assert path(Line("x", "ours", Track(late, (1.0,) * 10)), DAY, 0.0, 2.0, 150).count("M") == 2


def test_a_stepped_line_keeps_its_value_until_the_next() -> None:
    drawn = path(Line("x", "ours", Track((0.0, 43200.0, 86400.0), (0.0, 1.0, 1.0)), stepped=True), DAY, 0.0, 1.0, 128)
    middle = DAY.x(43200.0)
    assert drawn == f"M{LEFT}.0 108.0H{middle:.1f}V8.0H{WIDTH - RIGHT}.0V8.0"


@given(st.lists(st.one_of(st.none(), st.floats(-50.0, 50.0)), min_size=1, max_size=4000))
def test_thinning_keeps_the_extremes_and_the_order(values: list[float | None]) -> None:
    track = Track(tuple(float(i) for i in range(len(values))), tuple(values))
    few = thin(track, 200)
    known = [v for v in values if v is not None]
    assert len(few.at_s) <= max(200, len(values) if len(values) <= 200 else 0) + 2
    assert list(few.at_s) == sorted(few.at_s)
    if known:
        kept = [v for v in few.values if v is not None]
        assert (min(kept), max(kept)) == (min(known), max(known))


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e5))
def test_ticks_are_inside_and_neither_too_few_nor_too_many(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert 1 <= len(found) <= 6
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in found)


def test_labels_are_local_times_and_a_new_day_is_marked() -> None:
    labels = time_ticks(Frame(1_752_595_200.0, 1_752_681_600.0, ZoneInfo("Etc/GMT+5")))
    assert ("16 Jul", True) in [(text, day) for _, text, day in labels]
    assert all(re.fullmatch(r"\d\d:00", text) for _, text, day in labels if not day)
    weeks = time_ticks(Frame(0.0, 40 * 86400.0, UTC))
    assert all(day for _, _, day in weeks)
    assert len(weeks) <= 10


def test_a_limit_near_the_lines_is_drawn_and_one_far_away_does_not_flatten_them() -> None:
    line = Line("x", "ours", Track((0.0, 300.0), (25.0, 26.0)))
    panel = Panel("Inlet", "degC", (line,), (Limit("recommended", 27.0), Limit("allowable", 45.0)))
    low, high = bounds(panel)
    assert low < 25.0
    assert 27.0 < high < 30.0
    drawn = panel_svg(panel, DAY)
    assert "recommended 27" in drawn
    assert "allowable" not in drawn


@pytest.mark.parametrize("values", [(None, None), (5.0, 5.0), (0.0, 0.0)])
def test_a_panel_without_change_is_drawn(values: tuple[float | None, ...]) -> None:
    assert panel_svg(Panel("Flat", "kW", (Line("x", "ours", Track((0.0, 300.0), values)),)), DAY).startswith("<svg")


def test_a_ribbon_escapes_and_labels_what_is_wide_enough() -> None:
    drawn = ribbon_svg([Span(0.0, 80000.0, "OPTIMISE"), Span(80000.0, 80300.0, "HOLD")], DAY, "Mode")
    assert drawn.count("<rect") == 2
    assert drawn.count('class="band-label"') == 1
