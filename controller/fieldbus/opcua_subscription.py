"""Values that an OPC UA server sends by itself: one subscription, the newest value of each point, and how long each may be relied on.

A server that has nothing new must say so every ``keep_alive_count`` publishing intervals. One that has said nothing for one interval and 2 s
longer is taken for lost, whatever the library or the server's answers to other questions say (opcua-asyncio 1660, gopcua 895). A point that
was not heard of for half of its ``stale_after_s`` is no longer answered from here, and a few are asked for in between: one that has changed
without being sent is a subscription that is dead in silence.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from controller.fieldbus import Raw
from controller.fieldbus.opcua_clock import ClockWatch, stated_s
from controller.fieldbus.opcua_link import Session
from controller.fieldbus.opcua_values import name_of, reading
from plant_models.site.opcua import OpcUa
from plant_models.site.points import Point

_SLACK_S: Final = 2.0
_LIFETIME_S: Final = 60.0  # a server keeps a subscription for this long when nobody collects
_KEPT_AT_MOST_S: Final = 30.0  # where a point says nothing of staleness
_ASKED_AT_LEAST: Final = 4  # points in each slow poll


@dataclass(slots=True)
class _Kept:
    """The newest reading of one point; times are monotonic [s]. ``doubted_s`` is when it was found changed without having been sent."""

    raw: Raw
    heard_s: float
    doubted_s: float | None = None


class Feed:
    """A subscription of one session, and what it has brought. It lives and dies with the session."""

    def __init__(self, of: OpcUa, clock: ClockWatch | None, now_s: Callable[[], float] = time.monotonic) -> None:
        """Takes the device's settings; nothing is asked of the server yet."""
        self._of, self._clock, self._now_s = of, clock, now_s
        self._handles: dict[int, Point] = {}
        self._numbers = itertools.count(1)
        self._sampling_s: dict[str, float] = {}
        self._kept: dict[str, _Kept] = {}
        self._heard_s = now_s()
        self._id: int | None = None
        self._ended = ""
        self.interval_s, self._keep_alive_count = of.publishing_interval_s, of.keep_alive_count
        self.not_sent: dict[str, str] = {}
        """Points that the server does not send, with the reason; they are polled."""

    @property
    def silence_s(self) -> float:
        """Returns how long the server may be silent [s], by what it has agreed to."""
        return (self._keep_alive_count + 1) * self.interval_s + _SLACK_S

    @property
    def signals(self) -> frozenset[str]:
        """Returns the points that are subscribed to, or were refused."""
        return frozenset(self._sampling_s) | frozenset(self.not_sent)

    async def start(self, session: Session) -> None:
        """Creates the subscription. Raises one of FAILURES."""
        asked = ua.CreateSubscriptionParameters()
        asked.RequestedPublishingInterval = self._of.publishing_interval_s * 1000.0
        asked.RequestedMaxKeepAliveCount = ua.UInt32(self._of.keep_alive_count)
        asked.RequestedLifetimeCount = ua.UInt32(max(3 * self._of.keep_alive_count, int(_LIFETIME_S / self._of.publishing_interval_s)))
        asked.MaxNotificationsPerPublish = ua.UInt32(0)
        asked.PublishingEnabled = True
        made = await session.client.uaclient.create_subscription(asked, self.published)
        self._id = int(made.SubscriptionId)
        self.interval_s = max(float(made.RevisedPublishingInterval) / 1000.0, 0.001)
        self._keep_alive_count = max(int(made.RevisedMaxKeepAliveCount), 1)
        self._heard_s = self._now_s()

    async def add(self, session: Session, points: Sequence[Point]) -> None:
        """Has the server watch more points; those that it refuses are in ``not_sent`` afterwards. Raises one of FAILURES."""
        nodes = [(p, node) for p in points if (node := session.node(p)) is not None]
        self.not_sent |= {p.signal: "the server does not have its namespace" for p in points if session.node(p) is None}
        for start in range(0, len(nodes), session.items_chunk):
            chunk = nodes[start : start + session.items_chunk]
            numbered = [(next(self._numbers), point, node) for point, node in chunk]
            self._handles |= {number: point for number, point, _ in numbered}  # before the answer: the first values may overtake it
            params = ua.CreateMonitoredItemsParameters()
            params.SubscriptionId = ua.UInt32(self._id or 0)
            params.TimestampsToReturn = ua.TimestampsToReturn.Both
            params.ItemsToCreate = [self._item(*one) for one in numbered]
            for (number, point, _), made in zip(numbered, await session.client.uaclient.create_monitored_items(params), strict=True):
                if made.StatusCode.is_bad():
                    self.not_sent[point.signal] = name_of(made.StatusCode)
                    del self._handles[number]
                else:
                    self._sampling_s[point.signal] = max(float(made.RevisedSamplingInterval) / 1000.0, 0.0)

    def _item(self, number: int, point: Point, node: ua.NodeId) -> ua.MonitoredItemCreateRequest:
        item = ua.MonitoredItemCreateRequest()
        item.ItemToMonitor.NodeId = node
        item.ItemToMonitor.AttributeId = AttributeIds.Value
        item.MonitoringMode = ua.MonitoringMode.Reporting
        item.RequestedParameters.ClientHandle = ua.UInt32(number)
        item.RequestedParameters.SamplingInterval = 1000.0 * (self._of.sampling_s if point.sampling_s is None else point.sampling_s)
        item.RequestedParameters.QueueSize = ua.UInt32(self._of.queue_size if point.queue_size is None else point.queue_size)
        item.RequestedParameters.DiscardOldest = True
        return item

    async def published(self, result: Any) -> None:
        """Takes what the server sent: values, that there are none, or that the subscription has ended."""
        changes = result.NotificationMessage.NotificationData or []
        for change in changes:
            if isinstance(change, ua.StatusChangeNotification):
                self._ended = name_of(change.Status)
        if self._ended:
            return
        self._heard_s = at_s = self._now_s()
        wall_s = time.time()
        stamps: list[tuple[str, float | None]] = []
        for item in itertools.chain.from_iterable(c.MonitoredItems for c in changes if isinstance(c, ua.DataChangeNotification)):
            point = self._handles.get(item.ClientHandle)
            if point is not None:
                self._kept[point.signal] = _Kept(reading(point, item.Value, wall_s), at_s)
                stamps.append((point.signal, stated_s(item.Value.SourceTimestamp)))
        if self._clock is not None:
            self._clock.look(stamps, wall_s)

    def lost(self) -> str:
        """Returns why the subscription is not to be relied on any more; empty while it is."""
        now_s = self._now_s()
        if self._ended:
            return f"the subscription has ended: {self._ended}"
        if now_s - self._heard_s > self.silence_s:
            return f"nothing was sent for {now_s - self._heard_s:.1f} s, {self.silence_s:.1f} s are allowed"
        if mute := self.mute():
            return f"{', '.join(mute[:3])} changed and {'was' if len(mute) == 1 else 'were'} not sent"
        return ""

    def mute(self) -> list[str]:
        """Returns the points that have changed without being sent, for longer than any delay explains."""
        now_s = self._now_s()
        doubted = ((s, k.doubted_s) for s, k in self._kept.items() if k.doubted_s is not None)
        return [s for s, since_s in doubted if now_s - since_s > self.silence_s + self._sampling_s.get(s, 0.0)]

    def take(self, points: Iterable[Point]) -> Mapping[str, Raw]:
        """Returns the readings that may be relied on without asking, by signal; none once the subscription is lost."""
        if self._ended or self._now_s() - self._heard_s > self.silence_s:
            return {}
        now_s = self._now_s()
        found = ((p, kept) for p in points if (kept := self._kept.get(p.signal)) is not None and p.signal in self._sampling_s)
        return {p.signal: k.raw._replace(age_s=now_s - k.heard_s) for p, k in found if now_s - k.heard_s <= _relied_on_s(p)}

    def confirm(self, points: Iterable[Point], answers: Mapping[str, Raw], asked_s: float) -> None:
        """Takes what was read of points [monotonic s at which it was asked]; one that differs from what was sent is doubted until it is sent."""
        for point in points:
            raw, kept = answers[point.signal], self._kept.get(point.signal)
            if point.signal not in self._sampling_s or (kept is not None and kept.heard_s >= asked_s):
                continue
            changed = kept is not None and (raw.value, raw.status) != (kept.raw.value, kept.raw.status)
            doubted_s = kept.doubted_s if kept is not None else asked_s
            self._kept[point.signal] = _Kept(raw, asked_s, asked_s if changed and doubted_s is None else doubted_s)

    def due(self, period_s: float) -> list[Point]:
        """Returns the few points to be asked for next, so that each is heard of in time when asked every ``period_s`` [s]."""
        now_s = self._now_s()
        watched = [p for p in self._handles.values() if p.signal in self._sampling_s]
        if not watched:
            return []
        often_s = 0.8 * min(_relied_on_s(p) for p in watched)
        count = max(_ASKED_AT_LEAST, -int(-len(watched) * period_s // often_s))
        oldest = heapq.nsmallest(count, watched, key=lambda p: self._kept[p.signal].heard_s if p.signal in self._kept else 0.0)
        return [p for p in oldest if p.signal not in self._kept or now_s - self._kept[p.signal].heard_s >= period_s]


def _relied_on_s(point: Point) -> float:
    return _KEPT_AT_MOST_S if point.stale_after_s is None else 0.5 * point.stale_after_s
