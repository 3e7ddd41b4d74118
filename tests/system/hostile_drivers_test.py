"""Drivers that hang or are not there, and an honest client at a reader of another library: it sees
nothing of that. F1 to F5.

Each attack is over after a second, so that the next round finds a driver that works."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from harness.card import ATR, HelloCard
from harness.cards import VirtualCards, VpcdLink
from harness.conf_case import Entry
from harness.daemon import VPCD_PORT
from harness.free_daemon import FreeDaemon
from harness.hostile import HostileTest
from harness.namespace import RUNTIME_DIR
from harness.settings import DEBIAN_VPCD, settings
from harness.victim import Step
from harness.waiting import poll_until
from harness.wire import STATE_PRESENT, Rv, WireClient

OURS = settings().build_dir / "lib" / "libifdvirtual.so"
COPY = RUNTIME_DIR / "libother.so"
CONTROL = RUNTIME_DIR / "hung-control"
GOOD, HUNG, BESIDE, VPCD = "Good 00 00", "Hung 00 00", "Hung 00 01", "Vpcd 00 00"
# The card works for a second, and its driver with it.
WORK_1_S = b"\x80\x30\x03\xe8"
HANG_SECONDS = 1.0


class StubbornCard(HelloCard):
    """Answers a command only when a second has passed."""

    def process(self, apdu: bytes) -> bytes:
        self.gone.wait(HANG_SECONDS)
        return super().process(apdu)


class HungDriver(HostileTest):
    daemon: FreeDaemon
    reader = GOOD
    second_card = False
    link: ClassVar[VpcdLink]

    @classmethod
    def _make_daemon(cls) -> FreeDaemon:
        shutil.copy(OURS, COPY)
        # F4 again and again: this is not about patience.
        daemon = FreeDaemon(settings(), options=("--driver-limit", "stable=0"))
        daemon.reader_conf = "".join(entry.text() for entry in (
            Entry("Good", "virtual:card=hello", OURS),
            Entry("Hung", f"virtual:slots=2:card=hello:control={CONTROL}", COPY),
            Entry("Vpcd", f"/dev/null:{VPCD_PORT:#x}", DEBIAN_VPCD, VPCD_PORT),
            Entry("Missing", "/dev/null", Path("/usr/lib/pcsc/drivers/serial/no-such-driver.so"))))
        return daemon

    @classmethod
    def _warm_up(cls) -> None:
        cls.link = VpcdLink(VPCD_PORT, StubbornCard(), ATR)
        cls.addClassCleanup(cls.link.close)
        for name in (GOOD, HUNG, BESIDE, VPCD):
            cls.daemon.wait_for_present(name)
        super()._warm_up()

    @contextlib.contextmanager
    def hang(self, name: str) -> Iterator[None]:
        """The driver of this reader is at work for a client when the block begins."""
        def play(client: WireClient, step: Step) -> None:
            client.send_transmit(client.open_card(name), WORK_1_S)
            step()
            step.wait_for_go()

        with self.lasting(play):
            poll_until("the driver is at work", lambda: self.used("waiting") == 1)
            yield None

    def test_f1_hangs_in_transmit(self) -> None:
        self.assert_honest_client_is_served(lambda: self.hang(HUNG), GOOD)

    def test_f1_the_other_slot_of_a_thread_safe_driver(self) -> None:
        self.assert_honest_client_is_served(lambda: self.hang(HUNG), BESIDE)

    def test_f2_a_driver_that_is_not_thread_safe_hangs(self) -> None:
        """Other readers of that driver wait with it, as its author asked for; nobody else does."""
        self.assert_honest_client_is_served(lambda: self.hang(VPCD), GOOD)

    def test_f3_the_card_is_pulled_meanwhile(self) -> None:
        cards = VirtualCards(CONTROL)

        @contextlib.contextmanager
        def attack() -> Iterator[None]:
            with self.hang(HUNG):
                cards.remove(0)
                yield None
            self.daemon.wait_for_state(HUNG, STATE_PRESENT, on=False)
            cards.insert(0)
            self.daemon.wait_for_present(HUNG)

        self.assert_honest_client_is_served(attack, GOOD)

    @unittest.skipIf(settings().hosting == "in-process", "a crash there is the daemon's")
    def test_f4_crashes(self) -> None:
        @contextlib.contextmanager
        def attack() -> Iterator[None]:
            with self.hang(HUNG):
                os.kill(self.daemon.host_of(HUNG), signal.SIGABRT)  # no sanitizer takes it
                yield None
            self.daemon.wait_for_present(HUNG)

        self.assert_honest_client_is_served(attack, GOOD)

    def test_f5_one_library_is_missing(self) -> None:
        """It is, all the time: the daemon has said so once, and serves the others."""
        self.assertEqual(len([line for line in self.daemon.log().splitlines()
                              if "no-such-driver" in line and " error " in line]), 1)
        with self.daemon.client() as client:
            self.assert_rv(client.connect("Missing 00 00").rv, Rv.UNKNOWN_READER)
        self.session(GOOD)
