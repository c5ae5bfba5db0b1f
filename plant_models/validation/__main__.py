"""``python -m plant_models.validation``: measures the simulator against every target and writes the page; exit status 0 whatever it finds."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from plant_models.simulator.plant_file import load_plant_file
from plant_models.site.load import load_site
from plant_models.validation.cities import cross_check
from plant_models.validation.days import day_targets
from plant_models.validation.machines import machine_targets
from plant_models.validation.targets import page
from plant_models.validation.transients import transient_targets

_ROOT: Final = Path(__file__).parents[2]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Runs everything and writes the page."""
    parser = argparse.ArgumentParser(prog="python -m plant_models.validation", description="The simulator beside what an engineer expects, as a page.")
    parser.add_argument("--out", type=Path, default=Path("docs/validation.md"), metavar="FILE", help="the page (default %(default)s)")
    parser.add_argument("--weather", type=Path, default=Path("../shared/data/weather"), metavar="DIR", help="weather files of cities (default %(default)s)")
    parser.add_argument("--days", type=int, default=24, metavar="N", help="days of the year in each city; 0: no cities (default %(default)s)")
    given = parser.parse_args(arguments)
    config = _ROOT / "config"
    loaded = load_site(config / "reference-a", {})
    truth = load_plant_file(config / "reference-a" / "plant.toml", loaded.site)
    _say("machines")
    sections = [machine_targets()]
    _say("the plant in motion")
    sections.append(transient_targets(loaded, truth))
    sections.append(day_targets(config, _say))
    if given.days > 0:
        sections.append(cross_check(loaded, truth, given.weather, given.days, _say))
    given.out.write_text(page(sections, f"python -m plant_models.validation --days {given.days}") + "\n", encoding="utf-8")
    _say(f"written to {given.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
