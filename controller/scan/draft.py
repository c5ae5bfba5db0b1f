"""Turns what a scan found into a draft of ``points.csv``: one row a point, a guessed signal where the names allow it, else a placeholder for a person."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from controller.scan import Found, Survey
from controller.scan.guess import Guess, guess
from plant_models.site.table import COLUMNS, PLACEHOLDER
from plant_models.site.units import CONVERSIONS, unit_of_signal
from safety.signals import Parts, Role, parse

STALE_AFTER_S: Final = 30
_SPELT: Final[Mapping[str, str]] = {
    "°c": "degC",
    "℃": "degC",
    "c": "degC",
    "deg c": "degC",
    "cel": "degC",
    "°f": "degF",
    "℉": "degF",
    "deg f": "degF",
    "kelvin": "K",
    "percent": "%",
    "%rh": "%",
    "l/s": "l/s",
    "l/min": "l/min",
    "m³/h": "m3/h",
    "m^3/h": "m3/h",
    "m³/s": "m3/s",
    "gal/min": "gpm",
    "us gpm": "gpm",
    "rt": "ton",
    "tr": "ton",
    "sec": "s",
    "inwc": "inH2O",
    "degrees-celsius": "degC",
    "degrees-fahrenheit": "degF",
    "degrees-kelvin": "K",
    "delta-degrees-kelvin": "K",
    "percent-relative-humidity": "%",
    "kilowatts": "kW",
    "watts": "W",
    "megawatts": "MW",
    "kilowatt-hours": "kWh",
    "tons-refrigeration": "ton",
    "kilopascals": "kPa",
    "pascals": "Pa",
    "bars": "bar",
    "pounds-force-per-square-inch": "psi",
    "inches-of-water": "inH2O",
    "liters-per-second": "l/s",
    "liters-per-minute": "l/min",
    "cubic-meters-per-hour": "m3/h",
    "cubic-meters-per-second": "m3/s",
    "us-gallons-per-minute": "gpm",
    "seconds": "s",
    "in.wc": "inH2O",
}
_OURS: Final = {unit.lower(): unit for table in CONVERSIONS.values() for unit in table} | {"mw": "MW", "mwh": "MWh"}
_CODES: Final[Mapping[str, str]] = {
    "authority": "enum:0=hand|1=local|2=remote",
    "machine_state": "enum:0=off|1=starting|2=running|3=stopping|4=failed|5=locked_out",
    "economiser_state": "enum:0=off|1=partial|2=full",
}


@dataclass(frozen=True)
class Draft:
    """The rows of a draft by column, how many have a guessed signal, and why the others have none, with their numbers."""

    rows: tuple[Mapping[str, str], ...]
    guessed: int
    reasons: Mapping[str, int]

    @property
    def text(self) -> str:
        """Returns the draft as the text of a ``points.csv``."""
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue()


def our_unit(stated: str) -> str:
    """Returns a device's unit in the spelling of the table of points; one that is not known stays as it is."""
    plain = stated.strip()
    if plain in _OURS.values():
        return plain
    low = plain.lower()
    return _SPELT.get(low) or _OURS.get(low) or plain


def draft_of(surveys: Sequence[Survey]) -> Draft:
    """Drafts the rows of everything found; a signal that more than one point would be is left to a person for all of them."""
    found = [(survey.device, point) for survey in surveys for point in survey.points]
    guesses = [guess(point.names, our_unit(point.unit), point.writable) for _, point in found]
    times = Counter(g.signal for g in guesses if g.signal)
    guesses = [Guess(None, f"would be {g.signal}, as would another point") if g.signal and times[g.signal] > 1 else g for g in guesses]
    rows = tuple(_row(device, point, g) for (device, point), g in zip(found, guesses, strict=True))
    reasons = Counter("no names" if not point.names else g.why for (_, point), g in zip(found, guesses, strict=True) if g.signal is None)
    return Draft(rows, sum(g.signal is not None for g in guesses), dict(reasons))


def _row(device: str, point: Found, guessed: Guess) -> dict[str, str]:
    parts = parse(guessed.signal) if guessed.signal else None
    stated = our_unit(point.unit)
    notes = [f"scan:writable={'yes' if point.writable else 'no'}"]
    notes += ["scan:not-readable"] if not point.readable else []
    notes += [f"scan:shown={point.shown}"] if point.shown else []
    notes += ["scan:unit-assumed"] if parts is not None and not stated else []
    notes += [f"scan:hint={point.hint}"] if point.hint else []
    notes += [f"scan:why={guessed.why}"] if guessed.why and point.names else []
    access = _access(point, parts)
    return {
        "signal": guessed.signal or f"{PLACEHOLDER}{'/'.join(point.names) or point.address}",
        "protocol": point.protocol,
        "device": device,
        "address": point.address,
        "type": point.type,
        "word_order": "",
        "scale": "1",
        "offset": "0",
        "unit": _unit(parts, stated),
        "access": access,
        "stale_after_s": str(STALE_AFTER_S) if "r" in access else "",
        "plausible_low": "",
        "plausible_high": "",
        "write_class": "",
        "tags": " ".join("_".join(note.split()) for note in notes),
    }


def _access(point: Found, parts: Parts | None) -> str:
    """Returns what the daemon may do: it writes requests and its own points only, whatever else can be written."""
    ours = parts is not None and (parts.role is Role.REQUEST or parts.equipment == "daemon")
    if not ours:
        return "r"
    return "rw" if point.readable else "w"


def _unit(parts: Parts | None, stated: str) -> str:
    if parts is None:
        return stated or "1"
    code = _CODES.get("authority" if parts.role is Role.AUTHORITY else parts.quantity.name)
    return code or stated or unit_of_signal(parts)


def as_json(surveys: Sequence[Survey], draft: Draft) -> dict[str, Any]:
    """Returns what was found as plain values."""
    return {
        "points": len(draft.rows),
        "guessed": draft.guessed,
        "not_guessed": dict(draft.reasons),
        "devices": {
            s.device: {"answered": s.answered, **s.settings, "points": len(s.points), "requests": s.requests, "remarks": list(s.remarks), **s.details}
            for s in surveys
        },
        "rows": list(draft.rows),
    }


def site_toml(surveys: Sequence[Survey]) -> str:
    """Returns the tables for ``site.toml`` that declare the devices which answered."""
    lines: list[str] = []
    for survey in surveys:
        if survey.answered and not survey.declared:
            lines += [f"[device.{survey.device}]", *(f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v}" for k, v in survey.settings.items()), ""]
    return "\n".join(lines)
