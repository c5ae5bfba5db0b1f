"""The rungs that a site declares for lost readings in ``[ladder]``, beside those that every site has; a site adds caution and takes none away."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from plant_models.site.points import Points
from plant_models.site.problems import Problem, shown
from plant_models.site.settings import FILE
from plant_models.site.topology import Site
from safety.ladder import Rung, Step


def ladder_of(site: Site, points: Points) -> Mapping[str, Step]:
    """Returns the site's rungs by signal, with the setpoints of the signal's equipment: its own, its hall's and its plant's."""
    return {signal: Step(Rung(rung), frozenset(_around(site, points.setpoints, signal.partition(".")[0]))) for signal, rung in site.ladder.items()}


def ladder_problems(site: Site, readable: Collection[str]) -> Iterator[Problem]:
    """Yields rungs of signals that no point of the site reads."""
    for signal in site.ladder:
        if signal not in readable:
            yield Problem(f'{FILE}: ladder."{signal}"', shown(signal), "a signal that a row of points.csv reads")


def _around(site: Site, setpoints: Collection[str], equipment: str) -> list[str]:
    """Returns the setpoints that depend on what is measured at some equipment."""
    owners = {equipment, *(hall.name for hall in site.hall if equipment in hall.rows), *(cdu.hall for cdu in site.cdu if cdu.name == equipment)}
    plants = {**{c.name: c.plant for c in site.chiller}, **{t.name: t.plant for t in site.tower}, **{e.name: e.plant for e in site.economiser}}
    owners |= {plants[equipment]} if equipment in plants else set()
    return [setpoint for setpoint in setpoints if setpoint.partition(".")[0] in owners]
