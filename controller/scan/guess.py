"""Guesses a signal of the vocabulary from the names that lead to a point; what is not plain from its names is left to a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from plant_models.site.units import conversion, unit_of_signal
from safety.signals import Role, parse, point

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MEANS: Final[dict[str, tuple[str, ...]]] = {
    "temperature": ("temp",),
    "tmp": ("temp",),
    "sp": ("setpoint",),
    "spt": ("setpoint",),
    "stpt": ("setpoint",),
    "setpt": ("setpoint",),
    "chilled": ("chw",),
    "chws": ("chw", "supply"),
    "chwst": ("chw", "supply", "temp"),
    "chwr": ("chw", "return"),
    "chwrt": ("chw", "return", "temp"),
    "condenser": ("cw",),
    "cond": ("cw",),
    "cws": ("cw", "supply"),
    "cwst": ("cw", "supply", "temp"),
    "cwr": ("cw", "return"),
    "cwrt": ("cw", "return", "temp"),
    "leaving": ("supply",),
    "entering": ("return",),
    "sat": ("supply", "temp"),
    "rat": ("return", "temp"),
    "differential": ("dp",),
    "diff": ("dp",),
    "humidity": ("rh",),
    "pwr": ("power",),
    "spd": ("speed",),
    "vlv": ("valve",),
    "wb": ("wetbulb",),
    "db": ("drybulb",),
    "oat": ("outside", "temp"),
    "oa": ("outside",),
    "outdoor": ("outside",),
    "outside": ("outside",),
    "ambient": ("outside",),
    "sts": ("state",),
    "status": ("state",),
    "crac": ("crah",),
    "flowrate": ("flow",),
    "dew": ("dewpoint",),
}
_PAIRS: Final = {("set", "point"): "setpoint", ("wet", "bulb"): "wetbulb", ("dry", "bulb"): "drybulb", ("run", "state"): "state"}
_EQUIPMENT: Final = (
    (re.compile(r"(?:chiller|chlr|ch)([0-9]+)"), "ch-{}", "chiller"),
    (re.compile(r"(?:coolingtower|tower|ct)([0-9]+)"), "ct-{}", "tower"),
    (re.compile(r"(?:datahall|hall|dh)([0-9]+|[a-z])(?![a-z])"), "hall-{}", "hall"),
)
_ROLES: Final = {
    Role.REQUEST: {"request", "req", "requested", "command", "cmd"},
    Role.EFFECTIVE: {"effective", "eff", "actual", "active", "used"},
    Role.AUTHORITY: {"authority", "auth"},
}
_RULES: Final[tuple[tuple[frozenset[str], str, str], ...]] = tuple(
    (frozenset(words.split()), where, quantity)
    for words, where, quantity in (
        ("wetbulb", "weather", "oa_wetbulb_c"),
        ("drybulb", "weather", "oa_drybulb_c"),
        ("outside temp", "weather", "oa_drybulb_c"),
        ("chw supply setpoint", "plant", "chws_setpoint_c"),
        ("chw dp setpoint", "plant", "chw_dp_setpoint_kpa"),
        ("cw supply setpoint", "plant", "cws_setpoint_c"),
        ("supply setpoint", "hall", "crah_supply_setpoint_c"),
        ("fan setpoint", "hall", "crah_fan_setpoint_pct"),
        ("chw supply temp", "plant chiller", "chws_temp_c"),
        ("chw return temp", "plant", "chwr_temp_c"),
        ("cw return temp", "plant chiller", "cwr_temp_c"),
        ("cw supply temp", "plant", "cws_temp_c"),
        ("basin temp", "tower", "basin_temp_c"),
        ("chw flow", "plant", "chw_flow_kgs"),
        ("cw flow", "plant", "cw_flow_kgs"),
        ("evaporator flow", "chiller", "evaporator_flow_kgs"),
        ("chw flow", "chiller", "evaporator_flow_kgs"),
        ("cw flow", "chiller", "condenser_flow_kgs"),
        ("chw dp", "plant", "chw_dp_kpa"),
        ("inlet max", "hall", "rack_inlet_max_c"),
        ("it load", "hall", "it_load_kw"),
        ("it power", "hall", "it_load_kw"),
        ("fan power", "hall", "crah_fan_power_kw"),
        ("supply temp", "hall", "crah_supply_temp_c"),
        ("return temp", "hall", "crah_return_temp_c"),
        ("dewpoint", "hall", "room_dewpoint_c"),
        ("rh", "hall", "room_rh_pct"),
        ("fan speed", "hall", "crah_fan_pct"),
        ("valve", "hall", "crah_valve_pct"),
        ("fan speed", "tower", "fan_pct"),
        ("facility power", "site", "facility_power_kw"),
        ("power", "chiller tower", "power_kw"),
        ("load", "chiller", "load_pct"),
        ("state", "chiller tower", "machine_state"),
    )
)
"""Words that must all be there, the sort of equipment, and the quantity; the first that fits decides, so the more particular ones stand first."""
_UNSURE: Final = frozenset({"alarm", "fault", "limit", "high", "low", "min", "average", "avg", "hours", "total", "count", "counter", "starts", "enable", "row"})
"""Words of points that are about a quantity without being it."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a point may be: a signal, or none and why."""

    signal: str | None
    why: str = ""


