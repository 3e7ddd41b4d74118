#!/usr/bin/python3
"""cardea-trace: shows the PC/SC calls of one program, or of a recorded trace. man cardea-trace.

Cardea's libpcsclite sends a JSON record of each call to the Unix datagram socket that the
environment variable CARDEA_TRACE names. The socket is made here, in a directory of its own, and
the program is run with it; its children inherit both. One thread reads, one passes signals on."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

RECORD_BYTES_MAX = 256 * 1024
# A call that has not returned by then is shown as waiting.
WAITING_SECONDS = 1.0
# sun_path, with its NUL, holds 108 bytes.
SOCKET_PATH_BYTES_MAX = 107
NOT_FOUND, NOT_EXECUTABLE = 127, 126
PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1,
             signal.SIGUSR2, signal.SIGCONT)
SI_KERNEL = 0x80  # the terminal has sent it to the program as well

BOLD, DIM, RED, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m"
# Sizes of buffers say little beside what is in them.
NOT_SHOWN = {"room", "atr_room", "count", "length", "atr_length"}
LABELLED = {"context", "card", "code", "timeout", "initialization", "state"}

Record = dict[str, Any]


def readable(text: str) -> str:
    """The library escapes each byte that is not ASCII; most are UTF-8."""
    try:
        text = text.encode("latin-1").decode()
    except (UnicodeEncodeError, UnicodeDecodeError):
        pass
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def data_text(data: Record) -> str:
    shown = (len(data["hex"]) + 1) // 3
    if shown == data["length"]:
        return str(data["hex"]) or "no data"
    return f"{data['hex']} ... ({data['length']} bytes)"


def reader_text(reader: Record) -> str:
    parts = [value_text("reader", reader.get("reader"))]
    parts += [str(reader["state"])] if "state" in reader else []
    parts += [data_text(reader["atr"])] if "atr" in reader else []
    return " ".join(parts)


def value_text(name: str, value: Any) -> str:
    if value is None:
        return f"{name} NULL"
    if isinstance(value, dict):
        return data_text(value)
    if isinstance(value, list):
        return "[" + ", ".join(reader_text(one) if isinstance(one, dict) else f'"{readable(one)}"'
                               for one in value) + "]"
    if name in ("protocol", "protocols"):
        return "|".join(f"T={part[1:]}" if part in ("T0", "T1", "T15") else part
                        for part in str(value).split("|"))
    if name == "reader":
        return f'"{readable(str(value))}"'
    return f"{name} {value}" if name in LABELLED else readable(str(value))


def values_text(values: Record) -> str:
    shown = {name: value for name, value in values.items() if name not in NOT_SHOWN}
    if not shown and "length" in values:
        return f"{values['length']} bytes"
    return ", ".join(value_text(name, value) for name, value in shown.items())


def duration_text(microseconds: int) -> str:
    if microseconds < 1000:
        return f"{microseconds} us"
    if microseconds < 1_000_000:
        return f"{microseconds / 1000:.1f} ms"
    return f"{microseconds / 1_000_000:.3f} s"


class Paint:
    """Colours, on a terminal only."""

    def __init__(self, stream: TextIO) -> None:
        self._on = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def __call__(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._on else text


class TextLines:
    """Records as lines to read. A beginning is kept back: it matters only if the call hangs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._paint = Paint(stream)
        self._pending: dict[tuple[int, int], tuple[float, Record]] = {}

    def add(self, record: Record, _: bytes) -> None:
        key = (record.get("pid", 0), record.get("call", 0))
        if record["event"] == "begin":
            self._pending[key] = (time.monotonic(), record)
        elif record["event"] == "end":
            self._pending.pop(key, None)
            self._write(f"{self._call(record)} = {self._result(record)}")
        elif record["event"] == "lost":
            self._write(self._paint(RED, f"{record['count']} records lost"))

    def seconds_to_next(self) -> float | None:
        """Until a pending call is to be shown as waiting; None if there is none."""
        due = [since + WAITING_SECONDS for since, _ in self._pending.values() if since]
        return max(min(due) - time.monotonic(), 0) if due else None

    def show_waiting(self) -> None:
        now = time.monotonic()
        for key, (since, record) in self._pending.items():
            if since and now >= since + WAITING_SECONDS:
                self._write(f"{self._call(record)} waits ...")
                self._pending[key] = (0, record)

    def finish(self) -> None:
        for _, record in self._pending.values():
            self._write(self._call(record) + self._paint(RED, " did not return"))

    def _call(self, record: Record) -> str:
        seconds, fraction = divmod(round(record["time"] * 1_000_000), 1_000_000)
        clock = time.strftime("%H:%M:%S", time.localtime(seconds))
        pid, tid = record["pid"], record["tid"]
        who = f"[{pid}]" if pid == tid else f"[{pid}/{tid}]"
        return (self._paint(DIM, f"{clock}.{fraction:06} {who}") + " "
                + self._paint(BOLD, record["function"]) + f"({values_text(record['in'])})")

    def _result(self, record: Record) -> str:
        name = record["rv"] if not record["code"] else self._paint(RED, record["rv"])
        results = values_text(record["out"])
        return (name + (f", {results}" if results else "")
                + self._paint(DIM, f"  ({duration_text(record['duration_us'])})"))

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class JsonLines:
    """Records as they come, one object a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def add(self, _: Record, line: bytes) -> None:
        self._stream.write(line.decode("ascii", errors="replace").strip() + "\n")
        self._stream.flush()

    def seconds_to_next(self) -> float | None:
        return None

    def show_waiting(self) -> None:
        pass

    def finish(self) -> None:
        pass


class FunctionSum:
    def __init__(self) -> None:
        self.calls = self.errors = self.total_us = self.longest_us = 0
        self.codes: Counter[str] = Counter()

    def add(self, record: Record) -> None:
        self.calls += 1
        self.total_us += record["duration_us"]
        self.longest_us = max(self.longest_us, record["duration_us"])
        if record["code"]:
            self.errors += 1
            self.codes[record["rv"]] += 1


class Summary:
    """Counts records. `records` is 0 if nothing was traced at all."""

    def __init__(self) -> None:
        self.records = 0
        self._lost = 0
        self._open: dict[tuple[int, int], str] = {}
        self._sums: dict[str, FunctionSum] = {}

    def add(self, record: Record) -> None:
        self.records += 1
        if record["event"] == "lost":
            self._lost += record["count"]
            return
        key = (record["pid"], record["call"])
        if record["event"] == "begin":
            self._open[key] = record["function"]
            return
        self._open.pop(key, None)
        self._sums.setdefault(record["function"], FunctionSum()).add(record)

    def write_json(self, stream: TextIO) -> None:
        functions = [{"function": name, "calls": one.calls, "errors": one.errors,
                      "total_us": one.total_us, "longest_us": one.longest_us,
                      "codes": dict(one.codes)} for name, one in self._ordered()]
        print(json.dumps({"event": "summary", "functions": functions, "lost": self._lost,
                          "not_returned": dict(Counter(self._open.values()))},
                         separators=(",", ":")), file=stream, flush=True)

    def write_table(self, stream: TextIO) -> None:
        row = "{:<24}{:>8}{:>8}{:>12}{:>12}  {}".format
        print(row("function", "calls", "errors", "total", "longest", "errors by code"),
              file=stream)
        for name, one in self._ordered():
            codes = ", ".join(f"{code} {count}" for code, count in one.codes.most_common())
            print(row(name, one.calls, one.errors, duration_text(one.total_us),
                      duration_text(one.longest_us), codes).rstrip(), file=stream)
        sums = self._sums.values()
        print(row("all", sum(one.calls for one in sums), sum(one.errors for one in sums),
                  duration_text(sum(one.total_us for one in sums)),
                  duration_text(max((one.longest_us for one in sums), default=0)), "").rstrip(),
              file=stream)
        for name, count in Counter(self._open.values()).items():
            print(f"{name}: {count} did not return", file=stream)
        if self._lost:
            print(f"{self._lost} records lost", file=stream)
        stream.flush()

    def _ordered(self) -> list[tuple[str, FunctionSum]]:
        return sorted(self._sums.items(), key=lambda item: -item[1].total_us)


class Output:
    """Lines, and at the end the summary. A reader of ours that has gone does not end the trace:
    the program goes on."""

    def __init__(self, stream: TextIO, options: argparse.Namespace) -> None:
        self._stream = stream
        self._json = options.json
        self._with_summary = options.summary
        self._lines: JsonLines | TextLines = (
            JsonLines(stream) if options.json else TextLines(stream))
        self.summary = Summary()

    def add(self, line: bytes) -> None:
        record = parsed(line)
        if record is not None:
            self.summary.add(record)
            with contextlib.suppress(BrokenPipeError):
                self._lines.add(record, line)

    def seconds_to_next(self) -> float | None:
        return self._lines.seconds_to_next()

    def show_waiting(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._lines.show_waiting()

    def finish(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._lines.finish()
            if self._with_summary and self._json:
                self.summary.write_json(self._stream)
            elif self._with_summary:
                self.summary.write_table(self._stream)


def parsed(line: bytes) -> Record | None:
    """None for what is no record: a file may have a torn line, a socket a stranger's datagram."""
    try:
        record = json.loads(line)
        if record["event"] == "lost":
            return record if isinstance(record["count"], int) else None
        wanted = ["time", "pid", "tid", "call", "function", "in"]
        if record["event"] == "end":
            wanted += ["rv", "code", "duration_us", "out"]
        elif record["event"] != "begin":
            return None
        return record if all(name in record for name in wanted) else None
    except (ValueError, TypeError, KeyError):
        return None


