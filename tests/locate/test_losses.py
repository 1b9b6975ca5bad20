"""Where digits go: the contributions add up to the whole error, and the planted loss has most of it."""

import dataclasses

import pytest

from runner.case.resolve import resolve
from runner.case.spec import Spec, case_of
from runner.experiment import run
from runner.formula import lookup
from runner.locate.judged import explained
from runner.locate.losses import Losses, losses
from runner.settings import Config, Inputs


def lost(spec: Spec, derivation: str, wrt: str) -> Losses:
    found = losses(case_of(spec), lookup(spec.formula).derivations[derivation], wrt)
    assert found is not None
    return found


def at(formula: str, dtype: str, **inputs: float) -> Spec:
    spec = resolve(Config(formula=formula, dtype=dtype, upstream="normal"))
    return dataclasses.replace(spec, inputs=Inputs("normal", **inputs))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("formula", "derivation", "wrt", "offset"),
    [
        ("variance", "one_pass", "x", 100.0),
        ("layer_norm", "saved_statistics", "w", 10.0),
        ("layer_norm", "recomputed", "x", 10.0),
        ("scaled_dot_product_attention", "recomputed", "k", 0.0),
        ("lstm_step", "gates", "x", 0.0),
        ("cross_entropy", "stable_log_sum_exp", "z", 0.0),
    ],
)
def test_contributions_add_up_to_the_whole_error(
    formula: str, derivation: str, wrt: str, offset: float
) -> None:
    assert lost(at(formula, "float32", offset=offset), derivation, wrt).total == pytest.approx(1, abs=1e-3)


def test_a_difference_of_large_products_is_where_the_digits_go() -> None:
    spec = at("variance", "float32", offset=1000.0)
    worst = lost(spec, "one_pass", "x").worst
    assert worst is not None
    line, share = worst
    assert line.function == "one_pass"
    assert "a * x - a * x.mean" in line.text
    assert 0.9 < share < 1.1


def test_an_inaccurate_row_names_the_line() -> None:
    spec = dataclasses.replace(at("variance", "float32", offset=1000.0), derivations=("one_pass",))
    (told,) = explained(spec, run(spec))
    assert told.verdict == "inaccurate"
    assert told.digits_lost_at.startswith("experiments/vector_matrix/variance.py:")
    assert told.diagnosis[-1].name == "digits_lost"
    assert told.wrong_line == ""
