"""Clients that want the same card all the time: running them, and what their turns say.

The processes are pcsc_bench's; what is made of their turns is pure. fairness.py and the system test
of the same name use it."""

import collections
import subprocess

JAIN_LEAST = 0.99
WAIT_TURNS_MOST = 4
# A client that has all that it needs is ready, and ends, within this time beside its run.
SPARE_SECONDS = 60

# Nanoseconds of CLOCK_MONOTONIC.
Turn = collections.namedtuple("Turn", "begin_call begin_return end_call")


def jain(counts):
    """1 if all counts are equal, 1/n if one has everything."""
    squares = len(counts) * sum(count * count for count in counts)
    return sum(counts) ** 2 / squares if squares else 0.0


def longest_wait(clients):
    """The most turns that others were given while one client waited for his."""
    given = sorted((turn.begin_return, who) for who, turns in enumerate(clients) for turn in turns)
    most = 0
    for who, turns in enumerate(clients):
        for turn in turns:
            others = sum(turn.begin_call < when < turn.begin_return and other != who
                         for when, other in given)
            most = max(most, others)
    return most


def run(program, environments, seconds, hold_ms):
    """Runs one client per environment at the same time; the turns of each."""
    command = [program, "--seconds", str(seconds), "--hold-ms", str(hold_ms), "turns", "1"]
    clients = [subprocess.Popen(command, env=environment, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
               for environment in environments]
    try:
        for client in clients:
            assert client.stdout is not None
            if client.stdout.readline() != "ready\n":
                raise ValueError(f"a client is not ready: {client.communicate()[1]}")
        for client in clients:
            assert client.stdin is not None
            client.stdin.write("\n")
            client.stdin.flush()
        return [turns_of(client, seconds + SPARE_SECONDS) for client in clients]
    finally:
        for client in clients:
            if client.poll() is None:
                client.kill()
            client.communicate()


def turns_of(client, seconds):
    output, errors = client.communicate(timeout=seconds)
    if client.returncode != 0:
        raise ValueError(f"a client failed: {errors}")
    return [Turn(*map(int, line.split())) for line in output.splitlines()]


def report(clients):
    counts = [len(turns) for turns in clients]
    return {"turns": counts, "jain": jain(counts), "longest_wait_turns": longest_wait(clients)}


def holds(result):
    return result["jain"] >= JAIN_LEAST and result["longest_wait_turns"] <= WAIT_TURNS_MOST