@contextlib.contextmanager
def trace_socket() -> Iterator[tuple[socket.socket, str]]:
    """A datagram socket in a directory that only this user can enter, and its path."""
    directory = tempfile.mkdtemp(prefix="cardea-trace-")
    if len(os.fsencode(directory)) + len("/socket") > SOCKET_PATH_BYTES_MAX:
        os.rmdir(directory)
        directory = tempfile.mkdtemp(prefix="cardea-trace-", dir="/tmp")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind(f"{directory}/socket")
            receiver.setblocking(False)
            yield receiver, f"{directory}/socket"
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def datagrams(receiver: socket.socket) -> Iterable[bytes]:
    """What has arrived."""
    while True:
        try:
            yield receiver.recv(RECORD_BYTES_MAX)
        except BlockingIOError:
            return


def pass_signals_on(process: subprocess.Popen[bytes]) -> None:
    """For ever. What the terminal sends reaches the program by itself."""
    while True:
        received = signal.sigwaitinfo(PASSED_ON)
        if received.si_code != SI_KERNEL:
            process.send_signal(received.si_signo)


def start(program: list[str], path: str, show_pins: bool) -> subprocess.Popen[bytes]:
    environment = dict(os.environ, CARDEA_TRACE=path)
    environment.pop("CARDEA_TRACE_PINS", None)
    if show_pins:
        environment["CARDEA_TRACE_PINS"] = "1"
    before = signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    return subprocess.Popen(program, env=environment, preexec_fn=lambda: signal.pthread_sigmask(
        signal.SIG_SETMASK, before))


