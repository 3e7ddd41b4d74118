#!/usr/bin/env python3
"""Runs the benchmarks: the raw socket floor and one or two daemon+library pairs, in turn.

Needs root (namespaces), and strace for --syscalls. Example:

    bench/run_bench.py --build build/release --syscalls --idle --check \\
        --pair cardea=build/release/bin/pcscd,build/release/lib \\
        --pair debian=/usr/sbin/pcscd,/usr/lib/x86_64-linux-gnu,--max-thread=6000
"""

import argparse
import contextlib
import json
import os
import platform
import shlex
import subprocess
import sys
import time

import results as rs
from testbed import BenchError, Target, Testbed

BLOCK_BEGIN = "<!-- figures: begin -->\n"
BLOCK_END = "<!-- figures: end -->\n"
TRACED_ROUNDS = (100, 600)
TRACED_REPETITIONS = 3


def parse_pair(text):
    name, _, rest = text.partition("=")
    parts = rest.split(",", 2)
    if not name or name == rs.FLOOR or len(parts) < 2:
        raise argparse.ArgumentTypeError("expected NAME=DAEMON,LIBDIR[,ARGUMENTS]")
    daemon, library_dir = (os.path.abspath(part) for part in parts[:2])
    for path in (daemon, library_dir):
        if not os.path.exists(path):
            raise argparse.ArgumentTypeError(f"{path} does not exist")
    return Target(name, daemon, library_dir, shlex.split(parts[2]) if len(parts) == 3 else [])


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pair", type=parse_pair, action="append", default=[],
                        metavar="NAME=DAEMON,LIBDIR[,ARGUMENTS]",
                        help="what to measure; the first is judged, the second is its peer")
    parser.add_argument("--build", default="build/release", help="build tree of the programs")
    parser.add_argument("--driver", help="virtual reader (BUILD/lib/libifdvirtual.so)")
    parser.add_argument("--rows", help="only these rows, separated by commas")
    parser.add_argument("--repetitions", type=int, help="10; 3 with --quick")
    parser.add_argument("--quick", action="store_true", help="shorter runs, fewer repetitions")
    parser.add_argument("--no-pin", action="store_true", help="let the scheduler choose CPUs")
    parser.add_argument("--syscalls", action="store_true", help="count system calls")
    parser.add_argument("--idle", action="store_true",
                        help=f"open {rs.IDLE_CLIENTS} idle contexts")
    parser.add_argument("--check", action="store_true",
                        help="judge the first pair; implies --syscalls and --idle")
    parser.add_argument("--json", metavar="FILE", help="write all measurements there")
    parser.add_argument("--markdown", metavar="FILE",
                        help="write the tables into FILE between its two marker lines")
    options = parser.parse_args()
    if len(options.pair) > 2 or (options.check and len(options.pair) != 2):
        parser.error("at most two pairs; --check needs both")
    options.build = os.path.abspath(options.build)
    options.driver = os.path.abspath(options.driver or f"{options.build}/lib/libifdvirtual.so")
    if options.pair and not os.path.exists(options.driver):
        parser.error(f"{options.driver} does not exist")
    options.syscalls |= options.check
    options.idle |= options.check
    options.repetitions = options.repetitions or (3 if options.quick else 10)
    return options


