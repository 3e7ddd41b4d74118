"""Unit tests of bench/results.py and of the parsing in bench/testbed.py."""

import copy
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench"))

import results  # noqa: E402
import testbed  # noqa: E402


def good_results():
    """A subject that keeps every bound, with little to spare."""
    calls = {"client": {"sendmsg": 1.0, "recvfrom": 1.0},
             "daemon": {"recvfrom": 1.0, "sendmsg": 1.0, "epoll_wait": 1.0, "epoll_ctl": 1.0}}
    made = {
        "transmit_short": {"floor": [{"p50_us": 10.0}], "subject": [{"p50_us": 15.0}]},
        "contention_8": {"subject": [{"evenness": 0.9}]},
        "idle": {"subject": [{"rss_kb": 19000, "threads": 4, "threads_before": 4}]},
        "calls_transmit_short": {"subject": [calls]},
        "calls_list_16": {"subject": [calls]},
        "calls_status_16": {"subject": [calls]},
    }
    for clients in results.CONTENDERS:
        made[f"handover_{clients}"] = {"subject": [{"handover_p95_us": 100.0}],
                                       "peer": [{"handover_p95_us": 2000.0}]}
    return made


def all_hold(measured):
    return all(held for held, _ in results.check(measured, "subject", "peer"))


class Check(unittest.TestCase):
    def test_passes_a_subject_at_the_bounds(self):
        self.assertTrue(all_hold(good_results()))

    def test_fails_each_figure_beyond_its_bound(self):
        beyond = [
            lambda m: m["transmit_short"]["subject"][0].update(p50_us=15.1),
            lambda m: m["calls_transmit_short"]["subject"][0]["client"].update(poll=3.0),
            lambda m: m["calls_transmit_short"]["subject"][0]["daemon"].update(futex=2.0),
            lambda m: m["handover_2"]["subject"][0].update(handover_p95_us=101.0),
            lambda m: m["handover_32"]["peer"][0].update(handover_p95_us=1999.0),
            lambda m: m["contention_8"]["subject"][0].update(evenness=0.89),
            lambda m: m["calls_list_16"]["subject"][0]["client"].update(sendto=1.0),
            lambda m: m["calls_status_16"]["subject"][0]["client"].update(write=0.1),
            lambda m: m["idle"]["subject"][0].update(rss_kb=20000),
            lambda m: m["idle"]["subject"][0].update(threads=13),
        ]
        for number, spoil in enumerate(beyond):
            with self.subTest(number):
                measured = copy.deepcopy(good_results())
                spoil(measured)
                self.assertFalse(all_hold(measured))

    def test_fails_a_figure_that_is_missing(self):
        for row in good_results():
            with self.subTest(row):
                measured = good_results()
                del measured[row]
                self.assertFalse(all_hold(measured))


class Figures(unittest.TestCase):
    def test_takes_the_median_of_the_repetitions(self):
        measured = {"row": {"floor": [{"p50_us": v} for v in (1.0, 9.0, 2.0)]}}
        self.assertEqual(results.median(measured, "row", "floor", "p50_us"), 2.0)
        self.assertEqual(results.spread(measured, "row", "floor", "p50_us"), 4.0)
        self.assertIsNone(results.median(measured, "row", "other", "p50_us"))

    def test_counts_calls_by_the_difference_of_two_runs(self):
        calls = results.calls_per_operation({"sendto": 105, "mmap": 30},
                                            {"sendto": 605, "mmap": 30, "write": 50}, 500)
        self.assertEqual(calls, {"mmap": 0.0, "sendto": 1.0, "write": 0.1})
        self.assertAlmostEqual(results.sends(calls), 1.1)

    def test_one_bad_trace_of_three_changes_nothing(self):
        self.assertEqual(results.median_calls([{"read": 1.0}, {"send": 5.0}, {"read": 1.0}]),
                         {"read": 1.0, "send": 0})

    def test_tables_have_a_column_per_target(self):
        field = {"p50_us": 10.0, "p95_us": 12.0}
        measured = {"list": {t: [field] for t in ("floor", "subject", "peer")}}
        text = results.latency_table(measured, ["floor", "subject", "peer"])
        self.assertEqual(text.splitlines()[-1],
                         "| SCardListReaders | 10.0 (12.0) | 10.0 (12.0) | 1.00 | 10.0 (12.0) |"
                         " 1.00 | 1.0 | 0% |")


class Strace(unittest.TestCase):
    def test_reads_a_summary_without_its_total(self):
        with tempfile.NamedTemporaryFile("w", suffix=".calls") as summary:
            summary.write("    calls syscall\n--------- ----------------\n"
                          "      105 sendto\n        2 clock_nanosleep\n"
                          "--------- ----------------\n      107 total\n")
            summary.flush()
            self.assertEqual(testbed.read_calls(summary.name),
                             {"sendto": 105, "clock_nanosleep": 2})


if __name__ == "__main__":
    unittest.main()