def follow(process: subprocess.Popen[bytes], receiver: socket.socket, output: Output) -> None:
    """Until the program ends. Children that live longer are not waited for."""
    end = os.pidfd_open(process.pid)
    try:
        ended = False
        while not ended:
            ready = select.select([receiver, end], [], [], output.seconds_to_next())[0]
            ended = end in ready
            for datagram in datagrams(receiver):
                output.add(datagram)
            output.show_waiting()
    finally:
        os.close(end)


def run(options: argparse.Namespace, output: Output) -> int:
    program = options.program[1:] if options.program[0] == "--" else options.program
    with trace_socket() as (receiver, path):
        try:
            process = start(program, path, options.show_pins)
        except OSError as error:
            print(f"cardea-trace: {program[0]}: {error.strerror}", file=sys.stderr)
            return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        threading.Thread(target=pass_signals_on, args=[process], daemon=True).start()
        follow(process, receiver, output)
        status = process.wait()
    output.finish()
    if output.summary.records == 0:
        print(f"cardea-trace: {program[0]} made no PC/SC call through Cardea's libpcsclite. It may "
              "use another library (ldd tells; LD_LIBRARY_PATH chooses), or run with more rights "
              "than you have.", file=sys.stderr)
    return status if status >= 0 else 128 - status


def read(path: str, output: Output) -> int:
    try:
        with open(path, "rb") as recorded:
            for line in recorded:
                output.add(line)
    except OSError as error:
        print(f"cardea-trace: {path}: {error.strerror}", file=sys.stderr)
        return 1
    output.finish()
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cardea-trace", allow_abbrev=False,
        usage="cardea-trace [--json] [--summary] [--output FILE] [--show-pins] [--] PROGRAM [ARG "
              "...]\n       cardea-trace [--json] [--summary] [--output FILE] --read FILE",
        description="Shows the PC/SC calls of a program: parameters, results and durations, on "
                    "stderr. PINs are masked.")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--summary", action="store_true",
                        help="at the end a table of calls, errors and times")
    parser.add_argument("--output", metavar="FILE", help="write to FILE instead of stderr")
    parser.add_argument("--show-pins", action="store_true", help="do not mask PINs")
    parser.add_argument("--read", metavar="FILE",
                        help="show what a program with CARDEA_TRACE=FILE has recorded, on stdout")
    parser.add_argument("program", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args()
    given = options.program[1:] if options.program[:1] == ["--"] else options.program
    if bool(given) == (options.read is not None):
        parser.error("name a program, or a file with --read")
    return options


def show(options: argparse.Namespace, stream: TextIO) -> int:
    output = Output(stream, options)
    return run(options, output) if options.read is None else read(options.read, output)


def main() -> int:
    options = parse()
    if options.output is None:
        return show(options, sys.stderr if options.read is None else sys.stdout)
    try:
        stream = open(options.output, "w", encoding="utf-8")
    except OSError as error:
        print(f"cardea-trace: {options.output}: {error.strerror}", file=sys.stderr)
        return 1
    with stream:
        return show(options, stream)


if __name__ == "__main__":
    sys.exit(main())
