"""Checks that the liquid side of a site agrees with itself: every machine's hall and loop exist, and a liquid hall can be cooled."""

from __future__ import annotations

from collections.abc import Iterator

from plant_models.site.problems import Problem, shown
from plant_models.site.settings import FILE, Draft

_OF_LOOPS = ("cdu", "dry_cooler", "trim_chiller")


def liquid_problems(draft: Draft) -> Iterator[Problem]:
    """Yields machines of loops and halls that are not declared, liquid halls without units, and loops without pumps or coolers."""
    site = draft.site
    loops = {loop.name for loop in site.facility_loop}
    liquid = {hall.name for hall in site.hall if hall.liquid}
    pumped = [(f"pump[{p.name}].plant", p.plant) for p in site.pump if p.serves == "fws"]
    named = [(f"{kind}[{machine.name}].loop", machine.loop) for kind in _OF_LOOPS for machine in getattr(site, kind)]
    if "facility_loop" not in draft.lost:
        for at, loop in (*named, *pumped):
            if loop not in loops | draft.dropped:
                yield Problem(f"{FILE}: {at}", shown(loop), f"a declared facility_loop: {_listed(loops)}")
    if "hall" not in draft.lost:
        for cdu in site.cdu:
            if cdu.hall not in liquid | draft.dropped:
                yield Problem(f"{FILE}: cdu[{cdu.name}].hall", shown(cdu.hall), f"a hall with a table [hall.liquid]: {_listed(liquid)}")
    yield from _incomplete(draft)


def _incomplete(draft: Draft) -> Iterator[Problem]:
    """Yields what a liquid hall or a loop lacks; nothing is said of kinds of which something was refused."""
    site, unsure = draft.site, draft.lost | draft.refused
    if not unsure & {"cdu", "hall"}:
        for hall in site.hall:
            heat_kw = sum(c.heat_kw for c in site.cdu if c.hall == hall.name)
            if hall.liquid and heat_kw < hall.liquid_capacity_kw:
                allowed = f"CDUs for at least the {hall.liquid_capacity_kw:g} kW that go to technology water"
                yield Problem(f"{FILE}: hall[{hall.name}].liquid", f"CDUs of {heat_kw:g} kW together", allowed)
    for loop in site.facility_loop:
        if not unsure & {"pump"} and not any(p.plant == loop.name and p.serves == "fws" for p in site.pump):
            yield Problem(f"{FILE}: facility_loop[{loop.name}]", "no pumps", f'a [[pump]] with plant = "{loop.name}" and serves = "fws"')
        if not unsure & {"dry_cooler"} and not any(d.loop == loop.name for d in site.dry_cooler):
            yield Problem(f"{FILE}: facility_loop[{loop.name}]", "no dry cooler", f'a [[dry_cooler]] with loop = "{loop.name}"')


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none is declared"
