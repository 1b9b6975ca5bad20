"""`python -m runner.selftest`: what `handgrad selftest` does."""

import sys

from runner.errors import UserError
from runner.selftest.command import main

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as error:
        sys.exit(f"error: {error}")
