"""The sample as a flatpak: flatpak itself binds pcscd's socket into its sandbox, or does not."""

from __future__ import annotations

import unittest

from harness.flatpak import Flatpak
from harness.launch import IPC_DIR, SOCKET, LaunchTest
from harness.manager import Activator
from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.waiting import poll_until
from harness.wire import WireClient

OURS = settings().build_dir / "lib" / "libifdvirtual.so"


class Application(LaunchTest):
    def test_the_socket_permission_decides(self) -> None:
        flatpak = Flatpak(RUNTIME_DIR / "flatpak")
        flatpak.install()
        readers = RUNTIME_DIR / "readers.conf"
        readers.write_text(f"FRIENDLYNAME Reader\nDEVICENAME virtual:\nLIBPATH {OURS}\n")
        IPC_DIR.mkdir()
        service = Activator(SOCKET, "--config", str(readers), "--auto-exit=1")
        self.addCleanup(service.close)
        with self.subTest("sockets=pcsc"):
            self.assert_works(flatpak)
        with self.subTest("--nosocket=pcsc"):
            refused = flatpak.run("--nosocket=pcsc")
            self.assertNotEqual(refused.returncode, 0, refused.stdout)
            self.assertIn("Service not available", refused.stdout)
        with self.subTest("started by the activator again"):
            poll_until("the end of the daemon", lambda: service.statuses)
            self.assert_works(flatpak)

    def assert_works(self, flatpak: Flatpak) -> None:
        with WireClient(SOCKET) as client:
            poll_until("a card", lambda: client.states()[0].atr)
        done = flatpak.run()
        self.assertIn("Hello world!", done.stdout)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
