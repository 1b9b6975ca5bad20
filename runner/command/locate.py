"""`handgrad explain EXPERIMENT`: which line of a derivation is wrong, or loses the digits."""

import argparse
import sys

from runner.errors import UserError
from runner.files import experiments


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("experiment", metavar="EXPERIMENT", help="its name, or formula=NAME")
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help="settings, as of `handgrad run`")


def main(options: argparse.Namespace) -> int:
    """Judge an experiment or a formula, and list its derivations line by line; exits as the app does.

    Raises UserError where none is named.
    """
    from runner.command import app

    sys.argv[1:] = [_chosen(options), "explain=true", "timing=off", *options.overrides]
    app.main()


def _chosen(options: argparse.Namespace) -> str:
    """Return the setting that a name stands for: beside plug-ins, what is no experiment is their formula."""
    key, is_setting, _ = options.experiment.partition("=")
    if is_setting and key not in ("experiment", "formula"):
        raise UserError(
            "explain: name an experiment or a formula first, as in handgrad explain mse shape.n=7, or in "
            "handgrad explain formula=mine plugins=[mine.py]"
        )
    if is_setting:
        return str(options.experiment)
    has_plugins = any(override.startswith("plugins=") for override in options.overrides)
    group = "formula" if has_plugins and key not in experiments() else "experiment"
    return f"{group}={key}"
