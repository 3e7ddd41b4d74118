"""A daemon, ours or Debian's, without readers of its own: they are emulated USB readers, or what
a test writes into reader.conf.

Owned by one test; thread-bound."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from harness.cards import VirtualCards
from harness.daemon import Daemon, DaemonError
from harness.settings import Settings
from harness.waiting import PATIENCE_SECONDS, Stopwatch, poll_until
from harness.wire import STATE_PRESENT, ReaderState, Rv, WireClient

TSAN_SUPPRESSIONS = Path(__file__).resolve().parents[2] / "tsan.supp"
HOTPLUG_BACKENDS = ("udev", "libusb")


class FreeDaemon(Daemon):
    """`environment` comes on top of the test's own; `drop_dir` is where bundles are."""

    def __init__(self, settings: Settings, environment: dict[str, str] | None = None,
                 drop_dir: Path | None = None, options: tuple[str, ...] = ()) -> None:
        super().__init__(settings)
        self._more_environment = environment or {}
        self._drop_dir = drop_dir
        self._options = options
        self.has_foreign_drivers = settings.driver in (*HOTPLUG_BACKENDS, "serial")
        self.reader_conf = ""

    def start(self) -> None:
        """Returns when it serves clients; its readers may come later."""
        (self._dir / "conf.d").mkdir(parents=True, exist_ok=True)
        (self._dir / "conf.d" / "reader.conf").write_text(self.reader_conf)
        self._process = self._starter.start(self._command(), self._environment())
        poll_until("the daemon accepts connections", self._accepts)

    def stop(self) -> str:
        try:
            return super().stop()
        finally:
            if self._settings.daemon == "debian":
                # It leaves files behind.
                shutil.rmtree(self.socket_path.parent, ignore_errors=True)

    def kill(self) -> None:
        super().kill()
        if self._settings.daemon == "debian":
            shutil.rmtree(self.socket_path.parent, ignore_errors=True)

    def rescan(self) -> None:
        """What `pcscd --hotplug` and `systemctl reload` send."""
        self.process.send_signal(signal.SIGUSR1)

    def _command(self) -> list[str]:
        program = str(self._settings.daemon_path)
        config = ["--config", str(self._dir / "conf.d")]
        if self._settings.daemon == "debian":
            return [program, "--foreground", "--debug", *config, *self._options]
        driver = self._settings.driver
        hotplug = [f"--hotplug-backend={driver}"] if driver in HOTPLUG_BACKENDS else []
        return [program, "--foreground", "--debug", *config, "--socket", str(self.socket_path),
                *hotplug, *self._settings.polkit_options, *self._settings.options,
                *self._options]

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ, **self._more_environment)
        if self._drop_dir is not None:
            environment["PCSCLITE_HP_DROPDIR"] = str(self._drop_dir)
        if self._settings.daemon == "debian":
            environment["TSAN_OPTIONS"] = "report_bugs=0"
        elif "thread" in self._settings.sanitize:
            # Not for all programs: the libraries that it names may not be unloaded again.
            options = environment.get("TSAN_OPTIONS", "")
            environment["TSAN_OPTIONS"] = f"{options}:suppressions={TSAN_SUPPRESSIONS}".lstrip(":")
        if self.has_foreign_drivers:
            # They and their libusb leak a little at each open, and cyberjack frees what it made
            # with new; neither by our doing.
            options = environment.get("ASAN_OPTIONS", "")
            environment["ASAN_OPTIONS"] = (
                f"{options}:detect_leaks=0:alloc_dealloc_mismatch=0".lstrip(":"))
        return environment

    def _make_cards(self) -> VirtualCards:
        return VirtualCards(self._control)  # never used: the cards are the test bed's

    # Waiting, as clients wait: by events

    def wait_for_names(self, *names: str) -> None:
        """The list of readers is exactly this, in any order."""
        wanted = sorted(names)
        self._wait(f"the readers {wanted}",
                   lambda states: sorted(s.name for s in states) == wanted)

    def wait_for_count(self, count: int) -> None:
        """So many readers (slots) are listed."""
        self._wait(f"{count} readers", lambda states: len(states) == count)

    def wait_for_state(self, name: str, bits: int, *, on: bool = True) -> ReaderState:
        """The reader shows (or no longer shows) these bits."""
        states = self._wait(
            f"{name} with{'' if on else 'out'} state {bits:#x}",
            lambda now: any(s.name == name and bool(s.state & bits) == on for s in now))
        return next(s for s in states if s.name == name)

    def wait_for_present(self, name: str, *, present: bool = True) -> ReaderState:
        return self.wait_for_state(name, STATE_PRESENT, on=present)

    def names(self) -> list[str]:
        with self.client() as client:
            return sorted(s.name for s in client.states() if s.name)

    def _wait(self, what: str, is_met: Callable[[list[ReaderState]], bool]) -> list[ReaderState]:
        watch = Stopwatch()
        with self.client() as client:
            states = _registered(client)
            while not is_met(states):
                if watch.seconds > PATIENCE_SECONDS or not client.readable(
                        max(PATIENCE_SECONDS - watch.seconds, 0.0)):
                    raise DaemonError(f"not within {PATIENCE_SECONDS} s: {what}; "
                                      f"there is {[(s.name, hex(s.state)) for s in states]}")
                if client.completion()[1] != Rv.OK:
                    raise DaemonError(f"the wait for {what} ended with an error")
                states = _registered(client)
        return states


def _registered(client: WireClient) -> list[ReaderState]:
    return [state for state in client.wait() if state.name]
