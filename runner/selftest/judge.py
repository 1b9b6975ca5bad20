"""What handgrad says about a planted derivation, at each level of its checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runner.case.spec import DTYPES
from runner.experiment import is_right, run
from runner.formula.signature import Function
from runner.judge.judgement import Judgement
from runner.selftest.mistake import Target, planted
from runner.settings import LEVELS, Level

RIGHT = ("exact", "correct", "unchecked")


def levels() -> tuple[Level, ...]:
    """Return the levels of checks, the strictest first."""
    return tuple(reversed(LEVELS))


@dataclass(frozen=True)
class Said:
    """Whether a planted derivation is caught, in which dtype, and what was said of the gradients."""

    caught: bool
    dtype: str
    judgements: Sequence[Judgement]

    def __str__(self) -> str:
        return f"{self.dtype}: {'; '.join(map(in_words, self.judgements))}"


@dataclass
class Judge:
    """Handgrad, and what it says of right derivations, which is forgotten with it."""

    right: dict[str, Mapping[str, Judgement]] = field(default_factory=dict)

    def verdict(self, target: Target, function: Function, level: Level, kind: str) -> Said:
        """Judge a planted derivation in the experiment's own dtype, then in the others if nobody notices.

        It is caught where a gradient is rejected, or `inaccurate`, and the right derivation's is not.
        """
        said: Said | None = None
        for dtype in dict.fromkeys([target.spec.dtype, *DTYPES]):
            settings = {"dtype": dtype, "check": level, "second_order": kind == "second order"}
            judgements = judged(target, function, **settings)
            right = self.of_the_right_one(target, **settings)
            if caught := [one for one in judgements if _worse(one, right)]:
                return Said(True, dtype, caught)
            said = said or Said(False, dtype, judgements)
        assert said
        return said

    def of_the_right_one(self, target: Target, **settings: Any) -> Mapping[str, Judgement]:
        """Return the judgements of the right derivation, by input."""
        key = repr((target.spec, target.derivation.name, settings))
        if key not in self.right:
            found = judged(target, target.function, **settings)
            self.right[key] = {judgement.wrt: judgement for judgement in found}
        return self.right[key]


def judged(target: Target, function: Function, **settings: Any) -> list[Judgement]:
    """Judge a function in the place of a derivation, with other settings than the target's."""
    with planted(target, function) as spec:
        return run(replace(spec, **settings))


def _worse(judgement: Judgement, right: Mapping[str, Judgement]) -> bool:
    """Tell whether a gradient is rejected, or less accurate, where the right derivation's is not."""
    if not all(is_right(other) for other in right.values()):
        return False
    own = right.get(judgement.wrt)
    lost = judgement.verdict == "inaccurate" and own is not None and own.verdict in RIGHT
    return not is_right(judgement) or lost


def in_words(judgement: Judgement) -> str:
    """Say what was found of one gradient."""
    outcome = judgement.verdict or judgement.status
    said = (judgement.wrt, outcome, *judgement.failed, judgement.error, *map(str, judgement.diagnosis))
    return " ".join(filter(None, said))
