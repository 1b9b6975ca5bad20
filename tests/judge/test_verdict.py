"""Every verdict, by the smallest gradient that earns it."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from runner.case.case import Case
from runner.formula.kind import GRADIENT, JACOBIAN
from runner.judge import verdict as verdicts
from runner.judge.answer import answer
from runner.judge.judgement import Judgement
from runner.judge.references import References
from runner.judge.verdict import judge
from runner.settings import Level
from runner.verdicts import VERDICTS
from tests.by_hand import Function, Gradients, at, cube, formula_of, lying, of_twice, product, twice

NAN, INF = math.nan, math.inf
F64, F32, BF16 = torch.float64, torch.float32, torch.bfloat16


def judged(case: Case, derivation: Function, wrt: str = "x", level: Level = "off") -> Judgement:
    formula = formula_of(case.formula.forward, derivation, kind=GRADIENT)
    case = replace(case, formula=formula)
    references = References.of(case, {"n": 1}, [GRADIENT], level)
    return judge(answer(formula.derivations[derivation.__name__], references), wrt, references)


def times(factor: float) -> Function:
    return lambda grad_y: {"x": factor * grad_y}


def off_by_eps(count: float) -> Function:
    """Return the gradient of 2x, off by so many eps of its dtype."""
    return lambda grad_y: {"x": 2 * (1 + count * torch.finfo(grad_y.dtype).eps) * grad_y}


def in_one_dtype(dtype: torch.dtype, there: Function, elsewhere: Function) -> Function:
    return lambda grad_y: (there if grad_y.dtype == dtype else elsewhere)(grad_y)


SMALLEST = [
    pytest.param("exact", twice, of_twice, F32, id="the same bits"),
    pytest.param("exact", twice, of_twice, F64, id="the same bits in float64"),
    pytest.param("correct", twice, off_by_eps(1), F32, id="the next number"),
    pytest.param("correct", twice, off_by_eps(1), F64, id="the next number in float64"),
    pytest.param("correct", lambda x: 0 * x, lambda grad_y: {"x": -0.0 * grad_y}, F32, id="minus zero"),
    pytest.param("inaccurate", twice, off_by_eps(20), F32, id="20 eps"),
    pytest.param("inaccurate", twice, off_by_eps(20), BF16, id="20 eps in bfloat16"),
    pytest.param("correct", twice, off_by_eps(20), F64, id="20 eps in float64"),
    pytest.param("wrong", twice, off_by_eps(5000), F64, id="5000 eps in float64"),
    pytest.param("wrong", twice, times(2 + 1e-10), F32, id="beyond float32"),
    pytest.param("wrong", twice, times(3), F32, id="another factor"),
    pytest.param("wrong", twice, times(NAN), F32, id="NaN"),
    pytest.param("wrong", twice, times(INF), F32, id="Inf"),
    pytest.param("invalid", twice, lambda grad_y: {"x": 2 * grad_y[None]}, F32, id="shape"),
    pytest.param("invalid", twice, lambda grad_y: {"x": 2 * grad_y[:1]}, F32, id="would broadcast"),
    pytest.param("invalid", twice, lambda grad_y: {"x": 2 * grad_y.double()}, F32, id="dtype"),
    pytest.param("invalid", twice, lambda grad_y: {"x": (2 * grad_y).to("meta")}, F32, id="device"),
    pytest.param("invalid", twice, lambda grad_y: {"x": 2 * grad_y.float()}, F32, id="dtype in float64"),
    pytest.param("wrong", twice, in_one_dtype(F32, of_twice, times(3)), F32, id="right bits, wrong rule"),
    pytest.param("inaccurate", twice, in_one_dtype(F32, times(3), of_twice), F32, id="off in one dtype"),
]


@pytest.mark.parametrize(("verdict", "forward", "derivation", "dtype"), SMALLEST)
def test_verdict(verdict: str, forward: Function, derivation: Function, dtype: torch.dtype) -> None:
    assert judged(at(formula_of(forward), dtype=dtype, x=[1, 1]), derivation).verdict == verdict


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_nothing_counts_against_a_gradient_whose_reference_is_suspect(factor: int) -> None:
    case = at(formula_of(lying), x=[1, 1])
    judgement = judged(case, times(factor), level="quick")
    assert judgement.verdict == "suspect_reference"
    assert [statement.name for statement in judgement.diagnosis] == ["finite_differences_disagree"]
    assert judged(case, times(factor), level="off").verdict == ("exact" if factor == 2 else "wrong")


@pytest.mark.parametrize(
    ("given", "verdict", "said"),
    [
        (NAN, {"exact", "correct"}, ""),
        (0.0, {"suspect_reference"}, "float64 autograd is not finite at 1 elements where the gradient is"),
        (INF, {"wrong"}, "1 Inf in 2 elements"),
    ],
)
def test_where_autograd_gives_no_number(given: float, verdict: set[str], said: str) -> None:
    def slope(grad_y: Tensor, x: Tensor) -> Gradients:
        return {"x": torch.where(x == 0, given, 1.0).to(x.dtype)}

    judgement = judged(at(formula_of(lambda x: (x**2).sqrt()), x=[0, 1]), slope)
    assert judgement.verdict in verdict
    assert said in "; ".join(map(str, judgement.diagnosis))
    assert bool(said) is bool(judgement.diagnosis)


def test_a_truth_that_is_not_finite_is_counted() -> None:
    case = at(formula_of(lambda x: (x**2).sqrt()), x=[0, 0, 1])
    (said,) = judged(case, lambda grad_y: {"x": grad_y * 1}).diagnosis
    assert (said.name, dict(said.figures)) == ("truth_not_finite", {"count": 2})


@pytest.mark.parametrize("dtype", [F64, F32])
def test_an_empty_gradient_is_exact(dtype: torch.dtype) -> None:
    judgement = judged(at(formula_of(cube), dtype=dtype, x=[]), times(7))
    assert (judgement.verdict, judgement.size, judgement.max_abs_error) == ("exact", (0,), 0.0)


@pytest.mark.parametrize(("zero", "verdict"), [(0.0, "exact"), (1e-30, "wrong")])
def test_an_input_that_no_output_depends_on(zero: float, verdict: str) -> None:
    def unused(x: Tensor) -> Gradients:
        return {"b": torch.full((2,), zero, dtype=x.dtype)}

    case = at(formula_of(lambda x, b: 2 * x), {"y": [0]}, x=[1], b=[4, 5])
    assert judged(case, unused, wrt="b").verdict == verdict


def test_the_figures_of_a_gradient_that_is_one_ulp_off() -> None:
    found = judged(at(formula_of(twice), dtype=F32, x=[1, 1]), off_by_eps(1))
    eps, u, tiny = 2.0**-23, 2.0**-24, 2.0**-149
    assert found.errors is not None
    assert (found.errors.max_abs, found.errors.size, found.errors.in_u) == (2 * eps, 2.0, 2.0)
    assert (found.max_abs_error, found.autograd_truth_error) == (2 * eps, 0.0)
    assert found.bound == pytest.approx(2 * u * 2 + 4 * tiny, rel=1e-12), "autograd is exact: nothing helps"
    assert (found.size, found.judged_in, found.status) == ((2,), "float64", "completed")
    assert (found.failed, found.findings, found.checked, found.notes, found.diagnosis) == ((),) * 5


def test_in_float64_the_bound_is_that_of_correctness() -> None:
    found = judged(at(formula_of(twice), {"y": [3]}, x=[1]), of_twice)
    assert found.bound == pytest.approx(64 * 2.0**-52 * 6 + 1e-12 * 3)


def test_the_error_against_autograd_is_not_that_against_the_truth() -> None:
    formula = formula_of(twice, lambda grad_y: {"x": 2 * grad_y}, library=lambda x: 2.5 * x)
    references = References.of(at(formula, dtype=F32, x=[1]), {}, [GRADIENT], "off")
    (derivation,) = formula.derivations.values()
    found = judge(answer(derivation, references), "x", references)
    assert found.errors is not None
    assert (found.errors.max_abs, found.max_abs_error, found.autograd_truth_error) == (0.0, 0.5, 0.5)
    assert found.verdict == "correct"


@pytest.mark.parametrize(
    ("forward", "given", "said"),
    [
        (lambda x: 0 * x, -0.0, "equal to autograd's numbers, but for the sign of 2 zeros"),
        (lambda x: 0 * x, 0.0, None),
    ],
)
def test_a_note_says_why_equal_numbers_are_not_exact(
    forward: Function, given: float, said: str | None
) -> None:
    found = judged(at(formula_of(forward), dtype=F32, x=[1, 1]), times(given))
    assert (found.verdict, found.max_abs_error) == ("correct" if said else "exact", 0.0)
    assert [*map(str, found.notes)] == ([said] if said else [])


class Coarse(torch.autograd.Function):
    """2x, whose backward is a thousandth off in float32."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        return (2.001 if grad.dtype == F32 else 2.0) * grad


