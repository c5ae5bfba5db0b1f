"""The liquid side of reference plant B: energy, loss of facility water and of a unit, sequences of coolers, pads and trim chillers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from plant_models.simulator.commands import Commands, LoopCommands, TcsCommands
from plant_models.simulator.plant import Plant
from plant_models.simulator.plant_file import PlantTruth, load_plant_file
from plant_models.simulator.site import SimulatedSite
from plant_models.site.liquid import TrimChiller
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.points import Points
from plant_models.site.topology import Site
from plant_models.sources.load import GeneratedLoad
from plant_models.sources.weather import Weather, WeatherNow, open_weather, start_of
from plant_models.sources.weather import day_of as day
from safety.signals import MachineState
from tests.plant_models.simulator.conftest import CONFIG, held_commands

UNITS, COOLERS = 5, 3
B = CONFIG / "reference-b"


def liquid_commands(**changes: object) -> tuple[TcsCommands, LoopCommands]:
    """Returns steady commands of a hall's units and its loop, with changes to either."""
    tcs = {"cdu_on": np.array([1.0, 1.0, 1.0, 1.0, 0.0]), "tcs_setpoint_c": 40.0, "tcs_dp_setpoint_kpa": 250.0}
    loop = {"fws_pump_count": 2.0, "fws_dp_setpoint_kpa": 170.0, "fws_setpoint_c": 36.0, "cooler_on": np.ones(COOLERS)}
    loop |= {"cooler_fan_low": 0.2, "cooler_fan_high": 1.0, "pads": np.zeros(COOLERS), "trim_on": np.zeros(0)}
    assert set(changes) <= set(tcs) | set(loop)
    tcs |= {k: v for k, v in changes.items() if k in tcs}
    loop |= {k: v for k, v in changes.items() if k in loop}
    return TcsCommands(**tcs), LoopCommands(**loop)  # type: ignore[arg-type]  # values of the right kind by name


