"""Private mount, network and process namespaces for one test module.

Debian's pcscd has its socket path compiled in and vpcd listens on fixed ports, so each module
gets its own /run (a tmpfs) and its own loopback. Everything in it dies with the module, however
it ends, and nothing is left on disk. Runs before anything else, single-threaded."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

INSIDE = "CARDEA_IN_NAMESPACE"
RUNTIME_DIR = Path("/run/cardea-test")
# What ctest takes for "skipped" (SKIP_RETURN_CODE in CMakeLists.txt).
EXIT_SKIPPED = 77

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


def unshare(*more: str) -> list[str]:
    """The beginning of a command that is run in namespaces of its own."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, *more, "--mount", "--net", "--pid", "--fork", "--kill-child",
            "--mount-proc", "--propagation", "private", "--"]


def skip(reason: str) -> NoReturn:
    print(f"SKIPPED: {reason}", flush=True)
    sys.exit(EXIT_SKIPPED)


def enter(argv: list[str]) -> None:
    """Runs argv again inside; returns only in there. Exits 77 where namespaces are forbidden."""
    if os.environ.get(INSIDE) == "1":
        _prepare()
        return
    probe = subprocess.run([*unshare(), "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        skip(f"no private namespaces here: {probe.stderr.strip()}")
    os.environ[INSIDE] = "1"
    os.execvp("unshare", [*unshare(), sys.executable, *argv])


def _prepare() -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)
    RUNTIME_DIR.mkdir()
    _loopback_up()


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh14x", b"lo", 0)
        answer = fcntl.ioctl(probe, _SIOCGIFFLAGS, request)
        flags = struct.unpack("16sh14x", answer)[1] | _IFF_UP
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags))
