"""What all doors end in: a specification that is run and recorded, and bad input under one name."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from runner.case.spec import Spec
from runner.errors import BadInput, UserError
from runner.experiment import run
from runner.locate.judged import explained
from runner.settings import Timing
from runner.sweep.job import Job, finished, packed


def recorded(spec: Spec) -> dict[str, Any]:
    """Run a specification; return the record that a ledger would hold."""
    began = datetime.now(UTC)
    return finished(Job(0, (), spec), packed(spec, explained(spec, run(spec)), began))


def clocked(timing: bool) -> Timing:
    """Return how long the clock runs, or that it does not."""
    return Timing(level="quick" if timing else "off")


@contextmanager
def bad_input() -> Iterator[None]:
    """Raise what the user can put right as BadInput."""
    try:
        yield
    except BadInput:
        raise
    except UserError as error:
        raise BadInput(str(error)) from error
