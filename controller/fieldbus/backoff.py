"""When a peer that did not answer is tried again: at once after one failure, then less and less often; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 2.0  # a controller that comes back is seen well within a lease


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often in a row a peer has failed, and the monotonic time [s] before which it is left alone."""

    failures: int = 0
    not_before_s: float = 0.0

    def may_try(self, now_s: float) -> bool:
        """Returns whether it is time to try."""
        return now_s >= self.not_before_s

    def failed(self, now_s: float) -> Backoff:
        """Returns the state after one more failure; a single one (a late reply, a restart) costs no waiting."""
        wait_s = 0.0 if self.failures == 0 else min(FIRST_WAIT_S * 2.0 ** min(self.failures - 1, 10), LONGEST_WAIT_S)
        return Backoff(self.failures + 1, now_s + wait_s)
