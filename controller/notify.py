"""Tells the service manager how the daemon is (sd_notify), over the datagram socket that it names in NOTIFY_SOCKET; decides nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

_VARIABLE = "NOTIFY_SOCKET"


class Notifier:
    """Sends states to the service manager; without one, or when it does not listen, every call does nothing."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Looks up where to send to; a name that begins with "@" is an abstract socket (sd_notify(3))."""
        name = (os.environ if environ is None else environ).get(_VARIABLE, "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) if name else None

    def ready(self) -> None:
        """Says that the daemon has started."""
        self._send("READY=1")

    def watchdog(self) -> None:
        """Says that the daemon lives; to be called only when a cycle's record is on disk."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Says that the daemon is shutting down."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Shows one line of text in the service manager's status."""
        self._send("STATUS=" + " ".join(text.split()))

    def close(self) -> None:
        """Closes the socket; later calls do nothing."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, state: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(state.encode(), self._address)
        except OSError:  # the manager decides what silence means; the daemon must not stop or wait because of it
            return
