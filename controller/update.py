"""``coldaisle identify --update``: keeps the model of a site true as its machines age, by a bounded step a day, and says when that no longer suffices."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from controller.encode import plain
from controller.history import history_of
from controller.identify import IdentifyError, Outcome
from controller.journal import JournalError
from controller.parquet import ParquetError
from controller.rollout.versions import Versions
from controller.upkeep import MEMORY, Kept, remembered, status
from plant_models.reduced.daily import DAY_S, daily_kwh
from plant_models.reduced.drift import follow, updated
from plant_models.reduced.judge import COOLING, FACILITY, judge, misses
from plant_models.reduced.parameters import ModelFileError, ReducedParameters, load_parameters, save_parameters
from plant_models.reduced.simulate import series_of
from plant_models.reduced.table import Data, IdentificationError, prepare
from plant_models.site.load import LoadedSite

_JUDGED_DAYS: Final = 3  # the latest whole ones, by which an updated model is accepted


def update_site(loaded: LoadedSite, files: Sequence[Path]) -> Outcome:
    """Follows the days of the data that are new, and keeps the updated model as a signed version if it is accepted on the latest of them.

    It is not taken: a person does that, with ``coldaisle rollback model --to``. Raises IdentifyError where data or model cannot be used.
    """
    site, directory = loaded.site, loaded.site.persistence.directory
    path = site.directory / site.optimiser.model
    try:
        identified = load_parameters(path, site)
        before = remembered(directory)
        before = before if before is not None and before.model == identified.digest else Kept(identified.digest)
        data = prepare(site, history_of(files, site, before.until_s - _JUDGED_DAYS * DAY_S), 1.0, 1)
    except (JournalError, ParquetError, IdentificationError, ModelFileError) as error:
        raise IdentifyError(str(error)) from error
    days = daily_kwh(data, identified, before.until_s)
    if not days:
        raise IdentifyError(f"no whole day after {_at(before.until_s)} in the data; an update takes whole days (UTC) that it has not seen")
    upkeep = before.upkeep
    for day in days:
        upkeep = follow(upkeep, day.measured, day.identified)
    model = _named(updated(identified, upkeep), identified, days[-1].began_s)
    errors, missed = _judged(data, model, days[-1].began_s + DAY_S)
    kept = Kept(identified.digest, days[-1].began_s + DAY_S, upkeep, before.version)
    directory.mkdir(parents=True, exist_ok=True)
    if not missed:
        kept = replace(kept, version=_keep(model, path.name, directory))
    new = directory / f"{MEMORY}.new"
    new.write_text(json.dumps(plain(kept)))
    new.replace(directory / MEMORY)
    result = {"published": not missed, "days": len(days), "held_back": errors, "missed": list(missed), **status(directory)}
    return Outcome(not missed, result, _text(result))


def _named(model: ReducedParameters, identified: ReducedParameters, began_s: float) -> ReducedParameters:
    on = identified.fitted_on
    return replace(model, fitted_on=replace(on, source=f"{on.source}; powers followed until {_at(began_s + DAY_S)}"))


def _judged(data: Data, model: ReducedParameters, until_s: float) -> tuple[dict[str, dict[str, float]], tuple[str, ...]]:
    """Returns the updated model's errors of power on the latest whole days, and what keeps it from being kept."""
    at_s = data["at_s"]
    latest = (at_s >= until_s - _JUDGED_DAYS * DAY_S) & (at_s < until_s)
    errors = judge(data, model, series_of(data, model), latest)
    powers: dict[str, dict[str, float]] = {quantity: errors[quantity] for quantity in (COOLING, FACILITY) if quantity in errors}
    return powers, misses(powers, float(latest.sum()) * data.step_s / DAY_S)


def _keep(model: ReducedParameters, name: str, directory: Path) -> str:
    scratch = directory / f"{name}.updated"
    save_parameters(model, scratch)
    content = scratch.read_bytes()
    scratch.unlink()
    return Versions(directory / "versions").keep("model", {name: content})


def _at(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="minutes")


def _text(result: Mapping[str, Any]) -> str:
    errors = [f"  {quantity}: " + ", ".join(f"{name} {value:.4f}" for name, value in each.items()) for quantity, each in result["held_back"].items()]
    factors = [f"  {group}: {factor:.3f} of the identified model's power" for group, factor in result["factors"].items()]
    if result["published"]:
        head = [f"kept as model version {result['version'][:12]}; take it: coldaisle rollback model --to {result['version'][:12]} --reason WHY"]
    else:
        head = ["not kept; the model in use stays:", *(f"  {m}" for m in result["missed"])]
    drifted = [f"DRIFTED, identify again: {', '.join(result['drifted'])}"] if result["drifted"] else []
    return "\n".join([f"{result['days']} days followed", *factors, *drifted, *head, "errors of power on the latest days:", *errors])
