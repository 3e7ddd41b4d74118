"""Debian's PC/SC programs, run against a daemon with a library; their output made comparable."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.daemon import Daemon
from harness.namespace import RUNTIME_DIR
from harness.settings import Settings, settings
from harness.waiting import PATIENCE_SECONDS, Stopwatch

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
APDUS = b"00 A4 04 00 0A A0 00 00 00 62 03 01 0C 06 01\n00 00 00 00\n"
LIBRARY = "libpcsclite.so.1"
PRESSES_MAX = 30


@dataclass(frozen=True)
class Program:
    """`shows`: what the output has to contain, so that two equal failures do not pass."""

    name: str
    command: tuple[str, ...]
    shows: tuple[str, ...]
    stdin: bytes = b""


READER_LISTS = ("Cardea Virtual Reader 00 00", "Cardea Virtual Reader 00 01")
# In a command: the build directory of this run.
BUILD_DIR = "{build}"
PROGRAMS = (
    Program("hello_card", (f"{BUILD_DIR}/bin/hello_card",), ("Hello world!",)),
    Program("pcsc_scan -r", ("pcsc_scan", "-r"), READER_LISTS),
    Program("pcsc_scan -c", ("pcsc_scan", "-c"), ("Cardea Virtual Reader 00 00",)),
    Program("scriptor", ("scriptor",), ("Hello world!".encode().hex(" ").upper(),), APDUS),
    Program("scriptor -r -p T=1", ("scriptor", "-r", READER_LISTS[0], "-p", "T=1"),
            ("48 65 6C 6C 6F",), APDUS),
    Program("pyscard, low level", (sys.executable, str(SAMPLES / "hello_scard.py")),
            ("Hello world!", "SCardReleaseContext: 0x00000000")),
    Program("pyscard, high level", (sys.executable, str(SAMPLES / "hello_pyscard.py")),
            ("Hello world!", *READER_LISTS)),
    Program("libpcsc-perl", ("perl", str(SAMPLES / "hello_pcsc.pl")), ("Hello world!", "done")))


def home_with_card_list() -> Path:
    """A home directory whose list of known ATRs has the hello card: for an unknown ATR pcsc_scan
    would fetch a newer list from the network."""
    home = RUNTIME_DIR / "home"
    (home / ".cache").mkdir(parents=True, exist_ok=True)
    (home / ".cache" / "smartcard_list.txt").write_text("3B .*\n\tHello card\n\n")
    return home


class ProgramRun:
    """The environment of one cell of the matrix: this daemon, this library."""

    def __init__(self, daemon: Daemon, settings: Settings, library: str) -> None:
        self.daemon = daemon
        self._build_dir = str(settings.build_dir)
        self.library_dir = settings.build_dir / "lib" if library == "cardea" else debian_lib_dir()
        self.environment = dict(os.environ, LC_ALL="C", HOME=str(home_with_card_list()),
                                PCSCLITE_CSOCK_NAME=str(daemon.socket_path),
                                LD_LIBRARY_PATH=str(self.library_dir))
        if library == "cardea":
            self.environment.update(settings.preload())

    def output(self, program: Program) -> str:
        """Exit status and what it printed, made comparable."""
        command = [word.replace(BUILD_DIR, self._build_dir) for word in program.command]
        done = subprocess.run(command, input=program.stdin, env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=4 * PATIENCE_SECONDS)
        return f"exit {done.returncode}\n{normalise(done.stdout.decode(errors='replace'))}"

    def loaded_library(self) -> Path:
        """The file that a program really loads here."""
        script = ("import ctypes; ctypes.CDLL('libpcsclite.so.1');"
                  "print(next(l.split()[-1] for l in open('/proc/self/maps')"
                  " if 'libpcsclite' in l))")
        done = subprocess.run([sys.executable, "-c", script], env=self.environment, check=True,
                              capture_output=True, text=True)
        return Path(done.stdout.strip())


class RunningScan:
    """pcsc_scan in its running mode, which ends only when it is told to."""

    def __init__(self, run: ProgramRun) -> None:
        # It has another program explain the ATR; started from a process with ThreadSanitizer's
        # runtime that one does not run.
        quiet = ["-n"] if "thread" in settings().sanitize else []
        self._process = subprocess.Popen(["pcsc_scan", *quiet], env=run.environment,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self._process.stdout is not None
        self._pipe = self._process.stdout
        self._text = b""

    def wait_for(self, text: str, times: int) -> None:
        """Reads on until `text` has been printed so many times."""
        watch = Stopwatch()
        while self._text.count(text.encode()) < times:
            left = 2 * PATIENCE_SECONDS - watch.seconds
            if left <= 0 or not select.select([self._pipe], [], [], left)[0]:
                raise AssertionError(f"pcsc_scan never said {text!r}:\n{self._text!r}")
            piece = os.read(self._pipe.fileno(), 65536)
            if not piece:
                raise AssertionError(f"pcsc_scan ended:\n{self._text!r}")
            self._text += piece

    def finish(self) -> str:
        """Ends it as a user does, and returns what it printed, made comparable. A cancel that
        comes before the wait it is meant for is lost, so the user may have to press twice."""
        for _ in range(PRESSES_MAX):
            self._process.send_signal(signal.SIGINT)
            try:
                rest, _ = self._process.communicate(timeout=1)
                return normalise((self._text + rest).decode(errors="replace"))
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError(f"pcsc_scan does not end on SIGINT:\n{self._text!r}")

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def debian_lib_dir() -> Path:
    listed = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True,
                            text=True).stdout
    for line in listed.splitlines():
        # A copy of ours under /usr/local must not pass for Debian's.
        if LIBRARY in line and "=> /usr/local" not in line:
            return Path(line.split("=> ")[1]).parent
    raise FileNotFoundError("libpcsclite1 is not installed: see scripts/packages")


def normalise(text: str) -> str:
    """Without times, colours and the turning bar; these differ from run to run."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    text = re.sub(r"\r [-\\|/ ] (?=\r|$)|\r \r|\r", "\n", text)
    lines = []
    for line in text.split("\n"):
        line = line.rstrip()
        if line.strip() in ("", "-", "\\", "|", "/"):
            continue
        if re.match(r" ?(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}", line):
            line = "(time)"
        lines.append(line)
    return "\n".join(lines)
