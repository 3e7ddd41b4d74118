"""What is measured, and what is made of the repetitions: medians, ratios, bounds, tables.

Nothing here runs anything. `results` maps a row's name to {target name: [measurement, ...]}, one
measurement (a dictionary from pcsc_bench) per repetition.
"""

import collections
import statistics

FLOOR = "floor"
IDLE_CLIENTS = 3000

# prefix: of the summary in the measurement that the row shows.
Row = collections.namedtuple("Row", "name title readers prefix arguments rounds")

LATENCY_ROWS = [
    Row("transmit_short", "transmit, 5 bytes out, 4 in", 1, "", ["transmit_short"], 2000),
    Row("transmit_261", "transmit, 261 out, 257 in", 1, "", ["transmit_261"], 2000),
    Row("transmit_64k", "transmit, 65 544 out, 65 537 in", 1, "", ["transmit_64k"], 1000),
    Row("begin_end", "begin + end of a transaction", 1, "", ["begin_end"], 2000),
    Row("status", "SCardStatus", 1, "", ["status"], 2000),
    Row("list", "SCardListReaders", 1, "", ["list"], 2000),
    Row("status_change_0", "SCardGetStatusChange, timeout 0", 1, "", ["status_change_0"], 300),
    Row("connect_disconnect", "connect + disconnect, card in use", 1, "",
        ["connect_disconnect"], 1000),
    Row("establish_release", "establish + release", 1, "", ["establish_release"], 1000),
    Row("status_16", "SCardStatus, 16 readers", 16, "", ["status"], 2000),
    Row("list_16", "SCardListReaders, 16 readers", 16, "", ["list"], 2000),
    Row("wakeup_1", "card event to the return of the wait", 1, "last_", ["event_wakeup", 1], 20),
    Row("wakeup_100", "card event to the last of 100 returns", 1, "last_",
        ["event_wakeup", 100], 20),
]
CONTENDERS = [2, 8, 32]
CALL_ROWS = [row for row in LATENCY_ROWS if row.prefix == "" and row.name != "establish_release"]
SEND_CALLS = {"send", "sendto", "sendmsg", "sendmmsg", "write", "writev"}


def median(results, row, target, field):
    """The median over the repetitions, or None if the row was not measured."""
    values = [m[field] for m in results.get(row, {}).get(target, [])]
    return statistics.median(values) if values else None


def spread(results, row, target, field):
    """(greatest - least) / median of the repetitions: how noisy the row was."""
    values = [m[field] for m in results[row][target]]
    return (max(values) - min(values)) / statistics.median(values)


def ratio(numerator, denominator):
    return numerator / denominator if numerator is not None and denominator else None


def calls_per_operation(short, long, rounds):
    """Difference of two traced runs of `rounds` operations more: start and end cancel out."""
    names = set(short) | set(long)
    return {name: (long.get(name, 0) - short.get(name, 0)) / rounds for name in sorted(names)}


def median_calls(traced):
    """Per call the median of several traces: one of them may have missed the start of a thread."""
    names = set().union(*traced)
    return {name: statistics.median(calls.get(name, 0) for calls in traced)
            for name in sorted(names)}


def total_calls(calls):
    return sum(calls.values())


def sends(calls):
    """Requests the client sent: one per round trip."""
    return sum(n for name, n in calls.items() if name in SEND_CALLS)


def check(results, subject, peer):
    """The bounds a release must keep, as (held?, text). A figure that is missing fails."""
    verdicts = []

    def judge(text, value, holds, shown="{:.2f}"):
        known = value is not None
        verdicts.append((known and holds(value),
                         f"{text}: {shown.format(value) if known else 'not measured'}"))

    judge("short transmit, p50, at most 1.5 x the floor",
          ratio(median(results, "transmit_short", subject, "p50_us"),
                median(results, "transmit_short", FLOOR, "p50_us")), lambda v: v <= 1.5)
    calls = first(results, "calls_transmit_short", subject)
    # A stray call of a timer in a thousand operations does not count.
    judge("short transmit, system calls of the client, at most 4",
          calls and total_calls(calls["client"]), lambda v: v <= 4.05)
    judge("short transmit, system calls of the daemon, at most 5",
          calls and total_calls(calls["daemon"]), lambda v: v <= 5.05)
    for clients in CONTENDERS:
        row = f"handover_{clients}"
        judge(f"hand-over between {clients} clients, p95, at least 20 x shorter than {peer}'s",
              ratio(median(results, row, peer, "handover_p95_us"),
                    median(results, row, subject, "handover_p95_us")), lambda v: v >= 20)
    judge("8 clients in a loop, least / most served, at least 0.9",
          median(results, "contention_8", subject, "evenness"), lambda v: v >= 0.9)
    for row in ("list_16", "status_16"):
        calls = first(results, f"calls_{row}", subject)
        judge(f"round trips of {row.split('_')[0]} with 16 readers, at most 1",
              calls and sends(calls["client"]), lambda v: v <= 1.005)
    idle = first(results, "idle", subject)
    judge(f"RSS of the daemon with {IDLE_CLIENTS} idle clients, MB, below 20",
          idle and idle["rss_kb"] * 1024 / 1e6, lambda v: v < 20)
    judge(f"threads more with {IDLE_CLIENTS} idle clients than with none, at most 8",
          idle and idle["threads"] - idle["threads_before"], lambda v: v <= 8, "{:d}")
    return verdicts