def coarse(x: Tensor) -> Tensor:
    doubled: Tensor = Coarse.apply(x)  # type: ignore[no-untyped-call]
    return doubled


@pytest.mark.parametrize(("factor", "verdict"), [(2.001, "inaccurate"), (2.0, "correct")])
def test_the_bits_of_autograd_are_no_excuse_for_its_faults(factor: float, verdict: str) -> None:
    own = in_one_dtype(F32, times(factor), of_twice)
    found = judged(at(formula_of(coarse), dtype=F32, x=[1, 1]), own)
    assert found.verdict == verdict
    assert (found.max_abs_error == 0.0) is (verdict == "inaccurate")
    assert [said.name for said in found.diagnosis] == ["as_autograd_itself"] * (verdict == "inaccurate")


@pytest.mark.parametrize(
    ("derivation", "said"),
    [
        (times(6), "off by a factor of 3"),
        (times(-2), "the sign is wrong: the gradient is -1 times the truth"),
        (times(0), "the gradient is zero everywhere; the truth is up to 6 in size"),
        (lambda grad_y: {"x": 2 * grad_y[:, None]}, "shape (3, 1) instead of (3,): the numbers are right"),
        (
            lambda grad_y: {"x": 2 * grad_y.double()},
            "the gradient's dtype is torch.float64; that of the input is torch.float32",
        ),
        (
            lambda grad_y: {"x": 2 * grad_y.float()},
            "in float64 the gradient's dtype is torch.float32; that of the input is torch.float64",
        ),
    ],
)
def test_what_is_said(derivation: Function, said: str) -> None:
    case = at(formula_of(twice), {"y": torch.tensor([1.0, 2.0, 3.0])}, dtype=F32, x=[1, 2, 3])
    (statement,) = judged(case, derivation).diagnosis
    assert str(statement).startswith(said)


