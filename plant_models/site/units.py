"""Units that devices speak, and how each turns into the unit of a signal; linear conversions only, no state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from safety.signals import Kind, Parts, Role

_WATER_KG_PER_L: Final = 0.9991  # water at 15 C, IAPWS-95; within 0.6 % between 0 and 35 C
_GPM_L_PER_S: Final = 3.785411784 / 60.0  # US gallon, NIST SP 811 appendix B
_PSI_KPA: Final = 6.894757293168361  # NIST SP 811 appendix B
_TON_KW: Final = 3.51685284  # 12,000 Btu_IT/h, NIST SP 811 appendix B
_BTU_H_KW: Final = 2.9307107e-4  # Btu_IT, NIST SP 811 appendix B


@dataclass(frozen=True, slots=True)
class Conversion:
    """A linear conversion: value in the signal's unit = number in the device's unit * factor + shift."""

    factor: float
    shift: float = 0.0


_SAME: Final = Conversion(1.0)
_KELVIN: Final = {"K": _SAME, "degC": _SAME, "degF": Conversion(5 / 9)}
_KPA: Final = {
    "kPa": 1.0,
    "Pa": 1e-3,
    "hPa": 0.1,
    "mbar": 0.1,
    "MPa": 1e3,
    "bar": 100.0,
    "psi": _PSI_KPA,
    "inH2O": 0.24908891,  # conventional inch of water at 4 C, NIST SP 811 appendix B
    "ftH2O": 2.98906692,  # conventional foot of water at 4 C, NIST SP 811 appendix B
}
_KGS: Final = {
    "kg/s": 1.0,
    "kg/h": 1 / 3600,
    "l/s": _WATER_KG_PER_L,
    "l/min": _WATER_KG_PER_L / 60,
    "l/h": _WATER_KG_PER_L / 3600,
    "m3/h": _WATER_KG_PER_L / 3.6,
    "m3/s": _WATER_KG_PER_L * 1000,
    "gpm": _WATER_KG_PER_L * _GPM_L_PER_S,
}
_KW: Final = {"kW": 1.0, "W": 1e-3, "MW": 1e3, "ton": _TON_KW, "Btu/h": _BTU_H_KW, "kBtu/h": _BTU_H_KW * 1e3}
_KWH: Final = {"kWh": 1.0, "Wh": 1e-3, "MWh": 1e3, "MJ": 1 / 3.6, "GJ": 1e3 / 3.6, "ton.h": _TON_KW, "kBtu": _BTU_H_KW * 1e3}


def _factors(table: Mapping[str, float], unit_is: float = 1.0) -> dict[str, Conversion]:
    return {unit: Conversion(factor / unit_is) for unit, factor in table.items()}


CONVERSIONS: Final[Mapping[str, Mapping[str, Conversion]]] = {
    "degC": {"degC": _SAME, "degF": Conversion(5 / 9, -160 / 9), "K": Conversion(1.0, -273.15)},
    "K": _KELVIN,
    "kPa": _factors(_KPA),
    "Pa": _factors(_KPA, unit_is=_KPA["Pa"]),
    "kg/s": _factors(_KGS),
    "kW": _factors(_KW),
    "kWh": _factors(_KWH),
    "%": {"%": _SAME, "1": Conversion(100.0)},
    "s": {"s": _SAME, "ms": Conversion(1e-3), "min": Conversion(60.0), "h": Conversion(3600.0)},
    "1": {"1": _SAME},
}
"""By the signal's unit, then the device's. In a difference [K], degC and degF are steps of those scales; volume flows are of water."""

ENUM: Final = "enum:"


def unit_of_signal(parts: Parts) -> str:
    """Returns the unit that a signal's value has: that of its quantity, "1" for an authority point."""
    return "1" if parts.role is Role.AUTHORITY else parts.quantity.unit


def may_be_enumerated(parts: Parts) -> bool:
    """Returns whether a signal's values are codes with names, so that its unit may be an ``enum:``."""
    return parts.role is Role.AUTHORITY or parts.quantity.kind is Kind.STATE


def conversion(device_unit: str, signal_unit: str) -> Conversion:
    """Returns how a number in the device's unit turns into the signal's.

    An ``enum:`` unit has no conversion: its codes are the value. Raises ValueError, naming the units allowed, where there is no conversion.
    """
    if device_unit.startswith(ENUM):
        return _SAME
    known = CONVERSIONS[signal_unit]
    if device_unit not in known:
        raise ValueError(f"unit {device_unit!r} does not convert to {signal_unit}; allowed: {', '.join(known)}")
    return known[device_unit]


def parse_enumeration(unit: str) -> dict[int, str]:
    """Takes ``enum:0=hand|1=local`` apart into names by code.

    Raises ValueError for a code that is not a whole number from 0 to 65535, an empty name, or either given twice.
    """
    names: dict[int, str] = {}
    for entry in unit.removeprefix(ENUM).split("|"):
        code, equals, name = (part.strip() for part in entry.partition("="))
        if not (equals and name and code.isascii() and code.isdigit() and len(code) <= 5 and int(code) <= 0xFFFF):
            raise ValueError(f"{entry!r} is not code=name with a code from 0 to 65535")
        if int(code) in names or name in names.values():
            raise ValueError(f"{entry!r} gives a code or a name twice")
        names[int(code)] = name
    return names
