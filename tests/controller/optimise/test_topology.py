"""Any topology that a site file can state is planned on its name plates: each builds and gives a finite plan within the envelope's bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plant_models.reduced.model import layout_of
from plant_models.reduced.nameplate import from_name_plate
from plant_models.site.limits import limits_of
from plant_models.site.liquid import TrimChiller
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.topology import Hall, Site
from safety.limits import Limits

CONFIG = Path(__file__).parents[3] / "config"
AIR, LIQUID = (load_site(CONFIG / name, {}) for name in ("reference-a", "reference-b"))
STEPS = 4


def two_plants(site: Site) -> Site:
    """A second plant with machines and a hall of its own, each by the names of the first."""
    second: dict[str, tuple[Any, ...]] = {
        kind: tuple(replace(m, name=f"n-{m.name}", plant="north") for m in getattr(site, kind)[:2]) for kind in ("chiller", "tower", "pump", "economiser")
    }
    halls = (*site.hall, replace(site.hall[0], name="hall-n", plant="north"))
    offered = {s.replace("plant.", "north.", 1): r for s, r in site.setpoint.items() if s.startswith("plant.")}
    offered |= {s.replace("hall-a.", "hall-n.", 1): r for s, r in site.setpoint.items() if s.startswith("hall-a.")}
    plants = (*site.plant, replace(site.plant[0], name="north"))
    return replace(site, plant=plants, hall=halls, setpoint={**site.setpoint, **offered}, **{k: (*getattr(site, k), *v) for k, v in second.items()})


def large(site: Site) -> Site:
    """Sixteen chillers and cells on one plant, twenty halls."""
    plant, hall = site.plant[0], site.hall[0]
    halls = tuple(replace(hall, name=f"hall-{i}", it_capacity_kw=1000.0, crah_air_flow_kgs=100.0, row_count=2) for i in range(20))
    own = {s: r for s, r in site.setpoint.items() if s.startswith("plant.")}
    own |= {f"{h.name}.{s.partition('.')[2]}": r for h in halls for s, r in site.setpoint.items() if s.startswith("hall-a.")}
    return replace(
        site,
        plant=(replace(plant, chw_flow_kgs=4.0 * plant.chw_flow_kgs, loop_volume_m3=4.0 * plant.loop_volume_m3),),
        chiller=tuple(replace(site.chiller[0], name=f"ch-{i}") for i in range(16)),
        tower=tuple(replace(site.tower[0], name=f"ct-{i}") for i in range(16)),
        pump=tuple(replace(p, count=16) for p in site.pump),
        hall=halls,
        setpoint=own,
    )


def without_plant(site: Site) -> Site:
    """A hall on direct expansion: no chilled water at all."""
    return replace(site, plant=(), chiller=(), tower=(), economiser=(), pump=tuple(p for p in site.pump if p.serves == "fws"), hall=(unserved(site.hall[0]),))


def unserved(hall: Hall) -> Hall:
    """The hall without a plant."""
    return replace(hall, plant=None)


def two_loops(site: Site) -> Site:
    """The hall's units on two loops, the second with a trim chiller behind its cooler."""
    loop = site.facility_loop[0]
    return replace(
        site,
        facility_loop=(loop, replace(loop, name="fws-2")),
        cdu=tuple(replace(c, loop="fws-2") if i % 2 else c for i, c in enumerate(site.cdu)),
        dry_cooler=tuple(replace(c, loop="fws-2") if i == 0 else c for i, c in enumerate(site.dry_cooler)),
        pump=(*site.pump, *(replace(p, name="fwp-2", plant="fws-2") for p in site.pump if p.serves == "fws")),
        trim_chiller=(TrimChiller("trim", "fws-2", 2000.0),),
    )


def setpoints_only_of_what_is_there(site: Site) -> Site:
    """Setpoints of equipment that is gone are not offered."""
    there = {e.name for kind in (site.plant, site.hall, site.facility_loop) for e in kind}
    return replace(site, setpoint={s: r for s, r in site.setpoint.items() if s.partition(".")[0] in there})


def limits(loaded: LoadedSite, site: Site) -> Limits:
    """The limits of the example, with setpoints as the changed site offers them, each as its namesake's."""
    whole = limits_of(loaded.site, loaded.points)
    usual = {s.partition(".")[2]: limit for s, limit in whole.setpoints.items()}
    return replace(whole, setpoints={s: usual[s.partition(".")[2]] for s in site.setpoint})


TOPOLOGIES: dict[str, tuple[LoadedSite, Callable[[Site], Site]]] = {
    "two plants": (AIR, two_plants),
    "a hall without plant": (AIR, without_plant),
    "no economiser": (AIR, lambda site: replace(site, economiser=())),
    "no chillers": (AIR, lambda site: replace(site, chiller=(), tower=(), economiser=())),
    "liquid and air": (LIQUID, lambda site: site),
    "liquid without plant": (LIQUID, without_plant),
    "sixteen chillers, sixteen cells and twenty halls": (AIR, large),
    "two loops and a trim chiller": (LIQUID, two_loops),
}


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_every_topology_gives_a_finite_plan(name: str, bench: Any, make_tracker: Callable[[Any], Any]) -> None:
    loaded, change = TOPOLOGIES[name]
    site = setpoints_only_of_what_is_there(change(loaded.site))
    site = replace(site, optimiser=replace(site.optimiser, horizon_steps=STEPS))
    made = replace(bench, site=site, limits=limits(loaded, site), parameters=from_name_plate(site), steps=STEPS)
    request = made.request()
    assert request.estimate.valid, request.estimate.says
    plan = make_tracker(made).plan(request)
    assert plan.solved, plan.says
    assert set(plan.setpoints) == set(site.setpoint) & set(layout_of(site).setpoints)
    assert all(math.isfinite(v) for ahead in plan.ahead.values() for v in ahead)
    for setpoint, ahead in plan.ahead.items():
        limit = made.limits.setpoints[setpoint]
        assert all(limit.low - 1e-6 <= v <= limit.high + 1e-6 for v in ahead), setpoint
    assert set(layout_of(site).states) <= set(plan.predicted)
