"""The search of reset constants: what it runs, what it takes up, and what it refuses."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from plant_models.reset import G36, Tuning
from plant_models.reset_search import CELLS, TRIALS, Result, changed, combined, main, run
from plant_models.simulator.conditions import Conditions
from plant_models.site.load import load_site

ROOT = Path(__file__).parents[2]
NONE = {"min_flow_minutes": 0.0, "lift_minutes": 2.0}


def _result(kwh: float, tuning: Tuning = G36, **violations: float) -> Result:
    return Result(tuning, (kwh, kwh), NONE | violations)


def test_the_best_of_each_group_is_taken_up_unless_it_violates_more_or_saves_too_little() -> None:
    now = _result(1000.0)
    warm, warmer, hot = (replace(G36, chws_warmest_c=t) for t in (16.0, 17.0, 18.0))
    found = {
        "chws": [_result(998.0, warm), _result(996.0, warmer), _result(990.0, hot, lift_minutes=2.5)],
        "gain": [_result(999.9, replace(G36, inlet_gain=0.3))],
        "spread": [_result(997.0, replace(G36, spread_k=3.5), lift_minutes=0.0)],
    }
    assert changed(G36, combined(now, found)) == {"chws_warmest_c": 17.0, "spread_k": 3.5}
    assert combined(now, {}) == G36


def test_every_trial_is_of_a_constant_that_there_is_and_differs_from_the_present_one() -> None:
    for trials in TRIALS.values():
        for values in trials:
            assert values.keys() <= {f.name for f in fields(Tuning)}
            assert changed(G36, replace(G36, **values)) == values
    assert len(CELLS) == 4


def test_resets_of_another_tuning_move_their_site_elsewhere() -> None:
    loaded = load_site(ROOT / "config/small", {})
    cell = Conditions(start="05-08", warm_up_h=1)
    cold, warm = (run(loaded, tuning, [cell], 1) for tuning in (replace(G36, chws_warmest_c=11.0), G36))
    assert cold.facility_kwh != warm.facility_kwh
    assert cold.saved_pct(warm) == pytest.approx(100.0 * (1.0 - cold.facility_kwh[0] / warm.facility_kwh[0]))
    assert warm.worse(warm) == []


def test_bad_input_is_named_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(ROOT / "config/small"), "--cell", "nowhere:05-08"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert main(["--config", str(ROOT / "config/small"), "--cell", "greensboro:13-45"]) == 2
    assert "13-45" in capsys.readouterr().err
