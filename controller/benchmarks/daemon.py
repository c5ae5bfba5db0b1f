"""The daemon's benchmark: memory, processor time and the time to the first plan of ``coldaisle run`` on the reference site, served by the bench in lockstep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from controller.benchmarks.peers import ToolError
from controller.journal import JournalError, JournalReader

SITE_A: Final = Path(__file__).parents[2] / "config" / "reference-a"
_COLDAISLE: Final = "from controller.cli import main; raise SystemExit(main())"
_BENCH: Final = "from hil.cli import main; raise SystemExit(main())"
_CYCLES: Final = 24  # two hours of plant time
_LIMIT_S: Final = 180.0
_TICK_S: Final = 1.0 / os.sysconf("SC_CLK_TCK")


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Returns the section ``daemon`` of bench.json. Raises peers.ToolError where processes cannot be looked into."""
    if not Path("/proc/self/stat").is_file():
        raise ToolError("no /proc to see memory and processor time in")
    with tempfile.TemporaryDirectory(prefix="coldaisle-bench-") as directory:
        state = Path(directory)
        say("daemon: site A served in lockstep, its own controls warming up")
        with _started(_BENCH, "serve", "--config", str(SITE_A), "--lockstep", "--wait", "--ports", "free", log=state / "bench.log") as bench:
            environ = {"COLDAISLE_DEVICE": _ports(bench, state / "bench.log")}
            environ["COLDAISLE_PERSISTENCE"] = json.dumps({"directory": str(state), "socket": str(state / "control.sock")})
            say(f"daemon: started; until its first plan, and {_CYCLES} cycles more")
            began = time.perf_counter()
            with _started(_COLDAISLE, "run", "--config", str(SITE_A), "--stage", "auto", log=state / "daemon.log", environ=environ) as daemon:
                first = _until(daemon, lambda: _planned(state), state / "daemon.log")
                first_plan_s = time.perf_counter() - began
                before_s = _cpu_s(daemon.pid)
                last = _until(daemon, lambda: _at_least(state, first + _CYCLES), state / "daemon.log")
                used_s = _cpu_s(daemon.pid) - before_s
                worker = _child(daemon.pid)
                return {
                    "rss_mb": _rss_mb(daemon.pid),
                    "worker_rss_mb": _rss_mb(worker) if worker else None,
                    "start_to_first_plan_s": round(first_plan_s, 2),
                    "cpu_s_per_cycle": round(used_s / (last - first), 3),
                }


@contextmanager
def _started(main: str, *words: str, log: Path, environ: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command until the context ends, its output in ``log``."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", main, *words], env={**os.environ, **(environ or {})}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20.0)
        process.kill()
        process.wait()


def _until(process: subprocess.Popen[bytes], found: Callable[[], int | None], log: Path) -> int:
    """Waits for a cycle's number. Raises RuntimeError with the end of the log where the process ends or takes too long."""
    limit = time.perf_counter() + _LIMIT_S
    while process.poll() is None and time.perf_counter() < limit:
        if (number := found()) is not None:
            return number
        time.sleep(0.05)
    why = f"nothing within {_LIMIT_S:g} s" if process.returncode is None else f"ended with status {process.returncode}"
    raise RuntimeError(f"{log.name}: {why}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-10:]))


def _ports(bench: subprocess.Popen[bytes], log: Path) -> str:
    def told() -> int | None:
        return 1 if "COLDAISLE_DEVICE='" in log.read_text(errors="replace") else None

    _until(bench, told, log)
    return log.read_text(errors="replace").split("COLDAISLE_DEVICE='")[1].split("'")[0]


def _cycles(state: Path) -> list[tuple[int, bool]]:
    """Returns the number of each recorded cycle and whether it had a plan; empty while there is no journal."""
    try:
        reader = JournalReader(state / "journal.sqlite")
    except JournalError:
        return []
    try:
        return [(entry.cycle, entry.record.given.plan.solved) for entry in reader.entries()]
    except JournalError:
        return []
    finally:
        reader.close()


def _planned(state: Path) -> int | None:
    return next((number for number, solved in _cycles(state) if solved), None)


def _at_least(state: Path, number: int) -> int | None:
    seen = _cycles(state)
    return seen[-1][0] if seen and seen[-1][0] >= number else None


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu_s(pid: int) -> float:
    """Returns the processor time of one process, its children left out [s]."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def _child(pid: int) -> int | None:
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(_stat(int(path.name))[1]) == pid:
                return int(path.name)
    return None


def _rss_mb(pid: int) -> float:
    kilobytes = next(line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return round(int(kilobytes) / 1024.0, 1)
