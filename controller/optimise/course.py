"""Sums up a simulated course of a site: mean powers, the hottest inlets and how long they are above recommended; it simulates nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plant_models.site.topology import Site
from safety.limits import Limits
from safety.records import Course

_LOSSES = "site.losses_kw"


def course_of(site: Site, limits: Limits, groups: Sequence[str], instants: Sequence[Mapping[str, float]], step_s: float) -> Course:
    """Returns the course through ``instants``, one every ``step_s``, the first a step ahead: states [degC] and the powers of ``groups`` [kW] by name.

    The last instant counts for powers only: a plan's limits end one step before it, and its last move is never made.
    """
    cooling = [g for g in groups if g != _LOSSES and not g.endswith(".it_kw")]
    facility_kw = [sum(at[g] for g in groups) for at in instants]
    cooling_kw = [sum(at[g] for g in cooling) for at in instants]
    inlets = {h.name: [at[f"{h.name}.rack_inlet_max_c"] for at in instants[:-1] or instants] for h in site.hall}
    recommended_c = {h.name: h.inlet_recommended_c for h in limits.halls}
    above = sum(any(series[k] > recommended_c.get(hall, float("inf")) for hall, series in inlets.items()) for k in range(max(len(instants) - 1, 1)))
    return Course(
        facility_kw=sum(facility_kw) / len(instants),
        cooling_kw=sum(cooling_kw) / len(instants),
        next_kw=facility_kw[0],
        next_c={name: value for name, value in instants[0].items() if name.endswith("_c") and name.partition(".")[2] != "mass_temp_c"},
        hottest_c={hall: max(series) for hall, series in inlets.items()},
        above_min=above * step_s / 60.0,
    )
