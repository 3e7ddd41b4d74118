"""Base of the tests of real applications: a reader with two slots, cards that tests plug into them,
and a place where an application runs with one library and leaves its files.

Thread-bound, but Workplace.run(), which may be called from several threads."""

from __future__ import annotations

import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

from cards.iso7816 import Card
from cards.piv_card import PivCard
from harness.cards import VpcdLink
from harness.case import SystemTest
from harness.conf_case import Entry
from harness.daemon import FRIENDLY_NAME, READERS, VPCD_PORT, Daemon
from harness.free_daemon import FreeDaemon
from harness.languages import loaded
from harness.namespace import RUNTIME_DIR
from harness.programs import ProgramRun
from harness.settings import settings
from harness.waiting import PATIENCE_SECONDS, poll_until

COMMAND_SECONDS = 4 * PATIENCE_SECONDS


class Workplace:
    """A directory, and the environment of applications that use this daemon and library."""

    def __init__(self, daemon: Daemon, library: str) -> None:
        self.path = Path(tempfile.mkdtemp(dir=RUNTIME_DIR))
        program_run = ProgramRun(daemon, settings(), library)
        self._library_dir = program_run.library_dir.resolve()
        self.environment = {**program_run.environment, "HOME": str(self.path),
                            "LD_DEBUG": "libs", "LD_DEBUG_OUTPUT": str(self.path / "trace")}

    def run(self, *command: str, stdin: str = "", status: int = 0) -> str:
        """What it printed on both streams; AssertionError if it ends with another status."""
        done = subprocess.run(command, input=stdin, env=self.environment, cwd=self.path, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=COMMAND_SECONDS)
        if done.returncode != status:
            raise AssertionError(f"exit {done.returncode}: {' '.join(command)}\n{done.stdout}")
        return done.stdout

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Its output comes by one pipe. The caller sees to its end."""
        return subprocess.Popen(command, env=self.environment, cwd=self.path, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text)

    def check_library(self) -> None:
        """Every libpcsclite that anything here loaded was the one meant, and there was one."""
        assert loaded(self.path) == {self._library_dir}, loaded(self.path)


class CardTest(SystemTest):
    """`library`: "cardea" or "debian"."""

    daemon: FreeDaemon
    library: ClassVar[str]
    _links: ClassVar[dict[int, VpcdLink]]

    @classmethod
    def setUpClass(cls) -> None:
        if settings().sanitize and cls.library == "cardea":
            # pkcs11-tool 0.23 uses freed memory, and gpg does not get far.
            raise unittest.SkipTest("applications do not run with a sanitizer's runtime")
        cls.daemon = FreeDaemon(settings())
        cls.addClassCleanup(cls.daemon.kill)
        cls.daemon.reader_conf = Entry(FRIENDLY_NAME, f"virtual:slots=2:vpcd={VPCD_PORT}",
                                       settings().build_dir / "lib" / "libifdvirtual.so").text()
        cls.daemon.start()
        cls.daemon.wait_for_names(*READERS)
        cls._links = {}
        cls.plug(0, PivCard())
        cls._warm_up()
        cls.unplug(0)
        cls._resources = cls.daemon.resources_at_rest()

    @classmethod
    def plug(cls, slot: int, card: Card) -> None:
        """Returns when the daemon shows the card; it is taken out after the test."""
        cls._links[slot] = VpcdLink(VPCD_PORT + slot, card, card.atr)
        cls.daemon.wait_for_present(READERS[slot])

    @classmethod
    def unplug(cls, slot: int, *, in_use: bool = False) -> None:
        """Returns when the daemon shows the slot empty."""
        if not in_use:
            # COMPAT: Debian's pcscd resets the card of a client that has gone; if the card goes
            # meanwhile, it takes it for one that is there but mute.
            poll_until(f"slot {slot} is idle", lambda: cls.daemon.state(slot).sharing == 0)
        cls._links.pop(slot).close()
        cls.daemon.wait_for_present(READERS[slot], present=False)

    @classmethod
    def _unplug_all(cls) -> None:
        for slot in tuple(cls._links):
            cls.unplug(slot)

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self._unplug_all)
