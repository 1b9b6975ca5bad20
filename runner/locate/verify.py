"""Whether a repair holds where nobody looked for it: at more seeds, and at the experiment's own shape."""

from dataclasses import replace

from runner.case.spec import Spec, case_of
from runner.formula.derivation import Derivation
from runner.locate.case import small_case
from runner.locate.replay import Clock, Side
from runner.locate.search import Search
from runner.locate.spot import Repair


def still_holds(spec: Spec, derivation: Derivation, search: Search, repair: Repair) -> bool:
    """Tell whether a repair makes every gradient right on four cases that the search has not seen."""
    own = replace(spec, upstream="normal", dtype="float64")
    cases = [
        *(small_case(spec, seed, seed) for seed in (2, 3)),
        small_case(spec, 4),
        (case_of(own), spec.shape),
    ]
    names = [step.name for step in search.one.trace.steps.values()]
    for case, shape in cases:
        side = Side.of(case, shape, derivation, Clock.of(10))
        if [step.name for step in side.trace.steps.values()] != names:
            continue  # another number of passes: the steps are not the same ones
        search.one.pool.clear()
        again = Search(search.one, side, spec)
        assert again.stock is not None
        if not side.repaired(repair.spot.steps, repair.spot.bindings, repair.edit.make):
            return False
    return True
