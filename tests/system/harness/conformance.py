"""The conformance program in one cell of {our, Debian's} library x {our, Debian's} daemon.

It asks for cards and for the daemon's end and return by lines "> ..." (samples/conformance). Owned
by one test; thread-bound."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from harness.daemon import READERS, Daemon
from harness.namespace import RUNTIME_DIR
from harness.programs import LIBRARY, debian_lib_dir
from harness.settings import Settings
from harness.waiting import poll_until
from harness.wire import STATE_PRESENT

NO_SOCKET = RUNTIME_DIR / "no-such-socket"


class EmptyDaemon(Daemon):
    """A daemon without readers."""

    def _write_reader_conf(self) -> None:
        (self._dir / "conf.d").mkdir()

    def _wait_until_ready(self) -> None:
        poll_until("the daemon accepts connections", self._accepts)


class Conformance:
    """`settings` say which daemon, `library` is "cardea" or "debian"."""

    def __init__(self, settings: Settings, library: str) -> None:
        self._settings = settings
        self._program = str(settings.build_dir / "bin" / "conformance")
        self.library_dir = settings.build_dir / "lib" if library == "cardea" else debian_lib_dir()
        self._environment = dict(os.environ, LC_ALL="C", LD_LIBRARY_PATH=str(self.library_dir))
        if library == "debian":
            # Debian's library has data races of its own; they are not what is tested here.
            self._environment["TSAN_OPTIONS"] = "report_bugs=0"
        self._daemon: Daemon | None = None

    def lines(self) -> list[str]:
        """What all modules print, in their order."""
        found: list[str] = []
        self._check_library()
        for module, needs in self._modules():
            self._provide(needs)
            if needs in ("served", "impatient"):
                self._lay_out_cards()
            found += self._run(module, needs)
        self.close()
        return found

    def close(self) -> None:
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None

    def kill(self) -> None:
        if self._daemon is not None:
            self._daemon.kill()

    def _check_library(self) -> None:
        """A search path in the program would make all cells the same."""
        environment = dict(self._environment, LD_TRACE_LOADED_OBJECTS="1")
        listed = subprocess.run([self._program], env=environment, check=True, capture_output=True,
                                text=True).stdout
        loaded = next(line.split()[2] for line in listed.splitlines() if LIBRARY in line)
        if Path(loaded).parent.resolve() != self.library_dir.resolve():
            raise AssertionError(f"loads {loaded}, not the one in {self.library_dir}")

    def _modules(self) -> list[list[str]]:
        listed = subprocess.run([self._program], env=self._environment, check=True,
                                capture_output=True, text=True).stdout
        return [line.split() for line in listed.splitlines()]

    def _provide(self, needs: str) -> None:
        if needs == "unserved":
            self.close()
            return
        wanted = EmptyDaemon if needs == "empty" else Daemon
        if type(self._daemon) is wanted:
            return
        self.close()
        self._daemon = wanted(self._settings)
        self._daemon.start()

    def _lay_out_cards(self) -> None:
        """A new hello card in slot 0, none in slot 1, and nobody who uses a reader."""
        daemon = self._served
        for slot in range(len(READERS)):
            poll_until(f"slot {slot} is idle", lambda: daemon.state(slot).sharing == 0)
            if daemon.state(slot).state & STATE_PRESENT:
                daemon.remove(slot)
        daemon.insert(0)

    def _run(self, module: str, needs: str) -> list[str]:
        socket = NO_SOCKET if self._daemon is None else self._daemon.socket_path
        environment = dict(self._environment, PCSCLITE_CSOCK_NAME=str(socket))
        if needs == "impatient":
            environment["PCSCLITE_NO_BLOCKING"] = "1"
        with subprocess.Popen([self._program, module], env=environment, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            try:
                lines = list(self._answer(process))
            finally:
                process.kill()
        return [*lines, f"{module}.exit: {process.returncode}"]

    def _answer(self, process: subprocess.Popen[str]) -> Iterator[str]:
        """What it prints, its requests being done on the way."""
        assert process.stdin is not None and process.stdout is not None
        for line in process.stdout:
            line = line.rstrip("\n")
            if not line.startswith("> "):
                yield line
                continue
            self._do(line.split()[1:])
            process.stdin.write("done\n")
            process.stdin.flush()
        process.wait()

    def _do(self, words: list[str]) -> None:
        daemon = self._served
        match words:
            case ["insert", slot, *kind]:
                daemon.insert(int(slot), " ".join(kind))
            case ["remove", slot]:
                daemon.remove(int(slot))
            case ["stop"]:
                daemon.stop()
            case ["start"]:
                daemon.start()
            case _:
                raise AssertionError(f"the program asks for {words}")

    @property
    def _served(self) -> Daemon:
        if self._daemon is None:
            raise AssertionError("a module without daemon asks for something")
        return self._daemon
