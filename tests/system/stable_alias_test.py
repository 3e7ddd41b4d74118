"""SCARD_ATTR_DEVICE_SYSTEM_NAME names the place a reader is plugged into, so that a program finds
the same one of several identical readers again, whatever the order they came in."""

from __future__ import annotations

import os
import random
import subprocess

from harness.case import cardea_only
from harness.settings import settings
from harness.usb_case import SCR3310, UsbTest
from harness.wire import DIRECT, STATE_ABSENT, Rv

SYSTEM_NAME = 0x7FFF0004
# At the root, at a hub, and at a hub behind it.
PORTS = ("1-1", "1-2", "1-3.1", "1-3.4.2")
ROUNDS = 24
SEED = 20


@cardea_only("Debian's pcscd repeats the reader's name")
class StableAlias(UsbTest):
    def test_one_per_port_in_any_order(self) -> None:
        chance = random.Random(SEED)
        aliases: dict[str, str] = {}
        for _ in range(ROUNDS):
            order = chance.sample(PORTS, len(PORTS))
            now: dict[str, str] = {}
            known: set[str] = set()
            for port in order:
                self.bed.add(port, card="none")
                self.daemon.wait_for_count(len(known) + 1)
                (new,) = set(self.daemon.names()) - known
                now[port] = self._alias(new)
                known.add(new)
            self.assertEqual(len(set(now.values())), len(PORTS), now)
            self.assertEqual(aliases or now, now)
            aliases = now
            for port in chance.sample(PORTS, len(PORTS)):
                self.bed.remove(port)
            self.daemon.wait_for_names()

    def test_the_list_of_readers_shows_it(self) -> None:
        self.bed.add("1-1", serial="AB12", card="none")
        self.daemon.wait_for_state(f"{SCR3310} (AB12) 00 00", STATE_ABSENT)
        build = settings().build_dir
        listed = subprocess.run([str(build / "bin" / "cardea-readers")], check=True, timeout=30,
                                capture_output=True, text=True,
                                env=dict(os.environ, PCSCLITE_CSOCK_NAME=str(
                                    self.daemon.socket_path))).stdout
        self.assertEqual(listed, f"{SCR3310} (AB12) 00 00\n"
                                 "  alias: usb-1-1:1.0-AB12\n  state: no card\n")

    def _alias(self, name: str) -> str:
        with self.daemon.client() as client:
            card = client.open_card(name, DIRECT, 0)
            answer = client.get_attrib(card, SYSTEM_NAME)
            self.assert_rv(answer.rv, Rv.OK)
        return answer.data.rstrip(b"\0").decode()

    def test_slots_have_one_each(self) -> None:
        self.bed.add("1-1", slots=3, card="none")
        names = [f"{SCR3310} 00 {slot:02X}" for slot in range(3)]
        self.daemon.wait_for_names(*names)
        for name in names:
            self.daemon.wait_for_state(name, STATE_ABSENT)
        self.assertEqual(len({self._alias(name) for name in names}), 3)
        self.pull_slots("1-1")
