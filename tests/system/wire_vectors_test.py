"""Plays the conversations in vectors/ against the daemon, byte by byte.

The format is described in vectors/README.md. Each file is one conversation with a fresh daemon
state: slot 0 holds the hello card, slot 1 is empty."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

from harness.case import SystemTest
from harness.settings import settings
from harness.waiting import poll_until
from harness.wire import WireClient

VECTORS = Path(__file__).resolve().parent / "vectors"
QUIET_SECONDS = 0.2
NAME_BYTES = 128
ATR_BYTES = 33


class Conversation:
    """The state of one run: connections by number, and what the variables stand for."""

    def __init__(self, test: SystemTest, path: Path) -> None:
        self._test = test
        self._path = path
        self._clients: dict[str, WireClient] = {}
        state = test.daemon.state(0)
        self._variables: dict[str, bytes] = {
            "reader": test.reader.encode().ljust(NAME_BYTES, b"\0"),
            "reader_name": test.reader.encode() + b"\0",
            "empty_reader": test.empty_reader.encode().ljust(NAME_BYTES, b"\0"),
            "atr": state.atr.ljust(ATR_BYTES + 3, b"\0"),
            "atr_length": len(state.atr).to_bytes(4, "little")}

    def play(self) -> None:
        try:
            self._play_lines()
        finally:
            for client in self._clients.values():
                client.close()

    def _play_lines(self) -> None:
        for number, line in enumerate(self._path.read_text().splitlines(), 1):
            text = line.split("#", 1)[0].strip()
            if not text or text.startswith("for "):
                continue
            try:
                self._step(text)
            except Exception as error:
                raise AssertionError(f"{self._path.name}:{number}: {text}\n{error!r}") from error

    def _step(self, text: str) -> None:
        action, _, rest = text.partition(" ")
        if found := re.fullmatch(r"(\d*)([<>])", action):
            client = self._client(found[1])
            if found[2] == ">":
                client.socket.sendall(b"".join(self._values(token) for token in rest.split()))
            else:
                self._receive(client, rest.split())
        elif found := re.fullmatch(r"(\d*)(quiet|closed)", action):
            self._end_of_answers(self._client(found[1]), found[2])
        elif action in ("insert", "remove"):
            getattr(self._test.daemon.cards, action)(int(rest))
        elif action in ("present", "absent"):
            self._test.daemon.wait_for_card(int(rest), present=action == "present")
        else:
            raise ValueError("no such step")

    def _end_of_answers(self, client: WireClient, how: str) -> None:
        if how == "quiet":
            self._test.assert_silent(client, QUIET_SECONDS)
        else:
            self._test.assert_closed(client, 1)

    def _client(self, number: str) -> WireClient:
        if number not in self._clients:
            self._clients[number] = self._test.client(None, establish=False)
        return self._clients[number]

    def _values(self, token: str) -> bytes:
        """Bytes of one token that is to be sent."""
        if token.startswith("$"):
            return self._variables[token[1:]]
        if "*" in token:
            piece, count = token.split("*")
            return bytes.fromhex(piece) * int(count)
        return bytes.fromhex(token)

    def _receive(self, client: WireClient, tokens: list[str]) -> None:
        for token in tokens:
            if found := re.fullmatch(r"\?\?\*(\d+)", token):
                client.recv(int(found[1]))
            elif (found := re.fullmatch(r"\$(\w+):(\d+)", token)) and (
                    found[1] not in self._variables):
                self._variables[found[1]] = client.recv(int(found[2]))
            else:
                wanted = self._values(token.split(":")[0])
                got = client.recv(len(wanted))
                self._test.assertEqual(got.hex(), wanted.hex(), token)


def served(path: Path) -> bool:
    """A file may name in its first line what it is for: "for cardea", "for vpcd"."""
    first = path.read_text().splitlines()[0]
    needs = set(first.split()[1:]) if first.startswith("for ") else set()
    return needs <= {settings().daemon, settings().driver}


class Vectors(SystemTest):
    def test_each_file(self) -> None:
        paths = sorted(VECTORS.glob("*.txt"))
        self.assertGreaterEqual(len(paths), 8)
        played = 0
        for path in paths:
            if served(path):
                with self.subTest(path.stem):
                    poll_until("the reader is idle", lambda: self.daemon.state(0).sharing == 0)
                    Conversation(self, path).play()
                    played += 1
        self.assertGreaterEqual(played, 3)


class Runner(unittest.TestCase):
    """The player itself finds what is wrong."""

    def test_all_first_lines_are_known(self) -> None:
        for path in VECTORS.glob("*.txt"):
            first = path.read_text().splitlines()[0]
            self.assertTrue(first.startswith("#") or set(first.split()[1:])
                            <= {"cardea", "debian", "vpcd", "virtual"}, path)
