"""QEMU's control connection (QMP): JSON, one message per line. Thread-bound."""

from __future__ import annotations

import json
import socket
from typing import Any

ANSWER_SECONDS = 30.0


class QmpError(RuntimeError):
    """QEMU refused a command or does not answer."""


class Qmp:
    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._link.settimeout(ANSWER_SECONDS)
        self._lines = link.makefile("rb")
        self._events: list[dict[str, Any]] = []
        self._receive()  # the greeting
        self.command("qmp_capabilities")

    def command(self, name: str, descriptor: int | None = None, **arguments: Any) -> None:
        """`descriptor` travels with the command."""
        line = json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n"
        socket.send_fds(self._link, [line], [] if descriptor is None else [descriptor])
        while True:
            message = self._receive()
            if "event" in message:
                self._events.append(message)
            elif "error" in message:
                raise QmpError(f"{name}: {message['error']['desc']}")
            else:
                return

    def wait_deleted(self, device: str) -> None:
        """Returns when the device is unplugged."""
        def is_it(message: dict[str, Any]) -> bool:
            return (message.get("event") == "DEVICE_DELETED"
                    and message.get("data", {}).get("device") == device)
        while not any(is_it(event) for event in self._events):
            self._events.append(self._receive())
        self._events = [event for event in self._events if not is_it(event)]

    def close(self) -> None:
        self._lines.close()
        self._link.close()

    def _receive(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise QmpError("QEMU has ended")
        message: dict[str, Any] = json.loads(line)
        return message
