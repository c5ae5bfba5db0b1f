"""The boundary's MQTT side: keeps the last message of each source's topic, and publishes cooling and shedding, retained; connects again for ever."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import aiomqtt
import structlog

from controller.boundary.sources import BODY_BYTES_MOST, Ear
from plant_models.site.forecast import Mqtt
from plant_models.site.topology import Site

log = structlog.get_logger()

BACK_OFF_WALL_S: Final = 5.0
BACK_OFF_MOST_WALL_S: Final = 300.0
TIMEOUT_WALL_S: Final = 10.0


class Broker:
    """One broker."""

    def __init__(self, site: Site, mqtt: Mqtt, topics: dict[str, tuple[bytes, float]], ears: list[Ear]) -> None:
        """Takes where it is, where messages are kept with the time they came [s, wall], and who listens to which topic."""
        self._site, self._mqtt, self._topics = site, mqtt, topics
        self._ears = {ear.source.topic: ear for ear in ears if ear.source.topic}
        self._client: aiomqtt.Client | None = None

    async def run(self) -> None:
        """Connects, hears and goes on for ever; after each loss it waits longer."""
        wait_s = BACK_OFF_WALL_S
        while True:
            try:
                async with self._connect() as client:
                    self._client, wait_s = client, BACK_OFF_WALL_S
                    log.info("broker_connected", host=self._mqtt.host)
                    for topic in self._ears:
                        await client.subscribe(topic, qos=1)
                    async for message in client.messages:
                        await self._heard(str(message.topic), message.payload)
            except (aiomqtt.MqttError, OSError, ValueError) as error:  # OSError: its certificate or password cannot be read
                log.warning("broker_lost", host=self._mqtt.host, says=str(error), again_in_s=wait_s)
            finally:
                self._client = None
            await asyncio.sleep(wait_s)
            wait_s = min(2.0 * wait_s, BACK_OFF_MOST_WALL_S)

    async def tell(self, said: Mapping[str, Any]) -> None:
        """Publishes each part of what is said under ``tell``; nothing while there is no connection, or no such topic."""
        if self._client is None or not self._mqtt.tell:
            return
        with suppress(aiomqtt.MqttError):  # the connection is lost: run() says so
            for name, value in said.items():
                await self._client.publish(f"{self._mqtt.tell}/{name}", json.dumps(value), qos=1, retain=True, timeout=TIMEOUT_WALL_S)

    async def _heard(self, topic: str, payload: Any) -> None:
        ear = self._ears.get(topic)
        if ear is None or not isinstance(payload, bytes | bytearray) or len(payload) > BODY_BYTES_MOST:
            return
        self._topics[topic] = bytes(payload), time.time()
        await ear.once()

    def _connect(self) -> aiomqtt.Client:
        file = self._mqtt.password_file
        return aiomqtt.Client(
            self._mqtt.host,
            self._mqtt.port,
            username=self._mqtt.user,
            password=None if file is None else (self._site.directory / file).read_text().strip(),
            identifier=f"coldaisle-{self._site.site.name}",
            tls_context=None if self._mqtt.ca is None else ssl.create_default_context(cafile=str(self._site.directory / self._mqtt.ca)),
            timeout=TIMEOUT_WALL_S,
        )
