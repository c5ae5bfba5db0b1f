"""One second of a whole site as one function of state and inputs, in NumPy or CasADi alike; energies are counted inside and must close.

What ages or fails is an input (``health``), so that all sites of one design share one compiled function.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from plant_models.components import electrical
from plant_models.components.fluids import Expr
from plant_models.simulator.bad_loops import detuned
from plant_models.simulator.chilled_water import ChilledWater
from plant_models.simulator.hall_air import HallAir
from plant_models.simulator.layout import Layout
from plant_models.simulator.liquid_readout import liquid_signals
from plant_models.simulator.liquid_side import LiquidSide
from plant_models.simulator.plant_file import PlantTruth
from plant_models.simulator.readout import hall_signals, plant_signals
from plant_models.site.topology import Site

Array = NDArray[np.float64]
_Each: TypeAlias = Mapping[str, Mapping[str, Expr]]  # values by name, by plant or hall

ENERGIES: Final = (
    "chillers", "chw_pumps", "cw_pumps", "economiser_pumps", "towers", "dry_coolers", "fws_pumps", "cdu_pumps", "crah_fans", "heaters", "humidity",
    "electrical_losses", "server_fans", "it_without_fans",
)  # fmt: skip
COUNTERS: Final = ("it_work_kwh", "water_evaporated_kg", "water_blowdown_kg", "outside_curve_kwh", "process_kwh", "rejected_kwh")
COMMANDED: Final = (
    "chiller_on", "chiller_valve", "chiller_limit", "chws_setpoint_c", "chw_pump_count", "chw_dp_setpoint_kpa", "chw_flow_min_kgs",
    "cw_pump_count", "cw_pump_speed", "tower_on", "cws_setpoint_c", "tower_fan_low", "tower_fan_high", "tower_bypass", "condenser_throttle",
    "basin_heaters", "economiser",
    "chw_primary_count", "tank_share",
)  # fmt: skip
WEATHER: Final = ("oa_drybulb_c", "oa_wetbulb_c", "pressure_kpa")
_HOUR_S: Final = 3600.0
_QUICKEST_S: Final = 1.5  # time constant that steps of one second still follow


class Equations:
    """A site's second, with its plants and halls."""

    def __init__(self, site: Site, truth: PlantTruth) -> None:
        """Builds every plant and hall of the site. Raises ValueError where a hall's air is too quick for steps of one second."""
        truth = detuned(truth, site)
        self.plants = {p.name: ChilledWater(p, site, truth) for p in site.plant}
        self.halls = {h.name: HallAir.of(h, site, truth) for h in site.hall}
        self.liquid = LiquidSide(site, truth)
        for name, hall in self.halls.items():
            if hall.least_time_constant_s() < _QUICKEST_S:
                raise ValueError(f"hall {name}: air with a time constant of {hall.least_time_constant_s():.2f} s; at least {_QUICKEST_S} s (air_m3_per_rack)")
        self._electrical, self._it_capacity_kw = truth.electrical, sum(h.it_capacity_kw for h in site.hall)
        parts: dict[str, ChilledWater | HallAir] = {**self.plants, **self.halls}
        fields = [f for part in parts.values() for f in part.fields()] + self.liquid.fields()
        self.state = Layout([*fields, *((f"energy.{e}", 1) for e in ENERGIES), *((f"count.{c}", 1) for c in COUNTERS)])
        self.health = {f"{name}.{field}": value for name, part in parts.items() for field, value in part.health().items()} | self.liquid.health()
        self.inputs = Layout(self._input_fields())
        stored: dict[str, Expr] = dict.fromkeys(self.state.slices, 0.0)
        stored |= {f"{name}.{field}": value for name, part in parts.items() for field, value in part.capacities_kj_per_k().items()}
        stored |= self.liquid.capacities_kj_per_k()
        self.stored_kj_per_k: Array = self.state.pack(stored, symbolic=False)

    def _input_fields(self) -> list[tuple[str, int]]:
        fields: list[tuple[str, int]] = [(f"weather.{w}", 1) for w in WEATHER]
        for name, p in self.plants.items():
            machines, cells = p.chillers.count, p.tower.count
            lengths = {"chiller_on": machines, "chiller_valve": machines, "chiller_limit": machines, "tower_on": cells}
            fields += [(f"{name}.{f}", lengths.get(f, 1)) for f in COMMANDED]
        for name in self.halls:
            fields += [(f"{name}.{f}", 1) for f in ("supply_setpoint_c", "fan_share", "utilisation")]
        return fields + self.liquid.input_fields() + [(field, int(np.size(value))) for field, value in self.health.items()]

    def start(self, wetbulb_c: float, chws_c: float = 10.0, supply_air_c: float = 20.0) -> Array:
        """Returns a state near rest with machines off and counters at zero."""
        values: dict[str, Expr] = dict.fromkeys(self.state.slices, 0.0)
        for name, p in self.plants.items():
            values |= {f"{name}.{k}": v for k, v in p.start(chws_c, wetbulb_c).items()}
        for name, h in self.halls.items():
            values |= {f"{name}.{k}": v for k, v in h.start(supply_air_c).items()}
        values |= self.liquid.start()
        return np.array(self.state.pack(values, symbolic=False))

    def healthy_inputs(self) -> Array:
        """Returns inputs with every machine as the plant file states it and nothing commanded."""
        values: dict[str, Expr] = dict.fromkeys(self.inputs.slices, 0.0)
        return np.array(self.inputs.pack(values | self.health, symbolic=False))

    def step(self, state: Expr, inputs: Expr, symbolic: bool, dt: float = 1.0) -> tuple[Expr, dict[str, Expr]]:
        """Returns the state ``dt`` seconds on, and every readable value by name.

        Flows and powers are those of the step, temperatures those at its end. ``site.closure_kw`` is electric power in, less heat rejected, less
        the change of stored heat.
        """
        s, u = _by_owner(self.state.view(state)), _by_owner(self.inputs.view(inputs))
        own = {name: u[name] | u["weather"] for name in (*self.plants, *self.halls, *self.liquid.loops)}
        asked = {name: h.demand(s[name], own[name]) for name, h in self.halls.items()}
        wet = self.liquid.demand(s, u, {name: asked[name]["work"] / self.halls[name].hall.air_capacity_kw for name in self.liquid.halls})
        asked |= {name: asked[name] | {key: asked[name][key] + racks[key] for key in ("it", "work")} for name, racks in wet.items()}
        it = sum((d["it"] for d in asked.values()), 0.0)
        losses = self._losses_kw(it)
        duties = {name: p.duty(s[name], own[name], sum((asked[h]["conductance"] for h in self._served(name)), 0.0)) for name, p in self.plants.items()}
        loops = self.liquid.duty(s, own, wet)
        exchanged = self.liquid.exchanged(s, u, wet, loops)
        room = {name: losses * asked[name]["it"] / it + self.liquid.to_room_kw(name, wet) for name in self.halls}
        heats = {name: self._heat(name, s, own[name], asked[name], duties, room[name]) for name in self.halls}
        after: dict[str, Expr] = self.liquid.step(s, own, wet, loops, exchanged, dt)
        for name, h in self.halls.items():
            after |= {f"{name}.{k}": v for k, v in h.step(s[name], asked[name], own[name] | heats[name], dt).items()}
        for name, p in self.plants.items():
            coils = sum((heats[h]["coil"] + heats[h]["latent"] for h in self._served(name)), 0.0)
            after |= {f"{name}.{k}": v for k, v in p.step(s[name], own[name], duties[name], coils, dt).items()}
        powers, counts = self._powers(asked, duties, heats, losses), self._counts(asked, duties, heats)
        powers, counts = _added(powers, self.liquid.powers(wet, loops)), _added(counts, self.liquid.counts(s, loops))
        after |= {f"energy.{k}": s["energy"][k] + dt / _HOUR_S * v for k, v in powers.items()}
        after |= {f"count.{k}": s["count"][k] + dt * v for k, v in counts.items()}
        packed = self.state.pack(after, symbolic)
        facility = sum(powers.values(), 0.0)
        heat_in = facility + _HOUR_S * counts["process_kwh"]
        closure = heat_in - _HOUR_S * counts["rejected_kwh"] - np.sum(self.stored_kj_per_k * (packed - state)) / dt
        signals = {"site.facility_power_kw": facility, "site.losses_power_kw": losses, "site.closure_kw": closure, "site.heat_in_kw": heat_in}
        for name, p in self.plants.items():
            signals |= plant_signals(p, _after(after, name), own[name], duties[name])
        for name, h in self.halls.items():
            signals |= hall_signals(h, _after(after, name), own[name], asked[name], heats[name])
        signals |= liquid_signals(self.liquid, {name: _after(after, name) for name in (*self.liquid.halls, *self.liquid.loops)}, own, wet, loops, exchanged)
        return packed, signals

    def _served(self, plant: str) -> list[str]:
        return [name for name, h in self.halls.items() if h.hall.plant == plant]

    def _heat(self, name: str, s: _Each, u: Mapping[str, Expr], asked: Mapping[str, Expr], duties: _Each, losses: Expr) -> dict[str, Expr]:
        """Returns what flows into and out of a hall's air: coil, fan, losses [kW], returning air and entering water [degC], water [kg/s], moisture."""
        hall = self.halls[name]
        plant = hall.hall.plant
        return_c, fan = hall.return_c(s[name], asked), hall.fan_kw(s[name], u)
        known = {"fan": fan, "losses": losses, "return_c": return_c}
        if plant is None:
            known |= {"coil": 0.0 * fan, "water_c": 1.0 * return_c, "water_kgs": 0.0 * fan}
        else:
            water_c, water = s[plant]["far_c"], duties[plant]["coils"] * asked["conductance"] / duties[plant]["load_conductance"]
            known |= {"coil": hall.coil_heat_kw(asked["air"], return_c, water, water_c, u), "water_c": water_c, "water_kgs": water}
        return known | hall.moisture.flows(s[name]["humidity"], asked["air"], known["coil"], dict(u) | known)

    def _losses_kw(self, it_kw: Expr) -> Expr:
        """Returns UPS, transformer, busway and lighting [kW]; all of it heats the halls."""
        if not self._it_capacity_kw:
            return 0.0
        e, capacity = self._electrical, self._it_capacity_kw
        ups = electrical.losses_kw(e.ups, e.ups_rated_share * capacity, it_kw)
        transformer = electrical.losses_kw(electrical.TRANSFORMER, e.transformer_rated_share * capacity, it_kw)
        return ups + transformer + e.busway_share * it_kw + e.lighting_share * capacity

    def _powers(self, asked: _Each, duties: _Each, heats: _Each, losses: Expr) -> dict[str, Expr]:
        """Returns electric power by category [kW]."""
        return {
            "chillers": sum((np.sum(d["chillers"]["power"]) for d in duties.values()), 0.0),
            "chw_pumps": sum((d["chw_pump_kw"] for d in duties.values()), 0.0),
            "cw_pumps": sum((d["cw_pump_kw"] for d in duties.values()), 0.0),
            "economiser_pumps": sum((d["plates_pump_kw"] for d in duties.values()), 0.0),
            "towers": sum((np.sum(d["cells"]["power"]) for d in duties.values()), 0.0),
            "heaters": sum((np.sum(d["cells"]["heaters"]) for d in duties.values()), 0.0),
            "crah_fans": sum((h["fan"] for h in heats.values()), 0.0),
            "humidity": sum((h["humidity_kw"] for h in heats.values()), 0.0),
            "electrical_losses": losses,
            "server_fans": sum((np.sum(d["server_fans"]) for d in asked.values()), 0.0),
            "it_without_fans": sum((np.sum(d["electronics"]) for d in asked.values()), 0.0),
        }

    def _counts(self, asked: _Each, duties: _Each, heats: _Each) -> dict[str, Expr]:
        """Returns what the counters count, a second."""
        return {
            "it_work_kwh": sum((d["work"] for d in asked.values()), 0.0) / _HOUR_S,
            "water_evaporated_kg": sum((np.sum(d["cells"]["evaporated"]) for d in duties.values()), 0.0),
            "water_blowdown_kg": sum((np.sum(d["cells"]["blowdown"]) for d in duties.values()), 0.0),
            "outside_curve_kwh": sum((np.sum(d["chillers"]["outside"]) for d in duties.values()), 0.0) / _HOUR_S,
            "process_kwh": sum((h["makeup"] for h in heats.values()), sum(p.truth.process_heat_kw for p in self.plants.values())) / _HOUR_S,
            "rejected_kwh": sum((p.rejected_kw(duties[name]) for name, p in self.plants.items()), 0.0) / _HOUR_S,
        }


def _added(one: Mapping[str, Expr], other: Mapping[str, Expr]) -> dict[str, Expr]:
    return dict(one) | {key: one.get(key, 0.0) + value for key, value in other.items()}


def _by_owner(view: Mapping[str, Expr]) -> dict[str, dict[str, Expr]]:
    owners: dict[str, dict[str, Expr]] = {"weather": {}}
    for name, value in view.items():
        owner, _, field = name.partition(".")
        owners.setdefault(owner, {})[field] = value
    return owners


def _after(after: Mapping[str, Expr], owner: str) -> dict[str, Expr]:
    return {name.partition(".")[2]: value for name, value in after.items() if name.startswith(f"{owner}.")}
