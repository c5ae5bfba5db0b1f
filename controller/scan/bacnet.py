"""Asks a BACnet/IP network who is there, and each device what objects it has: name, unit, present value, whether it can be commanded; reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bacpypes3.apdu import ReadPropertyRequest  # type: ignore[import-untyped]  # the library has no types
from bacpypes3.basetypes import EngineeringUnits  # type: ignore[import-untyped]
from bacpypes3.primitivedata import ObjectIdentifier  # type: ignore[import-untyped]

from controller.fieldbus.bacnet_link import BacnetLink, Kind, Trouble
from controller.fieldbus.bacnet_requests import Key, read_many, read_one
from controller.fieldbus.bacnet_values import PRESENT_VALUE, PRIORITY_ARRAY, primitives
from controller.scan import Found, Pace, Survey, Told
from plant_models.site.address import BACNET_OBJECTS

_DEVICE, _OBJECT_LIST, _OBJECT_NAME, _UNITS = 8, 76, 77, 117
_WANTED: Final = (_OBJECT_NAME, _UNITS, PRESENT_VALUE, PRIORITY_ARRAY)
_NAMES: Final = {number: (name, held) for name, (number, held) in BACNET_OBJECTS.items()}
_CHARACTERS, _ENUMERATED, _IDENTIFIER = 7, 9, 12  # application tags (ASHRAE 135, 20.2.1.4)
_UTF_8: Final = 0
_NO_UNITS: Final = "no-units"
_ATTEMPTS: Final = 2

Tags = list[Any]


@dataclass
class BacnetNetwork:
    """One address to be asked who is there: a device's own, or the broadcast address of a network; instances ``low`` to ``high``."""

    host: str
    port: int
    low: int = 0
    high: int = 4194302
    timeout_s: float = 3.0

    async def find(self, pace: Pace, told: Told) -> list[BacnetScanner]:
        """Returns a scanner for each device that said I-Am in time; one question, one turn of ``pace``."""
        link = BacnetLink(self.host, self.port, "", 0)
        await pace.turn()
        try:
            heard = await link.who_is(self.low, self.high, self.timeout_s)
        finally:
            await link.close()
        if isinstance(heard, Trouble):
            told(f"{link.name}: {heard.detail}")
            return []
        told(f"{link.name}: {len(heard)} devices answered who-is")
        return [BacnetScanner(f"bacnet-{instance}", host, port, instance) for host, port, instance in heard]