def first(results, row, target):
    measured = results.get(row, {}).get(target)
    return measured[0] if measured else None


def markdown(results, targets, about):
    """The tables of doc/performance.md. `targets`: names, the floor first; `about`: lines."""
    parts = ["\n".join(f"- {line}" for line in about),
             "Round trips, microseconds: median of the repetitions' p50 (p95). "
             "÷: the p50 by the floor's.\n\n" + latency_table(results, targets),
             "Several clients, transactions with a card command of 5 ms; \"hand-over\" with polite "
             "clients, all else with greedy ones.\n\n" + contention_table(results, targets),
             "System calls per operation, client + daemon (the client's sends in brackets).\n\n"
             + calls_table(results, targets)]
    if "idle" in results:
        parts.append(f"{IDLE_CLIENTS} contexts open and idle.\n\n" + idle_table(results, targets))
    return "\n\n".join(parts) + "\n"


def table(heads, rows):
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value, digits=1):
    return "–" if value is None else f"{value:.{digits}f}"


def latency_table(results, targets):
    pairs = targets[1:]
    heads = ["", FLOOR]
    for pair in pairs:
        heads += [pair, "÷ floor"]
    if len(pairs) == 2:
        heads.append(f"{pairs[1]} ÷ {pairs[0]}")
    heads.append("noise")
    rows = []
    for row in LATENCY_ROWS:
        if row.name not in results:
            continue
        field = row.prefix + "p50_us"
        cells = [row.title]
        for target in targets:
            p50 = median(results, row.name, target, field)
            p95 = median(results, row.name, target, row.prefix + "p95_us")
            cells.append(f"{number(p50)} ({number(p95)})")
            if target != FLOOR:
                cells.append(number(ratio(p50, median(results, row.name, FLOOR, field)), 2))
        if len(pairs) == 2:
            cells.append(number(ratio(median(results, row.name, pairs[1], field),
                                      median(results, row.name, pairs[0], field)), 1))
        noise = max(spread(results, row.name, target, field) for target in targets)
        rows.append(cells + [f"{noise:.0%}"])
    return table(heads, rows)


CONTENTION_FIELDS = [
    ("handover", "hand-over, p50, ms", "handover_p50_us", 1000, 3),
    ("handover", "hand-over, p95, ms", "handover_p95_us", 1000, 3),
    ("contention", "longest wait, ms", "wait_max_us", 1000, 0),
    ("contention", "least / most served", "evenness", 1, 2),
    ("contention", "Jain's fairness index", "jain", 1, 2),
    ("contention", "share of time the card was held", "held_share", 1, 2),
]


def contention_table(results, targets):
    rows = []
    for op, title, field, divisor, digits in CONTENTION_FIELDS:
        for clients in CONTENDERS:
            values = [median(results, f"{op}_{clients}", t, field) for t in targets]
            rows.append([f"{clients} clients: {title}",
                         *(number(ratio(v, divisor) if v else v, digits) for v in values)])
    return table(["", *targets], rows)


def calls_table(results, targets):
    rows = []
    for row in CALL_ROWS:
        cells = [row.title]
        for target in targets:
            calls = first(results, f"calls_{row.name}", target)
            cells.append("–" if calls is None else
                         f"{number(total_calls(calls['client']))} + "
                         f"{number(total_calls(calls['daemon']))} "
                         f"({number(sends(calls['client']))})")
        rows.append(cells)
    return table(["", *targets], rows)


IDLE_FIELDS = [("RSS, KiB", "rss_kb"), ("PSS, KiB", "pss_kb"), ("threads", "threads"),
               ("open files", "fds")]


def idle_table(results, targets):
    pairs = [t for t in targets if t != FLOOR]
    rows = []
    for title, field in IDLE_FIELDS:
        cells = [title]
        for pair in pairs:
            idle = first(results, "idle", pair)
            cells.append("refused" if idle is None else
                         f"{idle[field]} (none open: {idle[field + '_before']})")
        rows.append(cells)
    return table(["", *pairs], rows)
