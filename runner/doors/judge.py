"""Judge a backward that stands elsewhere, in one call."""

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from runner.case.spec import DTYPES, Spec
from runner.doors.adapt import Handed, adapted
from runner.doors.recorded import bad_input, clocked, recorded
from runner.doors.result import Result
from runner.doors.subject import Claims, Subject
from runner.errors import BadInput, unknown
from runner.formula.example import GIVEN
from runner.formula.registry import lent
from runner.report.explain import explanation
from runner.settings import LEVELS, Inputs, Level


def judge(
    subject: Any,
    reference: Any = None,
    *arguments: Any,
    dtypes: Any = None,
    check: Level = "quick",
    second_order: bool = False,
    timing: bool = False,
    seed: int = 42,
    **named: Any,
) -> Result:
    """Judge a hand-written backward against autograd of a plain reference, at example tensors.

    `subject` is an `autograd.Function`; an op of `torch.library.custom_op`; an `nn.Module`; a pair
    `forward -> (out, cache)`, `backward(dout, cache)` of functions of NumPy arrays; a `jax.custom_vjp`; a
    plain function of the upstream gradient and inputs, or a function of tensors in which a backward lies.
    `reference` computes the same as plain mathematics, in float64 too; with None, finite differences of the
    subject's own forward are all that it is held against. What follows is handed to the reference: its
    tensors are differentiated by; those that need no gradient, where others do, are constants.
    `grad_<output>` is the upstream gradient, drawn otherwise.

    `dtypes` are names or torch dtypes, else that of the tensors; `check` is off, quick or full. What an
    author may claim beside: `shapes={"x": ("batch", "n")}`, which axes are dimensions, found by trying
    otherwise; `names=("x", "w", "eps")`, what `apply` takes, by the reference's names; `outputs`, those that
    are differentiated; `constants`; `derivative_of`, the function whose derivative a straight-through
    gradient is; `random=True`, that forward and reference draw the same numbers of PyTorch's generator;
    `in_place`; `precision`, `tolerance`, `deterministic` and `recomputes` as in `register_function`.

    Raises BadInput for what cannot be judged.
    """
    claims, rest = claimed(named)
    with bad_input():
        found = adapted(Handed(subject, reference, arguments, rest, claims))
        made = found.made()
    specs = specifications(
        made, claims, dtypes=dtypes, check=check, seed=seed, timing=timing, second_order=second_order
    )
    return judged(made, specs, found.beside)


def specifications(
    subject: Subject,
    claims: Claims,
    *,
    dtypes: Any,
    check: Level,
    seed: int,
    timing: bool,
    second_order: bool = False,
) -> list[Spec]:
    """Return one specification for each dtype. Raises BadInput for a name that does not exist."""
    _known("check", check, LEVELS)
    return [
        Spec(
            formula=subject.formula.name,
            experiment=subject.formula.name,
            derivations=tuple(subject.formula.derivations),
            shape=subject.dimensions.sizes,
            params=subject.settings,
            seed=seed,
            device=subject.device,
            dtype=dtype,
            precision=claims.precision,
            upstream=GIVEN if subject.given_upstream else "normal",
            inputs=Inputs("normal", file=GIVEN),
            check=check,
            second_order=second_order,
            timing=clocked(timing),
        )
        for dtype in _dtypes(dtypes, subject)
    ]


def judged(subject: Subject, specs: Sequence[Spec], beside: Mapping[str, str]) -> Result:
    """Run each specification of a subject's formula."""
    with lent(subject.formula):
        records = [recorded(spec) for spec in specs]
    listed = partial(_listed, subject, specs)
    result = Result(
        records, varied=str(subject.dimensions), refused=subject.refused, beside=beside, listed=listed
    )
    for hear in listeners:
        hear(result)
    return result


def _listed(subject: Subject, specs: Sequence[Spec]) -> str:
    with lent(subject.formula):
        return explanation(specs[0])


listeners: list[Callable[[Result], None]] = []
"""Who is told of every result: the plug-in for pytest, which collects them."""


def assert_gradients(
    subject: Any, reference: Any = None, *arguments: Any, check: Level = "full", **named: Any
) -> Result:
    """Judge as `judge` does; raise AssertionError, with verdicts and diagnoses, if something is not right."""
    __tracebackhide__ = True
    result = judge(subject, reference, *arguments, check=check, **named)
    if not result:
        again = f"\nagain: pytest {shlex.quote(test)}" if (test := _running_test()) else ""
        raise AssertionError(f"\n{result}{again}")
    return result


def _running_test() -> str:
    """Return the name of the test that pytest is running, or nothing."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]


def claimed(named: Mapping[str, Any]) -> tuple[Claims, dict[str, Any]]:
    """Tell what an author claims from the arguments of the reference."""
    known = {*Claims.__dataclass_fields__}
    claims = Claims(**{name: value for name, value in named.items() if name in known})
    return claims, {name: value for name, value in named.items() if name not in known}


def _known(kind: str, value: Any, known: Iterable[str]) -> None:
    if value not in known:
        raise BadInput(unknown(kind, value, known))


def _dtypes(asked: Any, made: Subject) -> Iterable[Any]:
    """Return the names of the dtypes that are asked for, or of the tensors' own."""
    listed = [made.dtype] if asked is None else asked if isinstance(asked, list | tuple) else [asked]
    for one in listed:
        name = str(one).removeprefix("torch.")
        _known("dtype", name, DTYPES)
        yield name
