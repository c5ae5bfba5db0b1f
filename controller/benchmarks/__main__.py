"""``python -m controller.benchmarks``: measures, and writes bench.json; progress goes to stderr."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from controller.benchmarks.peers import ToolError


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _fieldbus() -> dict[str, Any]:
    from controller.benchmarks.fieldbus import measure

    return asyncio.run(measure(_say))


def _simulator() -> dict[str, Any]:
    from controller.benchmarks.simulator import measure

    return measure(_say)


def _daemon() -> dict[str, Any]:
    from controller.benchmarks.daemon import measure

    return measure(_say)


def _optimiser() -> dict[str, Any]:
    from controller.benchmarks.optimiser import measure

    return measure(_say)


SECTIONS: Final[dict[str, Callable[[], dict[str, Any]]]] = {"simulator": _simulator, "fieldbus": _fieldbus, "optimiser": _optimiser, "daemon": _daemon}
NOT_MEASURED: Final = {"residual": "no learned correction is installed"}


def main(arguments: list[str] | None = None) -> int:
    """Runs the sections asked for and writes them; one whose tools are missing is left out, with the reason."""
    parser = argparse.ArgumentParser(prog="python -m controller.benchmarks", description="Performance benchmarks; ratios within one run are what counts.")
    parser.add_argument("--out", type=Path, default=Path("bench.json"), metavar="FILE", help="where the result is written (default bench.json)")
    parser.add_argument("--only", action="append", choices=sorted(SECTIONS), metavar="SECTION", help=f"one of {', '.join(sorted(SECTIONS))}; may be repeated")
    given = parser.parse_args(arguments)
    sections: dict[str, Any] = {}
    left_out = dict(NOT_MEASURED)
    for name, measure in SECTIONS.items():
        if given.only and name not in given.only:
            left_out[name] = "not asked for"
            continue
        try:
            sections[name] = measure()
        except ToolError as missing:
            left_out[name] = str(missing)
            _say(f"{name}: left out, {missing}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    result = {**sections, "left_out": left_out, "machine": {"cores": cores, "python": platform.python_version(), "machine": platform.machine()}}
    given.out.write_text(json.dumps(result, indent=1) + "\n")
    _say(f"written to {given.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