@dataclass
class BacnetScanner:
    """One BACnet/IP device to be asked for its objects, ``most`` at most; types that no point may have are counted, not read."""

    device: str
    host: str
    port: int
    instance: int
    most: int = 5000
    timeout_s: float = 2.0
    declared: bool = False
    requests: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    async def scan(self, pace: Pace, told: Told) -> Survey:
        """Reads the list of objects, then each of them."""
        self._pace = pace
        self._link = BacnetLink(self.host, self.port, "", 0)
        self._multiple = True
        settings: dict[str, str | int] = {"protocol": "bacnet", "host": self.host, "port": self.port, "instance": self.instance}
        found: list[Found] = []
        try:
            keys = (await self._link.bind(self.timeout_s)) or await self._objects()
            if isinstance(keys, Trouble):
                return Survey(self.device, settings, False, (), (keys.detail,), self.requests, {}, self.declared)
            for number, key in enumerate(keys[: self.most], 1):
                if key[0] in _NAMES:
                    found.append(_found(key, await self._described(key)))
                elif key[0] != _DEVICE:
                    self.left_out[str(ObjectIdentifier(key)).partition(",")[0]] = self.left_out.get(str(ObjectIdentifier(key)).partition(",")[0], 0) + 1
                if number % 50 == 0:
                    told(f"{self.device}: {number} of {len(keys)} objects")
        finally:
            await self._link.close()
        remarks = [f"{count} left out: {kind}" for kind, count in self.left_out.items()]
        remarks += [f"stopped at {self.most} objects of {len(keys)}"] if len(keys) > self.most else []
        return Survey(self.device, settings, True, tuple(found), tuple(remarks), self.requests, {"left_out": dict(self.left_out)}, self.declared)

    async def _ask(self, request: Any) -> Any:
        await self._pace.turn()
        self.requests += 1
        return await self._link.ask(request, self.timeout_s, _ATTEMPTS)

    async def _objects(self) -> list[Key] | Trouble:
        """Returns the objects of the device, asked for one by one where their list does not fit into an answer."""
        device = (_DEVICE, self.instance)
        answer = await self._ask(read_one(device, _OBJECT_LIST))
        if not isinstance(answer, Trouble):
            return _identifiers(answer.propertyValue.tagList)
        if answer.kind is Kind.SILENT:
            return answer
        count = await self._at(device, 0)
        if isinstance(count, Trouble):
            return count
        number = primitives(count)
        keys: list[Key] = []
        for index in range(1, int(number[0] if number and isinstance(number[0], float) else 0) + 1):
            one = await self._at(device, index)
            if isinstance(one, Trouble):
                return one
            keys += _identifiers(one)
            if len(keys) > self.most:
                break
        return keys

    async def _at(self, device: Key, index: int) -> Tags | Trouble:
        request = ReadPropertyRequest(objectIdentifier=ObjectIdentifier(device), propertyIdentifier=_OBJECT_LIST, propertyArrayIndex=index)
        answer = await self._ask(request)
        return answer if isinstance(answer, Trouble) else list(answer.propertyValue.tagList)

    async def _described(self, key: Key) -> Mapping[int, Tags]:
        """Returns the properties that an object would show, in one request where the device takes such."""
        if self._multiple:
            answer = await self._ask(read_many([(key, _WANTED)]))
            if not isinstance(answer, Trouble):
                shown = (element for result in answer.listOfReadAccessResults for element in result.listOfResults or ())
                choices = {int(e.propertyIdentifier): e.readResult for e in shown if e.readResult is not None}
                return {prop: list(c.propertyValue.tagList) for prop, c in choices.items() if c.propertyAccessError is None}
            self._multiple = answer.kind is not Kind.NO_SERVICE
        singly: dict[int, Tags] = {}
        for prop in _WANTED:
            answer = await self._ask(read_one(key, prop))
            if not isinstance(answer, Trouble):
                singly[prop] = list(answer.propertyValue.tagList)
        return singly


def _found(key: Key, shown: Mapping[int, Tags]) -> Found:
    kind, held = _NAMES[key[0]]
    present = primitives(shown.get(PRESENT_VALUE, []))
    value = present[0] if len(present) == 1 and isinstance(present[0], float) else None
    name = _text(shown.get(_OBJECT_NAME, []))
    commanded = PRIORITY_ARRAY in shown or kind.endswith("-output")
    return Found(
        "bacnet", f"{kind}:{key[1]}", held, (name,) if name else (), _unit(shown.get(_UNITS, [])), commanded, True, "" if value is None else f"{value:g}"
    )


def _identifiers(tags: Iterable[Any]) -> list[Key]:
    words = [int.from_bytes(bytes(tag.tag_data), "big") for tag in tags if tag.tag_class == 0 and tag.tag_number == _IDENTIFIER]
    return [(word >> 22, word & 0x3FFFFF) for word in words]


def _text(tags: Iterable[Any]) -> str:
    """Returns a text in UTF-8, empty for any other character set."""
    for tag in tags:
        data = bytes(tag.tag_data)
        if tag.tag_class == 0 and tag.tag_number == _CHARACTERS and data[:1] == bytes((_UTF_8,)):
            return data[1:].decode("utf-8", "replace").strip()
    return ""


def _unit(tags: Iterable[Any]) -> str:
    for tag in tags:
        if tag.tag_class == 0 and tag.tag_number == _ENUMERATED:
            word = str(EngineeringUnits(int.from_bytes(bytes(tag.tag_data), "big")))
            return "" if word == _NO_UNITS else word
    return ""
