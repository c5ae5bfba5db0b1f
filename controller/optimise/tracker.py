"""The tracker: nonlinear model-predictive control of a site's setpoints with do-mpc on the reduced model; it plans, the envelope decides.

The structure of the problem follows from the site alone; parameters, offsets, disturbances and bounds enter as numbers, so that it is built once.
A plan depends on its request only: nothing is carried over from one solve to the next but what the request brings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import casadi as ca
import do_mpc  # type: ignore[import-untyped]  # it has no types
import numpy as np
from numpy.typing import NDArray

from controller.optimise.course import course_of
from controller.optimise.problem import WEIGHT, Problem, problem_of, soft_limit_names
from controller.optimise.request import PlanRequest
from controller.optimise.say import binding_limits, say
from controller.optimise.symbols import flatten, symbolic
from plant_models.reduced.liquid_side import TCS_STATE, liquid_halls
from plant_models.reduced.model import Response, layout_of, respond
from plant_models.reduced.parameters import ReducedParameters
from plant_models.site.topology import Site
from safety.limits import Limits
from safety.records import Course, Proposal, Source

ca.GlobalOptions.setNumpyMode(-1)  # mode 1, the default of CasADi 3.8, breaks do-mpc 5.1

Array = NDArray[np.float64]
_COST = "cost"
_COST_UNIT_KW = 100.0
# Weight of a kelvin beyond a soft limit, against power [kW/K]: many times what a kelvin of supply air saves, so it is only spent when it must be.
_SLACK_KW = {"inlet_high_c": 600.0, "supply_low_c": 300.0, "lift_low_k": 60.0, "free_high_k": 300.0, "tcs_high_c": 300.0, "tcs_low_c": 300.0}
# Weight of a move, squared [kW/K2 or kW/unit2]: enough to stop fidgeting within sensor noise, too little to hold back a saving of one per cent.
_MOVE_KW = {
    "chws_setpoint_c": 4.0,
    "chw_dp_setpoint_kpa": 0.004,
    "cws_setpoint_c": 2.0,
    "crah_supply_setpoint_c": 6.0,
    "crah_fan_setpoint_pct": 0.06,
    "tcs_setpoint_c": 2.0,
    "tcs_dp_setpoint_kpa": 0.004,
    "fws_setpoint_c": 1.0,
    "speed_setpoint_pct": 0.02,
}
_SCALE = {
    "chws_setpoint_c": 5.0,
    "chw_dp_setpoint_kpa": 50.0,
    "cws_setpoint_c": 5.0,
    "crah_supply_setpoint_c": 5.0,
    "crah_fan_setpoint_pct": 20.0,
    "tcs_setpoint_c": 5.0,
    "tcs_dp_setpoint_kpa": 50.0,
    "fws_setpoint_c": 5.0,
    "speed_setpoint_pct": 20.0,
}
_SHORT_KW_PER_K2 = 1.0
_SUBSTEPS = 15


class Tracker:
    """Plans for one site."""

    def __init__(self, site: Site, limits: Limits, parameters: ReducedParameters, time_limit_wall_s: float | None = None) -> None:
        """Builds the problem; ``time_limit_wall_s`` bounds each solve beside its iterations, None where results must repeat exactly."""
        self._site, self._limits, self._parameters = site, limits, parameters
        self._layout = layout_of(site)
        self._soft = soft_limit_names(site)
        self._steps, self._step_s = site.optimiser.horizon_steps, site.optimiser.step_s
        self._time_limit_wall_s = time_limit_wall_s
        self._numbers = flatten(parameters)
        self._model = self._build_model()
        self._advance = self._build_integrator()
        self._mpc: Any = None
        self._iterations_limit = 0

    def plan(self, request: PlanRequest) -> Proposal:
        """Returns the plan for a request; an estimate that is not valid, or a solve that fails, gives an unsolved proposal that says why."""
        at_s = request.estimate.at_s
        if not request.estimate.valid:
            return Proposal(Source.PLAN, at_s, solved=False, setpoints={}, says=f"no valid estimate: {request.estimate.says}")
        if not set(request.writable) & set(self._limits.setpoints):
            return Proposal(Source.PLAN, at_s, solved=False, setpoints={}, says="no setpoint is ours to move")
        problem = problem_of(self._site, self._parameters, self._limits, request)
        self.build(request.iterations_limit)
        self._load(problem)
        self._mpc.solve()
        stats = self._mpc.solver_stats
        if not stats["success"]:
            says = f"the solver gave up: {stats['return_status']} after {stats['iter_count']} iterations"
            return Proposal(Source.PLAN, at_s, solved=False, setpoints={}, says=says, iterations=int(stats["iter_count"]))
        return self._proposal(request, problem, int(stats["iter_count"]))

    def _build_model(self) -> Any:
        model = do_mpc.model.Model("continuous", "SX")
        states = {s: model.set_variable("_x", _symbol(s)) for s in self._layout.states}
        cost = model.set_variable("_x", _COST)
        setpoints = {s: model.set_variable("_u", _symbol(s)) for s in self._layout.setpoints}
        series = {s: model.set_variable("_tvp", _symbol(s)) for s in (*self._layout.disturbances, *self._soft, WEIGHT)}
        offsets = {s: model.set_variable("_p", _symbol(s)) for s in self._layout.offsets}
        numbers: list[Any] = []
        parameters = symbolic(self._parameters, lambda name: _noted(model.set_variable("_p", _symbol(name)), numbers))
        response = respond(self._site, parameters, states, setpoints, series, offsets)
        for state in self._layout.states:
            model.set_rhs(_symbol(state), response.rates[state])
        # The cost is a state: do-mpc samples a stage cost at each step's start only, where a setpoint's jump would look like a saving.
        cost_rate = (series[WEIGHT] * response.facility_kw + self._idle_asking_kw(response)) / _COST_UNIT_KW / self._step_s
        model.set_rhs(_COST, cost_rate)
        for name, violation in self._violations(response, states, setpoints, series).items():
            model.set_expression(_symbol(name), violation)
        arguments = [ca.vertcat(*group) for group in ((*states.values(), cost), setpoints.values(), series.values(), (*offsets.values(), *numbers))]
        self._groups = tuple(response.powers_kw)
        names = self._groups + tuple(response.outputs)
        values = [*response.powers_kw.values(), *response.outputs.values()]
        self._outputs = (names, ca.Function("outputs", arguments, [ca.vertcat(*values)]))
        rates = [*(response.rates[s] for s in self._layout.states), cost_rate]
        self._rates = ca.Function("rates", arguments, [ca.vertcat(*rates)])
        model.setup()  # exchanges the symbols, so the functions above come first
        return model

    def _idle_asking_kw(self, response: Response) -> Any:
        """Returns a small cost of setpoints out of reach of coils and towers: they would act late, and no gradient leads back from there."""
        short = [f"{each.name}.short_k" for kind in (self._site.hall, self._site.plant, self._site.facility_loop) for each in kind]
        short += [f"{hall.name}.tcs_short_k" for hall in liquid_halls(self._site)]
        return sum(_SHORT_KW_PER_K2 * response.outputs[name] ** 2 for name in short)

    def _violations(self, response: Response, states: Mapping[str, Any], setpoints: Mapping[str, Any], series: Mapping[str, Any]) -> dict[str, Any]:
        """Returns by how much each soft limit is exceeded [K], negative where it holds."""
        beyond: dict[str, Any] = {}
        for hall in self._site.hall:
            beyond[f"{hall.name}.inlet_high_c"] = states[f"{hall.name}.rack_inlet_max_c"] - series[f"{hall.name}.inlet_high_c"]
            beyond[f"{hall.name}.supply_low_c"] = series[f"{hall.name}.supply_low_c"] - states[f"{hall.name}.crah_supply_temp_c"]
        for hall in liquid_halls(self._site):
            tcs_c = states[f"{hall.name}.{TCS_STATE}"]
            beyond[f"{hall.name}.tcs_high_c"] = tcs_c - series[f"{hall.name}.tcs_high_c"]
            beyond[f"{hall.name}.tcs_low_c"] = series[f"{hall.name}.tcs_low_c"] - tcs_c
        for plant in self._site.plant:
            lacks = series[f"{plant.name}.lift_low_k"] - response.outputs[f"{plant.name}.lift_k"]
            lifts, free = response.outputs[f"{plant.name}.lifting_share"], response.outputs[f"{plant.name}.free_share"]
            beyond[f"{plant.name}.lift_low_k"] = lifts * lacks + lifts - 1.0  # a kelvin within where it does not apply
            missed = states[f"{plant.name}.chws_temp_c"] - setpoints[f"{plant.name}.chws_setpoint_c"] - series[f"{plant.name}.free_high_k"]
            beyond[f"{plant.name}.free_high_k"] = free * missed + free - 1.0
        return beyond

    def _build_integrator(self) -> Any:
        """Returns a function from state at the start to the states at each step's end and at a third of it, by Runge-Kutta of fourth order."""
        x, u, w, p = (ca.SX.sym(n, m.shape[0]) for n, m in (("x", self._model.x), ("u", self._model.u), ("w", self._model.tvp), ("p", self._model.p)))
        h = self._step_s / _SUBSTEPS
        k1 = self._rates(x, u, w, p)
        k2 = self._rates(x + h / 2 * k1, u, w, p)
        k3 = self._rates(x + h / 2 * k2, u, w, p)
        k4 = self._rates(x + h * k3, u, w, p)
        substep = ca.Function("substep", [x, u, w, p], [x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)])
        start, held = ca.MX.sym("start", x.shape[0]), [ca.MX.sym(n, m.shape[0]) for n, m in (("u", u), ("w", w), ("p", p))]
        within = substep.mapaccum("within", _SUBSTEPS)(start, *(ca.repmat(each, 1, _SUBSTEPS) for each in held))
        step = ca.Function("step", [start, *held], [within[:, -1], within[:, _SUBSTEPS // 3 - 1]])
        return step.mapaccum("advance", self._steps)

    def build(self, iterations_limit: int) -> None:
        """Builds the solver, again only where the limit on its iterations has changed."""
        if self._mpc is not None and iterations_limit == self._iterations_limit:
            return
        mpc = do_mpc.controller.MPC(self._model)
        mpc.settings.n_horizon, mpc.settings.t_step = self._steps, self._step_s
        mpc.settings.collocation_deg = 2
        mpc.settings.store_full_solution = False
        mpc.settings.nlpsol_opts = self._solver_options(iterations_limit)
        mpc.set_objective(lterm=ca.SX(0), mterm=self._model.x[_COST])
        for setpoint in self._layout.setpoints:
            quantity = setpoint.partition(".")[2]
            mpc.set_rterm(**{_symbol(setpoint): _MOVE_KW[quantity] * _SCALE[quantity] ** 2 / _COST_UNIT_KW})
            mpc.scaling["_u", _symbol(setpoint)] = _SCALE[quantity]
        for state in self._layout.states:
            mpc.scaling["_x", _symbol(state)] = 5.0
        mpc.scaling["_x", _COST] = 50.0
        for name in self._soft:
            weight = _SLACK_KW[name.partition(".")[2]] / _COST_UNIT_KW
            mpc.set_nl_cons(_symbol(name), self._model.aux[_symbol(name)], ub=0.0, soft_constraint=True, penalty_term_cons=weight)
        series, numbers = mpc.get_tvp_template(), mpc.get_p_template(1)
        mpc.set_tvp_fun(lambda _: series)  # asked for by the set-up only: each solve is given its numbers directly
        mpc.set_p_fun(lambda _: numbers)
        mpc.prepare_nlp()
        self._limit_moves(mpc)
        mpc.create_nlp()
        # do-mpc leaves dummy collocation points before the first instant; free, they make the solver's system singular.
        mpc.lb_opt_x["_x", 0, 0, :-1], mpc.ub_opt_x["_x", 0, 0, :-1] = 0.0, 0.0
        mpc.flags["set_initial_guess"] = True
        points = range(4)  # do-mpc's: two of collocation, the end of the step, and where the next step begins
        self._places = {name: np.ravel(mpc.opt_p.f[name]) for name in ("_x0", "_tvp", "_p", "_u_prev")}
        self._places["_x"] = np.array([[mpc.opt_x.f["_x", k, 0, j] for j in points] for k in range(self._steps + 1)])
        self._places["_u"] = np.array([mpc.opt_x.f["_u", k, 0] for k in range(self._steps)])
        self._scale = np.asarray(mpc.opt_x_scaling.master).ravel()
        self._mpc, self._iterations_limit = mpc, iterations_limit

    def _solver_options(self, iterations_limit: int) -> dict[str, object]:
        options: dict[str, object] = {
            "expand": True,
            "print_time": False,
            "ipopt.print_level": 0,
            "ipopt.sb": "yes",
            "ipopt.max_iter": iterations_limit,
            "ipopt.tol": 1e-5,
            "ipopt.acceptable_tol": 1e-3,
            "ipopt.acceptable_iter": 5,
            "ipopt.mu_init": 1e-2,
            "ipopt.bound_push": 1e-3,
            "ipopt.bound_frac": 1e-3,
        }
        if self._time_limit_wall_s is not None:
            options["ipopt.max_wall_time"] = self._time_limit_wall_s
        return options

    def _limit_moves(self, mpc: Any) -> None:
        """Adds the rate limits between the steps of the plan; the first step's stand in its bounds."""
        minutes = self._step_s / 60.0
        for k in range(1, self._steps):
            for setpoint, limit in self._limits.setpoints.items():
                if setpoint not in self._layout.setpoints or (limit.raise_per_min is None and limit.lower_per_min is None):
                    continue
                scale = _SCALE[setpoint.partition(".")[2]]
                name = _symbol(setpoint)
                mpc.nlp_cons.append(mpc.opt_x["_u", k, 0, name] - mpc.opt_x["_u", k - 1, 0, name])
                mpc.nlp_cons_lb.append(np.array([-math.inf if limit.lower_per_min is None else -limit.lower_per_min * minutes / scale]))
                mpc.nlp_cons_ub.append(np.array([math.inf if limit.raise_per_min is None else limit.raise_per_min * minutes / scale]))

    def _load(self, problem: Problem) -> None:
        """Puts a problem's numbers and the start of the search into the solver; nothing of an earlier solve remains."""
        mpc, layout = self._mpc, self._layout
        mpc.flags["initial_run"] = False
        at_start = np.array([*(problem.states[s] for s in layout.states), 0.0])
        series = np.array([[at[s] for s in (*layout.disturbances, *self._soft, WEIGHT)] for at in problem.ahead])
        numbers = np.array([problem.offsets.get(s, 0.0) for s in layout.offsets] + list(self._numbers.values()))
        inputs = np.array([problem.start[s] for s in layout.setpoints]).T
        given = np.zeros(mpc.opt_p_num.master.shape[0])
        in_force = [problem.in_force[s] for s in layout.setpoints]
        for name, values in (("_x0", at_start), ("_tvp", series.ravel()), ("_p", numbers), ("_u_prev", in_force)):
            given[self._places[name]] = values
        mpc.opt_p_num.master = ca.DM(given)
        ends, thirds = self._advance(at_start, inputs.T, series[: self._steps].T, np.tile(numbers[:, None], self._steps))
        within, after = self._places["_x"], np.asarray(ends).T
        guess = np.zeros(self._scale.size)
        guess[within[0, -1]] = at_start
        guess[within[1:, 0]] = np.asarray(thirds).T
        for point in (1, 2, 3):
            guess[within[1:, point]] = after
        guess[self._places["_u"]] = inputs
        mpc.opt_x_num.master = ca.DM(guess / self._scale)
        for bounds, kept in ((problem.lower, mpc._lb_opt_x), (problem.upper, mpc._ub_opt_x)):
            values = np.asarray(kept.master).ravel()
            values[self._places["_u"]] = np.array([bounds[s] for s in layout.setpoints]).T / self._scale[self._places["_u"]]
            kept.master = ca.DM(values)
        self._columns, self._p = series, numbers

    def _proposal(self, request: PlanRequest, problem: Problem, iterations: int) -> Proposal:
        mpc, layout = self._mpc, self._layout
        found = np.asarray(mpc.opt_x_num.master).ravel() * self._scale
        planned, after = found[self._places["_u"]], found[self._places["_x"][1, -1]]
        at_s = request.estimate.at_s
        if not (np.isfinite(planned).all() and np.isfinite(after).all()):
            return Proposal(Source.PLAN, at_s, solved=False, setpoints={}, says="the solver's answer is not finite", iterations=iterations)
        ours = [(i, s) for i, s in enumerate(layout.setpoints) if s in request.writable and s in self._limits.setpoints]
        ahead = {s: _within(planned[:, i], problem.lower[s], problem.upper[s]) for i, s in ours}
        setpoints = {s: v[0] for s, v in ahead.items()}
        predicted = dict(zip(layout.states, map(float, after), strict=False)) | self._outputs_at(after, planned[0])
        binding = binding_limits(ahead, problem, self._multipliers())
        return Proposal(
            source=Source.PLAN,
            made_at_s=at_s,
            solved=True,
            setpoints=setpoints,
            says=say(setpoints, problem.in_force, binding, predicted),
            iterations=iterations,
            objective=float(ca.DM(mpc.S.stats()["iterations"]["obj"][-1])) * _COST_UNIT_KW / self._steps,
            ahead=ahead,
            predicted=predicted,
            binding=binding,
            planned=self._course(problem, planned),
            held=self._course(problem, np.tile([problem.in_force[s] for s in layout.setpoints], (self._steps, 1))),
        )

    def _course(self, problem: Problem, inputs: Array) -> Course:
        """Returns what the model expects of given setpoints, a row each step."""
        at_start = np.array([*(problem.states[s] for s in self._layout.states), 0.0])
        numbers = np.tile(self._p[:, None], self._steps)
        ends = self._advance(at_start, inputs.T, self._columns[:-1].T, numbers)[0]
        values = np.vstack([np.asarray(ends)[:-1], np.asarray(self._outputs[1](ends, inputs.T, self._columns[1:].T, numbers))])
        instants = [dict(zip((*self._layout.states, *self._groups), at.tolist(), strict=False)) for at in values.T]
        return course_of(self._site, self._limits, self._groups, instants, self._step_s)

    def _outputs_at(self, states: Array, setpoints: Array) -> dict[str, float]:
        """Returns powers and outputs one step ahead, by name, with the power of the whole facility."""
        names, function = self._outputs
        values = np.asarray(function(states, setpoints, self._columns[1], self._p)).ravel()
        found = dict(zip(names, map(float, values), strict=True))
        return found | {"site.facility_kw": sum(found[n] for n in self._groups)}

    def _multipliers(self) -> dict[str, float]:
        """Returns the largest multiplier of each soft limit over the horizon [kW/K]; the present instant is beyond help and left out."""
        mpc, soft = self._mpc, len(self._soft)
        values = np.asarray(mpc.lam_g_num).ravel()
        states = len(self._layout.states) + 1
        block = 3 * states + states + soft
        found = np.array([values[states + (k + 1) * block - soft : states + (k + 1) * block] for k in range(1, self._steps)])
        return dict(zip(self._soft, map(float, found.max(axis=0) * _COST_UNIT_KW), strict=True))


def _noted(symbol: Any, among: list[Any]) -> Any:
    among.append(symbol)
    return symbol


def _within(values: Array, lower: tuple[float, ...], upper: tuple[float, ...]) -> tuple[float, ...]:
    """Returns a setpoint's plan without the rounding by which the solver may pass a bound."""
    return tuple(min(max(float(v), low), high) for v, low, high in zip(values, lower, upper, strict=True))


def _symbol(name: str) -> str:
    """Returns a name that CasADi's structures take."""
    return name.replace(".", "__").replace("-", "_")
