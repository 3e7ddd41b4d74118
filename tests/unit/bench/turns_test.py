"""What turns say about fairness."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bench"))

from turns import Turn, holds, jain, longest_wait, report  # noqa: E402  (needs the path above)


class Jain(unittest.TestCase):
    def test_is_one_if_all_have_the_same(self):
        self.assertEqual(jain([7, 7, 7]), 1)

    def test_is_a_share_if_one_has_all(self):
        self.assertEqual(jain([9, 0, 0, 0]), 0.25)

    def test_is_zero_if_nobody_had_a_turn(self):
        self.assertEqual(jain([0, 0]), 0)


class LongestWait(unittest.TestCase):
    def test_counts_the_turns_that_others_were_given_meanwhile(self):
        clients = [[Turn(0, 40, 50)], [Turn(0, 10, 20), Turn(20, 30, 40)], [Turn(1, 25, 28)]]
        self.assertEqual(longest_wait(clients), 3)

    def test_is_nothing_for_who_is_alone(self):
        self.assertEqual(longest_wait([[Turn(0, 1, 2), Turn(2, 3, 4)]]), 0)


class Verdict(unittest.TestCase):
    def test_wants_both(self):
        even = [[Turn(t, t + 1, t + 2) for t in range(0, 100, 2)] for _ in range(2)]
        self.assertTrue(holds(report(even)))
        self.assertFalse(holds({"jain": 0.98, "longest_wait_turns": 1}))
        self.assertFalse(holds({"jain": 1.0, "longest_wait_turns": 5}))
        self.assertFalse(holds(report([even[0], []])))


if __name__ == "__main__":
    unittest.main()
