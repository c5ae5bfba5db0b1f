"""What one further kW of IT load costs in electric power, by the identified model run twice to its end from the present state: as it is, and with more load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from plant_models.reduced.model import respond
from plant_models.reduced.observe import disturbances_known, setpoints_known
from plant_models.reduced.parameters import ReducedParameters
from plant_models.reduced.smooth import Value
from plant_models.site.topology import Site

MORE: Final = np.array([1.0, 1.05])  # of the present IT load: the step is small beside what machines do between two stages
SETTLED_S: Final = 2 * 3600.0  # water, air and most of the mass of a hall have followed
_STEP_S: Final = 60.0  # a Runge-Kutta step of fourth order stands 2.7 times the shortest lag, 45 s


def marginal_kw(site: Site, parameters: ReducedParameters, facts: Mapping[str, Any]) -> tuple[float, float] | None:
    """Returns electric power of the facility, and of its cooling, for a further kW of IT load in all halls alike [kW/kW].

    None without an estimate, and for a site with water loops that its model does not have. Setpoints and running machines stay as they are;
    IT power is taken with its own fans, as it is metered.
    """
    states = facts["states"]
    if not states:
        return None
    setpoints = setpoints_known(site, facts["measured"], facts["in_force"])
    known = disturbances_known(site, parameters, facts["measured"], states)
    disturbances: dict[str, Value] = {name: value * MORE if name.endswith(".it_base_kw") else value for name, value in known.items()}
    x: dict[str, Value] = {name: value * np.ones(2) for name, value in states.items()}

    def rates(at: Mapping[str, Value]) -> Mapping[str, Value]:
        return respond(site, parameters, at, setpoints, disturbances, facts["offsets"]).rates

    for _ in range(round(SETTLED_S / _STEP_S)):
        k1 = rates(x)
        k2 = rates({s: v + 0.5 * _STEP_S * k1[s] for s, v in x.items()})
        k3 = rates({s: v + 0.5 * _STEP_S * k2[s] for s, v in x.items()})
        k4 = rates({s: v + _STEP_S * k3[s] for s, v in x.items()})
        x = {s: v + _STEP_S / 6.0 * (k1[s] + 2.0 * k2[s] + 2.0 * k3[s] + k4[s]) for s, v in x.items()}
    powers = respond(site, parameters, x, setpoints, disturbances, facts["offsets"]).powers_kw
    if any(not any(group.startswith(f"{loop.name}.") for group in powers) for loop in site.facility_loop):
        return None
    it_kw = sum(np.asarray(kw) for group, kw in powers.items() if group.endswith(".it_kw"))
    cooling_kw = sum(np.asarray(kw) for group, kw in powers.items() if not group.endswith((".it_kw", ".losses_kw")))
    facility_kw = sum(np.asarray(kw) for kw in powers.values())
    more_kw = float(np.ptp(np.broadcast_to(it_kw, 2)))
    if not more_kw > 0.0:
        return None
    return tuple(float(np.diff(np.broadcast_to(kw, 2))[0]) / more_kw for kw in (facility_kw, cooling_kw))  # type: ignore[return-value]  # two of them
