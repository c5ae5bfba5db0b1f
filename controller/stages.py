"""Builds the pure stages of a cycle from a loaded site, once; after this nothing of the configuration is read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.estimate import Estimator
from controller.forecast import Forecaster
from controller.lend import Lending
from controller.optimise.request import PlanRequest
from controller.record import CycleMemory
from controller.residual.correct import Residual
from plant_models import reset as guideline_36
from plant_models.reduced.nameplate import from_name_plate
from plant_models.reduced.parameters import ReducedParameters, load_parameters
from plant_models.site.balance import balances_of
from plant_models.site.conditions import advisory_of
from plant_models.site.gate import gate_rules_of
from plant_models.site.load import LoadedSite
from safety.balance import BalanceRule
from safety.envelope import reach as reach_of
from safety.grants import confined
from safety.modes import ModeRules, untouched
from safety.ownership import callable_now
from safety.quality import GateMemory, GateRule
from safety.records import Estimate, Forecast, Measurements, Proposal, Source
from safety.trends import Trends
from safety.wear import WearLedger


@dataclass(frozen=True)
class Stages:
    """The stages of one site."""

    loaded: LoadedSite
    parameters: ReducedParameters
    gate_rules: Mapping[str, GateRule]
    balances: tuple[BalanceRule, ...]
    estimator: Estimator
    forecaster: Forecaster
    residual: Residual
    mode_rules: ModeRules

    def reset(self, memory: guideline_36.ResetMemory, measured: Measurements, in_force: Mapping[str, float]) -> tuple[Proposal, guideline_36.ResetMemory]:
        """Returns the Guideline 36 setpoints as a proposal; one that the site does not offer is left out."""
        setpoints, after = guideline_36.reset(self.loaded.site, memory, measured.values, measured.taken_at_s)
        offered = {s: v for s, v in setpoints.items() if s in self.loaded.points.setpoints}
        return Proposal(Source.RESET, measured.taken_at_s, solved=True, setpoints=offered, says="Guideline 36 resets"), after

    def request(self, estimate: Estimate, forecast: Forecast, lending: Lending, day_ahead: Forecast) -> PlanRequest:
        """Returns what the optimiser is asked in this cycle, with what the envelope and what is lent let through as its bounds."""
        situation, memory = lending.planned, lending.memory
        within = confined(reach_of(situation, lending.limits), lending.grants, lending.footing)
        ours = situation.writable - situation.frozen
        machines = [machine.name for kind in (self.loaded.site.chiller, self.loaded.site.tower) for machine in kind]
        return PlanRequest(
            estimate=estimate,
            forecast=forecast,
            in_force=situation.in_force,
            writable=tuple(sorted(ours)),
            measured=situation.measured,
            elapsed_s=situation.elapsed_s,
            iterations_limit=self.loaded.site.timing.solver_iterations,
            last=memory.plan.ahead if memory.plan else {},
            reach={setpoint: reach for setpoint, reach in within.items() if setpoint in ours},
            day=memory.plan.day if memory.plan else None,
            day_ahead=day_ahead,
            absent=tuple(name for name in machines if not callable_now(name, situation.measured, situation.withdrawn)),
        )


def stages_of(loaded: LoadedSite) -> Stages:
    """Builds the stages of a site with the model that its configuration names.

    A site that has none yet is estimated from its name plates, which is enough to monitor it and to fall back; the optimiser plans nothing
    without an identified model. Raises ModelFileError where there is a model file and it is unfit.
    """
    site = loaded.site
    path = site.directory / site.optimiser.model
    if not path.exists():
        return stages_from(loaded, from_name_plate(site))
    return stages_from(loaded, load_parameters(path, site))


def stages_from(loaded: LoadedSite, parameters: ReducedParameters) -> Stages:
    """Builds the stages of a site with given parameters."""
    return Stages(
        loaded=loaded,
        parameters=parameters,
        gate_rules=gate_rules_of(loaded.points, loaded.site.gate),
        balances=balances_of(loaded.site, loaded.points),
        estimator=Estimator(loaded.site, parameters),
        forecaster=Forecaster(loaded.site),
        residual=Residual(),
        mode_rules=ModeRules(healthy_cycles=loaded.site.rollout.return_after_healthy_cycles, advisory=advisory_of(loaded.site)),
    )


def fresh_memory(stages: Stages, at_s: float) -> CycleMemory:
    """Returns the memory before a site's first cycle, one period ago: the BAS is in charge, and nothing is known."""
    return CycleMemory(
        at_s=at_s - stages.loaded.site.timing.cycle_s,
        gate=GateMemory(),
        trends=Trends(),
        estimator=stages.estimator.start(),
        forecast=stages.forecaster.start(),
        reset=guideline_36.ResetMemory(),
        mode=untouched(at_s),
        wear=WearLedger(),
    )
