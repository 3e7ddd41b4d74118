"""Base of the tests whose readers stand in reader.conf: a daemon per test, started by the test."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, NamedTuple

from harness.case import SystemTest
from harness.free_daemon import FreeDaemon
from harness.settings import settings


class Entry(NamedTuple):
    """One reader of reader.conf."""

    name: str
    device: str
    library: Path
    channel: int | None = None

    def text(self) -> str:
        channel = "" if self.channel is None else f"CHANNELID {self.channel:#x}\n"
        return (f'FRIENDLYNAME "{self.name}"\nDEVICENAME {self.device}\n'
                f"LIBPATH {self.library}\n{channel}\n")


class ConfTest(SystemTest):
    daemon: FreeDaemon
    options: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def setUpClass(cls) -> None:
        """Nothing is shared between tests."""

    @classmethod
    def tearDownClass(cls) -> None:
        """Nothing is shared between tests."""

    def setUp(self) -> None:
        self.daemon = FreeDaemon(settings(), options=self.options)
        self.addCleanup(self.daemon.kill)
        self.addCleanup(self._finish)

    def start_daemon(self, *entries: Entry) -> None:
        self.daemon.reader_conf = "".join(entry.text() for entry in entries)
        self.daemon.start()

    def _finish(self) -> None:
        """Runs after the test has closed its clients."""
        if self._outcome_failed():
            print(f"--- daemon log after {self.id()}\n{self.daemon.log()}---", flush=True)
            return
        self.assertIsNone(self.daemon.process.poll(), f"daemon ended\n{self.daemon.log()}")
        self.daemon.stop()
