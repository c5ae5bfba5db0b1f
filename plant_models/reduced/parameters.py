"""The reduced model's parameters: one frozen value for each plant and hall, kept in ``model.json`` with what they were fitted on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from plant_models.reduced.liquid_parameters import LoopParameters, TcsParameters
from plant_models.site.topology import Site

VERSION = 2
_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Bias = Annotated[float, Field(ge=-5, le=5, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class ModelFileError(Exception):
    """A model file that may not be used; ``problems`` says all that is wrong with it, a line each."""

    def __init__(self, path: Path, problems: tuple[str, ...]) -> None:
        """Takes the file and what is wrong with it."""
        self.problems = problems
        super().__init__("\n".join(f"{path}: {p}" for p in problems))


@dataclass(frozen=True)
class PlantParameters:
    """One chilled-water plant: loop, chillers together, towers together, pumps, economiser."""

    __pydantic_config__ = _STRICT
    supply_capacity_kj_per_k: _Positive
    return_capacity_kj_per_k: _Positive
    chws_tau_s: _Positive
    """Closed-loop time constant of the chillers' own temperature control."""
    chws_over_setpoint_k: _Bias
    """Where the chillers' own control settles: reading less setpoint."""
    chwr_bias_k: _Bias
    """Reading less what the heat balance asks for, the supply sensor taken as right."""
    bypass_flow_kgs: _NonNegative
    """Least flow of one running chiller; more than the coils ask for goes through the bypass."""
    chiller_capacity_kw: _NonNegative
    """Of one chiller, at 8 degC leaving and 24 degC condenser water."""
    stage_up_load_share: _Positive
    """Load over capacity at which the BAS adds a chiller, as seen in the data."""
    carnot_pinch_k: _NonNegative
    """Refrigerant beyond the leaving water, each side."""
    carnot_share: _NonNegative
    """Electric power over Carnot power, per unit of heat."""
    carnot_fixed_share: _NonNegative
    """Over Carnot power and Carnot ratio, per unit of running capacity: what part load costs at high lift."""
    chiller_load_share: _NonNegative
    """Electric power over heat and load share, whatever the lift."""
    chiller_standing_kw: _NonNegative
    """Of one running chiller."""
    condenser_capacity_kj_per_k: _Positive
    cws_tau_s: _Positive
    cws_over_setpoint_k: _Bias
    """Where the tower fans' own control settles: reading less setpoint."""
    condenser_flow_kgs: _Positive
    """Of one running condenser-water pump."""
    tower_reach_kgs: _Positive
    """Heat over enthalpy difference that one cell reaches at full fan speed and design water, at 24 degC returning water."""
    tower_fan_exponent: _Positive
    """How that grows with fan speed."""
    tower_water_exponent: _NonNegative
    """How it grows with the water over the cell."""
    tower_warm_exponent: _NonNegative
    """How it falls as saturated air holds more heat per kelvin."""
    tower_fan_linear_kw: _NonNegative
    tower_fan_cubic_kw: _NonNegative
    chw_pump_standing_kw: _NonNegative
    chw_pump_lift_kw: _NonNegative
    """Per (kg/s kPa) of flow times differential pressure setpoint."""
    chw_pump_pipe_kw: _NonNegative
    """Per (kg/s)^3 of flow: friction before the sensor that all water meets."""
    chw_pump_friction_kw: _NonNegative
    """Per (kg/s)^3 of flow and number of running chillers squared: friction in their evaporators."""
    cw_pump_kw: _NonNegative
    """Of one running condenser-water pump."""
    economiser_share: _Share
    """Effectiveness of the economiser on the chilled-water side."""
    economiser_flow_kgs: _NonNegative
    """Condenser water that the economiser draws beside the chillers'."""
    economiser_pump_kw: _NonNegative
    """Of the economiser's own pump, while in line."""
    economiser_partial_cws_c: float
    """Condenser water that the BAS asks of the towers while economiser and chillers share the load."""
    economiser_free_pinch_k: float
    """The same below the chilled-water setpoint while the economiser carries it alone."""
    coldest_cws_c: float
    """Coldest condenser water that the BAS asks of the towers."""
    free_approach_k: float
    """Chilled water above wet bulb from which the BAS trusts the economiser alone, at 15 degC wet bulb."""
    free_slope: float
    """The same, per kelvin of wet bulb below 15 degC."""
    shared_benefit_k: float
    """Return water above that from which the BAS puts the economiser in line."""
    lift_held_k: _NonNegative
    """Leaving condenser over leaving chilled water below which the BAS slows the tower fans."""


