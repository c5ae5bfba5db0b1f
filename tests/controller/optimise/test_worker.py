"""The optimiser's process plans as tracker and planner do, and every way it can fail is an unsolved proposal and a new process, never an exception."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from controller.encode import to_text
from controller.optimise.planner import Planner
from controller.optimise.worker import OptimiserWorker
from plant_models.reduced.parameters import save_parameters

PATIENCE_WALL_S = 50.0


@pytest.fixture
def directory(bench: Any, tmp_path: Path) -> Path:
    """Returns a site's directory with the bench's model."""
    for name in ("site.toml", "points.csv"):
        shutil.copy(bench.site.directory / name, tmp_path / name)
    save_parameters(bench.parameters, tmp_path / "model.json")
    return tmp_path


@pytest.fixture
def environ(bench: Any) -> Mapping[str, str]:
    """Returns an environment with the bench's horizon."""
    return {**os.environ, "COLDAISLE_OPTIMISER__HORIZON_STEPS": str(bench.steps)}


class Fake(OptimiserWorker):
    """A worker whose process is a line of Python."""

    code = ""

    def _command(self) -> list[str]:
        return [sys.executable, "-c", self.code]


def fake(code: str, deadline_wall_s: float) -> Fake:
    """Returns a worker with a process that behaves as told."""
    worker = Fake(Path(), dict(os.environ), deadline_wall_s, time_limited=False)
    worker.code = code
    return worker


async def until(condition: Callable[[], bool]) -> None:
    """Waits until something is so."""
    async with asyncio.timeout(PATIENCE_WALL_S):
        while not condition():  # noqa: ASYNC110  # the worker's states are looked at from outside, it offers no event
            await asyncio.sleep(0.02)


async def test_the_process_plans_as_tracker_and_planner_do_and_another_takes_over_when_it_is_killed(
    bench: Any, tracker: Any, directory: Path, environ: Mapping[str, str]
) -> None:
    """Bit for bit, before and after; the request in between is answered with a reason."""
    worker = OptimiserWorker(directory, environ, PATIENCE_WALL_S, time_limited=False)
    request = bench.request()
    planner = Planner(bench.site, bench.limits, bench.parameters)
    expected = to_text(planner.complete(request, tracker.plan(request)))
    await worker.start()
    try:
        assert to_text(await worker.plan(request)) == expected
        process = worker._process
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)
        worker._deadline_wall_s = 0.3
        late = await worker.plan(request)
        assert not late.solved
        assert late.setpoints == {}
        assert "no answer within" in late.says
        await until(lambda: worker.ready and worker._process is not process)
        worker._deadline_wall_s = PATIENCE_WALL_S
        assert to_text(await worker.plan(request)) == expected
    finally:
        await worker.stop()
    assert not worker.ready
    assert worker._process is not None
    assert worker._process.returncode is not None


async def test_a_site_without_a_model_is_told_so(bench: Any, directory: Path, environ: Mapping[str, str]) -> None:
    """The reason of the process reaches the plan."""
    (directory / "model.json").unlink()
    worker = OptimiserWorker(directory, environ, 0.2, time_limited=True)
    await worker.start()
    try:
        await until(lambda: "model.json" in worker._trouble)
        plan = await worker.plan(bench.request())
    finally:
        await worker.stop()
    assert not plan.solved
    assert "coldaisle identify" in plan.says


READY = 'print(\'{"ready": true, "says": ""}\', flush=True);'


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (f"import sys; {READY} sys.stdin.readline(); print('rubbish', flush=True); sys.stdin.readline()", "failed"),
        (f"import sys; {READY} sys.stdin.readline(); print('{{\"number\": 7}}', flush=True); sys.stdin.readline()", "failed"),
        (f"import sys; {READY} sys.stdin.readline(); sys.exit(3)", "failed"),
        (f"import sys; {READY} sys.stdin.readline(); sys.stdin.readline()", "no answer within"),
        ("print('rubbish', flush=True); import time; time.sleep(60)", "cannot plan"),
        ("raise SystemExit(1)", "cannot plan"),
    ],
    ids=["garbage", "wrong answer", "dies", "hangs", "garbage at start", "dies at start"],
)
async def test_whatever_a_process_does_the_daemon_gets_an_answer(bench: Any, code: str, says: str) -> None:
    """A reason, no setpoints, and the next process is started."""
    worker = fake(code, 3.0)
    await worker.start()
    try:
        if "cannot" in says:
            await until(lambda: says in worker._trouble)
            worker._deadline_wall_s = 0.1
        plan = await worker.plan(bench.request())
        assert not plan.solved
        assert plan.setpoints == {}
        assert says in plan.says
        first = worker._process
        await until(lambda: worker._process is not first)
    finally:
        await worker.stop()


async def test_a_program_that_is_not_there_is_no_exception(bench: Any) -> None:
    """The operating system's own words."""
    worker = fake("", 0.3)
    worker._command = lambda: ["/nowhere/python"]  # type: ignore[method-assign]
    await worker.start()
    try:
        plan = await worker.plan(bench.request())
    finally:
        await worker.stop()
    assert "cannot be started" in plan.says


async def test_before_it_is_started_there_is_no_plan(bench: Any) -> None:
    """Asking early is answered, too."""
    plan = await fake("", 0.05).plan(bench.request())
    assert not plan.solved
    assert "starting" in plan.says
