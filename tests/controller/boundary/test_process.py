"""The boundary as a process of its own beside a running engine: it brings a forecast, serves, is killed, and nothing of the plant is touched."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from controller.boundary.process import BoundaryError, run, token_of
from controller.control import serve
from controller.forecast.heard import Heard
from plant_models.site.forecast import boundary_socket
from safety.modes import Stage
from tests.controller.boundary.conftest import MakeSite
from tests.controller.boundary.test_desk import Listening, desk_of
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
TOKEN = "a-token-of-the-test"
STARTED = "schedulers are served at "


async def weather(at_s: float) -> tuple[asyncio.Server, int]:
    """Serves what Open-Meteo would, in plant time."""
    times = [datetime.fromtimestamp(at_s // 3600 * 3600 + 3600 * k, UTC).strftime("%Y-%m-%dT%H:%M") for k in range(48)]
    body = json.dumps({"hourly": {"time": times, "temperature_2m": [28.0] * 48, "relative_humidity_2m": [60.0] * 48}}).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def start(config: Path) -> tuple[Process, str]:
    """Starts the process and returns it with its address."""
    code = "import sys; from controller.cli import main; sys.exit(main(sys.argv[1:]))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, "boundary", "--config", str(config), stdout=PIPE, stderr=PIPE)
    assert process.stderr is not None
    async with asyncio.timeout(60.0):
        while STARTED not in (line := (await process.stderr.readline()).decode()):
            assert line, f"it ended with {await process.wait()}"
    return process, line.partition(STARTED)[2].strip()


async def heard_of(heard: Heard, source: str) -> None:
    for _ in range(600):
        if heard.voices[source].said:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(heard.voices[source].trouble)


async def test_its_death_touches_nothing(rig: Make, site_with: MakeSite, tmp_path: Path) -> None:
    small = await rig(Stage.AUTO, tmp_path / "run.sqlite")
    object.__setattr__(small.engine.cycle, "optimiser", Listening())
    source, port = await weather(small.prepared.site.now_s)
    (tmp_path / "token").write_text(TOKEN)
    toml = f'[forecast.weather]\ngives = "weather"\nformat = "open-meteo"\nurl = "http://127.0.0.1:{port}/"\n[boundary]\ntoken_file = "token"\nport = 0\n'
    loaded = site_with(toml)
    small.engine.loaded = loaded
    desk, heard = desk_of(small)
    server = await serve(boundary_socket(loaded.site), desk.answer)
    process, address = await start(tmp_path)
    try:
        await heard_of(heard, "weather")
        await small.run(6)
        async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30.0) as client:
            cooling = (await client.get("/v1/cooling")).json()
            now_s = small.prepared.site.now_s
            jobs = {"halls": [{"hall": "hall-a", "start_s": now_s, "step_s": 3600.0, "it_load_kw": [990.0] * 4}]}
            assert (await client.post("/v1/forecast", json=jobs)).json() == {"taken": True}
        assert (cooling["site"], cooling["fresh"], cooling["marginal"]["cooling_kw_per_it_kw"] > 0.0) == ("small", True, True)
        process.kill()
        assert await process.wait() == -signal.SIGKILL
        cycles = len(small.done)
        await small.run(11)
        assert len(small.done) >= cycles + 2
        said = small.done[-1].record.given.outlook.provided
        assert {p.signal for p in said} == {"weather.oa_drybulb_c", "weather.oa_wetbulb_c", "hall-a.it_load_kw"}, (
            "what was said before stands while it is young"
        )
        process, _ = await start(tmp_path)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        server.close()
        source.close()


@pytest.mark.parametrize(
    ("content", "says"), [(b"short", "at least 16"), (b"two words of a token", "one word"), (b"\xff" * 20, "cannot be read"), ("é" * 20, "ASCII")]
)
def test_a_poor_token_opens_no_port(site_with: MakeSite, tmp_path: Path, content: Any, says: str) -> None:
    (tmp_path / "token").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(BoundaryError, match=says):
        token_of(site_with('[boundary]\ntoken_file = "token"\n').site)


async def test_with_nothing_to_do_or_a_taken_port_it_says_so(site_with: MakeSite, tmp_path: Path) -> None:
    with pytest.raises(BoundaryError, match="nothing to do"):
        await run(site_with())
    (tmp_path / "token").write_text(TOKEN)
    taken = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    with pytest.raises(BoundaryError, match=rf"127.0.0.1:{port}: .*in use"):
        await run(site_with(f'[boundary]\ntoken_file = "token"\nport = {port}\n'))
    taken.close()
