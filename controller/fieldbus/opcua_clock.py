"""Whether a server's clock agrees with ours, told from the times that its values carry; no reading is made fresh or stale by them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import structlog

log = structlog.get_logger()

WARN_OVER_S: Final = 30.0
_EARLIEST_S: Final = datetime(1990, 1, 1, tzinfo=UTC).timestamp()  # 1601 and 1970 stand for "no time"
_LATEST_S: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_AHEAD_MOST_S: Final = 86_400.0


def stated_s(stamp: Any) -> float | None:
    """Returns a time stamp in seconds since 1970; None where there is none or it cannot be one."""
    if not isinstance(stamp, datetime):
        return None
    aware = stamp if stamp.tzinfo is not None else stamp.replace(tzinfo=UTC)
    at_s = aware.timestamp()
    return at_s if _EARLIEST_S <= at_s <= _LATEST_S else None


def believed_s(at_s: float | None, now_s: float) -> float | None:
    """Returns a stated time unless it lies more than a day ahead of ours."""
    return None if at_s is None or at_s - now_s > _AHEAD_MOST_S else at_s


@dataclass
class ClockWatch:
    """Compares times at which values were taken with the times between which they came to be seen here [both s since 1970].

    A value that has changed since the last look was taken between then and now. A stamp outside of that span, of every value that has
    changed, twice in a row, is a wrong clock: ``skew_s`` is by how much at least [s], above 0 where the server is ahead.
    """

    url: str
    skew_s: float = 0.0
    _seen: dict[str, tuple[float, float]] = field(default_factory=dict)
    _suspected: bool = False

    def look(self, stamps: Iterable[tuple[str, float | None]], now_s: float) -> None:
        """Takes the stated times of values just seen, by signal."""
        off: list[float] = []
        for signal, at_s in stamps:
            if at_s is None:
                continue
            before = self._seen.get(signal)
            self._seen[signal] = (at_s, now_s)
            if at_s > now_s:
                off.append(at_s - now_s)
            elif before is not None and before[0] != at_s:
                off.append(min(at_s - before[1], 0.0))
        if off:
            self._judge(min(off, key=abs))

    def _judge(self, off_s: float) -> None:
        wrong = abs(off_s) > WARN_OVER_S
        if wrong and self._suspected:
            if not self.skew_s:
                log.warning("opcua_clock_skew", url=self.url, skew_s=round(off_s, 1), says=_says(self.url, off_s))
            self.skew_s = off_s
        elif not wrong and self.skew_s:
            log.info("opcua_clock_agrees", url=self.url)
            self.skew_s = 0.0
        self._suspected = wrong

    @property
    def notice(self) -> str:
        """Returns in words that the clocks disagree; empty where they agree."""
        return _says(self.url, self.skew_s) if self.skew_s else ""


def _says(url: str, off_s: float) -> str:
    return f"the clock of {url} is at least {abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} ours"
