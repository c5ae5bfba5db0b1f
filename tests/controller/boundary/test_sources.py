"""Sources are asked with time-outs and back-off, what they said is passed on with its age, and a failing one holds up nobody."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from controller.boundary.sources import BODY_BYTES_MOST, Daemon, Ear, fetching
from controller.control import serve
from controller.forecast.heard import Heard
from plant_models.site.forecast import boundary_socket
from plant_models.site.load import LoadedSite
from tests.controller.boundary.conftest import MakeSite
from tests.controller.boundary.test_formats import NOW_S, OPEN_METEO, meteo

Answer = Callable[[httpx.Request], Awaitable[httpx.Response]]
JOBS = '[forecast.jobs]\ngives = "load"\nformat = "csv"\nfile = "jobs.csv"\ntime = "time"\nbelieved_for_s = 3600\nseries.hall-a.at = "kw"\n'


class Listening:
    """The daemon's side, in plant time."""

    def __init__(self, loaded: LoadedSite) -> None:
        self.heard, self.now_s = Heard(loaded.site), NOW_S

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "facts":
            return {"now_s": self.now_s}
        return {**self.heard.say({k: v for k, v in request.items() if k != "do"}, self.now_s), "now_s": self.now_s}


@pytest.fixture
async def hear(site_with: MakeSite) -> AsyncIterator[Callable[..., Awaitable[tuple[Ear, Listening]]]]:
    """Returns a maker of an ear and the daemon that it tells, on a real socket; HTTP is answered as the test wants."""
    servers = []

    async def make(toml: str, answer: Answer | None = None) -> tuple[Ear, Listening]:
        loaded = site_with(toml)
        listening = Listening(loaded)
        servers.append(await serve(boundary_socket(loaded.site), listening.answer))
        client = httpx.AsyncClient(transport=httpx.MockTransport(answer)) if answer else httpx.AsyncClient()
        name = next(iter(loaded.site.forecast))
        return Ear(name, loaded.site.forecast[name], Daemon(loaded.site, ahead_s=NOW_S - time.time()), fetching(client, loaded.site, {})), listening

    yield make
    for server in servers:
        server.close()


async def test_a_weather_service_is_heard_with_its_headers(hear: Any, tmp_path: Path) -> None:
    (tmp_path / "w.token").write_text("secret\n")
    seen: list[httpx.Request] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=meteo(72))

    ear, daemon = await hear(OPEN_METEO + 'token_file = "w.token"\nuser_agent = "me@example.org"\n', answer)
    assert await ear.once() == 1800.0
    assert (seen[0].headers["Authorization"], seen[0].headers["User-Agent"]) == ("Bearer secret", "me@example.org")
    (told,) = daemon.heard.told(NOW_S, {})
    assert (told["believed"], told["age_s"]) == (True, pytest.approx(0.0, abs=2.0))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(503), "HTTP 503 from weather.example"),
        (httpx.Response(302, headers={"Location": "http://169.254.0.1/"}), "HTTP 302 from weather.example"),
        (httpx.Response(200, content=b"<html>"), "not JSON"),
        (httpx.Response(200, content=b"[" + b" " * BODY_BYTES_MOST), f"more than {BODY_BYTES_MOST} bytes"),
        (httpx.ConnectError("no route"), "weather.example: no route"),
        (httpx.ReadTimeout(""), "weather.example: ReadTimeout"),
    ],
)
async def test_trouble_is_told_and_asked_again_after_longer_and_longer(hear: Any, answer: Any, says: str) -> None:
    async def fail(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    ear, daemon = await hear(OPEN_METEO, fail)
    waits = [await ear.once() for _ in range(8)]
    assert waits == [30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0]
    (told,) = daemon.heard.told(NOW_S, {})
    assert says in told["trouble"]
    assert told["trouble"].endswith("asked again in 1800 s")


async def test_a_service_that_never_ends_its_answer_is_given_up(hear: Any) -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=drip())

    ear, daemon = await hear(OPEN_METEO + "timeout_wall_s = 0.2\n", answer)
    await ear.once()
    assert "no whole answer from weather.example within 0.2 s" in daemon.heard.told(NOW_S, {})[0]["trouble"]


async def test_after_trouble_the_last_good_word_stands_and_a_good_one_ends_the_trouble(hear: Any) -> None:
    answers = [httpx.Response(200, json=meteo(72)), httpx.Response(500), httpx.Response(200, json=meteo(72))]

    async def answer(request: httpx.Request) -> httpx.Response:
        return answers.pop(0)

    ear, daemon = await hear(OPEN_METEO, answer)
    await ear.once()
    assert await ear.once() == 30.0
    (told,) = daemon.heard.told(NOW_S, {})
    assert (told["believed"], told["trouble"]) == (True, "HTTP 500 from weather.example; asked again in 30 s")
    assert await ear.once() == 1800.0
    assert daemon.heard.told(NOW_S, {})[0]["trouble"] == ""


async def test_a_dropped_file_is_as_old_as_it_is(hear: Any, tmp_path: Path) -> None:
    ear, daemon = await hear(JOBS)
    await ear.once()
    assert "jobs.csv: No such file" in daemon.heard.told(NOW_S, {})[0]["trouble"]
    (tmp_path / "jobs.csv").write_text("time,kw\n2025-07-15T12:00Z,650\n2025-07-15T13:00Z,700\n")
    os.utime(tmp_path / "jobs.csv", (ear.wall_s() - 1800.0,) * 2)
    await ear.once()
    assert daemon.heard.told(NOW_S, {})[0]["age_s"] == pytest.approx(1800.0, abs=2.0)
    assert [p.median for p in daemon.heard.outlook(NOW_S).provided] == [(650.0, 700.0)]
    os.utime(tmp_path / "jobs.csv", (ear.wall_s() - 7200.0,) * 2)
    await ear.once()
    assert daemon.heard.outlook(NOW_S).provided == ()


async def test_what_is_out_of_range_is_refused_by_the_daemon_and_shown(hear: Any, tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text("time,kw\n2025-07-15T12:00Z,5000\n")
    ear, daemon = await hear(JOBS)
    await ear.once()
    assert daemon.heard.told(NOW_S, {})[0]["trouble"] == "refused: hall-a.it_load_kw: 5000 must be 0 .. 1000"


async def test_without_a_daemon_sources_are_asked_all_the_same(site_with: MakeSite) -> None:
    site = site_with(OPEN_METEO).site

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=json.dumps(meteo(72)))

    ear = Ear("w", site.forecast["w"], Daemon(site, ahead_s=NOW_S - time.time()), fetching(httpx.AsyncClient(transport=httpx.MockTransport(answer)), site, {}))
    assert await ear.once() == 1800.0
    assert not ear.daemon.answers
