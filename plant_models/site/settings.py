"""Reads ``site.toml`` and the environment into a draft of the site: what fits its types, and every problem with what does not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, TomlConfigSettingsSource

from plant_models.site.allowed import hint_at, in_words, keys_of
from plant_models.site.problems import Problem, read_text, shown
from plant_models.site.topology import About, Site

FILE: Final = "site.toml"
PREFIX: Final = "COLDAISLE_"
SECTIONS: Final[Mapping[str, Any]] = {name: hint for name, hint in get_type_hints(Site, include_extras=True).items() if name != "directory"}

_ROWS_MOST: Final = 100  # of a hall, where the file does not say how many


@dataclass(frozen=True, slots=True)
class Draft:
    """A site as far as it could be understood: a refused section has its defaults, a refused machine, device or setpoint is left out.

    ``refused`` are the sections with problems, ``lost`` those of which nothing is known, ``dropped`` the names of what was left out: so that
    one mistake is reported once, not again wherever something refers to it.
    """

    site: Site
    refused: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the environment sets, as nested tables, and which variable set it, by path."""

    values: Mapping[str, Any]
    variables: Mapping[tuple[str, ...], str]


def read_site(directory: Path, environ: Mapping[str, str]) -> tuple[Draft | None, list[Problem]]:
    """Returns a draft of the site and all problems of ``site.toml`` and the environment; no draft where the file cannot be read at all."""
    _, unreadable = read_text(directory / FILE)
    if unreadable:
        return None, unreadable
    overrides = overrides_of(environ)
    try:
        raw = _merged(directory / FILE, overrides)
    except ValueError as error:  # tomllib's own error is one
        return None, [Problem(FILE, str(error).replace("\n", " "), "TOML 1.0")]
    except RecursionError:
        return None, [Problem(FILE, "is nested too deep", "at most a few levels of tables")]
    return _Reader(overrides).draft(raw, directory)


def overrides_of(environ: Mapping[str, str]) -> Overrides:
    """Returns what ``COLDAISLE_SECTION__KEY`` variables set; a value that reads as JSON is that, any other is text."""
    values: dict[str, Any] = {}
    variables: dict[tuple[str, ...], str] = {}
    for name in sorted(n for n in environ if n.startswith(PREFIX) and n != PREFIX):
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        value = _parsed(environ[name])
        variables |= dict.fromkeys(_leaves(path, value), name)
        for step in reversed(path):
            value = {step: value}
        values = _deeply(values, value)
    return Overrides(values, variables)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _leaves(path: tuple[str, ...], value: Any) -> Iterable[tuple[str, ...]]:
    if not (isinstance(value, dict) and value):
        return [path]
    return [leaf for key, inner in value.items() for leaf in _leaves((*path, key), inner)]


