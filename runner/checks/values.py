"""Right at values that nobody draws by chance, and at the degenerate cases that a formula states."""

from collections.abc import Iterator

from runner.case.spec import edge_case
from runner.checks.generic import with_all_digits
from runner.checks.subject import Subject, check
from runner.judge.judgement import Outcome
from runner.judge.sample import Sample

REGIMES = {
    "normal": "normal values",
    "zeros": "zeros",
    "ties": "ties",
    "half_zeros": "values half of which are zero",
    "negative": "negative values",
    "tiny": "tiny values",
    "small": "small values",
    "large": "large values",
    "huge": "huge values",
    "offset": "values far from zero",
}
"""Distributions, and how they are called in a sentence."""

ALL_DIGITS = "numbers of more digits than float32 has"
KINKS = {"zeros", "ties", "half_zeros"}


@check("full")
def other_values(subject: Subject) -> Iterator[Outcome]:
    """Zeros, ties, half zeros, negative, tiny, large and offset values, where inputs are not sampled."""
    for sample in subject.once("values", lambda: list(_samples(subject))):
        yield from subject.compare(sample, "other_values")


@check("full")
def edges(subject: Subject) -> Iterator[Outcome]:
    """The degenerate cases that the formula states, NaN for NaN."""
    for sample in subject.once("edges", lambda: list(_edges(subject))):
        yield from subject.compare(sample, "edges", exact_nan=True)


def _samples(subject: Subject) -> Iterator[Sample]:
    for regime, name in REGIMES.items():
        settings = {"distribution": regime, "scale": 1.0, "offset": 0.0}
        if sample := subject.sample(name, subject.small(inputs=settings), kink=regime in KINKS):
            yield sample
    if sample := subject.sample_at(ALL_DIGITS, with_all_digits(subject.small())):
        yield sample


def _edges(subject: Subject) -> Iterator[Sample]:
    for name, edge in subject.case.formula.edges.items():
        if edge.raises is None:
            try:
                case = edge_case(subject.small(), edge)
            except ValueError:  # the edge's shape does not fit these hyper-parameters
                continue
            yield subject.sample_of(f"the edge {name}", case, kink=edge.kink)