def guess(names: Sequence[str], unit: str, writable: bool) -> Guess:
    """Returns the signal that names, the device's unit (in our spelling, "" where none is stated) and access speak for.

    A name that is a signal already is taken as it stands.
    """
    for name in reversed(names):
        try:
            parts = parse(name)
        except ValueError:
            continue
        whole = "setpoint" not in parts.quantity.name or parts.role is not None
        return Guess(name) if whole else Guess(None, f"would be {name}, but which of its points is not said")
    words = _words(names)
    sort, equipment = _equipment(names, words)
    if sort is None or equipment is None:
        return Guess(None, "no equipment in its names")
    if words & _UNSURE:
        return Guess(None, f"its names speak of {', '.join(sorted(words & _UNSURE))}")
    found = next((quantity for needed, where, quantity in _RULES if needed <= words and sort in where.split()), None)
    if found is None or ("setpoint" in words and "setpoint" not in found):
        return Guess(None, "no quantity in its names")
    signal = f"{equipment}.{found}"
    if "setpoint" in found:
        role = next((role for role, said in _ROLES.items() if words & said), Role.REQUEST if writable else Role.EFFECTIVE)
        if role is Role.REQUEST and not writable:
            return Guess(None, f"would be {point(signal, role)}, but cannot be written")
        signal = point(signal, role)
    return _in_unit(signal, unit)


def _in_unit(signal: str, unit: str) -> Guess:
    try:
        conversion(unit or unit_of_signal(parse(signal)), unit_of_signal(parse(signal)))
    except ValueError:
        return Guess(None, f"would be {signal}, but is in {unit}")
    return Guess(signal)


def _words(names: Sequence[str]) -> frozenset[str]:
    """Returns what the words of all names mean; numbers are left out."""
    said = [word.lower() for name in names for word in _WORDS.findall(name)]
    joined = {word for pair, word in _PAIRS.items() if any(tuple(said[i : i + 2]) == pair for i in range(len(said)))}
    return frozenset(joined | {means for word in said for means in _MEANS.get(word, (word,))})


def _equipment(names: Sequence[str], words: frozenset[str]) -> tuple[str | None, str | None]:
    """Returns the sort of equipment and its name as the vocabulary writes it."""
    flat = [re.sub(r"[^A-Za-z0-9]", "", name) for name in names]
    for pattern, written, sort in _EQUIPMENT:
        for name in reversed(flat):
            spaced = re.sub(r"(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])", " ", name)
            pieces = spaced.split()
            for start in range(len(pieces)):
                found = pattern.match("".join(pieces[start : start + 2]).lower())
                if found:
                    return sort, written.format(found[1].lstrip("0") or "0")
    if words & {"outside", "wetbulb", "drybulb"}:
        return "weather", "weather"
    if words & {"chw", "cw"}:
        return "plant", "plant"
    return ("site", "site") if "facility" in words else (None, None)
