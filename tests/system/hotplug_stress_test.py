"""A thousand plugs, pulls and resets in random order: at the end the list of readers is the list of
devices, and the daemon uses what it used at the start.

CARDEA_SEED repeats a run. Debian's daemon is no reference: even one step at a time, it now and then
keeps a reader that has gone, and follows no event after that."""

from __future__ import annotations

import os
import random

from harness.case import cardea_only
from harness.settings import settings
from harness.usb_case import UsbTest
from harness.waiting import PATIENCE_SECONDS, poll_until
from harness.wire import STATE_PRESENT

PORTS = ("1-1", "1-2", "1-3.1", "1-3.2", "2-1", "2-2.4.1")
CYCLES = 1_000
# How often a step is waited for; the others pile up.
SEEN = 0.2
SEED = int(os.environ.get("CARDEA_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
# Closing readers one after the other, with a sanitizer, takes its time.
SETTLE_SECONDS = 2 * PATIENCE_SECONDS


@cardea_only("see above")
class Stress(UsbTest):
    def setUp(self) -> None:
        super().setUp()
        self._plugged: set[str] = set()
        self._chance = random.Random(SEED)

    def test_random_order(self) -> None:
        print(f"CARDEA_SEED={SEED}", flush=True)
        for port in PORTS:
            self._add(port)
        self._settle()
        for port in PORTS:
            self._remove(port)
        self._settle()
        before = self.daemon.resources()
        for _ in range(CYCLES):
            self._step()
            if self._chance.random() < SEEN:
                self.daemon.wait_for_count(len(self._plugged))
        self._settle()
        self._use_all()
        for port in sorted(self._plugged):
            self._remove(port)
        self._settle()
        try:
            poll_until(f"descriptors and threads back to {before}",
                       lambda: self._are_back(*before), SETTLE_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.daemon.describe_resources()}") from None

    def _are_back(self, descriptors: int, threads: int) -> bool:
        now = self.daemon.resources()
        return now[0] <= descriptors + self._kept_by_libccid() and now[1] <= threads

    def _kept_by_libccid(self) -> int:
        """At most: libccid 1.5.2 may not close a device that vanishes between its being opened and
        its first answer. A driver's process takes it along when it ends."""
        return self.bed.status()["unanswered"] if settings().hosting == "in-process" else 0

    def _step(self) -> None:
        port = self._chance.choice(PORTS)
        if port not in self._plugged:
            self._add(port)
        elif self._chance.random() < 0.25:
            self.bed.reset(port, devnum=self._chance.choice(("same", "new")), uevents="readd")
        else:
            self._remove(port)

    def _add(self, port: str) -> None:
        self.bed.add(port, serial=port, card=self._chance.choice(("hello", "none")))
        self._plugged.add(port)

    def _remove(self, port: str) -> None:
        self.bed.remove(port)
        self._plugged.discard(port)

    def _settle(self) -> None:
        """What is plugged in is what is listed and open, and nothing else."""
        self.daemon.wait_for_count(len(self._plugged))
        poll_until("one reader per device", lambda: sorted(
            name[name.index("(") + 1:name.index(")")] for name in self.daemon.names())
            == sorted(self._plugged), SETTLE_SECONDS)
        for port in self._plugged:
            self.bed.wait_until_claimed(port)
        poll_until("one open handle per device", lambda: all(
            self.bed.handles(port) == 1 for port in self._plugged), SETTLE_SECONDS)
        poll_until("no other open handles", lambda: self.bed.handles()
                   <= len(self._plugged) + self._kept_by_libccid(), SETTLE_SECONDS)

    def _use_all(self) -> None:
        # A reset may still be under way, so a reader counts once its new device is in use.
        for port in sorted(self._plugged):
            self.bed.remove(port)
            self.bed.add(port, serial=port)
        for port in sorted(self._plugged):
            self.bed.wait_until_claimed(port)
            name = poll_until(f"a card at {port}", lambda: self._name_with_card(port))
            client, _ = self.open_hello(name)
            client.close()

    def _name_with_card(self, port: str) -> str | None:
        with self.client() as client:
            return next((state.name for state in client.states()
                         if f"({port})" in state.name and state.state & STATE_PRESENT), None)
