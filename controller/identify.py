"""``coldaisle identify``: recorded readings in, a published model file or the reasons why there is none out. Fits nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from controller.history import history_of
from controller.journal import JournalError
from controller.parquet import ParquetError
from plant_models.reduced.identify import IdentificationError, Identified, identify
from plant_models.reduced.parameters import save_parameters
from plant_models.site.load import LoadedSite


class IdentifyError(Exception):
    """Data that cannot be used, with every problem, one a line."""


@dataclass(frozen=True)
class Outcome:
    """What the command prints, as JSON and as text, and whether a model was written."""

    published: bool
    result: Mapping[str, Any]
    text: str


def identify_site(loaded: LoadedSite, files: Sequence[Path], out: Path | None) -> Outcome:
    """Identifies a site's model and writes it to ``out`` (default: the file that site.toml names) if it is accepted; else that file stays as it was.

    Raises IdentifyError where the data cannot be used.
    """
    path = out or loaded.site.directory / loaded.site.optimiser.model
    try:
        found = identify(loaded.site, history_of(files, loaded.site), ", ".join(f.name for f in files))
    except (JournalError, ParquetError, IdentificationError) as error:
        raise IdentifyError(str(error)) from error
    if not found.missed:
        save_parameters(found.parameters, path)
    return Outcome(not found.missed, _result(found, path), _text(found, path))


def _result(found: Identified, path: Path) -> dict[str, Any]:
    return {
        "published": not found.missed,
        "model": str(path) if not found.missed else None,
        "digest": found.parameters.digest,
        "held_back": found.held_back,
        "missed": list(found.missed),
        "notes": list(found.notes),
        "validity": {name: asdict(r) for name, r in found.parameters.validity.items()},
    }


def _text(found: Identified, path: Path) -> str:
    errors = [f"  {quantity}: " + ", ".join(f"{name} {value:.4f}" for name, value in each.items()) for quantity, each in found.held_back.items()]
    head = f"not published, {path} stays as it was:" if found.missed else f"wrote {path}"
    return "\n".join([head, *(f"  {m}" for m in found.missed), "errors on days held back:", *errors, *found.notes])