def _deeply(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {key for key in above if isinstance(below.get(key), dict) and isinstance(above[key], dict)}
    return below | above | {key: _deeply(below[key], above[key]) for key in both}


def _merged(file: Path, overrides: Overrides) -> dict[str, Any]:
    """Returns the tables of the file with the overrides merged into them, not yet checked."""

    class Merged(BaseSettings, extra="allow"):
        """All sections, unchecked: they are checked one by one, so that one wrong section hides nothing of another."""

        @classmethod
        def settings_customise_sources(cls, settings_cls: type[BaseSettings], *_: Any, **__: Any) -> tuple[PydanticBaseSettingsSource, ...]:
            return InitSettingsSource(settings_cls, dict(overrides.values)), TomlConfigSettingsSource(settings_cls, file)

    return dict(Merged().model_extra or {})


class _Reader:
    """Checks sections one by one and gathers what fits, what is refused and why."""

    def __init__(self, overrides: Overrides) -> None:
        self._variables = overrides.variables
        self._problems: list[Problem] = []
        self._refused: set[str] = set()
        self._lost: set[str] = set()
        self._dropped: set[str] = set()

    def draft(self, raw: Mapping[str, Any], directory: Path) -> tuple[Draft, list[Problem]]:
        """Returns the draft of a site and everything that is wrong with its tables."""
        for name in raw.keys() - SECTIONS.keys():
            self._unknown(name, raw[name])
        fits: dict[str, Any] = {}
        for name, hint in SECTIONS.items():
            value = self._section(name, hint, raw.get(name, {} if name == "site" else None))
            if value is not None:
                fits[name] = value
        site = Site(**{"site": About(name="unknown"), **fits, "directory": directory})
        return Draft(site, frozenset(self._refused), frozenset(self._lost), frozenset(self._dropped)), self._problems

    def _unknown(self, name: str, value: Any) -> None:
        """Refuses a section that is not known; what is named in it is taken as declared, since it is probably a misspelt section."""
        from_environment = self._variable((name,)) is not None
        self._refuse((name,), "not a section" if from_environment else f"{shown(value)} is not a section", ", ".join(SECTIONS))
        self._drop_names(value)

    def _section(self, name: str, hint: Any, value: Any) -> Any:
        if value is None:
            return None
        origin = get_origin(hint)
        if origin is None:
            return self._checked(hint, value, (name,))
        if origin is tuple:
            return self._machines(name, get_args(hint)[0], value)
        return self._tables(name, get_args(hint), value)

    def _machines(self, name: str, hint: Any, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            self._refuse((name,), shown(value), f"an array of tables, each headed [[{name}]]")
            self._lost.add(name)
            return None
        checked = []
        for index, entry in enumerate(value):
            one = self._checked(hint, entry, (name, _label(entry, index)))
            if one is None:
                self._drop_names([entry])
            else:
                checked.append(one)
        return tuple(checked)

    def _tables(self, name: str, hints: Sequence[Any], value: Any) -> Any:
        if not isinstance(value, Mapping):
            self._refuse((name,), shown(value), f"tables, each headed [{name}.NAME]")
            self._lost.add(name)
            return None
        checked: dict[str, Any] = {}
        for key, entry in value.items():
            proper = self._checked(hints[0], key, (name, key))
            one = self._checked(hints[1], entry, (name, key))
            if proper is None or one is None:
                self._dropped.add(key)
            else:
                checked[key] = one
        return checked

    def _checked(self, hint: Any, value: Any, path: tuple[str, ...]) -> Any:
        try:
            return TypeAdapter(hint).validate_python(value)
        except ValidationError as error:
            for one in error.errors(include_url=False):
                self._explain(hint, path, one)
        return None

    def _explain(self, hint: Any, path: tuple[str, ...], error: Any) -> None:
        inside: tuple[Any, ...] = error["loc"]
        if error["type"] == "unexpected_keyword_argument":
            self._refuse((*path, *inside), "not a key", ", ".join(keys_of(hint_at(hint, inside[:-1]))))
            return
        seen = "missing" if error["type"] == "missing" else shown(error["input"])
        allowed = hint_at(hint, inside)
        self._refuse((*path, *inside), seen, error["msg"] if allowed is None else in_words(allowed))

    def _refuse(self, path: tuple[Any, ...], seen: str, allowed: str) -> None:
        self._refused.add(path[0])
        variable = self._variable(path)
        self._problems.append(Problem(f"environment {variable}, {_written(path)}" if variable else f"{FILE}: {_written(path)}", seen, allowed))

    def _variable(self, path: tuple[Any, ...]) -> str | None:
        """Returns the variable that set what stands at a path, or something within it."""
        around = (self._variables[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._variables)
        within = (variable for leaf, variable in self._variables.items() if leaf[: len(path)] == path)
        return next(around, None) or next(within, None)

    def _drop_names(self, value: Any) -> None:
        if isinstance(value, Mapping):
            self._dropped |= {str(key) for key in value}
        for entry in value if isinstance(value, list | tuple) else ():
            name = entry.get("name") if isinstance(entry, Mapping) else None
            if isinstance(name, str):
                self._dropped |= {name, *(f"{name}-r{i + 1:02d}" for i in range(_ROWS_MOST))}


def _label(entry: Any, index: int) -> str:
    """Returns how a message points at one of an array's tables: by its name, or by its number counted from 1."""
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return f"[{name}]" if isinstance(name, str) and name else f"[number {index + 1}]"


def _written(path: tuple[Any, ...]) -> str:
    """Returns a path as TOML writes it: ``timing.cycle_s``, ``chiller[ch-1].capacity_kw``, ``setpoint."plant.chws_setpoint_c".low``."""
    text = str(path[0])
    for step in path[1:]:
        word = str(step)
        if word.startswith("["):
            text += word
        elif isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f'."{word}"' if "." in word else f".{word}"
    return text
