"""The other ends of the fieldbus benchmark, each a process of its own: a C server and a C client on libmodbus, compiled on the fly, and an OPC UA server."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parents[2] / "hil" / "bench_tools"
_FLAGS: Final = ("-std=gnu11", "-O2", "-Wall", "-Wextra")
_LISTENS_WITHIN_S: Final = 60.0


class ToolError(Exception):
    """A tool that the benchmark needs is not there; the message says which, and how to get it."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The compiled C programs."""

    server: Path
    client: Path


@dataclass(frozen=True, slots=True)
class Took:
    """Wall time of each scan and CPU time of all together, of the client's process only [s]."""

    scan_s: tuple[float, ...]
    cpu_s: float


@contextmanager
def compiled() -> Iterator[Tools]:
    """Compiles the C programs into a directory that lasts as long as the context. Raises ToolError without compiler, library or sources."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise ToolError("no C compiler (apt-get install gcc libmodbus-dev)")
    with tempfile.TemporaryDirectory(prefix="coldaisle-bench-") as directory:
        made = [Path(directory) / name for name in ("modbus_server", "modbus_client")]
        for program in made:
            source = SOURCES / f"{program.name}.c"
            if not source.is_file():
                raise ToolError(f"{source} is not there; the benchmark runs from a checkout")
            command = [compiler, *_FLAGS, "-o", str(program), str(source), "-lmodbus", "-lpthread"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ToolError(f"{source.name} does not compile (apt-get install gcc libmodbus-dev): {_last_line(done.stderr)}")
        yield Tools(*made)


def _last_line(text: str) -> str:
    errors = [line for line in text.splitlines() if "error" in line]
    return (errors or text.splitlines() or ["no message"])[0]


def free_port() -> int:
    """Returns a TCP port of 127.0.0.1 that nobody uses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@asynccontextmanager
async def modbus_server(tools: Tools, delay_ms: int = 0) -> AsyncIterator[int]:
    """Serves registers on the port that is given, each request answered after ``delay_ms``, each connection by itself."""
    port = free_port()
    async with _process([str(tools.server), str(port), str(delay_ms)], port):
        yield port


@asynccontextmanager
async def opcua_server(nodes: int) -> AsyncIterator[int]:
    """Serves ``nodes`` variables on the port that is given."""
    port = free_port()
    async with _process([sys.executable, "-W", "ignore", "-m", "controller.benchmarks.opcua_server", str(port), str(nodes)], port):
        yield port


@asynccontextmanager
async def _process(command: list[str], port: int) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(_LISTENS_WITHIN_S):
            while not await _listens(port):
                if process.returncode is not None:
                    raise RuntimeError(f"{command[0]} ended with status {process.returncode} before it listened")
                await asyncio.sleep(0.05)
        yield
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def c_client(tools: Tools, port: int, units: int, registers: int, block: int, scans: int) -> Took:
    """Runs the C client over one connection."""
    words = (str(n) for n in (port, units, registers, block, scans))
    process = await asyncio.create_subprocess_exec(str(tools.client), *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the C client ended with status {process.returncode}")
    told = json.loads(output)
    return Took(tuple(told["scan_s"]), told["cpu_s"])