class Bench:
    """Reference plant B's machines under held commands."""

    def __init__(self, site: Site, truth: PlantTruth, drybulb_c: float = 20.0, wetbulb_c: float = 14.0, use: float = 0.7) -> None:
        """Starts near rest."""
        self.weather, self.use = WeatherNow(drybulb_c, wetbulb_c, 98.0), use
        self.plant = Plant(site, truth, self.weather, (use,))
        air = held_commands(site, 2)
        air = replace(air, plants=tuple(replace(p, chw_flow_min_kgs=9.0) for p in air.plants))
        tcs, loop = liquid_commands(trim_on=np.ones(len(site.trim_chiller)))
        self.commands = Commands(air.plants, air.crah_supply_setpoint_c, air.crah_fan_share, (tcs,), (loop,))
        self.plant.adopt(self.commands)

    def command(self, **changes: object) -> None:
        """Changes fields of the liquid commands."""
        tcs, loop = self.commands.tcs[0], self.commands.loops[0]
        mine = {k: v for k, v in changes.items() if hasattr(tcs, k)}
        self.commands = replace(self.commands, tcs=(replace(tcs, **mine),), loops=(replace(loop, **{k: v for k, v in changes.items() if k not in mine}),))

    def run(self, seconds: int, steps: int = 5) -> Plant:
        """Steps on."""
        for _ in range(seconds // steps):
            self.plant.advance(self.commands, self.weather, (self.use,), steps)
        return self.plant


@pytest.fixture(scope="module")
def site_b() -> LoadedSite:
    """Returns reference plant B."""
    return load_site(B, {})


@pytest.fixture(scope="module")
def truth_b(site_b: LoadedSite) -> PlantTruth:
    """Returns reference plant B's true parameters."""
    return load_plant_file(B / "plant.toml", site_b.site)


@pytest.fixture(scope="module")
def weather() -> Weather:
    """Returns the default weather."""
    return open_weather("greensboro")


@pytest.fixture
def bench(site_b: LoadedSite, truth_b: PlantTruth) -> Callable[..., Bench]:
    """Returns a maker of benches on reference plant B."""
    return lambda site=site_b.site, truth=truth_b, **given: Bench(site, truth, **given)


def test_energy_closes_at_every_second_of_liquid_hours_that_have_everything(bench: Callable[..., Bench], site_b: LoadedSite) -> None:
    site = replace(site_b.site, trim_chiller=(TrimChiller("trim-1", "fws", 1500.0),))
    rig = bench(site=site)
    plant = rig.plant
    closure, heat_in = plant.names.index("site.closure_kw"), plant.names.index("site.heat_in_kw")
    worst = 0.0
    for i in range(12):
        rig.command(
            cdu_on=np.array([1.0, 1.0, i != 4, i % 2, 0.0]) * (i != 7),
            tcs_setpoint_c=(40.0, 30.0, 44.0)[i % 3],
            tcs_dp_setpoint_kpa=(250.0, 80.0)[i % 2],
            fws_pump_count=float((2, 0, 1, 3)[i % 4]),
            fws_setpoint_c=(36.0, 24.0)[i % 2],
            cooler_on=np.array([1.0, i % 2, i % 3 == 0]),
            cooler_fan_low=(0.2, 0.0)[i % 2],
            cooler_fan_high=(1.0, 0.0, 0.6)[i % 3],
            pads=np.full(COOLERS, float(i % 5 == 0)),
            trim_on=np.array([float(i % 2)]),
        )
        rig.weather, rig.use = WeatherNow((35.0, 5.0, -12.0)[i % 3], (24.0, 2.0, -13.0)[i % 3], 98.0), (0.7, 1.0, 0.0)[i % 3]
        for _ in range(1200):
            plant.advance(rig.commands, rig.weather, (rig.use,), steps=1)
            worst = max(worst, abs(plant.outputs[closure]) / plant.outputs[heat_in])
    assert np.all(np.isfinite(plant.state))
    assert worst < 1e-9
    assert plant.energies_kwh()["chillers"] > 0.0
    assert all(v >= 0.0 for v in plant.energies_kwh().values())
    assert plant.counters()["water_evaporated_kg"] > 0.0


def test_at_rest_heat_temperatures_and_flows_are_those_of_design(bench: Callable[..., Bench]) -> None:
    plant = bench(use=1.0, drybulb_c=28.0, wetbulb_c=21.0).run(3 * 3600)
    v = plant.values()
    assert v["hall-b.liquid_kw"] == pytest.approx(5100.0, rel=0.02)
    assert v["hall-b.it_load_kw"] == pytest.approx(6000.0, rel=0.02)
    assert v["hall-b.tcs_supply_temp_c"] == pytest.approx(40.0, abs=0.3)
    assert v["fws.fws_supply_temp_c"] == pytest.approx(36.0, abs=0.3)
    assert v["hall-b.tcs_dp_kpa"] == pytest.approx(250.0, abs=2.0)
    flow = sum(v[f"cdu-{i}.cdu_flow_kgs"] for i in range(1, UNITS + 1))
    assert flow == pytest.approx(84.0, rel=0.01)
    assert sum(v[f"cdu-{i}.heat_kw"] for i in range(1, UNITS + 1)) == pytest.approx(v["hall-b.liquid_kw"], rel=0.02)
    assert v["hall-b.tcs_return_temp_c"] - v["hall-b.tcs_supply_temp_c"] == pytest.approx(5100.0 / (84.0 * 3.966), rel=0.05)
    assert 60.0 < v["hall-b.case_max_c"] < 70.0
    assert 0.01 <= sum(v[f"cdu-{i}.power_kw"] for i in range(1, UNITS + 1)) / v["hall-b.liquid_kw"] <= 0.04
    assert v["cdu-5.cdu_flow_kgs"] == 0.0


@pytest.mark.parametrize(("litres_per_kw", "k_per_min"), [(2.0, 7.7), (4.0, 3.8)])
def test_technology_water_heats_up_as_published_when_facility_water_is_lost(
    litres_per_kw: float, k_per_min: float, bench: Callable[..., Bench], site_b: LoadedSite
) -> None:
    hall = site_b.site.hall[0]
    assert hall.liquid is not None
    site = replace(site_b.site, hall=(replace(hall, liquid=replace(hall.liquid, volume_m3=litres_per_kw * hall.liquid_capacity_kw / 1000.0)),))
    rig = bench(site=site, use=1.0)
    rig.command(cdu_on=np.ones(UNITS))  # what stands in a unit at rest takes no heat
    rig.run(2 * 3600)
    rig.command(fws_pump_count=0.0)
    rig.run(120)  # until pumps and what they left in motion have stopped
    before = rig.plant.values()
    after = rig.run(60).values()
    assert before["fws.fws_flow_kgs"] < 0.5
    rate = sum(after[s] - before[s] for s in ("hall-b.tcs_supply_temp_c", "hall-b.tcs_return_temp_c")) / 2.0
    assert rate == pytest.approx(k_per_min, rel=0.05)


def test_less_pressure_means_less_flow_less_pumping_and_hotter_processors(bench: Callable[..., Bench]) -> None:
    rig = bench(use=0.8)
    full = dict(rig.run(2 * 3600).values())
    rig.command(tcs_dp_setpoint_kpa=90.0)
    low = rig.run(3600).values()
    assert low["cdu-1.cdu_flow_kgs"] / full["cdu-1.cdu_flow_kgs"] == pytest.approx((90.0 / 250.0) ** (1 / 1.85), rel=0.02)
    assert low["cdu-1.power_kw"] < 0.45 * full["cdu-1.power_kw"]
    assert low["hall-b.case_max_c"] > full["hall-b.case_max_c"] + 2.0
    assert low["hall-b.tcs_supply_temp_c"] == pytest.approx(40.0, abs=0.3)


def test_warm_water_costs_leakage_and_saves_fans(bench: Callable[..., Bench]) -> None:
    rig = bench(use=0.9, drybulb_c=29.0, wetbulb_c=22.0)
    rig.command(tcs_setpoint_c=38.0, fws_setpoint_c=34.0)
    cool = dict(rig.run(3 * 3600).values())
    rig.command(tcs_setpoint_c=43.0, fws_setpoint_c=39.0)
    warm = rig.run(3 * 3600).values()
    assert warm["hall-b.liquid_kw"] / cool["hall-b.liquid_kw"] == pytest.approx(1.0075, abs=0.001)  # 0.15 %/K of case temperature
    assert warm["dc-1.power_kw"] < 0.6 * cool["dc-1.power_kw"]


def test_valves_and_pumps_move_in_their_stroke_and_rise(bench: Callable[..., Bench]) -> None:
    rig = bench()
    rig.run(3600)
    state = rig.plant.equations.state.view(rig.plant.state)
    before = state["hall-b.cdu_valve"].copy()
    rig.command(tcs_setpoint_c=20.0, cdu_on=np.ones(UNITS))
    rig.run(10)
    assert np.all(np.abs(state["hall-b.cdu_valve"][:4] - before[:4]) <= 10.0 / 120.0 + 1e-9)
    assert state["hall-b.cdu_on"][4] == pytest.approx(10.0 / 30.0, abs=1e-9)


def test_a_unit_without_flow_shuts_its_valve(bench: Callable[..., Bench]) -> None:
    rig = bench()
    rig.run(3600)
    rig.command(cdu_on=np.array([0.0, 1.0, 1.0, 1.0, 1.0]))
    v = rig.run(300).values()
    assert v["cdu-1.cdu_valve_pct"] == 0.0
    assert v["cdu-1.cdu_flow_kgs"] == 0.0
    assert abs(v["cdu-1.heat_kw"]) < 1.0
    assert v["hall-b.tcs_supply_temp_c"] == pytest.approx(40.0, abs=0.5)


def test_the_mixing_valve_keeps_facility_water_warm_in_frost(bench: Callable[..., Bench]) -> None:
    rig = bench(use=0.3, drybulb_c=-15.0, wetbulb_c=-16.0)
    rig.command(cooler_fan_low=0.0, cooler_fan_high=0.0)
    v = rig.run(3 * 3600).values()
    assert v["fws.fws_supply_temp_c"] == pytest.approx(34.8, abs=0.5)  # 1.2 K below the setpoint, where it works
    assert v["fws.mix_pct"] > 5.0


def test_a_trim_chiller_holds_colder_water_than_the_air_gives(bench: Callable[..., Bench], site_b: LoadedSite) -> None:
    site = replace(site_b.site, trim_chiller=(TrimChiller("trim-1", "fws", 3500.0),))
    rig = bench(site=site, use=0.7, drybulb_c=33.0, wetbulb_c=24.0)
    rig.command(fws_setpoint_c=30.0, tcs_setpoint_c=34.0)
    v = rig.run(3 * 3600).values()
    assert v["fws.fws_supply_temp_c"] == pytest.approx(30.0, abs=0.3)
    assert v["dc-1.fan_pct"] == pytest.approx(100.0)
    assert 4.0 < v["trim-1.load_pct"] / 100.0 * 3500.0 / v["trim-1.power_kw"] < 9.0


@pytest.fixture
def site(site_b: LoadedSite, truth_b: PlantTruth, weather: Weather) -> Callable[..., SimulatedSite]:
    """Returns a maker of whole sites, BAS and sensors included."""

    def make(start: str = "07-15", hour: float = 0.0, topology: Site | None = None, truth: PlantTruth = truth_b) -> SimulatedSite:
        at_s = start_of(day(start), weather) + 3600.0 * hour
        points = site_b.points if topology is None else Points(())
        return SimulatedSite(topology or site_b.site, points, truth, weather, GeneratedLoad(1, 0, weather.utc_offset_h), 0, at_s)

    return make


def test_the_standby_unit_takes_over_from_one_that_trips_or_leaks(site: Callable[..., SimulatedSite]) -> None:
    running = site()
    running.advance(running.now_s + 3600.0)
    assert [running.read(f"cdu-{i}.machine_state") for i in range(1, 6)] == [MachineState.RUNNING] * 4 + [MachineState.OFF]
    running.trip("cdu-2")
    running.advance(running.now_s + 300.0)
    assert running.read("cdu-2.machine_state") == MachineState.FAILED
    assert running.read("cdu-5.machine_state") == MachineState.RUNNING
    assert running.truth.values["cdu-5.cdu_flow_kgs"] > 10.0
    assert running.truth.values["hall-b.tcs_supply_temp_c"] < 42.0
    running.bas.set_leak("cdu-1", wet=True)
    running.advance(running.now_s + 60.0)
    assert running.read("cdu-1.leak_state") == 1.0
    assert running.truth.values["cdu-1.cdu_flow_kgs"] == 0.0
    running.mend("cdu-2")
    running.bas.lock_out("cdu-2", locked=False)
    running.advance(running.now_s + 300.0)
    assert running.read("cdu-2.machine_state") == MachineState.RUNNING


def test_setpoints_of_the_liquid_side_are_lent_and_taken_back(site: Callable[..., SimulatedSite]) -> None:
    running = site()
    running.write("daemon.owner_id", 1.0)
    for beat in range(60):
        running.write("daemon.heartbeat", float(beat + 1))
        if beat == 2:
            running.write("hall-b.tcs_setpoint_c.request", 43.0)
            running.write("hall-b.tcs_dp_setpoint_kpa.request", 120.0)
            running.write("fws.fws_setpoint_c.request", 38.5)
        running.advance(running.now_s + 10.0)
    assert running.read("hall-b.tcs_setpoint_c.effective") == pytest.approx(43.0)
    assert running.read("hall-b.tcs_dp_setpoint_kpa.effective") == pytest.approx(120.0)
    assert running.read("fws.fws_setpoint_c.effective") == pytest.approx(38.5)
    assert running.truth.values["hall-b.tcs_dp_kpa"] == pytest.approx(120.0, abs=3.0)
    running.advance(running.now_s + 900.0)  # nobody beats any more
    assert running.read("hall-b.tcs_setpoint_c.effective") == pytest.approx(40.0)
    assert running.read("fws.fws_setpoint_c.effective") == pytest.approx(36.0)


def test_pads_are_wetted_in_heat_and_stay_so_for_a_while(site: Callable[..., SimulatedSite], site_b: LoadedSite) -> None:
    small = replace(site_b.site, dry_cooler=site_b.site.dry_cooler[:2])  # so that fans work for it
    running = site(start="07-15", hour=11.0, topology=replace(small, setpoint={}), truth=PlantTruth())
    running.bas.set_hand("fws.fws_setpoint_c", 32.0)
    wet = []
    for _ in range(20):
        running.advance(running.now_s + 900.0)
        wet.append(running.bas.read("dc-1.pad_state"))
    assert 1.0 in wet
    first = wet.index(1.0)
    assert wet[first : first + 2] == [1.0, 1.0]
    assert running.truth.water_evaporated_kg > 0.0
