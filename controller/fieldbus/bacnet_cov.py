"""Which objects report their changes by themselves, and until when that may be believed; keeps values and times, talks to nobody."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from controller.fieldbus.bacnet_values import Found

Key = tuple[int, int]
"""Type number and instance of an object."""
_ASKED_A_READ: Final = 16  # subscriptions asked for in one read, so that a large device delays no cycle


@dataclass
class _Reported:
    """One object: until when its subscription lives, when it is next asked for [s, monotonic], and what was heard last."""

    until_s: float = -math.inf
    ask_at_s: float = -math.inf
    values: dict[int, Found] = field(default_factory=dict)


class Changes:
    """The subscriptions of one device. One that was not renewed, or not yet heard of, counts for nothing: its object is polled."""

    def __init__(self, lifetime_s: float) -> None:
        """Takes the lifetime asked for [s]; 0 means that nothing is subscribed to."""
        self._lifetime_s = lifetime_s
        self._known: dict[Key, _Reported] = {}
        self._cursor = 0

    @property
    def keys(self) -> tuple[Key, ...]:
        """Returns the objects that were subscribed to."""
        return tuple(key for key, of in self._known.items() if of.until_s > -math.inf)

    def due(self, keys: Sequence[Key], now_s: float) -> list[Key]:
        """Returns what is to be subscribed to or renewed now; a renewal falls due after half of the lifetime."""
        if not self._lifetime_s:
            return []
        return [key for key in keys if self._of(key).ask_at_s <= now_s][:_ASKED_A_READ]

    def subscribed(self, key: Key, now_s: float) -> None:
        """Notes that the device took a subscription, or a renewal."""
        of = self._of(key)
        of.until_s, of.ask_at_s = now_s + self._lifetime_s, now_s + self._lifetime_s / 2.0

    def refused(self, key: Key, now_s: float) -> None:
        """Notes that the device did not take one: what lives, lives out its time; it is asked again after a lifetime."""
        self._of(key).ask_at_s = now_s + self._lifetime_s

    def heard(self, key: Key, values: Mapping[int, Found]) -> None:
        """Takes what a notification or a poll says of an object."""
        if self._lifetime_s and key in self._known:
            self._known[key].values.update(values)

    def answer(self, key: Key, now_s: float) -> Mapping[int, Found] | None:
        """Returns what is known of an object whose subscription lives, None where it must be polled."""
        of = self._known.get(key)
        return of.values if of is not None and of.values and of.until_s > now_s else None

    def some(self, keys: Sequence[Key], count: int) -> list[Key]:
        """Returns the next few of the objects that report by themselves, each in its turn.

        They are polled all the same: that proves that the device is there, and a subscription that died without a word is found out.
        """
        start = self._cursor % len(keys) if keys else 0
        self._cursor = start + count
        return [*keys[start : start + count], *keys[: max(start + count - len(keys), 0)]][: len(keys)]

    def forget(self) -> None:
        """Drops everything: the device may have restarted."""
        self._known.clear()

    def _of(self, key: Key) -> _Reported:
        return self._known.setdefault(key, _Reported())
