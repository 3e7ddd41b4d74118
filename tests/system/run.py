#!/usr/bin/python3
"""Runs one module of the system tests in private namespaces: run.py MODULE [unittest options].

ctest calls it with the variant in the environment; by hand, for example:

  CARDEA_DAEMON=debian CARDEA_DRIVER=vpcd tests/system/run.py transaction_test -v
  CARDEA_DAEMON=service tests/system/run.py transaction_test -v    in a container with systemd"""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from harness import container, namespace  # noqa: E402  (needs the path above)
from harness.settings import settings  # noqa: E402


def main() -> None:
    if len(sys.argv) < 2 or not (HERE / f"{sys.argv[1]}.py").exists():
        sys.exit(__doc__)
    place = container if settings().starter == "service" else namespace
    place.enter([str(Path(__file__).resolve()), *sys.argv[1:]])
    unittest.main(module=sys.argv[1], argv=sys.argv[1:], verbosity=2)


if __name__ == "__main__":
    main()
