"""The reference block for the BAS does what the simulated BAS does: both are run scan by scan through the same events."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant_models.simulator.takeover import Lease, Reach, Station
from tests.plant_models.bas_block.structured_text import Instance, function_blocks

FILE = Path(__file__).parents[3] / "docs/bas/coldaisle_lease.st"
BLOCKS = function_blocks(FILE)
REACH = Reach(5.0, 18.0, 0.1, 0.25)
OWN, TIMEOUT_S, SCAN_S = 10.0, 30.0, 5.0


class Both:
    """The block's two parts and the simulated BAS's, on the same registers."""

    def __init__(self) -> None:
        self.block_lease, self.block = Instance(BLOCKS["FB_ColdaisleLease"]), Instance(BLOCKS["FB_ColdaisleSetpoint"])
        self.lease, self.station = Lease(TIMEOUT_S), Station(REACH, OWN)
        self.station.begin()
        self.now_s, self.own = 0.0, OWN
        self.owner_register, self.request_register = 0, OWN
        self.forced: float | None = None
        self.hand: float | None = None

    def scan(self, scan_s: float = SCAN_S) -> None:
        """One scan of each."""
        self.now_s += scan_s
        self.station.own = self.own
        if self.lease.scan(self.now_s):
            self.station.forget()
        self.station.set_hand(self.hand)
        self.station.scan(scan_s, self.lease.alive, self.forced)
        self.block_lease(
            Heartbeat=int(self.lease.heartbeat), KillSwitch=self.lease.kill_switch, ScanTime=scan_s, Timeout=TIMEOUT_S, OwnerRegister=self.owner_register
        )
        self.owner_register = self.block_lease.OwnerRegister
        self.block(
            Alive=self.block_lease.Alive,
            Forget=self.block_lease.Forget,
            Own=self.own,
            Hand=self.hand is not None,
            HandValue=self.hand or 0.0,
            Protect=self.forced is not None,
            ProtectValue=self.forced or 0.0,
            ScanTime=scan_s,
            Low=REACH.low,
            High=REACH.high,
            RaisePerMin=REACH.raise_per_min,
            LowerPerMin=REACH.lower_per_min,
            RequestRegister=self.request_register,
        )
        self.request_register = self.block.RequestRegister

    def agree(self) -> None:
        """What one shows, the other shows."""
        assert self.block_lease.Alive == self.lease.alive
        assert self.block_lease.Lost == self.lease.lost
        assert self.owner_register == self.lease.owner_id
        assert self.block.Authority == self.station.authority
        assert self.block.Effective == pytest.approx(self.station.effective, abs=1e-9)
        assert self.request_register == pytest.approx(self.station.request, abs=1e-9)

    def do(self, event: str, value: float) -> None:
        """One event between two scans."""
        if event == "beat":
            self.lease.heartbeat = (self.lease.heartbeat + 1) % 65536
        elif event == "ask":
            self.station.ask(value)
            self.request_register = value
        elif event == "ask_nan":
            self.station.ask(math.nan)
            self.request_register = math.nan
        elif event == "claim":
            self.owner_register = int(value) % 3 + 1
            self.lease.claim(float(self.owner_register))
        elif event == "hand_back" and self.owner_register:
            self.owner_register = 0
            self.lease.claim(0.0)
        elif event == "switch":
            self.lease.kill_switch = not self.lease.kill_switch
        elif event == "own":
            self.own = value + 2e-7  # never what is asked: a block cannot see the write of what its register shows
        elif event == "protect":
            self.forced = value if self.forced is None else None
        elif event == "hand":
            self.hand = value if self.hand is None else None


EVENTS = ["beat"] * 8 + ["ask"] * 3 + ["ask_nan", "claim", "hand_back", "switch", "own", "protect", "hand", "wait"]
COURSE = st.lists(st.tuples(st.sampled_from(EVENTS), st.floats(0.0, 25.0).map(lambda x: x + 1e-7), st.integers(1, 9)), max_size=60)


@settings(max_examples=80, deadline=None)
@given(COURSE, st.sampled_from([1.0, 5.0, 7.5]))
def test_block_and_simulated_bas_show_the_same_after_every_scan(course: list[tuple[str, float, int]], scan_s: float) -> None:
    both = Both()
    both.scan(scan_s)
    for event, value, scans in course:
        both.do(event, value)
        for _ in range(scans if event == "wait" else 1):
            both.scan(scan_s)
            both.agree()


def test_a_life_with_the_block_takes_charge_times_out_ramps_back_and_alarms() -> None:
    both = Both()
    both.scan()
    both.do("claim", 0.0)
    both.do("ask", 12.0)
    seen: list[float] = []
    for n in range(550):
        if n < 300:
            both.do("beat", 0.0)
        both.scan()
        both.agree()
        seen.append(both.block.Effective)
        assert both.block.Authority == (2 if 1 <= n < 305 else 1), n
    assert seen[299] == pytest.approx(12.0)
    assert both.block_lease.Lost
    assert seen[-1] == pytest.approx(10.0)
    assert max(abs(b - a) for a, b in pairwise(seen)) <= 0.1 * SCAN_S / 60.0 + 1e-9, "back at the slower of its two rates"


def test_a_second_owner_is_locked_out_and_the_register_shows_it() -> None:
    both = Both()
    both.scan()
    both.owner_register = 1
    both.lease.claim(1.0)
    for _ in range(3):
        both.do("beat", 0.0)
        both.scan()
    both.owner_register = 7
    both.lease.claim(7.0)
    both.scan()
    both.agree()
    assert both.owner_register == 1


def test_the_block_is_declared_as_a_bms_wires_it() -> None:
    """Every input that the site's commissioning page names is there, with its type."""
    inputs: dict[str, dict[str, Any]] = {name: Instance(block).variables for name, block in BLOCKS.items()}
    assert {"Heartbeat", "KillSwitch", "ScanTime", "Timeout", "OwnerRegister", "Alive", "Forget", "Lost"} <= inputs["FB_ColdaisleLease"].keys()
    assert {"RequestRegister", "Effective", "Authority", "Low", "High", "RaisePerMin", "LowerPerMin"} <= inputs["FB_ColdaisleSetpoint"].keys()
    assert inputs["FB_ColdaisleLease"]["Timeout"] == 30.0
