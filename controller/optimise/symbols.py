"""The reduced parameters as one flat list of numbers, and as a tree of symbols in the same order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import TypeVar

from plant_models.reduced.liquid_parameters import LoopParameters, TcsParameters
from plant_models.reduced.parameters import HallParameters, PlantParameters, ReducedParameters, SiteParameters
from plant_models.reduced.smooth import Value

_Part = TypeVar("_Part", SiteParameters, PlantParameters, HallParameters, TcsParameters, LoopParameters)


def flatten(parameters: ReducedParameters) -> dict[str, float]:
    """Returns every parameter by a name of its own, ``plants.plant.carnot_share``, in a fixed order."""
    flat: dict[str, float] = {}

    def note(name: str, value: float) -> Value:
        flat[name] = value
        return value

    _rebuilt(parameters, note)
    return flat


def symbolic(parameters: ReducedParameters, symbol: Callable[[str], Value]) -> ReducedParameters:
    """Returns the same tree with a symbol in each number's place; ``symbol`` is called in the order of ``flatten``."""
    return _rebuilt(parameters, lambda name, _: symbol(name))


def _rebuilt(parameters: ReducedParameters, make: Callable[[str, float], Value]) -> ReducedParameters:
    site = _part("site", parameters.site, make)
    plants = {name: _part(f"plants.{name}", part, make) for name, part in parameters.plants.items()}
    halls = {name: _part(f"halls.{name}", part, make) for name, part in parameters.halls.items()}
    tcs = {name: _part(f"tcs.{name}", part, make) for name, part in parameters.tcs.items()}
    loops = {name: _part(f"loops.{name}", part, make) for name, part in parameters.loops.items()}
    return replace(parameters, site=site, plants=plants, halls=halls, tcs=tcs, loops=loops)


def _part(name: str, part: _Part, make: Callable[[str, float], Value]) -> _Part:
    return replace(part, **{f.name: make(f"{name}.{f.name}", getattr(part, f.name)) for f in fields(part)})
