"""The service manager's socket hears what it should, and nothing else happens where there is none."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@coldaisle-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name[1:] if name.startswith("@") else name)
        sock.settimeout(5.0)
        yield sock, name


def test_states_arrive_as_datagrams(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready()
    notifier.status("cycle 12:\nOPTIMISE, 3 chillers")
    notifier.watchdog()
    notifier.stopping()
    assert [sock.recv(4096) for _ in range(4)] == [b"READY=1", b"STATUS=cycle 12: OPTIMISE, 3 chillers", b"WATCHDOG=1", b"STOPPING=1"]
    notifier.close()
    notifier.watchdog()
    sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        sock.recv(4096)


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    for notifier in (Notifier(), Notifier({"NOTIFY_SOCKET": ""})):
        notifier.ready()
        notifier.watchdog()
        notifier.close()


def test_the_environment_of_the_process_is_the_default(manager: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch) -> None:
    sock, name = manager
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    notifier = Notifier()
    notifier.watchdog()
    assert sock.recv(4096) == b"WATCHDOG=1"
    notifier.close()


def test_a_manager_that_is_gone_or_does_not_read_stops_nobody(tmp_path: Path) -> None:
    gone = Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    gone.watchdog()
    gone.close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "deaf")})
        for _ in range(2000):
            notifier.watchdog()
        notifier.close()
