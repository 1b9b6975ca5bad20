"""What belongs to the whole process is after a call as it was before."""

from collections.abc import Iterator

import torch

from runner import process
from runner.case.inputs import seeded
from runner.checks.subject import Subject, check
from runner.diagnose import say
from runner.judge import manual
from runner.judge.judgement import Outcome
from runner.process import State

NAME = "global_state"


@check("full")
def global_state(subject: Subject) -> Iterator[Outcome]:
    """Default dtype and device, recording, autocast, threads and modes are untouched, and nothing is seeded.

    To draw random numbers is legal and a note; to seed their generator, which makes those of everybody else
    repeat, is not. A generator was seeded if it stands at the same place whatever it stood at before.
    """
    settings, moved, drawn = _after_a_call(subject, subject.spec.seed + 1)
    _, _, drawn_again = _after_a_call(subject, subject.spec.seed + 2)
    for name in settings:
        yield Outcome(check=NAME, broken=say("leaves_changed", name=name))
    for name in moved:
        seeded_there = drawn[name] == drawn_again[name]
        said = say("seeds" if seeded_there else "draws_from", name=name)
        yield Outcome(check=NAME, broken=said, verdict="invalid" if seeded_there else None)
    if not settings:
        yield Outcome(check=NAME)


def _after_a_call(subject: Subject, seed: int) -> tuple[list[str], list[str], State]:
    """Return which settings and which generators a call has changed, and where the generators stand."""
    values = {name: manual.copied(value) for name, value in subject.case.values.items()}
    with process.kept(), seeded(seed), torch.no_grad():
        settings, generators = process.settings(), process.generators()
        subject.derivation.bound(values, subject.case.inputs)()
        drawn = process.generators()
        return process.changed(settings, process.settings()), process.changed(generators, drawn), drawn
