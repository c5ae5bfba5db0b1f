"""A journal reduced: every cycle, in order, with gaps left open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.journal import JournalError
from controller.report.read import Moment, Track, asked_track, highest, read_history, setpoints_of, spans, total, track
from safety.records import Outcome

START_S, CHWS = 1_752_595_200.0, "plant.chws_setpoint_c"


def test_every_cycle_is_read_as_it_was_recorded(journal: Path) -> None:
    history = read_history(journal)
    assert history is not None
    assert (history.site_name, history.time_zone, history.cycle_s, history.runs) == ("test-site", "Etc/GMT+5", 300.0, 1)
    assert len(history.moments) == 25
    first, narrowed = history.moments[0], history.moments[10]
    assert (first.at_s, first.stage, first.mode, first.solved) == (START_S, "AUTO", "RESET", False)
    assert first.outcomes == {f"{CHWS}.request": Outcome.VERIFIED}
    assert [i.rule for i in narrowed.interventions] == ["rate"]
    assert history.moments[-1].outcomes == {}
    assert setpoints_of(history) == (CHWS,)
    assert [e.what for e in history.events] == ["engaged"]


def test_tracks_hold_what_was_known(journal: Path) -> None:
    history = read_history(journal)
    assert history is not None
    assert track(history.moments, f"{CHWS}.effective").values[:2] == (13.0, 13.1)
    assert asked_track(history.moments, CHWS).values[1:3] == (None, pytest.approx(14.2))
    assert highest(history.moments, "rack_inlet_max_c").values[0] == 25.0
    assert set(total(history.moments, "it_load_kw").values) == {3000.0}


def moment(at_s: float, mode: str = "OPTIMISE", **measured: float) -> Moment:
    names = {key.replace("__", ".").replace("_a", "-a", 1): value for key, value in measured.items()}
    return Moment(at_s, "AUTO", mode, "plan", True, 0, "", names, 0, {}, {}, (), {})


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    moments = (moment(0.0, hall_a__it_load_kw=1.0, hall_a2__it_load_kw=2.0), moment(300.0, hall_a__it_load_kw=1.0))
    assert total(moments, "it_load_kw") == Track((0.0, 300.0), (3.0, None))
    assert highest(moments, "it_load_kw").values == (2.0, 1.0)
    assert highest(moments, "chws_temp_c").values == (None, None)


def test_spans_join_equal_words_and_leave_gaps_open(journal: Path) -> None:
    history = read_history(journal)
    assert history is not None
    words = [(s.start_s - START_S, s.end_s - START_S, s.word) for s in spans(history, "mode")]
    assert words == [(0.0, 900.0, "RESET"), (900.0, 7500.0, "OPTIMISE")]
    holed = replace(history, moments=history.moments[:5] + history.moments[20:])
    words = [(s.start_s - START_S, s.end_s - START_S, s.word) for s in spans(holed, "mode")]
    assert words == [(0.0, 900.0, "RESET"), (900.0, 1500.0, "OPTIMISE"), (6000.0, 7500.0, "OPTIMISE")]
    assert spans(replace(history, moments=()), "mode") == ()


def test_a_journal_without_a_cycle_is_none_and_no_journal_is_an_error(empty_journal: Path, tmp_path: Path) -> None:
    assert read_history(empty_journal) is None
    with pytest.raises(JournalError, match="no such journal"):
        read_history(tmp_path / "absent.sqlite")
