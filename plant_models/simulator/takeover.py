"""How the simulated BAS lends setpoints out and takes them back: the lease that a heartbeat keeps, and each setpoint's clamp, ramp and hand switch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from safety.signals import Authority

_FRESH_MOVES: Final = 2  # one move may be a stray write; two are a heart


@dataclass(frozen=True, slots=True)
class Reach:
    """How far and how fast the BAS itself lets a setpoint move, in its own unit and that unit per minute; the second layer behind the daemon's."""

    low: float
    high: float
    raise_per_min: float
    lower_per_min: float


REACH_DEFAULTS: Final[Mapping[str, Reach]] = {
    "chws_setpoint_c": Reach(5.0, 18.0, 0.1, 0.25),  # rates: engineering values, 1 K is 556 kW at 133 kg/s
    "chw_dp_setpoint_kpa": Reach(34.5, 300.0, 15.0, 7.5),  # low: Guideline 36-2021 5.20.5.2; rates: flow change of at most 10 %/min (chiller makers)
    "cws_setpoint_c": Reach(12.8, 35.0, 0.56, 0.56),  # rates: Guideline 36-2021 5.20.12.2.a, 5.6 K in 10 min
    "crah_supply_setpoint_c": Reach(15.0, 27.0, 0.2, 0.33),  # ASHRAE TC 9.9 2021: recommended inlet, 20 K/h
    "running_setpoint_count": Reach(1.0, 32.0, 60.0, 60.0),  # one at a time and each by its own sequence: the staging sees to that
    "speed_setpoint_pct": Reach(50.0, 100.0, 10.0, 10.0),  # chiller makers: condenser flow above half of design, changes of at most 10 %/min
    "tcs_setpoint_c": Reach(15.0, 50.0, 1.0, 1.0),  # OCP liquid cooling guidance: 1 K/min
    "tcs_dp_setpoint_kpa": Reach(30.0, 620.0, 60.0, 20.0),  # engineering value: slower down, processors answer in seconds
    "fws_setpoint_c": Reach(10.0, 50.0, 1.0, 1.0),  # as the technology water behind it
    "crah_fan_setpoint_pct": Reach(30.0, 100.0, 100.0, 5.0),  # EC fans: minimum 30 %, full range in about a minute upwards
}


class Lease:
    """Who may move setpoints from outside: alive while the daemon's heartbeat register keeps moving."""

    def __init__(self, timeout_s: float) -> None:
        """Takes the time without a move after which the lease lapses [s]."""
        self._timeout_s = timeout_s
        self._counted: float | None = None
        self._moved_at_s = -math.inf
        self._moves = 0
        self._lost = self._handed_back = False
        self.heartbeat = 0.0
        self.owner_id = 0.0
        self.kill_switch = False
        """The switch that a person turns at the BAS: while it is on, nobody outside has authority, whatever beats."""

    @property
    def lost(self) -> bool:
        """Returns whether the last lease ended by time-out and none was taken since: the BMS's alarm that the daemon is lost."""
        return self._lost

    @property
    def alive(self) -> bool:
        """Returns whether requests are followed."""
        return self._moves >= _FRESH_MOVES

    def claim(self, owner_id: float) -> None:
        """Writes the owner register: a second owner is locked out while the lease lives, 0 from anyone hands back at once."""
        if owner_id == 0.0:
            self._lapse()
            self._lost, self._handed_back = False, True
        elif not self.alive or self.owner_id in (0.0, owner_id):
            self.owner_id = owner_id

    def scan(self, now_s: float) -> bool:
        """Looks at switch and heartbeat once and returns whether requests must be forgotten in this scan.

        They are when the lease lapses, at the first scan a whole time-out after the last move seen, when it was handed back, and in every scan
        with the kill switch on; beats that came while it was on do not count.
        """
        handed_back, self._handed_back = self._handed_back, False
        if self._counted is None or self.kill_switch:
            self._counted = self.heartbeat
        if self.kill_switch:
            self._lapse()
            return True
        if self.heartbeat != self._counted:
            self._counted, self._moved_at_s = self.heartbeat, now_s
            self._moves += 1
            self._lost = self._lost and not self.alive
            return handed_back
        if now_s - self._moved_at_s < self._timeout_s or self._moves == 0:
            return handed_back
        was_alive = self.alive
        self._lost = self._lost or was_alive
        self._lapse()
        return was_alive or handed_back

    def _lapse(self) -> None:
        self._moves = 0
        self.owner_id = 0.0


class Station:
    """One setpoint: what is asked, what is in use and who moves it.

    What is in use moves at the setpoint's rates from where it is, whoever takes over, so that no change of hands is a bump. The way back to the BAS's
    own setpoint is the slower of the two either way: a room that is cooled down in a hurry overloads the machines that run and starts another one.
    """

    def __init__(self, reach: Reach, own: float) -> None:
        """Takes the BAS's own limits and its own setpoint, which it starts from."""
        self._reach = reach
        self._hand: float | None = None
        self._requested: float | None = None
        self._lent = False
        self._forced = False
        self._returning = False
        self.own = own
        self.effective = self._clamp(own)

    @property
    def request(self) -> float:
        """Returns the request register: the last write, or the BAS's own setpoint where none was written since the lease last lapsed."""
        return self.own if self._requested is None else self._requested

    @property
    def authority(self) -> Authority:
        """Returns who moves the setpoint now; REMOTE means that a request would be followed, LOCAL also while the BAS protects a hall."""
        if self._hand is not None:
            return Authority.HAND
        return Authority.REMOTE if self._lent and not self._forced else Authority.LOCAL

    def begin(self) -> None:
        """Starts at the BAS's own setpoint, as after hours in charge."""
        self.effective = self._clamp(self.own)

    def ask(self, value: float) -> None:
        """Writes the request register; a value that is not a number is ignored, one outside the limits is followed as far as the limit."""
        if math.isfinite(value):
            self._requested = value

    @property
    def asked(self) -> float | None:
        """Returns what a hand or a request that is followed asks for, None while the BAS is by itself."""
        return self._hand if self._hand is not None else self._requested if self._lent else None

    def set_hand(self, value: float | None) -> None:
        """Puts the setpoint in hand at a value, or back to automatic with None."""
        self._hand = value

    def forget(self) -> None:
        """Drops the request: an old one must not be followed when a heartbeat comes back."""
        self._requested = None

    def scan(self, elapsed_s: float, lent: bool, forced: float | None = None) -> None:
        """Moves what is in use towards hand, the BAS's protection (``forced``), the request or the BAS's own setpoint, in this order."""
        self._returning = (self._returning or self._lent) and not lent
        self._lent, self._forced = lent, forced is not None
        target = self.own
        if lent and self._requested is not None:
            target = self._requested
        if forced is not None:
            target = forced
        if self._hand is not None:
            target = self._hand
        lower_per_min, raise_per_min = self._reach.lower_per_min, self._reach.raise_per_min
        gently = self._returning and forced is None and self._hand is None
        if gently:
            lower_per_min = raise_per_min = min(lower_per_min, raise_per_min)
        minutes = elapsed_s / 60.0
        wanted = self._clamp(target) - self.effective
        step = min(max(wanted, -lower_per_min * minutes), raise_per_min * minutes)
        self.effective += step
        self._returning = self._returning and not (gently and step == wanted)

    def _clamp(self, value: float) -> float:
        return min(max(value, self._reach.low), self._reach.high)
