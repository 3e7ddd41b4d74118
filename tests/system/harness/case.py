"""Base of all system tests: a daemon per class, a leak check after each test.

The same cases run against Debian's pcscd. Where ours answers differently on purpose, the test
says so in one row, expect_compat(), with the reason; such a row is marked COMPAT."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import ClassVar, TypeVar

from harness.card import AID, GREETING, OK
from harness.daemon import READERS, Daemon
from harness.settings import settings
from harness.waiting import poll_until
from harness.wire import SHARED, T0_OR_T1, T1, Rv, WireClient

T = TypeVar("T")
Test = TypeVar("Test", bound=Callable[..., object])  # a method or a class

SELECT = b"\x00\xa4\x04\x00\x0a" + AID
HELLO = bytes(4)
RESET_COUNT = b"\x80\x40\x00\x00"
# Debian's pcscd ends its threads some time after the client has gone.
LEAK_SECONDS = 20.0


def cardea_only(reason: str) -> Callable[[Test], Test]:
    """COMPAT: what Debian's pcscd does not do, or does so differently that nothing is shared."""
    return unittest.skipUnless(settings().daemon == "cardea", f"COMPAT: {reason}")


class SystemTest(unittest.TestCase):
    daemon: Daemon
    reader = READERS[0]
    empty_reader = READERS[1]
    _resources: ClassVar[tuple[int, int]]  # when no client is there

    @classmethod
    def setUpClass(cls) -> None:
        cls.daemon = cls._make_daemon()
        cls.addClassCleanup(cls.daemon.kill)
        cls.daemon.start()
        cls._warm_up()
        cls._resources = cls.daemon.resources_at_rest()

    @classmethod
    def _make_daemon(cls) -> Daemon:
        return Daemon(settings())

    @classmethod
    def tearDownClass(cls) -> None:
        cls.daemon.stop()

    @classmethod
    def _warm_up(cls) -> None:
        """One whole conversation, so that what the daemon makes once is there to be counted."""
        with cls.daemon.client() as client:
            card = client.open_card(cls.reader)
            client.begin(card)
            client.transmit(card, SELECT)
            client.wait()
            client.stop()

    def setUp(self) -> None:
        self.addCleanup(self._check_daemon)

    def _check_daemon(self) -> None:
        """Runs after the test has closed its clients: nothing of them may be left."""
        self.assertIsNone(self.daemon.process.poll(), f"daemon ended\n{self.daemon.log()}")
        if self._outcome_failed():
            print(f"--- daemon log after {self.id()}\n{self.daemon.log()}---", flush=True)
            return
        most = self._resources
        try:
            poll_until(f"descriptors and threads back to {most}",
                       lambda: all(now <= before for now, before
                                   in zip(self.daemon.resources(), most)), LEAK_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}, but {self.daemon.describe_resources()}") from None

    def _outcome_failed(self) -> bool:
        result = self._outcome.result  # type: ignore[attr-defined]  # unittest has no other
        return any(test is self for test, _ in result.failures + result.errors)

    # What tests are made of

    @property
    def is_cardea(self) -> bool:
        return settings().daemon == "cardea"

    @property
    def is_vpcd(self) -> bool:
        return settings().driver == "vpcd"

    def expect_compat(self, reason: str, *, cardea: T, debian: T) -> T:
        """The value this daemon has to show. `reason` says why ours differs."""
        self.assertTrue(reason)
        self.assertNotEqual(cardea, debian, "no difference: not a COMPAT row")
        return cardea if self.is_cardea else debian

    def client(self, minor: int | None = 4, *, establish: bool = True, single_read: bool = False,
               foreign: bool = False) -> WireClient:
        """A connection that is closed after the test, before the leak check."""
        client = self.daemon.client(minor, establish=establish, single_read=single_read,
                                    foreign=foreign)
        self.addCleanup(client.close)
        return client

    def client_with_card(self, *, share: int = SHARED, protocols: int = T0_OR_T1,
                         foreign: bool = False) -> tuple[WireClient, int]:
        client = self.client(foreign=foreign)
        return client, client.open_card(self.reader, share, protocols)

    def insert_for_this_test(self, slot: int, kind: str = "hello") -> None:
        """Returns when the daemon shows the card; it is taken out after the test."""
        self.addCleanup(self.daemon.remove, slot)
        self.daemon.insert(slot, kind)

    def assert_rv(self, got: int, wanted: int) -> None:
        self.assertEqual(f"{got:#010x}", f"{wanted:#010x}")

    def assert_hello(self, client: WireClient, card: int) -> None:
        """The card is usable by this handle: selects and greets."""
        selected = client.transmit(card, SELECT)
        self.assert_rv(selected.rv, Rv.OK)
        self.assertEqual(selected.data, OK)
        greeted = client.transmit(card, HELLO)
        self.assert_rv(greeted.rv, Rv.OK)
        self.assertEqual(greeted.data, GREETING + OK)

    def resets(self, client: WireClient, card: int, protocol: int = T1) -> int:
        """Resets and power-ups the card has seen since its insertion."""
        answer = client.transmit(card, RESET_COUNT, protocol)
        self.assert_rv(answer.rv, Rv.OK)
        self.assertEqual(answer.data[4:], OK)
        return int.from_bytes(answer.data[:4], "big")

    def assert_silent(self, client: WireClient, seconds: float = 0.25) -> None:
        self.assertFalse(client.readable(seconds), "bytes where none may come")

    def assert_closed(self, client: WireClient, seconds: float) -> None:
        """Hung up within the time, and nothing sent before."""
        self.assertTrue(client.readable(seconds), f"still open after {seconds} s")
        self.assertEqual(client.recv_until_closed(), b"")
