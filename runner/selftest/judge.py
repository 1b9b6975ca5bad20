"""What handgrad says about a planted derivation, at each level of its checks."""

from collections.abc import Mapping
from dataclasses import replace

from runner.case.spec import DTypeName
from runner.experiment import is_right, run
from runner.formula.signature import Function
from runner.judge.judgement import Judgement
from runner.selftest.mistake import ACCURACY, Target, planted
from runner.settings import LEVELS, Level

RIGHT = ("exact", "correct")
IN_EVERY_DTYPE = (*ACCURACY, "wrong dtype")
LOWER: tuple[DTypeName, ...] = ("bfloat16", "float16", "float64")


def levels() -> tuple[Level, ...]:
    """Return the levels of checks, the strictest first."""
    return tuple(reversed(LEVELS))


def verdict(target: Target, function: Function, level: Level, kind: str) -> tuple[bool, str]:
    """Return whether a planted derivation is caught, and what was said about it.

    It is judged in the experiment's own dtype. A mistake of the arithmetic is tried in the others too, and
    caught where a row gets worse than the right derivation's. What the right one is accused of as well is
    no catch.
    """
    said = ""
    for dtype in dict.fromkeys([target.spec.dtype, *(LOWER if kind in IN_EVERY_DTYPE else ())]):
        spec = replace(target.spec, dtype=dtype, check=level, second_order=kind == "second order")
        there = replace(target, spec=spec)
        with planted(there, function) as changed:
            judgements = run(changed)
        right = right_judgements(there)
        caught = [one for one in judgements if _worse(one, right, accuracy=kind in ACCURACY)]
        if caught:
            return True, f"{dtype}: {'; '.join(map(in_words, caught))}"
        said = said or "; ".join(map(in_words, judgements))
    return False, said


def _worse(judgement: Judgement, right: Mapping[str, Judgement], *, accuracy: bool) -> bool:
    """Tell whether a gradient is rejected, or less accurate, where the right derivation's is not."""
    if not all(is_right(other) for other in right.values()):
        return False
    own = right.get(judgement.wrt)
    lost = judgement.verdict == "inaccurate" and own is not None and own.verdict in RIGHT
    return not is_right(judgement) or (accuracy and lost)


def right_judgements(target: Target) -> Mapping[str, Judgement]:
    """Return the judgements of the right derivation, by input."""
    key = repr((target.spec, target.derivation.name))
    if key not in _right:
        with planted(target, target.function) as spec:
            _right[key] = {judgement.wrt: judgement for judgement in run(spec)}
    return _right[key]


_right: dict[str, Mapping[str, Judgement]] = {}


def in_words(judgement: Judgement) -> str:
    """Say what was found of one gradient."""
    outcome = judgement.verdict or judgement.status
    said = (judgement.wrt, outcome, *judgement.failed, judgement.error, *map(str, judgement.diagnosis))
    return " ".join(filter(None, said))
