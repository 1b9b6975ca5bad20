"""The console script `handgrad`: a command of the tree, or else the Hydra app."""

import os
import re
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from runner.command import completion, meant
from runner.command.tree import COMMANDS, RUN, parsed, tree
from runner.errors import UserError
from runner.streams import forgiving

BAD_INPUT = 2
INTERRUPTED = 130
VERSIONS = ("handgrad", "torch", "hydra-core")


def main() -> NoReturn:
    """Run a command; exit with its status, or 2 for bad input."""
    arguments = sys.argv[1:]
    first = arguments[0] if arguments else ""
    try:
        if completion.is_asked(arguments) and completion.answered(os.environ["COMP_LINE"], arguments):
            sys.exit(0)
        if first in ("-h", "--help"):
            tree([])[0].print_help()
            sys.exit(0)
        if first == "--version":
            sys.exit(print_versions())
        if first in COMMANDS and first != RUN:
            forgiving()
            sys.exit(COMMANDS[first].loaded.main(parsed(first, arguments[1:])))
        if re.fullmatch(r"[\w-]+", first) and not first.startswith("-") and first != RUN:
            raise UserError(meant.by_word(first))
        run(arguments[first == RUN :])
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def run(arguments: Sequence[str]) -> NoReturn:
    """Hand the command line to the Hydra app."""
    from runner.command import app

    sys.argv[1:] = arguments
    app.main()


def print_versions() -> int:
    """Print the versions that a result depends on, from what is installed: nothing of it is imported."""
    for name in VERSIONS:
        try:
            print(f"{name} {version(name)}")
        except PackageNotFoundError:
            print(f"{name} is not installed")
    return 0