@pytest.mark.parametrize(
    ("derivation", "failed"),
    [
        (lambda grad_y: {"x": grad_y[:1]}, "shape"),
        (lambda grad_y: {"x": grad_y.double()}, "dtype"),
        (lambda grad_y: {"x": grad_y.to("meta")}, "device"),
    ],
)
def test_what_is_incomparable_has_no_error(derivation: Function, failed: str) -> None:
    found = judged(at(formula_of(twice), dtype=F32, x=[1, 2]), derivation)
    assert found.failed == (failed,)
    assert (found.errors, found.max_abs_error, found.bound) == (None, None, None)


def test_a_very_large_gradient_is_not_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "MOST_EXPLAINED", 2)
    case = at(formula_of(twice), x=[1, 2, 3])
    (said,) = judged(case, times(6)).diagnosis
    assert (said.name, dict(said.figures)) == ("too_large_to_explain", {"most": 2})


def test_a_kernel_of_one_dtype_is_judged_in_it() -> None:
    def only_bfloat16(grad_y: Tensor) -> Gradients:
        if grad_y.dtype != BF16:
            raise TypeError("bfloat16 alone")
        return of_twice(grad_y)

    found = judged(at(formula_of(twice), dtype=BF16, x=[1, 2]), only_bfloat16)
    assert (found.verdict, found.judged_in) == ("exact", "bfloat16")
    assert [note.name for note in found.notes] == ["decided_in"]


@pytest.mark.parametrize(("off", "verdict"), [(0, "exact"), (1, "correct"), (9, "wrong")])
def test_a_kernel_without_float64_is_held_to_the_units_of_its_own_dtype(off: int, verdict: str) -> None:
    def kernel(grad_y: Tensor) -> Gradients:
        if grad_y.dtype == F64:
            raise TypeError("no float64")
        return dict(off_by_eps(off)(grad_y))

    found = judged(at(formula_of(twice), dtype=F32, x=[1, 1]), kernel)
    assert (found.verdict, found.judged_in) == (verdict, "float32")


@pytest.mark.parametrize(("right", "verdict"), [(True, "exact"), (False, "invalid")])
def test_a_jacobian_has_the_shape_of_output_and_input(right: bool, verdict: str) -> None:
    def slopes(W: Tensor, x: Tensor) -> Gradients:
        return {"x": W * 1 if right else W.mT * 1}

    formula = formula_of(product, slopes, kind=JACOBIAN)
    references = References.of(at(formula, W=[[1, 2, 3], [4, 5, 6]], x=[1, 1, 1]), {}, [JACOBIAN], "full")
    found = judge(answer(formula.derivations["slopes"], references), "x", references)
    assert (found.verdict, found.kind) == (verdict, "jacobian")


def test_every_verdict_is_shown_here() -> None:
    assert {example.values[0] for example in SMALLEST} | {"suspect_reference", "unchecked"} == {*VERDICTS}
