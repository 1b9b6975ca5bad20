"""Properties that a correct gradient function has: one file each, found by being here.

A check asks something of one derivation and yields an `Outcome` for each sample that it looks at; what does
not hold carries a statement. It is registered by `@check("quick")` or `@check("full")` on a function of a
`Subject`; its name is the function's. `quick` costs a few calls at the experiment's own size, `full` visits
other shapes, values and layouts too.
"""

import importlib
import pkgutil
from functools import cache

from runner.checks.subject import Check, Subject, raised, registered
from runner.judge.judgement import Outcome
from runner.settings import LEVELS, Level

__all__ = ["Check", "Outcome", "Subject", "checks", "examine"]


@cache
def checks() -> dict[str, Check]:
    """Return every check by name, file by file, having imported the files of this folder."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    by_file = sorted(registered.values(), key=lambda check: check.run.__module__)
    return {check.name: check for check in by_file}


def examine(subject: Subject, level: Level) -> list[Outcome]:
    """Run the checks of a level, and those of the levels below it.

    One that the derivation cannot be called in ends there, and is an outcome of its own.
    """
    outcomes: list[Outcome] = []
    for check in checks().values():
        if LEVELS.index(check.level) <= LEVELS.index(level):
            try:
                outcomes.extend(check.run(subject))
            except Exception as error:  # whatever a derivation raises is an outcome
                outcomes.append(raised(error, check.name, "invalid"))
    return outcomes