class Runner:
    """Holds the running daemons and collects the results."""

    def __init__(self, options, stack):
        self.options = options
        self.targets = [Target(rs.FLOOR, None, None, []), *options.pair]
        self.cpu = None if options.no_pin else max(os.sched_getaffinity(0))
        self.results = {}
        wanted = options.rows.split(",") if options.rows else None
        self.wanted = lambda row: wanted is None or row in wanted
        readers = sorted({row.readers for row in rs.LATENCY_ROWS if self.wanted(row.name)} | {1})
        self.beds = {(target.name, count): stack.enter_context(self.testbed(target, count))
                     for target in self.targets for count in readers
                     if target.daemon is not None or count == 1}

    def testbed(self, target, readers):
        return Testbed(target, readers, f"{self.options.build}/bin", self.options.driver, self.cpu)

    def bed(self, target, readers):
        return self.beds[(target.name, 1 if target.daemon is None else readers)]

    def add(self, row, target, measurement):
        self.results.setdefault(row, {}).setdefault(target.name, []).append(measurement)

    def in_turn(self, repetition):
        return self.targets if repetition % 2 == 0 else self.targets[::-1]

    def latency(self, repetition):
        for row in filter(lambda row: self.wanted(row.name), rs.LATENCY_ROWS):
            rounds = row.rounds // 2 if self.options.quick else row.rounds
            for target in self.in_turn(repetition):
                self.add(row.name, target, self.bed(target, row.readers).bench(
                    "--rounds", rounds, *row.arguments))

    def contention(self, repetition):
        seconds = 2 if self.options.quick else 5
        for op in ("handover", "contention"):
            for clients in rs.CONTENDERS:
                if not self.wanted(f"{op}_{clients}"):
                    continue
                for target in self.in_turn(repetition):
                    self.add(f"{op}_{clients}", target, self.bed(target, 1).bench(
                        "--seconds", seconds, op, clients))

    def syscalls(self):
        for row in filter(lambda row: self.wanted(row.name), rs.CALL_ROWS):
            for target in self.targets:
                traced = [self.traced(target, row) for _ in range(TRACED_REPETITIONS)]
                self.add(f"calls_{row.name}", target, {
                    side: rs.median_calls([one[side] for one in traced])
                    for side in ("client", "daemon")})

    def traced(self, target, row):
        short, long = TRACED_ROUNDS
        runs = [self.bed(target, row.readers).count_calls("--rounds", n, *row.arguments)
                for n in (short, long)]
        return {side: rs.calls_per_operation(runs[0][side], runs[1][side], long - short)
                for side in ("client", "daemon")}

    def idle(self):
        """In a daemon of its own, so that nothing else has grown its memory."""
        self.results["idle"] = {}
        for target in self.options.pair:
            with self.testbed(target, 1) as bed:
                try:
                    self.add("idle", target, bed.bench("idle", rs.IDLE_CLIENTS))
                except BenchError as error:
                    say(f"idle: {error}")


def say(text):
    print(text, file=sys.stderr, flush=True)


def cpu_model():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def version_line(daemon):
    done = subprocess.run([daemon, "--version"], capture_output=True, text=True, timeout=5,
                          check=False)
    lines = done.stdout.splitlines()
    return lines[0].strip() if lines else "prints no version"


def pair_line(pair):
    path = os.path.relpath(pair.daemon)
    if path.startswith(".."):
        path = pair.daemon
    return f"{pair.name}: `{' '.join([path, *pair.arguments])}`, {version_line(pair.daemon)}"


def about_this_run(options, cpu, load_before, load_after):
    pinned = "not pinned" if cpu is None else f"daemon and clients pinned to CPU {cpu}"
    return [f"Machine: {os.cpu_count()} CPUs, {cpu_model()}, Linux {platform.release()}; {pinned}.",
            f"Repetitions: {options.repetitions}, targets in turn, every second one in reversed "
            "order.",
            f"Load average of the last minute: {load_before:.1f} at the start, {load_after:.1f} at "
            "the end (up to one is our own).",
            "Noise, per row: greatest less least p50 of the repetitions, by their median, of the "
            "noisiest target.",
            *map(pair_line, options.pair)]


def write_block(path, text):
    with open(path, encoding="utf-8") as document:
        before, begin, rest = document.read().partition(BLOCK_BEGIN)
    _, end, after = rest.partition(BLOCK_END)
    if not begin or not end:
        raise BenchError(f"{path} lacks the marker lines")
    with open(path, "w", encoding="utf-8") as document:
        document.write(before + begin + "\n" + text + "\n" + end + after)


def measure(options):
    with contextlib.ExitStack() as stack:
        runner = Runner(options, stack)
        for repetition in range(options.repetitions):
            say(f"repetition {repetition + 1} of {options.repetitions}")
            runner.latency(repetition)
            # Contention takes long and is far less noisy: one repetition in three.
            if repetition % 3 == 0:
                runner.contention(repetition)
        if options.syscalls:
            say("system calls")
            runner.syscalls()
    if options.idle:
        say("idle clients")
        runner.idle()
    return runner


def main():
    options = parse_arguments()
    load_before = os.getloadavg()[0]
    started = time.monotonic()
    runner = measure(options)
    say(f"took {time.monotonic() - started:.0f} s")
    names = [target.name for target in runner.targets]
    about = about_this_run(options, runner.cpu, load_before, os.getloadavg()[0])
    text = rs.markdown(runner.results, names, about)
    print(text)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"about": about, "results": runner.results}, file, indent=1)
    if options.markdown:
        write_block(options.markdown, text)
    if not options.check:
        return 0
    verdicts = rs.check(runner.results, names[1], names[2])
    for held, line in verdicts:
        print("PASS" if held else "FAIL", line)
    return 0 if all(held for held, _ in verdicts) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        say(f"run_bench: {error}")
        sys.exit(2)
