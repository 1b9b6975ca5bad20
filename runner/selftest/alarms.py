"""False alarms: what is said against derivations that are right."""

import dataclasses
import itertools
from dataclasses import dataclass

from runner.case.spec import DTYPES, Spec
from runner.experiment import is_right, run
from runner.judge.judgement import Judgement
from runner.record import spelled
from runner.selftest.judge import in_words, levels
from runner.selftest.rivals import RIVALS, catches
from runner.selftest.settings import shapes
from runner.selftest.targets import targets

SIZES = (1, 2, 3, 17)


@dataclass(frozen=True)
class Alarm:
    """A right derivation that a judge rejects."""

    judge: str
    formula: str
    derivation: str
    point: str
    said: str


@dataclass(frozen=True)
class Innocent:
    """How many verdicts were given on right derivations, by judge, and which of them were wrong."""

    verdicts: dict[str, int]
    alarms: list[Alarm]


def innocent(formula: str, seeds: int) -> Innocent:
    """Judge right derivations in every dtype, with every seed, each seed at another shape of the formula."""
    of_formula = targets([formula])
    spec, record = of_formula[0].spec, of_formula[0].formula
    sizes = [dict(spec.shape), *shapes(record, spec.shape, spec.params, SIZES)]
    strictest = f"handgrad {levels()[0]}"
    found = Innocent({strictest: 0, **dict.fromkeys(RIVALS, 0)}, [])
    for dtype, (seed, shape) in itertools.product(DTYPES, zip(range(seeds), itertools.cycle(sizes))):
        point = dataclasses.replace(spec, dtype=dtype, seed=seed, shape=shape, check=levels()[0])
        for judgement in filter(_has_a_kernel, run(point)):
            found.verdicts[strictest] += 1
            if not is_right(judgement):
                where = f"{dtype}, seed {seed}, {spelled(shape)}"
                alarm = Alarm(strictest, formula, judgement.derivation, where, in_words(judgement))
                found.alarms.append(alarm)
    for target, (name, rival) in itertools.product(of_formula, RIVALS.items()):
        found.verdicts[name] += 1
        if catches(rival, target, target.function):
            found.alarms.append(Alarm(name, formula, target.derivation.name, _own(spec), "rejected"))
    return found


def _own(spec: Spec) -> str:
    return f"{spec.dtype}, seed {spec.seed}, {spelled(spec.shape)}"


def _has_a_kernel(judgement: Judgement) -> bool:
    """Tell whether PyTorch can run the formula in this dtype; where it cannot, there is no verdict."""
    return judgement.status != "unsupported"
