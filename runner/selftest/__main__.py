"""`python -m runner.selftest`."""

import sys

from runner.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "selftest")
    main()
