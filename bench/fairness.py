#!/usr/bin/env python3
"""Several clients want the same card all the time: does each get the same number of turns, and how
many turns of others pass while one waits?

    bench/fairness.py --build build/release [--clients 4] [--hold-ms 20] [--seconds 20]
                      [--other-library /usr/lib/x86_64-linux-gnu]

Runs all clients with the library of the build, and then again with one of them on the other
library. Prints PASS or FAIL for each; status 1 if one failed. Needs root (namespaces)."""

import argparse
import os
import sys

from testbed import BenchError, Target, Testbed
from turns import JAIN_LEAST, WAIT_TURNS_MOST, holds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--hold-ms", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--other-library", default="/usr/lib/x86_64-linux-gnu", metavar="DIR")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    target = Target("cardea", f"{build}/bin/pcscd", f"{build}/lib", [])
    ours, other = target.library_dir, os.path.abspath(options.other_library)
    failed = False
    with Testbed(target, 1, f"{build}/bin", f"{build}/lib/libifdvirtual.so", None) as bed:
        for title, last in (("all clients alike", ours), (f"one with {other}", other)):
            libraries = [ours] * (options.clients - 1) + [last]
            result = bed.take_turns(libraries, options.seconds, options.hold_ms)
            failed |= not holds(result)
            print("PASS" if holds(result) else "FAIL", f"{title}: turns {result['turns']}, Jain "
                  f"index {result['jain']:.4f} (least {JAIN_LEAST}), longest wait "
                  f"{result['longest_wait_turns']} turns (most {WAIT_TURNS_MOST})", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        print(f"fairness: {error}", file=sys.stderr)
        sys.exit(2)
