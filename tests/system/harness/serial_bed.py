"""An emulated smart-card reader on a serial line: the program serial-testbed. Owned by one test;
thread-bound."""

from __future__ import annotations

import subprocess

from harness.namespace import RUNTIME_DIR
from harness.settings import Settings
from harness.usb_bed import STOP_SECONDS, send_command
from harness.waiting import poll_until


class SerialBed:
    """`line` is the terminal that a driver opens."""

    def __init__(self, settings: Settings, slots: int, *, echoes: bool) -> None:
        self._settings = settings
        self._slots = slots
        self._echoes = echoes
        folder = RUNTIME_DIR / "serial"
        folder.mkdir(exist_ok=True)
        self._control = folder / "control"
        self.line = folder / "line"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.line.unlink(missing_ok=True)
        program = self._settings.build_dir / "bin" / "serial-testbed"
        self._process = subprocess.Popen([str(program), str(self._control), str(self.line),
                                          str(self._slots), "echo" if self._echoes else "silent"])
        poll_until("the serial test bed", self._control.exists)

    def stop(self) -> None:
        """Has to end in order; nothing to do the second time."""
        if self._process is not None:
            self._process.terminate()
            status = self._process.wait(STOP_SECONDS)
            self._process = None
            if status != 0:
                raise AssertionError(f"serial-testbed ended with status {status}")

    def insert(self, slot: int, card: str = "hello", atr: str = "t01") -> None:
        send_command(self._control, f"insert {slot} {card} {atr}")

    def eject(self, slot: int) -> None:
        send_command(self._control, f"eject {slot}")
