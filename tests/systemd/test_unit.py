"""The unit file says what the safety concept needs of it, and systemd understands every line."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd" / "coldaisle.service"
BOUNDARY = UNIT.with_name("coldaisle-boundary.service")
analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")


def keys(unit: Path = UNIT) -> dict[str, list[str]]:
    """Returns every value of every key of a unit, in order."""
    found = defaultdict(list)
    for line in unit.read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found[key].append(value)
    return dict(found)


def one(key: str) -> str:
    """Returns the only value of a key."""
    (value,) = keys()[key]
    return value


def test_the_watchdog_outlasts_two_late_cycles_and_only_the_daemon_feeds_it() -> None:
    """A cycle takes 300 s unless the site says otherwise; the watchdog is fed after each."""
    assert one("Type") == "notify"
    assert one("NotifyAccess") == "main"
    assert 2 * 300 < int(one("WatchdogSec")) <= 3 * 300


def test_a_stop_hands_back_before_anything_is_killed() -> None:
    """SIGTERM goes to the daemon alone, and the time-out leaves room for the hand-back of slow devices."""
    assert one("KillSignal") == "SIGTERM"
    assert one("KillMode") == "mixed"
    assert int(one("TimeoutStopSec")) >= 30


def test_it_comes_back_but_not_for_ever() -> None:
    """Every failure is followed by a start after the lease has run out; a refused configuration and a series of failures are not."""
    assert one("Restart") == "always"
    assert int(one("RestartSec")) > 30
    assert one("RestartPreventExitStatus") == "2"
    assert int(one("StartLimitBurst")) * int(one("RestartSec")) < int(one("StartLimitIntervalSec"))


def test_it_runs_as_nobody_in_particular_and_writes_in_two_places() -> None:
    """No root, no capabilities, a read-only system, and the daemon is told which directories are its own."""
    assert one("User") == "coldaisle"
    assert one("CapabilityBoundingSet") == ""
    assert one("ProtectSystem") == "strict"
    assert one("NoNewPrivileges") == "yes"
    assert f"COLDAISLE_PERSISTENCE__DIRECTORY=/var/lib/{one('StateDirectory')}" in keys()["Environment"]
    assert f"COLDAISLE_PERSISTENCE__SOCKET=/run/{one('RuntimeDirectory')}/control.sock" in keys()["Environment"]


def test_the_operators_command_looks_where_the_service_keeps_its_things() -> None:
    """Both name the same directory and socket."""
    command = UNIT.with_name("coldaisle.sh").read_text()
    for value in keys()["Environment"]:
        if value.startswith("COLDAISLE_"):
            name, _, path = value.partition("=")
            assert f'export {name}="${{{name}:-{path}}}"' in command


def test_memory_is_bounded_and_a_killed_worker_does_not_end_the_daemon() -> None:
    """The optimiser's worker may die without the daemon."""
    assert one("MemoryMax").endswith(("M", "G"))
    assert one("OOMPolicy") == "continue"
    assert one("SystemCallErrorNumber") == "EPERM"  # otherwise the refused mbind kills NumPy at import
    assert keys()["SystemCallFilter"][-1] == "setpriority"  # the worker makes itself nice; refused, it would never start


def test_the_boundary_is_another_user_who_can_neither_order_nor_read_the_journal() -> None:
    """It meets the daemon in one folder, which belongs to the daemon and is open to the boundary's group; neither needs the other to run."""
    own = keys(BOUNDARY)
    assert own["User"] == ["coldaisle-boundary"] != keys()["User"]
    assert "-/run/coldaisle -/var/lib/coldaisle" in own["InaccessiblePaths"][0]
    assert not {"Requires", "BindsTo", "PartOf", "SupplementaryGroups"} & (own.keys() | keys().keys())
    socket = "COLDAISLE_BOUNDARY__SOCKET=/run/coldaisle-boundary/boundary.sock"
    assert socket in own["Environment"]
    assert socket in keys()["Environment"]
    assert keys()["ReadWritePaths"] == ["-/run/coldaisle-boundary"]
    assert "d /run/coldaisle-boundary 2750 coldaisle coldaisle-boundary -" in UNIT.with_name("coldaisle.tmpfiles").read_text().splitlines()
    assert "u coldaisle-boundary -" in UNIT.with_name("coldaisle.sysusers").read_text()
    for key in ("NoNewPrivileges", "CapabilityBoundingSet", "ProtectSystem", "PrivateUsers", "MemoryDenyWriteExecute", "SystemCallErrorNumber"):
        assert own[key] == keys()[key]


@pytest.mark.parametrize("unit", [UNIT, BOUNDARY], ids=lambda unit: unit.name)
def test_every_block_says_why(unit: Path) -> None:
    """A key stands below a comment, or in a block of keys that does."""
    explained = False
    for line in unit.read_text().splitlines():
        if not line or line.startswith("["):
            explained = False
        elif line.startswith("#"):
            explained = True
        else:
            assert explained or line.startswith(("Description", "WantedBy")), line


@analyze
@pytest.mark.parametrize("original", [UNIT, BOUNDARY], ids=lambda unit: unit.name)
def test_systemd_knows_every_key(original: Path, tmp_path: Path) -> None:
    """Unknown keys leave the exit status at 0, so the words are what counts; only the program's path may be missing here."""
    program = tmp_path / "coldaisle"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / original.name
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={program}", original.read_text()))
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert said.stderr == ""
    assert said.returncode == 0
    unit.write_text(unit.read_text().replace("RestartSec=", "RestartSecs="))
    assert "RestartSecs" in subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False).stderr


@analyze
@pytest.mark.parametrize("unit", [UNIT, BOUNDARY], ids=lambda unit: unit.name)
def test_its_exposure_is_small(unit: Path) -> None:
    """systemd's own score, 0 (sealed) to 10 (open), stays at 1.2 or below; what remains is the network, which is its work."""
    said = subprocess.run(["systemd-analyze", "security", "--offline=true", str(unit)], capture_output=True, text=True, check=False)
    found = re.search(rf"Overall exposure level for {re.escape(unit.name)}: ([\d.]+)", said.stdout)
    if found is None:
        pytest.skip(f"this systemd cannot judge a file offline: {said.stderr.strip()}")
    assert float(found[1]) <= 1.2
