"""What is said against right code is counted, and `inaccurate` is said against it."""

from dataclasses import replace

import pytest

from runner.judge.judgement import Judgement
from runner.selftest import alarms
from runner.selftest.judge import Judge, Said, levels
from runner.selftest.mistake import Mistake
from tests.selftest.planting import target, wrapped


def test_right_code_is_judged_under_two_upstream_gradients() -> None:
    found = alarms.innocent("dot_product", seeds=1)
    assert found.alarms == []
    assert found.verdicts["handgrad full"] == 4 * 2 * 2  # dtypes, upstream gradients, inputs
    assert found.verdicts["gradgradcheck fast"] == 1


def test_an_inaccurate_gradient_is_an_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    inaccurate = Judgement(derivation="product", wrt="x", verdict="inaccurate")
    monkeypatch.setattr(alarms, "run", lambda spec: [inaccurate, replace(inaccurate, verdict="correct")])
    found = alarms.innocent("dot_product", seeds=1)
    assert found.verdicts["handgrad full"] == 4 * 2 * 2
    assert len(found.alarms) == 4 * 2
    assert {alarm.said for alarm in found.alarms} == {"x inaccurate"}


def test_what_is_said_of_the_right_one_is_forgotten_with_the_judge() -> None:
    mistake, into = wrapped("relu", "output_mask", "doubled"), target("relu", "output_mask")
    assert isinstance(mistake, Mistake)
    judge = Judge()
    said = judge.verdict(into, mistake.make(), levels()[-1], "scale")
    assert isinstance(said, Said)
    assert said.caught
    assert len(judge.right) == 1
    assert not Judge().right


def test_a_mistake_is_tried_in_other_dtypes_too() -> None:
    mistake, into = wrapped("linear", "outer_product", "square"), target("linear", "outer_product")
    assert isinstance(mistake, Mistake)
    said = Judge().verdict(into, mistake.make(), levels()[0], "overflow")
    assert (said.caught, said.dtype) == (True, "float16")
