"""Emulated USB readers: the program usb-testbed and its commands.

It plays the hardware for programs started with environment(); those have to end before it does.
Owned by one test; thread-bound. tests/fakes/usb/commands.hpp has the commands."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import quote

from harness.namespace import RUNTIME_DIR
from harness.processes import open_files
from harness.settings import Settings
from harness.waiting import poll_until

PRELOAD = "libumockdev-preload.so.0"
COMMAND_SECONDS = 10.0
STOP_SECONDS = 10.0
_NODES = "/dev/bus/usb/"
SERVICE_USER = "pcscd"
# Events travel as datagrams here; the kernel's default of 10 in a queue would stop the test bed.
_DATAGRAMS_MAX = "4096"
_DATAGRAMS_LIMIT = Path("/proc/sys/net/unix/max_dgram_qlen")


class UsbBed:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._dir = RUNTIME_DIR / "usb"
        self._control = self._dir / "control"
        self._log_path = self._dir / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._root = ""

    def start(self) -> None:
        self._dir.mkdir(parents=True, exist_ok=True)
        # The daemon opens the files of its devices, and makes sockets beside them.
        user = SERVICE_USER if self._settings.starter == "service" else None
        if user is not None:
            shutil.chown(self._dir, user, user)
        _DATAGRAMS_LIMIT.write_text(_DATAGRAMS_MAX)
        program = self._settings.build_dir / "bin" / "usb-testbed"
        # Leaks of the libraries it is made of are not what is tested here.
        environment = dict(os.environ, TMPDIR=str(self._dir), LD_PRELOAD=self._preload(),
                           TSAN_OPTIONS="report_bugs=0",
                           ASAN_OPTIONS="detect_leaks=0")
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen([str(program), str(self._control)], stdout=log,
                                             stderr=log, stdin=subprocess.DEVNULL, env=environment,
                                             user=user, group=user)
        poll_until("the USB test bed", self._is_up)
        self._root = self.command("root")

    def stop(self) -> None:
        """Has to end in order."""
        if self._process is None:
            return
        self._process.terminate()
        status = self._process.wait(STOP_SECONDS)
        self._process = None
        if status != 0:
            raise AssertionError(f"usb-testbed ended with status {status}:\n{self.log()}")

    def kill(self) -> None:
        """For the end of a test that failed; nothing to do after stop()."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        return self._log_path.read_text(errors="replace") if self._log_path.exists() else ""

    def environment(self) -> dict[str, str]:
        """What a program needs in order to see the devices."""
        return {"UMOCKDEV_DIR": self._root, "LD_PRELOAD": self._preload()}

    def _preload(self) -> str:
        # A sanitizer's runtime has to come first.
        runtime = self._settings.preload().get("LD_PRELOAD", "")
        listener = self._settings.build_dir / "lib" / "usb-testbed-listener.so"
        return f"{runtime}:{listener}:{PRELOAD}".lstrip(":")

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"usb-testbed ended:\n{self.log()}")
        try:
            self.command("status")
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    # Commands

    def command(self, line: str) -> str:
        """What follows "ok" in the answer; AssertionError for "error"."""
        try:
            return send_command(self._control, line)
        except AssertionError as error:
            status = self._process.poll() if self._process is not None else None
            if status is None:
                raise
            raise AssertionError(
                f"{error}: usb-testbed ended with status {status}\n{self.log()}") from None

    def add(self, port: str, **keys: object) -> int:
        """Plugs a device in; the number it got."""
        return self._number(self.command(f"add {port}{_words(keys)}"))

    def remove(self, port: str, *, uevent: bool = True) -> None:
        self.command(f"remove {port} uevent={'on' if uevent else 'off'}")

    def reset(self, port: str, *, devnum: str = "same", uevents: str = "rebind") -> int:
        return self._number(self.command(f"reset {port} devnum={devnum} uevents={uevents}"))

    def insert(self, port: str, slot: int = 0, reader: int = 0, card: str = "hello",
               atr: str = "t01") -> None:
        self.command(f"insert {port} reader={reader} slot={slot} card={card} atr={atr}")

    def eject(self, port: str, slot: int = 0, reader: int = 0) -> None:
        self.command(f"eject {port} reader={reader} slot={slot}")

    def hang(self, port: str, on: bool = True) -> None:
        self.command(f"hang {port} {'on' if on else 'off'}")

    def status(self, port: str = "") -> dict[str, int]:
        words = self.command(f"status {port}".strip()).split()
        return {key: int(value) for key, value in (word.split("=") for word in words)}

    def wait_until_held(self, port: str) -> None:
        """An APDU has arrived at the card of a device that hangs."""
        poll_until(f"an APDU at {port}", lambda: self.status(port)["held"] > 0)

    def wait_until_claimed(self, port: str) -> None:
        """A driver works with the device that is at this port now."""
        poll_until(f"a driver at {port}", lambda: self.status(port)["claimed"] > 0)

    def handles(self, port: str = "") -> int:
        """How often programs have the device node open; without a port: all nodes, those of
        devices that are gone included. The kernel knows it for certain: umockdev does not notice
        each time that a program with an open node has died."""
        files = [file for process in Path("/proc").glob("[0-9]*")
                 for file in open_files(int(process.name)) if _NODES in file]
        if not port:
            return len(files)
        bus = int(port.partition("-")[0])
        node = f"{_NODES}{bus:03}/{self.status(port)['devnum']:03}"
        return sum(file.endswith(node) for file in files)

    def wait_for_handles(self, count: int) -> None:
        poll_until(f"{count} open device handles", lambda: self.handles() == count)

    @staticmethod
    def _number(answer: str) -> int:
        return int(answer.split()[0].removeprefix("devnum="))


def send_command(control: Path, line: str) -> str:
    """One command to a test bed: what follows "ok" in the answer; AssertionError for "error"."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(COMMAND_SECONDS)
        link.connect(str(control))
        link.sendall(line.encode() + b"\n")
        answer = link.makefile().readline().strip()
    if answer != "ok" and not answer.startswith("ok "):
        raise AssertionError(f"test bed: {line}: {answer}")
    return answer[3:]


def _words(keys: dict[str, object]) -> str:
    text = ""
    for key, value in keys.items():
        if isinstance(value, bool):
            value = "on" if value else "off"
        text += f" {key}={quote(str(value), safe=':,')}"
    return text
