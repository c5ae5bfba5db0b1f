"""A BACnet/IP device behind the fieldbus seam: many objects a request, commands at one priority, given back by an empty slot.

A command goes into the slot of its priority and stays there until that slot is emptied, whatever becomes of the daemon: ``release`` empties it
and looks whether it is empty. What an operator commands at a higher priority is seen as such and left alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from controller.fieldbus import Raw
from controller.fieldbus.backoff import Backoff
from controller.fieldbus.bacnet_cov import Changes, Key
from controller.fieldbus.bacnet_link import BacnetLink, Kind, Trouble
from controller.fieldbus.bacnet_requests import cancel_subscription, command, found_in, read_many, read_one, subscribe
from controller.fieldbus.bacnet_values import (
    PRESENT_VALUE,
    PRIORITY_ARRAY,
    RELIABILITY,
    RELINQUISH_DEFAULT,
    STATUS_FLAGS,
    UNKNOWN,
    Found,
    Refused,
    expected,
    faulty,
    number,
    primitives,
    raw_from,
    slots,
)
from plant_models.site.address import BacnetAddress, parse_bacnet_address
from plant_models.site.codec import raw_of
from plant_models.site.points import Point
from plant_models.site.topology import Device
from safety.records import Outcome, Status

_ANY_DEVICE: Final = 4194303  # "whoever you are" (ASHRAE 135, 12.11)
_DEVICE: Final = 8
_SERVICES, _MAX_APDU = 97, 62  # properties of the device object
_READ_MULTIPLE, _SUBSCRIBE = 14, 5  # bits of the services supported (ASHRAE 135, 21)
_SMALL_APDU: Final = 480
_OBJECT_BYTES: Final = 9
_BYTES: Final = {PRESENT_VALUE: 14, STATUS_FLAGS: 8, RELIABILITY: 7, RELINQUISH_DEFAULT: 14, PRIORITY_ARRAY: 5 + 16 * 6}
"""What an answer needs for an object and for each property, at most."""
_READ_ATTEMPTS: Final = 2  # a lost datagram costs half of a time-out, not a reading
_POINTS_A_TURN: Final = 200  # some requests: the fast guard waits for no more of a scan
_RELEASE_ROUNDS: Final = 4
_SETTLE_S: Final = 0.1
_GOODBYE_S: Final = 0.3
_SAME: Final = 1e-6  # a single-precision number and its own default, after conversion

Wanted = tuple[BacnetAddress, tuple[int, ...]]
"""An object and the properties wanted of it."""
Seen = dict[Key, dict[int, Found]]


@dataclass
class _Session:
    """What is known of a device for as long as it answers: whether it takes many objects a request and subscriptions, and the room in an answer [bytes]."""

    multiple: bool
    subscribes: bool
    room: int


class BacnetBus:
    """One BACnet/IP device, asked one request at a time.

    A read that meets silence ends there: it costs one time-out, and the rest is MISSING. Values of a subscription are believed only together
    with an answer of the device in the same read.
    """

    def __init__(self, device: Device, read_timeout_s: float = 2.0, write_timeout_s: float = 2.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Does not ask anything yet; time-outs are of wall time, for each request [s]."""
        self._device = device
        self._read_timeout_s, self._write_timeout_s = read_timeout_s, write_timeout_s
        self._monotonic = monotonic
        self._link = BacnetLink(device.host, device.port, device.local_host, device.local_port, self._changed)
        self._changes = Changes(device.cov_lifetime_s)
        self._turn = asyncio.Lock()
        self._session: _Session | None = None
        self._backoff = Backoff()

    async def open(self) -> None:
        """Tries to meet the device once; later calls try again."""
        async with self._turn:
            await self._met()

    async def close(self) -> None:
        """Ends the subscriptions if the device still listens, for a moment only, and gives the port back; never raises."""
        async with self._turn:
            try:
                async with asyncio.timeout(_GOODBYE_S):
                    for key in self._changes.keys if self._session is not None else ():
                        if isinstance(await self._link.ask(cancel_subscription(key), _GOODBYE_S), Trouble):
                            break
            except TimeoutError:
                pass
            finally:
                self._lose()
                await self._link.close()

    async def read(self, points: Sequence[Point]) -> Mapping[str, Raw]:
        """Reads all the given points, by signal, in as few requests as the device allows; in a long read, others have their turn meanwhile."""
        answers: dict[str, Raw] = {}
        trouble: Trouble | None = None
        for start in range(0, len(points), _POINTS_A_TURN):
            part = points[start : start + _POINTS_A_TURN]
            if trouble is not None:
                answers |= {p.signal: Raw(None, Status.MISSING, trouble.detail) for p in part}
                continue
            async with self._turn:
                trouble = await self._read(part, answers)
        return answers

    async def _read(self, points: Sequence[Point], answers: dict[str, Raw]) -> Trouble | None:
        """Reads some points into ``answers``; returns the silence that ended it."""
        if (trouble := await self._met()) is not None:
            answers |= {p.signal: Raw(None, Status.MISSING, trouble.detail) for p in points}
            return trouble
        places = {p.signal: parse_bacnet_address(p.address) for p in points}
        reported = await self._subscribed([places[p.signal] for p in points if not p.writable])
        seen: Seen = {}
        polled = [_wanted(places[p.signal], p) for p in points if _key(places[p.signal]) not in reported]
        trouble = await self._poll([*polled, *self._sample(places.values(), reported)], seen)
        if trouble is None:
            await self._poll([(place, (RELIABILITY,)) for place in places.values() if faulty(seen.get(_key(place), {}))], seen)
            seen = {**reported, **seen}
        answers |= {p.signal: self._raw(p, seen.get(_key(places[p.signal])), trouble) for p in points}
        return trouble

    async def write(self, values: Sequence[tuple[Point, float]]) -> Mapping[str, Outcome]:
        """Commands each object at its point's priority, once and in the given order, so that a refused value takes no other with it.

        A value that the object's type cannot hold is REFUSED without being sent; after a time-out the rest is UNREACHABLE unsent.
        """
        async with self._turn:
            trouble = await self._met()
            outcomes: dict[str, Outcome] = {}
            for point, value in values:
                place = parse_bacnet_address(point.address)
                try:
                    raw = raw_of(point, value)
                except ValueError:
                    outcomes[point.signal] = Outcome.REFUSED
                    continue
                if not place.writable:
                    outcomes[point.signal] = Outcome.REFUSED
                elif trouble is not None:
                    outcomes[point.signal] = Outcome.UNREACHABLE
                else:
                    answer = await self._link.ask(command(place, raw, point.priority), self._write_timeout_s)
                    outcomes[point.signal] = _outcome(answer)
                    if isinstance(answer, Trouble) and answer.kind is Kind.SILENT:
                        trouble = self._fail(answer)
            return outcomes

    async def release(self, points: Sequence[Point]) -> Mapping[str, Outcome]:
        """Empties our slot of each object and looks until it is empty and the present value is what the other slots or the default say.

        A slot that is empty already is not written. One that is seen to hold our command still is emptied again, three times at most: each time
        after looking, so nothing is sent blindly. DIFFERS: the device goes on with our value all the same. An object without slots is left out.
        """
        async with self._turn:
            held = {p.signal: p for p in points if parse_bacnet_address(p.address).writable}
            outcomes = dict.fromkeys(held, Outcome.UNREACHABLE)
            trouble = await self._met()
            for turn in range(_RELEASE_ROUNDS):
                if trouble is not None or not held:
                    break
                if any(outcomes[signal] is Outcome.DIFFERS for signal in held):
                    await asyncio.sleep(_SETTLE_S)
                trouble = await self._look_and_empty(held, outcomes, last=turn == _RELEASE_ROUNDS - 1)
            return outcomes

    async def _look_and_empty(self, held: dict[str, Point], outcomes: dict[str, Outcome], last: bool) -> Trouble | None:
        """Looks at the slots once and empties those of ours; what is settled leaves ``held``."""
        seen: Seen = {}
        places = {signal: parse_bacnet_address(point.address) for signal, point in held.items()}
        trouble = await self._poll([(place, (PRESENT_VALUE, PRIORITY_ARRAY, RELINQUISH_DEFAULT)) for place in places.values()], seen)
        for signal, point in list(held.items()):
            shown = seen.get(_key(places[signal]), {})
            array, answer = slots(shown.get(PRIORITY_ARRAY)), shown.get(PRIORITY_ARRAY)
            if answer is None:
                continue  # no answer: the outcome of the last round stays
            if isinstance(answer, Refused) and answer.code in UNKNOWN:
                del held[signal], outcomes[signal]
                continue
            if array is not None and array[point.priority - 1] is None:
                outcomes[signal] = Outcome.VERIFIED if _agrees(shown) else Outcome.DIFFERS
                if outcomes[signal] is Outcome.VERIFIED:
                    del held[signal]
                continue
            if outcomes[signal] is Outcome.NOT_READ_BACK and array is not None:
                outcomes[signal] = Outcome.DIFFERS  # emptied, they said
            if trouble is not None or last:
                continue
            done = _outcome(await self._link.ask(command(places[signal], None, point.priority), self._write_timeout_s))
            outcomes[signal] = Outcome.NOT_READ_BACK if done is Outcome.VERIFIED else done
            if done is Outcome.REFUSED or array is None:
                del held[signal]
        return trouble

    async def _met(self) -> Trouble | None:
        """Learns what the device can do unless that is known; returns why it could not."""
        if self._session is not None:
            return None
        if not self._backoff.may_try(self._monotonic()):
            return Trouble(Kind.SILENT, f"{self._link.name} did not answer {self._backoff.failures} times in a row, left alone for a moment")
        if (trouble := await self._link.bind(self._read_timeout_s)) is not None:
            return self._fail(trouble)
        key = (_DEVICE, _ANY_DEVICE if self._device.instance is None else self._device.instance)
        services = await self._property(key, _SERVICES)
        if isinstance(services, Trouble):
            if services.kind is not Kind.SILENT and services.code in UNKNOWN:
                services = Trouble(Kind.SILENT, f"{self._link.name} is not device {self._device.instance}")
            if services.kind is Kind.SILENT:
                return self._fail(services)
        room = await self._property(key, _MAX_APDU)
        if isinstance(room, Trouble) and room.kind is Kind.SILENT:
            return self._fail(room)
        bits = services[0] if isinstance(services, tuple) and services and isinstance(services[0], tuple) else None
        size = None if isinstance(room, Trouble) else number(room)
        can_subscribe = bits is None or (len(bits) > _SUBSCRIBE and bits[_SUBSCRIBE])
        self._session = _Session(bits is None or (len(bits) > _READ_MULTIPLE and bits[_READ_MULTIPLE]), can_subscribe, int(size or _SMALL_APDU))
        self._backoff = Backoff()
        return None

    async def _property(self, key: Key, prop: int) -> Found | Trouble:
        answer = await self._link.ask(read_one(key, prop), self._read_timeout_s, _READ_ATTEMPTS)
        return answer if isinstance(answer, Trouble) else primitives(answer.propertyValue.tagList)

    async def _subscribed(self, places: Sequence[BacnetAddress]) -> Seen:
        """Subscribes and renews what is due, and returns what is known of the objects whose subscriptions live."""
        keys = [_key(place) for place in places]
        if self._session is not None and self._session.subscribes:
            for key in self._changes.due(keys, self._monotonic()):
                answer = await self._link.ask(subscribe(key, self._device.cov_lifetime_s), self._read_timeout_s)
                if not isinstance(answer, Trouble):
                    self._changes.subscribed(key, self._monotonic())
                    continue
                self._changes.refused(key, self._monotonic())
                if answer.kind is Kind.SILENT:
                    break  # the read that follows finds out
                if answer.kind is Kind.NO_SERVICE:
                    self._session.subscribes = False
                    break
        now_s = self._monotonic()
        return {key: dict(known) for key in keys if (known := self._changes.answer(key, now_s)) is not None}

    def _sample(self, places: Iterable[BacnetAddress], reported: Seen) -> list[Wanted]:
        """Returns as many of the objects that report by themselves as fit into one answer."""
        room = self._session.room if self._session is not None else _SMALL_APDU
        by_key = {_key(place): place for place in places if _key(place) in reported}
        wanted = (PRESENT_VALUE, STATUS_FLAGS)
        return [(by_key[key], wanted) for key in self._changes.some(list(by_key), max(1, room // _size((None, wanted))))]

    async def _poll(self, wanted: Sequence[Wanted], seen: Seen) -> Trouble | None:
        """Asks for properties of objects and puts what was found into ``seen``; returns the silence that ended it."""
        session = self._session
        for chunk in _chunks(wanted, session.room if session is not None else _SMALL_APDU):
            trouble = await self._poll_chunk(chunk, seen)
            if trouble is not None:
                return self._fail(trouble)
        for place, _ in wanted:
            self._changes.heard(_key(place), {p: f for p, f in seen.get(_key(place), {}).items() if p in (PRESENT_VALUE, STATUS_FLAGS)})
        return None

    async def _poll_chunk(self, chunk: Sequence[Wanted], seen: Seen) -> Trouble | None:
        session = self._session
        if session is None or not session.multiple:
            return await self._poll_singly(chunk, seen)
        answer = await self._link.ask(read_many([(_key(place), wanted) for place, wanted in chunk]), self._read_timeout_s, _READ_ATTEMPTS)
        if not isinstance(answer, Trouble):
            for key, prop, found in found_in(answer):
                seen.setdefault(key, {})[prop] = found
            return None
        if answer.kind is Kind.SILENT:
            return answer
        if answer.kind is Kind.TOO_BIG and len(chunk) > 1:
            session.room = max(sum(map(_size, chunk)) // 2, 1)  # what this device can really answer with
            middle = len(chunk) // 2
            return await self._poll_chunk(chunk[:middle], seen) or await self._poll_chunk(chunk[middle:], seen)
        if answer.kind is Kind.NO_SERVICE:
            session.multiple = False
        return await self._poll_singly(chunk, seen)  # some devices refuse the whole request for one object that they do not have

    async def _poll_singly(self, chunk: Sequence[Wanted], seen: Seen) -> Trouble | None:
        for place, wanted in chunk:
            for prop in wanted:
                found = await self._property(_key(place), prop)
                if isinstance(found, Trouble):
                    if found.kind is Kind.SILENT:
                        return found
                    found = Refused(found.code)
                seen.setdefault(_key(place), {})[prop] = found
        return None

    def _raw(self, point: Point, shown: Mapping[int, Found] | None, trouble: Trouble | None) -> Raw:
        if trouble is not None and (shown is None or PRESENT_VALUE not in shown):
            return Raw(None, Status.MISSING, trouble.detail)
        return raw_from(point, shown or {})

    def _changed(self, key: Key, values: Sequence[Any]) -> None:
        self._changes.heard(key, {int(v.propertyIdentifier): primitives(v.value.tagList) for v in values})

    def _fail(self, trouble: Trouble) -> Trouble:
        self._backoff = self._backoff.failed(self._monotonic())
        self._lose()
        return trouble

    def _lose(self) -> None:
        """A device that was silent may have restarted without its subscriptions, or be another one."""
        self._session = None
        self._changes.forget()


def _wanted(place: BacnetAddress, point: Point) -> Wanted:
    """A command of ours is read with the slots, which say who else commands the object."""
    return place, (PRESENT_VALUE, STATUS_FLAGS, PRIORITY_ARRAY) if point.writable else (PRESENT_VALUE, STATUS_FLAGS)


def _size(wanted: tuple[object, tuple[int, ...]]) -> int:
    return _OBJECT_BYTES + sum(_BYTES[prop] for prop in wanted[1])


def _chunks(wanted: Sequence[Wanted], room: int) -> Iterator[Sequence[Wanted]]:
    """Yields as many objects together as an answer of ``room`` bytes holds, at least one."""
    start, filled = 0, 0
    for at, one in enumerate(wanted):
        if at > start and filled + _size(one) > room:
            yield wanted[start:at]
            start, filled = at, 0
        filled += _size(one)
    if start < len(wanted):
        yield wanted[start:]


def _key(place: BacnetAddress) -> Key:
    return place.number, place.instance


def _agrees(shown: Mapping[int, Found]) -> bool:
    """Returns whether the present value is the one that the slots ask for; where no default is known there is nothing to compare with."""
    present, array = number(shown.get(PRESENT_VALUE)), slots(shown.get(PRIORITY_ARRAY))
    wanted = expected(array, shown.get(RELINQUISH_DEFAULT)) if array is not None else None
    if present is None or not isinstance(wanted, float):
        return True
    return abs(present - wanted) <= _SAME * max(1.0, abs(wanted))


def _outcome(answer: Any) -> Outcome:
    if not isinstance(answer, Trouble):
        return Outcome.VERIFIED
    return Outcome.UNREACHABLE if answer.kind is Kind.SILENT else Outcome.REFUSED
