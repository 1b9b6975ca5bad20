"""What a derivation gives, and the dtype in which its correctness is decided."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from runner.errors import FormulaError
from runner.formula.kind import GRADIENT
from runner.judge.answer import Answer, answer, name_of
from runner.judge.references import References
from tests.by_hand import Gradients, at, formula_of, of_twice, twice, values

F64, F32, F16, BF16 = torch.float64, torch.float32, torch.float16, torch.bfloat16


def given(derivation: Callable[..., Gradients], dtype: torch.dtype, x: float = 0.1) -> Answer:
    formula = formula_of(twice, derivation)
    case = at(formula, dtype=dtype, x=[x])
    references = References.of(case, {}, [GRADIENT], "off")
    return answer(formula.derivations[derivation.__name__], references)


def only(*dtypes: torch.dtype) -> Callable[..., Gradients]:
    def kernel(grad_y: Tensor) -> Gradients:
        if grad_y.dtype not in dtypes:
            raise TypeError(f"no {name_of(grad_y.dtype)} today")
        return of_twice(grad_y)

    return kernel


PLACE = r" \([\w/]+\.py:\d+\)"  # of the exception


@pytest.mark.parametrize(
    ("own", "has", "decided", "note"),
    [
        (F64, [F64], F64, None),
        (F32, [F32, F64], F64, None),
        (F32, [F32], F32, "no float64 (TypeError: no float64 today): decided in float32"),
        (BF16, [BF16, F32, F64], F64, None),
        (BF16, [BF16, F32], F32, "no float64 (TypeError: no float64 today): decided in float32"),
        (BF16, [BF16], BF16, "no float64 (TypeError: no float64 today): decided in bfloat16"),
        (F16, [F16, F32], F32, "no float64 (TypeError: no float64 today): decided in float32"),
        (F16, [F16], F16, "no float64 (TypeError: no float64 today): decided in float16"),
    ],
)
def test_correctness_is_decided_in_the_strongest_dtype_there_is(
    own: torch.dtype, has: list[torch.dtype], decided: torch.dtype, note: str | None
) -> None:
    found = given(only(*has), own)
    assert (found.case.dtype, found.gradients["x"].dtype) == (own, own)
    assert (found.decided.dtype, found.strongest["x"].dtype) == (decided, decided)
    assert (found.note and re.sub(PLACE, "", str(found.note))) == note
    assert values(found.gradients) == values(found.strongest) == {"x": [2]}


def test_the_strongest_dtype_sees_the_rounded_numbers() -> None:
    seen: list[Tensor] = []

    def spy(grad_y: Tensor, x: Tensor) -> Gradients:
        seen.append(x)
        return of_twice(grad_y)

    given(spy, BF16, x=0.1)
    assert [x.dtype for x in seen] == [BF16, F64]
    assert [x.item() for x in seen] == [0.10009765625] * 2


@pytest.mark.parametrize("dtype", [F64, F32, BF16])
def test_what_is_raised_in_its_own_dtype_is_raised(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match=r"no \w+ today"):
        given(only(), dtype)


def test_a_breach_of_the_contract_in_float64_is_no_missing_kernel() -> None:
    def another_name(grad_y: Tensor) -> Gradients:
        return {"x" if grad_y.dtype == F32 else "X": grad_y}

    with pytest.raises(FormulaError, match=r"unknown gradient 'X'; did you mean 'x'\?"):
        given(another_name, F32)


@pytest.mark.parametrize("dtype", [F64, F32])
def test_it_is_called_once_in_each_dtype(dtype: torch.dtype) -> None:
    calls: list[torch.dtype] = []

    def counts(grad_y: Tensor) -> Gradients:
        calls.append(grad_y.dtype)
        return of_twice(grad_y)

    given(counts, dtype)
    assert calls == [*dict.fromkeys([dtype, F64])]
