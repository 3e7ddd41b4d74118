"""Random sequences of requests, by many clients at a time, over real sockets, while cards come and
go: every request is answered in the form of its dialect, the next client is served at once, and
nothing is left of the others. Short here; scripts/stress load takes its time, also with the thread
sanitizer.

CARDEA_SEED repeats the clients' part of a run, as far as threads allow."""

from __future__ import annotations

import os
import random
import subprocess

from harness.case import SystemTest, cardea_only
from harness.daemon import READERS
from harness.settings import settings
from harness.waiting import poll_until

SECONDS = int(os.environ.get("CARDEA_LOAD_SECONDS", "5"))
CLIENTS = int(os.environ.get("CARDEA_LOAD_CLIENTS", "12"))
SEED = int(os.environ.get("CARDEA_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
# What a run takes beyond its time: the last answers of a sanitized daemon.
GRACE_SECONDS = 90
CARD_MOVES_PER_SECOND = 10


@cardea_only("Debian's daemon is not meant to survive this")
class RandomClients(SystemTest):
    def setUp(self) -> None:
        super().setUp()
        self._filled = {0}

    def test_everybody_is_answered(self) -> None:
        chance = random.Random(SEED)
        with subprocess.Popen(
                [str(settings().build_dir / "bin" / "random_clients"),
                 str(self.daemon.socket_path), str(SECONDS), str(CLIENTS), str(SEED), *READERS],
                stdout=subprocess.PIPE, text=True) as clients:
            try:
                while not self._ended(clients):
                    self._move_a_card(chance)
                output = clients.communicate(timeout=GRACE_SECONDS)[0]
            finally:
                clients.kill()
        print(output, end="", flush=True)
        self.assertEqual(clients.returncode, 0, f"seed {SEED}\n{self.daemon.log()}")
        self._expect_readers_to_serve()

    @staticmethod
    def _ended(clients: subprocess.Popen[str]) -> bool:
        try:
            clients.wait(1 / CARD_MOVES_PER_SECOND)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _move_a_card(self, chance: random.Random) -> None:
        slot = chance.randrange(len(READERS))
        if slot in self._filled:
            self.daemon.cards.remove(slot)
            self._filled.discard(slot)
        else:
            self.daemon.cards.insert(slot, chance.choice(("hello", "hello", "hello", "mute")))
            self._filled.add(slot)

    def _expect_readers_to_serve(self) -> None:
        for slot, reader in enumerate(READERS):
            poll_until(f"nobody has a handle of {reader}",
                       lambda: self.daemon.state(slot).sharing == 0)
            if slot in self._filled:
                self.daemon.cards.remove(slot)
            # What it shows may be older than the last movement.
            self.daemon.wait_for_card(slot, present=False)
            self.daemon.insert(slot)
            with self.daemon.client() as client:
                card = client.open_card(reader)
                self.assert_rv(client.begin(card), 0)
                self.assert_hello(client, card)
                self.assert_rv(client.end(card), 0)
        self.daemon.remove(1)  # as it was
