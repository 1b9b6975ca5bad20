"""Verdicts, counted."""

from runner.report.counts import Counts, place
from runner.verdicts import NOT_RIGHT, OUTCOMES


def test_the_worst_and_those_to_look_at() -> None:
    counts = Counts({"wrong": 2, "exact": 3, "crashed": 0, "suspect_reference": 1})
    assert counts.worst == "wrong"
    assert counts.not_right == 3
    assert counts.ordered() == [("exact", 3), ("suspect_reference", 1), ("wrong", 2)]
    assert Counts(OUTCOMES).not_right == len(NOT_RIGHT)


def test_a_verdict_of_a_later_version_is_worse_than_any() -> None:
    assert place("melted") > max(map(place, OUTCOMES))
    assert Counts(["exact", "melted", "wrong"]).worst == "melted"
