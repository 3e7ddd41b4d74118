"""A card here, a program there: the socket forwarded by ssh, or by whatever passes on bytes."""

from __future__ import annotations

import os
import subprocess
import unittest
from pathlib import Path

from harness.launch import IPC_DIR, SOCKET, LaunchTest
from harness.namespace import RUNTIME_DIR
from harness.relay import Relay
from harness.settings import settings
from harness.ssh import Ssh, server_program
from harness.waiting import poll_until
from harness.wire import WireClient

BUILD = settings().build_dir
HELLO = BUILD / "bin" / "hello_card"
PCSCCTL = settings().daemon_path.parent / "pcscctl"
OURS = BUILD / "lib" / "libifdvirtual.so"
FORWARDED = RUNTIME_DIR / "there.comm"
CONTROL = RUNTIME_DIR / "there.control"
GREETING = "Hello world!"
SECONDS = 60.0


class ForwardingTest(LaunchTest):
    def setUp(self) -> None:
        super().setUp()
        readers = RUNTIME_DIR / "readers.conf"
        readers.write_text(f"FRIENDLYNAME Reader\nDEVICENAME virtual:\nLIBPATH {OURS}\n")
        self.serve(readers=readers)
        with WireClient(SOCKET) as client:
            poll_until("a card", lambda: client.states()[0].atr)

    def hello(self, **more: str) -> str:
        done = subprocess.run([str(HELLO)], capture_output=True, text=True, check=False,
                              timeout=SECONDS, env={**os.environ, **more,
                                                    "PCSCLITE_CSOCK_NAME": str(FORWARDED)})
        return done.stdout + done.stderr


class Bytes(ForwardingTest):
    def test_are_all_that_counts(self) -> None:
        relay = Relay(FORWARDED, SOCKET)
        self.addCleanup(relay.close)
        self.assertIn(GREETING, self.hello())
        debian = "/usr/lib/x86_64-linux-gnu"
        self.assertIn(GREETING, self.hello(LD_LIBRARY_PATH=debian))


@unittest.skipIf(server_program() is None, "there is no OpenSSH server here")
class OpenSsh(ForwardingTest):
    """The recipes of doc/sandboxes.md."""

    ssh: Ssh

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        if Path("/proc/self/uid_map").read_text().split()[2] == "1":
            raise unittest.SkipTest("the server needs a user of its own")
        cls.ssh = Ssh()
        cls.addClassCleanup(cls.ssh.close)

    def setUp(self) -> None:
        super().setUp()
        for path in (FORWARDED, CONTROL):
            path.unlink(missing_ok=True)

    def test_takes_the_card_along_to_a_program_there(self) -> None:
        done = self.ssh.run("-R", f"{FORWARDED}:{SOCKET}",
                            "-R", f"{CONTROL}:{IPC_DIR / 'pcscd.control'}", "--",
                            f"PCSCLITE_CSOCK_NAME={FORWARDED} {HELLO} && "
                            f"PCSCLITE_CSOCK_NAME={FORWARDED} {PCSCCTL} list")
        self.assertIn(GREETING, done.stdout, done.stderr)
        self.assertIn("Reader 00 00", done.stdout)

    def test_fetches_the_card_to_a_program_here(self) -> None:
        forwarding = self.ssh.stay("-L", f"{FORWARDED}:{SOCKET}")
        try:
            poll_until("the forwarded socket", FORWARDED.exists)
            self.assertIn(GREETING, self.hello())
        finally:
            forwarding.terminate()
            forwarding.wait(SECONDS)

    def test_without_the_control_socket_pcscctl_says_so(self) -> None:
        done = self.ssh.run("-R", f"{FORWARDED}:{SOCKET}", "--",
                            f"PCSCLITE_CSOCK_NAME={FORWARDED} {PCSCCTL} status")
        self.assertEqual(done.returncode, 1)
        self.assertIn("forward", " ".join(done.stderr.split()))


if __name__ == "__main__":
    unittest.main()
