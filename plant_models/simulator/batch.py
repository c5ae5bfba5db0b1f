"""Many simulated sites of one design moved together: machines in one replay of the compiled step, every BAS and every sensor as on a single site.

Sites of a batch may differ in health (``ageing``), seed, weather, load and plant time; another topology or other design values need a batch of
their own, because the compiled step holds them as constants.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from plant_models.simulator.ageing import same_design
from plant_models.simulator.equations import Equations
from plant_models.simulator.machines import STEP_S, STEPS, Machines, Vectors
from plant_models.simulator.plant import compiled
from plant_models.simulator.plant_file import PlantTruth
from plant_models.simulator.replay import Replay
from plant_models.simulator.site import Made, SimulatedSite
from plant_models.site.topology import Site
from plant_models.sources.weather import WeatherNow

Build = Callable[[int, Made], SimulatedSite]
"""Makes the site with a number, on the machines that it is given."""


class Batch:
    """Sites that move together; each of ``sites`` is read and written like any other, but only the batch lets time pass."""

    def __init__(self, site: Site, truth: PlantTruth, count: int, build: Build) -> None:
        """Compiles the design of ``site`` and ``truth`` once and builds ``count`` sites on it, by ``build`` for numbers 0 and on.

        Raises ValueError for a site whose design differs.
        """
        self._site, self._truth, self._build = site, truth, build
        self._function, self._names = compiled(Equations(site, truth))
        self._replay = Replay(self._function, count)
        self.sites: list[SimulatedSite] = []
        for i in range(count):
            self.sites.append(self._made(i))

    def renew(self, number: int) -> SimulatedSite:
        """Builds one site again, from its beginning, and returns it."""
        self.sites[number] = self._made(number)
        return self.sites[number]

    def advance(self, scans: int = 1) -> None:
        """Lets every site run for some scans of the BAS, 5 s each."""
        with _uncollected():
            for _ in range(scans):
                self._replay.step(STEPS)
                for site in self.sites:
                    site.passed(STEPS * STEP_S)

    def _made(self, number: int) -> SimulatedSite:
        replay, function = self._replay, self._function

        def machines(site: Site, truth: PlantTruth, weather: WeatherNow, utilisation: Sequence[float]) -> Machines:
            if site != self._site or not same_design(truth, self._truth):
                raise ValueError(f"site {number} of the batch is of another design: topology and everything but health must be those of the first")
            vectors = Vectors(replay.state[:, number], replay.inputs[:, number], replay.outputs[:, number])
            member = Machines(Equations(site, truth), self._names, vectors, weather, utilisation)
            vectors.outputs[:] = np.asarray(function(member.state, member.inputs)[1]).reshape(-1)
            return member

        return self._build(number, machines)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Holds back the search for cyclic garbage: scans make none, and looking through a thousand sites for it takes a fifth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
