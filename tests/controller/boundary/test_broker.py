"""A source on an MQTT topic is heard at once, cooling is told retained, and a broker that goes away is met again.

The broker here speaks just enough MQTT 3.1.1.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field

import httpx
import pytest

from controller.boundary import broker as module
from controller.boundary.broker import Broker
from controller.boundary.sources import Daemon, Ear, fetching
from controller.control import serve
from plant_models.site.forecast import boundary_socket
from tests.controller.boundary.conftest import MakeSite
from tests.controller.boundary.test_formats import NOW_S
from tests.controller.boundary.test_sources import Listening

TOML = """
[forecast.jobs]
gives = "load"
format = "json"
topic = "jobs/power"
time = "*.at"
series.hall-a.at = "*.kw"
[boundary.mqtt]
host = "127.0.0.1"
port = {port}
tell = "dc1"
"""


@dataclass
class SmallBroker:
    """Takes connections, subscriptions and publications, and publishes what it is told to."""

    subscribed: list[str] = field(default_factory=list)
    published: dict[str, tuple[bytes, bool]] = field(default_factory=dict)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while True:
                kind = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await _length(reader))
                if kind >> 4 == 1:
                    writer.write(b"\x20\x02\x00\x00")
                elif kind >> 4 == 8:
                    self.subscribed.append(body[4 : 4 + int.from_bytes(body[2:4], "big")].decode())
                    writer.write(b"\x90\x03" + body[:2] + b"\x01")
                elif kind >> 4 == 3:
                    end = 2 + int.from_bytes(body[:2], "big")
                    self.published[body[2:end].decode()] = body[end + 2 :], bool(kind & 1)
                    writer.write(b"\x40\x02" + body[end : end + 2])
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def publish(self, topic: str, payload: bytes) -> None:
        body = len(topic).to_bytes(2, "big") + topic.encode() + payload
        assert len(body) < 128
        self.writers[-1].write(b"\x30" + bytes([len(body)]) + body)


async def _length(reader: asyncio.StreamReader) -> int:
    total, place = 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        total |= (byte & 127) << (7 * place)
        place += 1
        if not byte & 128:
            return total


async def comes(what: object) -> None:
    """Waits until a function is true."""
    assert callable(what)
    for _ in range(400):
        if what():
            return
        await asyncio.sleep(0.025)
    raise TimeoutError


async def test_a_topic_is_heard_and_cooling_is_told_across_a_lost_broker(site_with: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACK_OFF_WALL_S", 0.05)
    far = SmallBroker()
    server = await asyncio.start_server(far.meet, "127.0.0.1", 0)
    loaded = site_with(TOML.format(port=server.sockets[0].getsockname()[1]))
    site, listening = loaded.site, Listening(loaded)
    daemon = await serve(boundary_socket(site), listening.answer)
    topics: dict[str, tuple[bytes, float]] = {}
    ear = Ear("jobs", site.forecast["jobs"], Daemon(site, ahead_s=NOW_S - time.time()), fetching(httpx.AsyncClient(), site, topics))
    assert site.boundary.mqtt is not None
    near = Broker(site, site.boundary.mqtt, topics, [ear])
    await near.tell({"cooling": {}})  # nobody is there yet, and nothing happens
    running = asyncio.create_task(near.run())
    try:
        for kw in (650.0, 800.0):
            await comes(lambda: far.subscribed)
            assert far.subscribed == ["jobs/power"]
            far.publish("jobs/power", json.dumps([{"at": NOW_S, "kw": kw}]).encode())
            await comes(lambda kw=kw: [p.median for p in listening.heard.outlook(NOW_S).provided] == [(kw,)])
            await near.tell({"cooling": {"headroom_kw": kw}})
            assert far.published["dc1/cooling"] == (json.dumps({"headroom_kw": kw}).encode(), True)
            far.subscribed.clear()
            far.writers[-1].close()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        server.close()
        daemon.close()
