"""One running daemon, ours or Debian's, with one two-slot reader driver.

Owned by one test class; thread-bound. Everything it writes lies in the private /run."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from harness.cards import Cards, VirtualCards, VpcdCards
from harness.namespace import RUNTIME_DIR
from harness.processes import open_files
from harness.settings import Settings
from harness.starters import ActivatedStarter, ProcessStarter, Running, Starter
from harness.service import ServiceStarter
from harness.waiting import poll_until
from harness.wire import STATE_PRESENT, ReaderState, WireClient

FRIENDLY_NAME = "Cardea Virtual Reader"
READERS = (f"{FRIENDLY_NAME} 00 00", f"{FRIENDLY_NAME} 00 01")
VPCD_PORT = 35963
DEBIAN_SOCKET = Path("/run/pcscd/pcscd.comm")
STOP_SECONDS = 20
# 0.3 s without change: threads that start or end late are through by then.
STEADY_LOOKS = 30
SANITIZER_REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:")


class DaemonError(AssertionError):
    """The daemon did not start, did not stop in order, or a sanitizer reported."""


class Daemon:
    def __init__(self, settings: Settings, *arguments: str) -> None:
        """`arguments` come last on the daemon's command line."""
        settings.check_files()
        self._arguments = arguments
        self._settings = settings
        self._dir = RUNTIME_DIR / "daemon"
        self._starter = self._make_starter()
        self.socket_path = self._starter.socket_path
        self.cards = self._make_cards()
        self._process: Running | None = None

    # Life

    def start(self) -> None:
        """Returns when both slots are listed, slot 0 holds a powered hello card, slot 1 none."""
        self._dir.mkdir(parents=True, exist_ok=True)
        self._write_reader_conf()
        self._launch()

    def restart(self, number: int) -> None:
        """Ends it with this signal and starts the next one; returns as start() does."""
        self.process.send_signal(number)
        self.process.wait(STOP_SECONDS)
        self._launch()

    def _launch(self) -> None:
        self._process = self._starter.start(self._command(), self._environment())
        try:
            self._wait_until_ready()
        except AssertionError as error:
            raise DaemonError(f"daemon not ready: {error}\n{self.log()}") from error

    def stop(self) -> str:
        """SIGTERM; has to end with status 0 (ours) and without a sanitizer's report. The log."""
        process = self.process
        self.cards.close()
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise DaemonError(f"daemon does not end on SIGTERM\n{self.log()}") from None
        log = self.log()
        self._starter.end()
        shutil.rmtree(self._dir)
        if self._settings.daemon == "cardea" and status != 0:
            raise DaemonError(f"daemon ended with status {status}\n{log}")
        if SANITIZER_REPORT.search(log):
            raise DaemonError(f"sanitizer report in the daemon\n{log}")
        return log

    def kill(self) -> None:
        """For the end of a test that failed; nothing to do after stop()."""
        self.cards.close()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._starter.end()

    @property
    def process(self) -> Running:
        if self._process is None:
            raise DaemonError("daemon not started")
        return self._process

    def log(self) -> str:
        return self._starter.log()

    @property
    def driver_dir(self) -> Path:
        """Where drivers may make sockets."""
        return self._starter.driver_dir

    def _command(self) -> list[str]:
        program = str(self._settings.daemon_path)
        if self._settings.daemon == "debian":
            return [program, "--foreground", "--config", str(self._dir / "conf.d"),
                    *self._arguments]
        return [program, "--foreground", "--info", "--config", str(self._dir / "conf.d"),
                "--socket", str(self.socket_path), *self._settings.polkit_options,
                *self._settings.options, *self._arguments]

    def _make_starter(self) -> Starter:
        if self._settings.starter == "service":
            return ServiceStarter()
        if self._settings.starter == "activated":
            return ActivatedStarter(self._dir)
        debian = self._settings.daemon == "debian"
        return ProcessStarter(self._dir, DEBIAN_SOCKET if debian else None)

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        if self._settings.daemon == "debian" and self._settings.driver == "virtual":
            environment.update(self._settings.preload())
            # Debian's pcscd has data races of its own; they are not what is tested here.
            environment["TSAN_OPTIONS"] = "report_bugs=0"
        return environment

    @property
    def _control(self) -> Path:
        return self.driver_dir / "control"

    def _make_cards(self) -> Cards:
        if self._settings.driver == "vpcd":
            return VpcdCards(VPCD_PORT)
        return VirtualCards(self._control)

    def _write_reader_conf(self) -> None:
        if self._settings.driver == "vpcd":
            device, channel = f"/dev/null:{VPCD_PORT:#x}", f"CHANNELID {VPCD_PORT:#x}\n"
        else:
            device, channel = f"virtual:slots=2:card=none:control={self._control}", ""
        conf = self._dir / "conf.d"
        conf.mkdir()
        (conf / "reader.conf").write_text(
            f'FRIENDLYNAME "{FRIENDLY_NAME}"\nDEVICENAME {device}\n'
            f"LIBPATH {self._settings.driver_path}\n{channel}")

    def _wait_until_ready(self) -> None:
        poll_until("the daemon accepts connections", self._accepts)
        poll_until("both slots listed", lambda: self._listed() == set(READERS))
        self.insert(0)

    def _accepts(self) -> bool:
        if self.process.poll() is not None:
            raise DaemonError(f"daemon ended with status {self.process.returncode}")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket_path))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
        return True

    def _listed(self) -> set[str]:
        with self.client() as client:
            return {state.name for state in client.states() if state.name}

    # Clients and cards

    def client(self, minor: int | None = 4, *, establish: bool = True, single_read: bool = False,
               foreign: bool = False) -> WireClient:
        return WireClient(self.socket_path, minor, establish=establish, single_read=single_read,
                          foreign=foreign)

    def state(self, slot: int) -> ReaderState:
        with self.client() as client:
            return next(s for s in client.states() if s.name == READERS[slot])

    def wait_for_card(self, slot: int, *, present: bool) -> None:
        poll_until(f"slot {slot} {'holds a' if present else 'without'} card",
                   lambda: bool(self.state(slot).state & STATE_PRESENT) == present)

    def insert(self, slot: int, kind: str = "hello") -> None:
        """Returns when the daemon shows the card."""
        self.cards.insert(slot, kind)
        self.wait_for_card(slot, present=True)

    def remove(self, slot: int) -> None:
        """Returns when the daemon shows the slot empty."""
        self.cards.remove(slot)
        self.wait_for_card(slot, present=False)

    def status(self) -> dict[str, Any]:
        """What pcscctl shows of ours."""
        program = str(self._settings.daemon_path.parent / "pcscctl")
        done = subprocess.run([program, "--socket", str(self.socket_path), "--json", "status"],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def driver_pid(self, reader: str) -> int | None:
        """Of the process that the reader's driver runs in; None: the daemon's own."""
        return next(shown["driver_pid"] for shown in self.status()["readers"]
                    if shown["name"] == reader)

    def host_of(self, reader: str) -> int:
        """The same of a reader whose driver has a process of its own."""
        pid = self.driver_pid(reader)
        assert pid is not None, f"{reader}: its driver runs in the daemon"
        return pid

    # What it uses

    def resources(self) -> tuple[int, int]:
        """Open descriptors and threads, as the kernel counts them."""
        return len(os.listdir(self._proc / "fd")), len(os.listdir(self._proc / "task"))

    def resources_at_rest(self) -> tuple[int, int]:
        """The same in many looks in a row."""
        looks: list[tuple[int, int]] = []

        def steady() -> bool:
            looks.append(self.resources())
            return len(looks) >= STEADY_LOOKS and len(set(looks[-STEADY_LOOKS:])) == 1

        poll_until("the daemon at rest", steady)
        return looks[-1]

    def describe_resources(self) -> str:
        """The same in words, for a test that failed."""
        descriptors = sorted(open_files(self.process.pid))
        threads = sorted((task / "comm").read_text().strip()
                         for task in (self._proc / "task").iterdir())
        return f"descriptors {descriptors}, threads {threads}"

    @property
    def _proc(self) -> Path:
        return Path("/proc") / str(self.process.pid)
