"""The registry of policies: how one comes in, rises with evidence, steps down at once, and what a changed file does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.residual.policy import PolicyError, Training, as_text
from controller.residual.registry import STATES_FILE, Known, Registry, State, fingerprint
from controller.rollout.versions import VersionError, Versions
from plant_models.site.load import LoadedSite, load_site
from tests.controller.residual.test_policy import policy

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture(scope="module")
def small() -> LoadedSite:
    return load_site(CONFIG / "small", {})


@pytest.fixture
def registry(small: LoadedSite, tmp_path: Path) -> Registry:
    return Registry(Versions(tmp_path / "versions"), small)


def added(registry: Registry, small: LoadedSite, folder: Path, seed: int = 0) -> Known:
    offered = tuple(small.points.setpoints)
    made = replace(policy(seed=seed), site=fingerprint(small), asked=(offered[0], offered[1]), trained=Training("coldaisle train", seed))
    path = folder / f"{seed}.json"
    path.write_text(as_text(made))
    return registry.add(path, float(seed), "anna", "trained tonight")


def raised(registry: Registry, digest: str, at_s: float = 10.0) -> Known:
    registry.move(digest, State.SHADOW, at_s, "anna", "look at it")
    registry.move(digest, State.CANARY, at_s, "anna", "try it", "energy.json")
    return registry.move(digest, State.ACTIVE, at_s, "anna", "it saves", "report.html")


def test_a_policy_rises_step_by_step_and_a_new_start_knows_it(registry: Registry, small: LoadedSite, tmp_path: Path) -> None:
    one = added(registry, small, tmp_path)
    assert one.state is State.CANDIDATE
    assert registry.active() is None
    assert raised(registry, one.digest).state is State.ACTIVE
    again = Registry(Versions(tmp_path / "versions"), small)
    assert [k.state for k in again.known] == [State.ACTIVE]
    active = again.active()
    assert active is not None
    assert active.site == fingerprint(small)
    assert [c.evidence for c in again.known[0].changes] == ["", "", "energy.json", "report.html"]


def test_no_step_is_skipped_and_none_upwards_goes_without_evidence(registry: Registry, small: LoadedSite, tmp_path: Path) -> None:
    one = added(registry, small, tmp_path)
    with pytest.raises(PolicyError, match="is candidate: it may go to shadow, retired, not to active"):
        registry.move(one.digest, State.ACTIVE, 1.0, "anna", "hurry", "none")
    registry.move(one.digest, State.SHADOW, 1.0, "anna", "look")
    with pytest.raises(PolicyError, match="needs evidence"):
        registry.move(one.digest, State.CANARY, 1.0, "anna", "hurry")
    registry.move(one.digest, State.RETIRED, 1.0, "anna", "no good")
    with pytest.raises(PolicyError, match="it may go to nothing"):
        registry.move(one.digest, State.SHADOW, 1.0, "anna", "again")


def test_one_at_a_time_is_active_and_back_puts_the_one_before_in_charge(registry: Registry, small: LoadedSite, tmp_path: Path) -> None:
    first, second = added(registry, small, tmp_path, 1), added(registry, small, tmp_path, 2)
    raised(registry, first.digest, 10.0)
    raised(registry, second.digest, 20.0)
    assert [registry.find(k.digest).state for k in (first, second)] == [State.SHADOW, State.ACTIVE]
    back = registry.back(30.0, "daemon", "interventions")
    assert back is not None
    assert back.digest == first.digest
    assert [registry.find(k.digest).state for k in (first, second)] == [State.ACTIVE, State.RETIRED]


def test_back_without_an_earlier_one_leaves_none_in_charge(registry: Registry, small: LoadedSite, tmp_path: Path) -> None:
    raised(registry, added(registry, small, tmp_path).digest)
    assert registry.back(30.0, "daemon", "interventions") is None
    assert registry.active() is None


def test_a_changed_file_is_refused_and_so_is_a_changed_list(registry: Registry, small: LoadedSite, tmp_path: Path) -> None:
    one = raised(registry, added(registry, small, tmp_path).digest)
    kept = tmp_path / "versions" / "policy" / one.digest / "policy.json"
    kept.write_text(kept.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(PolicyError, match="files were changed"):
        registry.active()
    listed = tmp_path / "versions" / STATES_FILE
    listed.write_text(listed.read_text().replace("candidate", "active"))
    with pytest.raises(VersionError, match="not signed by this gateway's key"):
        Registry(Versions(tmp_path / "versions"), small)


def test_a_policy_of_another_site_does_not_come_in(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(as_text(policy()))
    with pytest.raises(PolicyError, match="a policy is trained for one site"):
        registry.add(tmp_path / "p.json", 0.0, "anna", "try")
    assert registry.known == ()
