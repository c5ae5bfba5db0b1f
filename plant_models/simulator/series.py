"""The true course of a simulated site, minute by minute, for pictures and comparisons, and the setpoints that were in force."""

from __future__ import annotations

from collections.abc import Sequence

from plant_models.simulator.course import STEP_S, Course
from plant_models.simulator.site import SimulatedSite
from plant_models.simulator.truth import Truth
from plant_models.site.load import LoadedSite
from safety.signals import Role, point

Columns = dict[str, list[float | None]]
MINUTE_H = 1.0 / 60.0


class Series:
    """Keeps the site's true course once a minute, as lists by name; powers are means over the minute before."""

    def __init__(self, loaded: LoadedSite, site: SimulatedSite) -> None:
        """Watches ``site``."""
        self._loaded, self._site = loaded, site
        self._before = site.truth
        self.columns: Columns = {name: [] for name in ("at_s", "facility_kw", "cooling_kw", "it_kw", "inlet_max_c", "oa_wetbulb_c")}

    def observe(self) -> None:
        """Adds the present moment, if the last one is a minute old."""
        elapsed_h = (self._site.now_s - self._before.at_s) / 3600.0
        if elapsed_h < MINUTE_H:
            return
        now, before = self._site.truth, self._before
        powers_kw = ((now.facility_kwh - before.facility_kwh), (now.cooling_kwh - before.cooling_kwh), (now.it_kwh - before.it_kwh))
        values = (now.at_s, *(kwh / elapsed_h for kwh in powers_kw), hottest_inlet_c(self._loaded, now), now.values["weather.oa_wetbulb_c"])
        for column, value in zip(self.columns.values(), values, strict=True):
            column.append(value)
        self._before = now


def hottest_inlet_c(loaded: LoadedSite, truth: Truth) -> float | None:
    """Returns the hottest true rack inlet of the site [degC], None where it has no hall."""
    return max((truth.values[f"{hall.name}.rack_inlet_max_c"] for hall in loaded.site.hall), default=None)


class CourseRecorder:
    """Records which setpoints were in force: each minute holds what it ended with, so that a BAS that steers there gets there in time."""

    def __init__(self, site: SimulatedSite, setpoints: Sequence[str]) -> None:
        """Watches ``site`` from now on."""
        self._site, self._start_s = site, site.now_s
        self._values: dict[str, list[float]] = {name: [] for name in setpoints}
        self._minutes = 0

    def observe(self) -> None:
        """Takes the present moment, if it ends a minute."""
        if self._site.now_s < self._start_s + STEP_S * (self._minutes + 1):
            return
        self._minutes += 1
        for name, values in self._values.items():
            effective = self._site.read(point(name, Role.EFFECTIVE))
            values.append(float(effective or 0.0))

    @property
    def course(self) -> Course:
        """Returns the course so far."""
        return Course(self._start_s, {name: tuple(values) for name, values in self._values.items()})
