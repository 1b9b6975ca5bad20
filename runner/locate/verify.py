"""Whether a repair holds where nobody looked for it: at more seeds, and at the experiment's own shape."""

from collections.abc import Iterator
from dataclasses import replace

from runner.case.case import Case
from runner.case.spec import Spec, case_of
from runner.formula import Shape
from runner.formula.derivation import Derivation
from runner.formula.transplant import transplanted
from runner.locate.case import small_case
from runner.locate.limit import Clock, OutOfTimeError
from runner.locate.replay import Side, alike
from runner.locate.search import Search
from runner.locate.spot import Repair, Rewrite


def still_holds(spec: Spec, derivation: Derivation, search: Search, repair: Repair | Rewrite) -> bool:
    """Tell whether a repair makes every gradient right on four cases that the search has not seen."""
    try:
        return _holds(spec, derivation, search, repair)
    except OutOfTimeError:
        return False


def _holds(spec: Spec, derivation: Derivation, search: Search, repair: Repair | Rewrite) -> bool:
    if isinstance(repair, Rewrite):
        changed = replace(derivation, function=transplanted(derivation.function, repair.codes))
        sides = (Side.of(*seen, changed, Clock.of(10)) for seen in _unseen(spec))
        return not any(side.wrong(side.trace.gradients) for side in sides)
    for case, shape in _unseen(spec):
        side = Side.of(case, shape, derivation, Clock.of(10))
        if not alike(search.one, side):
            continue  # another number of passes: the steps are not the same ones
        search.one.pool.clear()
        again = Search(search.one, side, spec)
        assert again.stock is not None
        if not side.repaired(repair.spot.steps, repair.spot.bindings, repair.edit.make):
            return False
    return True


def _unseen(spec: Spec) -> Iterator[tuple[Case, Shape]]:
    own = replace(spec, upstream="normal", dtype="float64")
    yield from (small_case(spec, seed, seed) for seed in (2, 3))
    yield small_case(spec, 4)
    yield case_of(own), spec.shape
