"""OpenSSH on both sides of this machine's loopback: a server of the test's own with keys of its
own, and the client. All files are in the private /run; /etc/passwd is covered by a copy in which
the server's own user exists. Owned by a test; thread-bound."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

from harness.namespace import RUNTIME_DIR
from harness.waiting import poll_until

PORT = 2222  # the loopback is private
PROGRAMS = "/usr/sbin:/usr/bin:/sbin:/bin"
SECONDS = 60.0
PASSWORDS = Path("/etc/passwd")
PRIVILEGE_USER = "sshd:x:64321:65534::/run/sshd:/usr/sbin/nologin\n"


def server_program() -> str | None:
    return shutil.which("sshd") or shutil.which("sshd", path=PROGRAMS)


class Ssh:
    def __init__(self) -> None:
        program = server_program()
        assert program is not None
        self._folder = RUNTIME_DIR / "ssh"
        self._folder.mkdir()
        Path("/run/sshd").mkdir(exist_ok=True)
        self._add_privilege_user()
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                            str(self._folder / name)], check=True)
        configuration = self._folder / "sshd.conf"
        configuration.write_text(
            f"Port {PORT}\nListenAddress 127.0.0.1\nHostKey {self._folder / 'host'}\n"
            f"AuthorizedKeysFile {self._folder / 'user.pub'}\nStrictModes no\nPidFile none\n"
            "StreamLocalBindUnlink yes\nPermitRootLogin yes\n")
        self._server = subprocess.Popen([program, "-D", "-e", "-f", str(configuration)],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        poll_until("the ssh server listens", self._listens)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Options of ssh, then the command there."""
        return subprocess.run(self._command(*words), capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=SECONDS)

    def stay(self, *options: str) -> subprocess.Popen[str]:
        """Only forwards, until it is ended."""
        return subprocess.Popen(self._command("-N", *options), stdin=subprocess.DEVNULL, text=True)

    def close(self) -> None:
        self._server.terminate()
        self._server.wait(SECONDS)
        subprocess.run(["umount", str(PASSWORDS)], check=True)

    def _command(self, *words: str) -> list[str]:
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes",
                   "ExitOnForwardFailure=yes", "LogLevel=ERROR"]
        count = next((i for i, word in enumerate(words) if word == "--"), len(words))
        return ["ssh", "-F", "none", "-p", str(PORT), "-i", str(self._folder / "user"),
                *(part for option in options for part in ("-o", option)), *words[:count],
                "root@127.0.0.1", *words[count + 1:]]

    def _add_privilege_user(self) -> None:
        copy = self._folder / "passwd"
        copy.write_text(PASSWORDS.read_text() + PRIVILEGE_USER)
        subprocess.run(["mount", "--bind", str(copy), str(PASSWORDS)], check=True)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", PORT)) == 0
