"""Many sites moved together: each is what it would be alone, and only sites of one design are taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import casadi
import numpy as np
import pytest

from plant_models.simulator.ageing import draw
from plant_models.simulator.batch import Batch
from plant_models.simulator.conditions import DAY_S, HOUR_S, Conditions, inputs
from plant_models.simulator.machines import SCAN_S
from plant_models.simulator.plant import Plant
from plant_models.simulator.plant_file import ElectricalTruth, PlantTruth, load_plant_file
from plant_models.simulator.replay import Replay
from plant_models.simulator.site import Made, SimulatedSite
from plant_models.site.load import LoadedSite, load_site
from plant_models.sources.load import GeneratedLoad

CONFIG = Path(__file__).parents[3] / "config"


class Maker:
    """Builds a configuration's sites, alone or for a batch; each number has its own ageing, sensors, load, day and health."""

    def __init__(self, name: str) -> None:
        self.loaded: LoadedSite = load_site(CONFIG / name, {})
        self.truth = load_plant_file(CONFIG / name / "plant.toml", self.loaded.site)
        self.weather, _, self.start_s = inputs(self.loaded, Conditions(start="01-20"))

    def __call__(self, number: int, machines: Made = Plant, truth: PlantTruth | None = None) -> SimulatedSite:
        truth = truth or draw(self.loaded.site, self.truth, number)
        load = GeneratedLoad(len(self.loaded.site.hall), number, self.weather.utc_offset_h)
        start_s = self.start_s + 91.0 * DAY_S * number
        return SimulatedSite(self.loaded.site, self.loaded.points, truth, self.weather, load, number, start_s, machines)


def disturb(site: SimulatedSite) -> None:
    site.write("daemon.owner_id", 1.0)
    site.set_fault("hall-a.crah_supply_temp_c", "bias", 0.8)
    site.wear("hall-a.coil_factor", 0.8)
    site.trip("ch-1")


@pytest.mark.parametrize("name", ["reference-a", "small"])
def test_a_member_is_what_it_would_be_alone(name: str) -> None:
    make = Maker(name)
    batch = Batch(make.loaded.site, make.truth, 3, make)
    alone = [make(i) for i in range(3)]
    for site in (batch.sites[1], alone[1]):
        site.advance(site.now_s)
        disturb(site)
    scans = int(HOUR_S / SCAN_S)
    batch.advance(scans)
    for one, member in zip(alone, batch.sites, strict=True):
        one.advance(one.now_s + scans * SCAN_S)
        assert member.now_s == one.now_s
        mine, its = member.truth, one.truth
        assert list(mine.values) == list(its.values)
        assert np.array(list(mine.values.values())) == pytest.approx(np.array(list(its.values.values())), rel=1e-9, abs=1e-9)
        assert mine.energy_kwh == pytest.approx(its.energy_kwh, rel=1e-9)
        assert member.read("hall-a.rack_inlet_max_c") == one.read("hall-a.rack_inlet_max_c")
        assert member.bas.start_counts == one.bas.start_counts
    assert len({s.truth.facility_kwh for s in batch.sites}) == 3


@pytest.mark.parametrize("name", ["reference-a", "reference-b", "reference-c"])
def test_any_topology_can_be_a_batch_and_its_energy_closes(name: str) -> None:
    make = Maker(name)
    batch = Batch(make.loaded.site, make.truth, 4, make)
    batch.advance(240)
    for site in batch.sites:
        values = site.truth.values
        assert abs(values["site.closure_kw"]) < 1e-9 * values["site.heat_in_kw"]
    alone = make(3)
    alone.advance(alone.now_s + 240 * SCAN_S)
    assert batch.sites[3].truth.energy_kwh == pytest.approx(alone.truth.energy_kwh, rel=1e-9, abs=1e-9)


def test_a_member_can_begin_again_while_others_go_on() -> None:
    make = Maker("small")
    batch = Batch(make.loaded.site, make.truth, 2, make)
    batch.advance(60)
    before = batch.sites[0].truth
    renewed = batch.renew(1)
    batch.advance(60)
    fresh = make(1)
    fresh.advance(fresh.now_s + 60 * SCAN_S)
    assert renewed.truth.facility_kwh == pytest.approx(fresh.truth.facility_kwh, rel=1e-9)
    assert batch.sites[0].truth.facility_kwh > before.facility_kwh


def test_only_the_batch_lets_time_pass() -> None:
    make = Maker("small")
    member = Batch(make.loaded.site, make.truth, 1, make).sites[0]
    with pytest.raises(NotImplementedError):
        member.advance(member.now_s + SCAN_S)


def test_sites_of_another_design_are_refused() -> None:
    make = Maker("small")
    other = replace(make.truth, electrical=ElectricalTruth(lighting_share=0.02))
    with pytest.raises(ValueError, match="site 0 of the batch is of another design"):
        Batch(make.loaded.site, make.truth, 1, lambda i, made: make(i, made, other))
    two_chillers = replace(make.loaded.site, chiller=make.loaded.site.chiller[:1])
    with pytest.raises(ValueError, match="another design"):
        Batch(two_chillers, make.truth, 1, make)


def test_choices_are_replayed_as_choices() -> None:
    x, u = casadi.SX.sym("x", 3), casadi.SX.sym("u", 1)
    kept = casadi.if_else(x[0] > u, casadi.log(x[0]), x[1] ** 2) + casadi.fabs(x[2]) + 1.0 / x[1]
    after = casadi.vertcat(kept, casadi.fmin(x[0], x[1]), 2.0 * x[2])
    function = casadi.Function("f", [x, u], [after, casadi.vertcat(x[2], casadi.logic_and(x[0] > 0, x[1] > 0))])
    replay = Replay(function, 4)
    states = np.array([[0.0, 2.0, -3.0, 5.0], [1.0, 4.0, 0.5, -2.0], [1.0, -1.0, 2.0, 0.0]])
    replay.state[:], replay.inputs[:] = states, 1.0
    replay.step(1)
    for i in range(4):
        expected = [np.asarray(v).reshape(-1) for v in function(states[:, i], 1.0)]
        assert replay.state[:, i] == pytest.approx(expected[0], rel=1e-14)
        assert replay.outputs[:, i] == pytest.approx(expected[1], rel=1e-14)


def test_an_operation_without_counterpart_is_refused() -> None:
    x, u = casadi.SX.sym("x", 1), casadi.SX.sym("u", 1)
    with pytest.raises(ValueError, match="cannot be replayed"):
        Replay(casadi.Function("f", [x, u], [casadi.erf(x), u]), 2)
