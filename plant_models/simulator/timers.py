"""Timers of the simulated BAS: how long something has been true, and means and slopes over the last minutes."""

from __future__ import annotations

from collections import deque


class Held:
    """Measures how long a condition has been true without a break."""

    def __init__(self) -> None:
        """Starts with the condition false."""
        self._since_s: float | None = None

    def s(self, condition: bool, now_s: float) -> float:
        """Returns how long [s] the condition has held, 0 while it does not."""
        if not condition:
            self._since_s = None
            return 0.0
        if self._since_s is None:
            self._since_s = now_s
        return now_s - self._since_s

    def for_at_least(self, limit_s: float, condition: bool, now_s: float) -> bool:
        """Returns whether the condition is true and has been for ``limit_s``."""
        return self.s(condition, now_s) >= limit_s and condition

    def reset(self) -> None:
        """Begins again."""
        self._since_s = None


class RollingMean:
    """Mean of the last ``window_s`` and its slope over the last minute."""

    def __init__(self, window_s: float) -> None:
        """Takes the window [s]."""
        self._window_s = window_s
        self._samples: deque[float] = deque()
        self._taken_at_s: deque[float] = deque()
        self._means: deque[tuple[float, float]] = deque()
        self.value: float | None = None

    def add(self, value: float, now_s: float) -> None:
        """Takes one sample."""
        while self._taken_at_s and self._taken_at_s[0] < now_s - self._window_s:
            self._taken_at_s.popleft()
            self._samples.popleft()
        self._taken_at_s.append(now_s)
        self._samples.append(value)
        self.value = sum(self._samples) / len(self._samples)
        while self._means and self._means[0][0] < now_s - 60.0:
            self._means.popleft()
        self._means.append((now_s, self.value))

    @property
    def per_min(self) -> float:
        """Returns the change of the mean in a minute, 0 before there are two samples."""
        if len(self._means) < 2:
            return 0.0
        (first_s, first), (last_s, last) = self._means[0], self._means[-1]
        return (last - first) / (last_s - first_s) * 60.0
