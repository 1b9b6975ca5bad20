"""False alarms: what is said against derivations that are right."""

import dataclasses
import itertools
from dataclasses import dataclass

from runner.case.spec import DTYPES, Spec
from runner.experiment import run
from runner.record import Row, spelled
from runner.selftest.judge import levels
from runner.selftest.rivals import RIVALS, catches
from runner.selftest.settings import shapes
from runner.selftest.targets import targets

RIGHT = ("exact", "correct", "inaccurate")
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
        for row in filter(_has_a_kernel, run(point)):
            found.verdicts[strictest] += 1
            if row.verdict not in RIGHT:
                where = f"{dtype}, seed {seed}, {spelled(shape)}"
                found.alarms.append(Alarm(strictest, formula, row.derivation, where, _in_words(row)))
    for target, (name, rival) in itertools.product(of_formula, RIVALS.items()):
        found.verdicts[name] += 1
        if catches(rival, target, target.function):
            found.alarms.append(Alarm(name, formula, target.derivation, _own(spec), "rejected"))
    return found


def _own(spec: Spec) -> str:
    return f"{spec.dtype}, seed {spec.seed}, {spelled(spec.shape)}"


def _has_a_kernel(row: Row) -> bool:
    """Tell whether PyTorch can run the formula in this dtype; where it cannot, there is no verdict."""
    return row.status == "completed" or "not implemented" not in row.error


def _in_words(row: Row) -> str:
    said = (row.wrt, row.verdict or row.status, row.failed_checks, row.error, row.diagnosis)
    return " ".join(filter(None, said))
