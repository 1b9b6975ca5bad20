"""`handgrad explain EXPERIMENT`: which line of a derivation is wrong, or loses the digits."""

import argparse
import sys

from runner.errors import UserError


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("experiment", metavar="EXPERIMENT", help="as in experiment=EXPERIMENT")
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help="settings, as of `handgrad run`")


def main(options: argparse.Namespace) -> int:
    """Judge an experiment, and list its derivations with what each line is; exits as the app does.

    Raises UserError where no experiment is named.
    """
    from runner.command import app

    if "=" in options.experiment:
        raise UserError("explain: name an experiment first, as in handgrad explain mse shape.n=7")
    sys.argv[1:] = [f"experiment={options.experiment}", "explain=true", "timing=off", *options.overrides]
    app.main()