@dataclass(frozen=True)
class HallParameters:
    """The air of one hall with its CRAH group."""

    __pydantic_config__ = _STRICT
    air_flow_kgs: _Positive
    """Of all CRAHs at full speed."""
    fan_linear_kw: _NonNegative
    fan_cubic_kw: _NonNegative
    supply_tau_s: _Positive
    supply_over_setpoint_k: _Bias
    """Where the coil valves' own control settles: reading less setpoint."""
    inlet_tau_s: _Positive
    air_capacity_kj_per_k: _Positive
    mass_capacity_kj_per_k: _Positive
    mass_conductance_kw_per_k: _NonNegative
    coil_reach_share: _Share
    """Air-side effectiveness at endless water flow."""
    coil_flow_kgs: _Positive
    """Water flow at full fan speed that reaches half of that."""
    coil_flow_exponent: _NonNegative
    coil_open_flow_kgs: _Positive
    """Water flow with all valves open at the plant's largest differential pressure."""
    server_flow_kgs: _Positive
    """Air through the servers at full load and 25 degC inlet."""
    server_idle_share: _Share
    server_flow_per_k: _NonNegative
    recirculation_base_share: _NonNegative
    recirculation_slope: _NonNegative
    recirculation_onset: _Positive
    """Ratio of CRAH to server air below which hot air is drawn back to the hottest rack."""
    mean_inlet_share: _Share
    """Mean over hottest inlet, each above supply air."""
    heat_share: _NonNegative
    """Heat into the hall's air beside IT and fans (losses, lighting), over all IT power of the hall."""
    return_bias_k: _Bias
    """Reading of the return air less what the heat balance asks for."""
    it_per_k: _NonNegative
    """Relative rise of IT power with inlet temperature at 25 degC."""
    it_per_k_hot: _NonNegative
    """The same in addition, above 27 degC."""
    inlet_spread_k: _NonNegative
    """95 % of the hottest inlets a quarter hour ahead were less than this above the model."""
    air_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Of the racks' power, what the hall's air takes; the rest goes to technology water."""


@dataclass(frozen=True)
class SiteParameters:
    """Losses of the electrical chain, with lighting."""

    __pydantic_config__ = _STRICT
    losses_fixed_kw: _NonNegative
    losses_share: _NonNegative


@dataclass(frozen=True)
class Range:
    """Least and greatest value that the data showed, in the quantity's own unit."""

    __pydantic_config__ = _STRICT
    low: Annotated[float, Field(allow_inf_nan=False)]
    high: Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class FittedOn:
    """What the parameters come from: the data, their span in plant time [s], and the errors on days held back, by quantity."""

    __pydantic_config__ = _STRICT
    source: str
    first_s: float = 0.0
    last_s: float = 0.0
    rows: int = 0
    held_back: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class ReducedParameters:
    """All parameters of a site's reduced model."""

    __pydantic_config__ = _STRICT
    site: SiteParameters
    plants: Mapping[str, PlantParameters]
    halls: Mapping[str, HallParameters]
    fitted_on: FittedOn
    tcs: Mapping[str, TcsParameters] = field(default_factory=dict)
    """Of the halls that have technology water."""
    loops: Mapping[str, LoopParameters] = field(default_factory=dict)
    validity: Mapping[str, Range] = field(default_factory=dict)
    """Of each state, setpoint and disturbance; empty on a model from name plates."""
    version: Annotated[int, Field(ge=VERSION, le=VERSION)] = VERSION

    @property
    def digest(self) -> str:
        """Returns the SHA-256 of the parameters in their canonical text."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


_ADAPTER = TypeAdapter(ReducedParameters)


def save_parameters(parameters: ReducedParameters, path: Path) -> None:
    """Writes a model file, its digest included; the same parameters give the same bytes."""
    path.write_text(json.dumps({"digest": parameters.digest, **asdict(parameters)}, indent=1, sort_keys=True) + "\n")


def load_parameters(path: Path, site: Site) -> ReducedParameters:
    """Reads a model file for a site.

    Raises ModelFileError with all problems: no file, not JSON, a key or value that is not allowed, a plant, hall or loop missing or unknown, or a
    digest that does not match the content.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise ModelFileError(path, ("no such file; a model is made by `coldaisle identify`",)) from None
    except (OSError, ValueError) as error:
        raise ModelFileError(path, (f"cannot be read as JSON: {error}",)) from None
    if not isinstance(content, dict):
        raise ModelFileError(path, (f"holds {type(content).__name__}; allowed: a JSON object",))
    digest = content.pop("digest", None)
    try:
        parameters = _ADAPTER.validate_json(json.dumps(content))
    except ValidationError as error:
        raise ModelFileError(path, tuple(_in_words(e["loc"], e.get("input"), e["msg"]) for e in error.errors())) from None
    problems = [
        f"{kind}: {sorted(found)}; the site has {sorted(wanted)}"
        for kind, found, wanted in (
            ("plants", set(parameters.plants), {p.name for p in site.plant}),
            ("halls", set(parameters.halls), {h.name for h in site.hall}),
            ("tcs", set(parameters.tcs), {h.name for h in site.hall if h.liquid}),
            ("loops", set(parameters.loops), {loop.name for loop in site.facility_loop}),
        )
        if found != wanted
    ]
    if digest != parameters.digest:
        problems.append(f"digest: {digest!r} does not match the content, {parameters.digest!r}")
    if problems:
        raise ModelFileError(path, tuple(problems))
    return parameters


def _in_words(where: tuple[int | str, ...], value: object, allowed: str) -> str:
    shown = "" if isinstance(value, dict) else f" is {value!r}"
    return f"{'.'.join(str(w) for w in where)}{shown}: {allowed}"
