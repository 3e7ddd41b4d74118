"""Faults on order: what the library tests/fakes/faults makes fail in a process it is loaded into.

The fields are those of tests/fakes/faults/control.hpp, in their order. Thread-bound."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from harness.cards import VirtualCards
from harness.case import SystemTest
from harness.daemon import FRIENDLY_NAME, Daemon
from harness.namespace import RUNTIME_DIR
from harness.settings import Settings, settings

KINDS = ("memory", "read", "write", "epoll_ctl", "epoll_wait", "accept", "thread", "process",
         "open", "poll", "connect")
FIELDS = ("kinds", "error", "skip", "count", "per_million", "seed", "seen", "failed", "everywhere",
          "realtime_s", "boottime_s", "wall_waits")
FIELD_BYTES = 8
CONTROL = RUNTIME_DIR / "faults"
CLOCK_SET = RUNTIME_DIR / "clock-set"


class Faults:
    """One control file; it says "nothing fails" until it is told otherwise."""

    def __init__(self, path: Path = CONTROL) -> None:
        self.path = path
        path.write_bytes(bytes(FIELD_BYTES * len(FIELDS)))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        CLOCK_SET.unlink(missing_ok=True)
        os.mkfifo(CLOCK_SET)
        self._clock_set = os.open(CLOCK_SET, os.O_RDWR | os.O_NONBLOCK)

    def close(self) -> None:
        self._memory.close()
        os.close(self._clock_set)

    def environment(self, settings: Settings, object_name: str = "") -> dict[str, str]:
        """For a process that is to have these faults. `object_name`: the library whose calls
        count, instead of the program's own."""
        library = settings.build_dir / "lib" / "cardea-faults.so"
        if not library.exists():
            raise FileNotFoundError(f"{library} is missing: build the project")
        environment = {"LD_PRELOAD": str(library), "CARDEA_FAULTS": str(self.path),
                       "CARDEA_FAULTS_CLOCK_SET": str(CLOCK_SET)}
        if object_name:
            environment["CARDEA_FAULTS_OBJECT"] = object_name
        return environment

    def fail(self, kind: str, error: int, skip: int = 0, count: int = 1) -> None:
        """Of the calls of this kind `skip` pass, then `count` fail."""
        self._order((kind,), error=error, skip=skip, count=count)

    def fail_at_random(self, kinds: Sequence[str], error: int, per_million: int, seed: int) -> None:
        self._order(kinds, error=error, per_million=per_million, seed=seed)

    def stop(self) -> None:
        """From here on nothing fails."""
        self["kinds"] = 0

    @property
    def failed(self) -> int:
        """Calls that failed since the last order."""
        return self["failed"]

    def set_clock(self, seconds: int) -> None:
        """The wall clock is set forth or back by so much, as by NTP or by hand."""
        self["realtime_s"] += seconds
        os.write(self._clock_set, b"!")

    def sleep(self, seconds: int) -> None:
        """As if the computer had slept for so long: two clocks have gone on, one has not."""
        self["boottime_s"] += seconds
        self.set_clock(seconds)

    def _order(self, kinds: Sequence[str], **fields: int) -> None:
        self.stop()
        for name in ("error", "skip", "count", "per_million", "seed", "seen", "failed"):
            self[name] = fields.get(name, 0)
        self["kinds"] = sum(1 << KINDS.index(kind) for kind in kinds)

    def __getitem__(self, name: str) -> int:
        return struct.unpack_from("<q", self._memory, FIELDS.index(name) * FIELD_BYTES)[0]

    def __setitem__(self, name: str, value: int) -> None:
        struct.pack_into("<q", self._memory, FIELDS.index(name) * FIELD_BYTES, value)


class FaultyDaemon(Daemon):
    """A daemon whose calls fail when `faults` says so. Its reader is the virtual one."""

    cards: VirtualCards

    def __init__(self, settings: Settings, *arguments: str) -> None:
        super().__init__(settings, *arguments)
        self.faults = Faults()

    def launch(self) -> None:
        """Starts it with cards in both slots, and waits for nothing."""
        self.remove_files()
        conf = self._dir / "conf.d"
        conf.mkdir(parents=True)
        (conf / "reader.conf").write_text(
            f'FRIENDLYNAME "{FRIENDLY_NAME}"\nDEVICENAME virtual:slots=2\n'
            f"LIBPATH {self._settings.driver_path}\n")
        self._process = self._starter.start(self._command(), self._environment())

    def remove_files(self) -> None:
        shutil.rmtree(self._dir, ignore_errors=True)

    def _make_cards(self) -> VirtualCards:
        return VirtualCards(self._control)

    def _environment(self) -> dict[str, str]:
        return {**super()._environment(), **self.faults.environment(self._settings)}


class FaultyTest(SystemTest):
    """A daemon whose calls can be made to fail."""

    daemon: FaultyDaemon
    arguments: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def _make_daemon(cls) -> FaultyDaemon:
        daemon = FaultyDaemon(settings(), *cls.arguments)
        cls.addClassCleanup(daemon.faults.close)
        cls.addClassCleanup(daemon.remove_files)
        return daemon
