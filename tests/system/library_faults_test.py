"""What fails in the library is an answer to the program: a code of PC/SC, never an exception, a
crash or a hang; and the next context of the same program works. (faults-client does the work.)"""

from __future__ import annotations

import errno
import os
import subprocess
import unittest
from typing import ClassVar

from harness.daemon import Daemon
from harness.faults import KINDS, Faults
from harness.settings import settings

PROGRAM_SECONDS = 120.0


class LibraryFaults(unittest.TestCase):
    daemon: ClassVar[Daemon]
    faults: ClassVar[Faults]

    @classmethod
    def setUpClass(cls) -> None:
        cls.daemon = Daemon(settings())
        cls.addClassCleanup(cls.daemon.kill)
        cls.daemon.start()
        cls.faults = Faults()
        cls.addClassCleanup(cls.faults.close)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.daemon.stop()

    def torture(self, kind: str, *errors: int) -> None:
        for error in errors:
            with self.subTest(kind, error=errno.errorcode[error]):
                build = settings().build_dir
                environment = {
                    **os.environ, **self.faults.environment(settings(), "libpcsclite"),
                    "PCSCLITE_CSOCK_NAME": str(self.daemon.socket_path),
                    "LD_LIBRARY_PATH": str(build / "lib")}
                run = subprocess.run(
                    [str(build / "bin" / "faults-client"), str(KINDS.index(kind)), str(error)],
                    env=environment, capture_output=True, text=True, timeout=PROGRAM_SECONDS,
                    check=False)
                self.assertEqual((run.returncode, run.stderr), (0, ""))
                lives, word = run.stdout.split()
                self.assertEqual(word, "lives")
                self.assertGreater(int(lives), 0, f"the library makes no call of kind {kind}")

    def test_allocation(self) -> None:
        self.torture("memory", errno.ENOMEM)

    def test_read(self) -> None:
        self.torture("read", errno.EIO, errno.ECONNRESET, errno.EINTR, errno.ENOMEM)

    def test_write(self) -> None:
        self.torture("write", errno.EPIPE, errno.EINTR, errno.ENOBUFS)

    def test_waiting(self) -> None:
        self.torture("poll", errno.EINTR, errno.ENOMEM)

    def test_connection(self) -> None:
        self.torture("connect", errno.ECONNREFUSED, errno.EINTR, errno.EAGAIN, errno.ENOENT)

    def test_socket(self) -> None:
        self.torture("open", errno.EMFILE, errno.ENOBUFS)


if __name__ == "__main__":
    unittest.main()
