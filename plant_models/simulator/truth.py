"""What is true of a simulated site at one instant; for scores, pictures and tests, never for a controller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Truth:
    """True values; counters run from the site's start.

    values               by signal in the signal's own unit, with some beyond the vocabulary: ``<row>.inlet_mean_c``, ``<row>.recirculated_pct``,
                         ``<chiller>.cooling_kw``, ``<cell>.rejected_kw``, ``<hall>.coil_kw``, ``<hall>.case_max_c``, ``site.closure_kw``, ``site.heat_in_kw``;
                         where the plant file has them ``<hall>.aisle_leak_kgs``, ``<hall>.humidity_kw``, ``<hall>.coil_sensible_pct``
    energy_kwh           electric energy by category
    it_work_kwh          utilisation times IT capacity: equal across policies or they cannot be compared
    stored_kwh           heat in water, air and mass over 0 degC
    outside_curve_kwh    chillers' energy outside the range of their published curves
    """

    at_s: float
    values: Mapping[str, float]
    energy_kwh: Mapping[str, float]
    it_work_kwh: float
    water_evaporated_kg: float
    water_blowdown_kg: float
    outside_curve_kwh: float
    rejected_kwh: float
    stored_kwh: float

    @property
    def facility_kwh(self) -> float:
        """Returns all electric energy [kWh]."""
        return sum(self.energy_kwh.values())

    @property
    def it_kwh(self) -> float:
        """Returns the energy of IT equipment with its fans [kWh]."""
        return self.energy_kwh["server_fans"] + self.energy_kwh["it_without_fans"]

    @property
    def cooling_kwh(self) -> float:
        """Returns the energy of everything that cools, without server fans and electrical losses [kWh]."""
        return self.facility_kwh - self.it_kwh - self.energy_kwh["electrical_losses"]
