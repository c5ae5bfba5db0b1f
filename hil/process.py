"""A daemon as a process of its own, as on a real gateway: started, killed, frozen and asked to stop from outside, never imported."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MAIN = "from controller.cli import main; raise SystemExit(main())"


def command(*words: str) -> list[str]:
    """Returns the command line of ``coldaisle``: the console script beside this interpreter, or the same by this interpreter where it is not installed."""
    script = Path(sys.executable).parent / "coldaisle"
    return [str(script), *words] if script.is_file() else [sys.executable, "-c", _MAIN, *words]


def persistence(directory: Path) -> dict[str, str]:
    """Returns the environment that tells a daemon to keep its journal and its socket in ``directory``."""
    return {"COLDAISLE_PERSISTENCE": json.dumps({"directory": str(directory), "socket": str(directory / "control.sock")})}


@dataclass
class DaemonProcess:
    """``coldaisle run`` on a site; its output goes to ``log``."""

    site_directory: Path
    environ: Mapping[str, str]
    log: Path
    stage: str = "auto"
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def alive(self) -> bool:
        """Returns whether the process runs (a frozen one does)."""
        return self._process is not None and self._process.returncode is None

    @property
    def exit_status(self) -> int | None:
        """Returns the exit status of the last process, negative for a signal, or None."""
        return self._process.returncode if self._process is not None else None

    async def start(self) -> None:
        """Starts the daemon, in a process group of its own with its optimiser."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command("run", "--config", str(self.site_directory), "--stage", self.stage),
                env={**os.environ, **self.environ},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kills the daemon's process at once, as ``kill -9`` does; its optimiser is left to notice."""
        self._send(signal.SIGKILL)

    def freeze(self) -> None:
        """Stops the daemon's process without ending it."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets a frozen process go on."""
        self._send(signal.SIGCONT)

    def workers(self) -> tuple[int, ...]:
        """Returns the process numbers of the daemon's own children, so of its optimiser; none once it has ended."""
        if self._process is None or self._process.returncode is not None:
            return ()
        return tuple(number for number, parent in _parents() if parent == self._process.pid)

    def fill_disk(self, room_bytes: int) -> None:
        """Lets no file of the daemon grow beyond ``room_bytes``, as a disk without space does to its journal."""
        if self._process is not None:
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (room_bytes, resource.RLIM_INFINITY))

    async def order(self, *words: str) -> int:
        """Gives the daemon an operator's command, as ``coldaisle release --reason why`` does, and returns its exit status."""
        with self.log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command(words[0], "--config", str(self.site_directory), *words[1:]),
                env={**os.environ, **self.environ},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )
        return await process.wait()

    async def ask(self, *words: str) -> dict[str, Any] | None:
        """Asks the daemon as ``coldaisle status --json`` does and returns the object that is printed, None where there is none."""
        with self.log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command(words[0], "--config", str(self.site_directory), *words[1:]),
                env={**os.environ, **self.environ},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
            )
            printed, _ = await process.communicate()
        told: dict[str, Any] | None = json.loads(printed) if process.returncode == 0 and printed else None
        return told

    async def wait(self) -> int | None:
        """Returns the exit status once the process has ended."""
        return await self._process.wait() if self._process is not None else None

    async def stop(self, limit_wall_s: float = 20.0) -> int | None:
        """Asks the daemon to hand back and end; kills it when it has not after ``limit_wall_s``. Returns its exit status."""
        self._send(signal.SIGCONT)
        self._send(signal.SIGTERM)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_wall_s):
                    await self.wait()
        finally:
            await self.end()
        return self.exit_status

    async def end(self) -> None:
        """Kills whatever is left of the process group."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    def tail(self, lines: int = 15) -> str:
        """Returns the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.is_file() else ""

    def _send(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


def _parents() -> Iterator[tuple[int, int]]:
    """Yields every process of this machine with its parent, as /proc has them; one that ends meanwhile is left out."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                yield int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])


async def run_tool(words: Sequence[str], log: Path) -> int:
    """Runs one ``coldaisle`` command to its end with its output in ``log`` and returns its exit status; it is ended when the caller is cancelled."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command(*words), stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=asyncio.subprocess.STDOUT, start_new_session=True
        )
    try:
        return await process.wait()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # with the processes that it started; nothing is left where it has ended by itself
        await process.wait()
