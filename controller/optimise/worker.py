"""The optimiser seen from the daemon: a process that is asked for plans, and replaced whenever it is late, dead or talks nonsense.

Nothing here raises for the process's faults: each of them is an unsolved proposal that says what happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from controller.encode import from_text, to_text
from controller.optimise.request import Answer, PlanRequest, Ready
from safety.records import Proposal, Source

__all__ = ["OptimiserWorker", "PlanRequest"]

log = structlog.get_logger()

_START_LIMIT_WALL_S: Final = 60.0  # importing the solver and building the problem takes seconds, more on a busy gateway
_BACK_OFF_WALL_S: Final = (0.0, 1.0, 2.0, 5.0, 15.0, 60.0)  # before the n-th start in a row that came to nothing
_STOP_WALL_S: Final = 2.0
_LINE_MOST: Final = 1 << 20  # bytes of one answer


class OptimiserWorker:
    """The optimiser's process of one site."""

    def __init__(self, site_directory: Path, environ: Mapping[str, str], deadline_wall_s: float, time_limited: bool) -> None:
        """Takes the site's directory, the environment of the process, the wall time that a plan may take, and whether the solver also watches the clock."""
        self._directory, self._environ = site_directory, dict(environ)
        self._deadline_wall_s, self._time_limited = deadline_wall_s, time_limited
        self._process: Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._asked = 0
        self._fruitless = 0
        self._trouble = "the optimiser is starting"

    @property
    def ready(self) -> bool:
        """Returns whether the process can be asked now."""
        return self._ready.is_set()

    async def start(self) -> None:
        """Starts the process and returns at once; it is ready some seconds later."""
        if self._supervisor is None:
            self._supervisor = asyncio.create_task(self._supervise(), name="optimiser")

    async def stop(self) -> None:
        """Ends the process; it may be started again."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
            self._supervisor = None

    async def plan(self, request: PlanRequest) -> Proposal:
        """Returns the plan for a request within the deadline, else an unsolved proposal that says why."""
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(self._deadline_wall_s):
                    await self._wait_ready()
                    proposal = await self._ask(request)
            except TimeoutError:
                if not self._ready.is_set():
                    return _unsolved(request, self._trouble)
                self._abandon(f"the optimiser gave no answer within {self._deadline_wall_s:g} s")
            except (OSError, ValueError, asyncio.IncompleteReadError) as error:
                self._abandon(f"the optimiser failed: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
            else:
                self._fruitless = 0
                return proposal
            return _unsolved(request, self._trouble)

    async def _wait_ready(self) -> None:
        """Waits for a process that is on its way; one that could not plan at its last start is not waited for."""
        if self._fruitless > 1 and not self.ready:
            raise TimeoutError
        await self._ready.wait()

    async def _ask(self, request: PlanRequest) -> Proposal:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise OSError("it is not running")
        self._asked += 1
        process.stdin.write((to_text(request) + "\n").encode())
        await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            raise OSError("it ended while it was asked")
        answer = from_text(Answer, line)
        if answer.number != self._asked:
            raise ValueError(f"it answered request {answer.number} instead of {self._asked}")
        return answer.proposal

    def _abandon(self, why: str) -> None:
        """Gives up the process that runs now; the supervisor starts another."""
        self._trouble = why
        self._ready.clear()
        self._kill()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _supervise(self) -> None:
        """Keeps one process running, with a longer wait after each start in a row that came to nothing."""
        try:
            while True:
                await asyncio.sleep(_BACK_OFF_WALL_S[min(self._fruitless, len(_BACK_OFF_WALL_S) - 1)])
                self._fruitless += 1
                await self._run_one()
        finally:
            self._ready.clear()
            await self._end()

    async def _run_one(self) -> None:
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(), stdin=PIPE, stdout=PIPE, stderr=PIPE, env=self._environ, start_new_session=True, limit=_LINE_MOST
            )
        except OSError as error:
            self._trouble = f"the optimiser cannot be started: {error}"
            log.error("optimiser_ended", says=self._trouble)
            return
        self._asked = 0
        reader = asyncio.create_task(_pass_on(self._process), name="optimiser-stderr")
        try:
            if await self._became_ready(self._process):
                self._ready.set()
                log.info("optimiser_ready", pid=self._process.pid)
            code = await self._process.wait()
            if self._ready.is_set():
                self._trouble = f"the optimiser ended by itself: {_ending(code)}"
            log.warning("optimiser_ended", says=self._trouble)
        finally:
            self._ready.clear()
            reader.cancel()

    async def _became_ready(self, process: Process) -> bool:
        if process.stdout is None:
            return False
        try:
            async with asyncio.timeout(_START_LIMIT_WALL_S):
                line = await process.stdout.readline()
            ready = from_text(Ready, line) if line else Ready(ready=False, says="it ended at its start")
        except (TimeoutError, ValueError) as error:
            ready = Ready(ready=False, says=str(error).splitlines()[0] if str(error) else f"not ready after {_START_LIMIT_WALL_S:g} s")
        if not ready.ready:
            self._trouble = f"the optimiser cannot plan: {ready.says}"
            self._kill()
        return ready.ready

    async def _end(self) -> None:
        """Closes the process's input, which ends it, and kills it if it does not end."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_WALL_S):
                await process.wait()
        except TimeoutError:
            self._kill()
            await process.wait()

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "controller.optimise.serve", str(self._directory)]
        return [*command, "--time-limited"] if self._time_limited else command


async def _pass_on(process: Process) -> None:
    """Writes what the process says on stderr to the log."""
    if process.stderr is not None:
        async for line in process.stderr:
            log.info("optimiser_said", line=line.decode(errors="replace").rstrip())


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def _unsolved(request: PlanRequest, says: str) -> Proposal:
    return Proposal(Source.PLAN, request.estimate.at_s, solved=False, setpoints={}, says=says)
