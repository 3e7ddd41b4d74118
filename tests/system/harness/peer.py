"""A client process for tests that need one: its own pid, its own uid, and it can be killed.

As a program it connects, sends what its arguments say in hex, and reads until the daemon hangs
up: peer.py SOCKET HEX... ; with "shut" as the last argument it ends its own sending first."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

NOBODY = 65534


def start(socket_path: Path, *sends: str, uid: int | None = None) -> subprocess.Popen[bytes]:
    """The running client; its stdout is what it received."""
    command = [sys.executable, str(Path(__file__).resolve()), str(socket_path), *sends]
    return subprocess.Popen(command, stdout=subprocess.PIPE, user=uid)


def other_uid() -> int:
    """A uid that is not the daemon's where the namespace has one, else our own."""
    mapped = sum(int(line.split()[2]) for line in
                 Path("/proc/self/uid_map").read_text().splitlines())
    return NOBODY if mapped > NOBODY else os.geteuid()


def _main(path: str, sends: list[str]) -> None:
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        for piece in sends:
            if piece == "shut":
                link.shutdown(socket.SHUT_WR)
            else:
                link.sendall(bytes.fromhex(piece))
        try:
            while data := link.recv(65536):
                sys.stdout.buffer.write(data)
        except ConnectionResetError:
            return


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
