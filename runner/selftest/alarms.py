"""False alarms: what is said against derivations that are right."""

import dataclasses
import itertools
from dataclasses import dataclass

from runner.case.spec import DTYPES, Spec
from runner.experiment import run
from runner.judge.judgement import Judgement
from runner.record import spelled
from runner.selftest.judge import RIGHT, in_words, levels
from runner.selftest.rivals import RIVALS, applies, rejects
from runner.selftest.settings import shapes
from runner.selftest.targets import targets

SIZES = (1, 2, 3, 17)
UPSTREAMS = ("ones", "normal")


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
    """Judge right derivations in every dtype, under ones and a normal upstream gradient.

    Each seed is at another shape of the formula. That right code is `inaccurate` is an alarm, as it is a
    catch of a mistake.
    """
    of_formula = targets([formula])
    spec, record = of_formula[0].spec, of_formula[0].formula
    sizes = [dict(spec.shape), *shapes(record, spec.shape, spec.params, SIZES)]
    strictest = f"handgrad {levels()[0]}"
    found = Innocent({strictest: 0, **dict.fromkeys(RIVALS, 0)}, [])
    seeded = list(zip(range(seeds), itertools.cycle(sizes)))
    for dtype, upstream, (seed, shape) in itertools.product(DTYPES, UPSTREAMS, seeded):
        point = dataclasses.replace(
            spec, dtype=dtype, upstream=upstream, seed=seed, shape=shape, check=levels()[0]
        )
        for judgement in filter(_has_a_kernel, run(point)):
            found.verdicts[strictest] += 1
            if judgement.status != "completed" or judgement.verdict not in RIGHT:
                where = f"{dtype}, {upstream} upstream, seed {seed}, {spelled(shape)}"
                alarm = Alarm(strictest, formula, judgement.derivation, where, in_words(judgement))
                found.alarms.append(alarm)
    for target, name in itertools.product(of_formula, RIVALS):
        if applies(name, target):
            found.verdicts[name] += 1
            if rejects(name, target, target.function):
                found.alarms.append(Alarm(name, formula, target.derivation.name, _own(spec), "rejected"))
    return found


def _own(spec: Spec) -> str:
    return f"{spec.dtype}, seed {spec.seed}, {spelled(spec.shape)}"


def _has_a_kernel(judgement: Judgement) -> bool:
    """Tell whether PyTorch can run the formula in this dtype; where it cannot, there is no verdict."""
    return judgement.status != "unsupported"
