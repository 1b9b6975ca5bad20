"""`python -m tests.bench.locate`: plant mistakes into the sources, and count where the locator finds them.

Counted are the mistakes of the self-test's operators, and those of `tests/locate/by_hand.py`, that make a
gradient wrong at the experiment's own hyper-parameters. Those that raise or leave a gradient out are apart.
For every other mistake the repairs that the search finds at its place are taken out of the search.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from runner.experiment import run
from runner.locate import locate
from runner.locate.answer import Answer
from runner.locate.listing import listing
from runner.locate.place import Place
from runner.locate.search import Search
from runner.locate.spot import Repair, Rewrite
from runner.locate.verify import still_holds
from runner.selftest.targets import targets
from tests.locate.planted import Planted, by_hand, from_source

HEADS = (
    "mistakes",
    "planted",
    "one of two",
    "one place",
    "the first",
    "a wrong place",
    "repairs right",
    "median",
)


@dataclass(frozen=True)
class Outcome:
    """What the locator said of a mistake."""

    planted: Planted
    answer: Answer
    seconds: float
    is_right: bool | None  # of a shown repair

    def names(self, places: tuple[Place, ...]) -> bool:
        """Tell whether one of the places holds the change."""
        file, lines = self.planted.file, self.planted.lines
        return any(
            line.file == file and {*range(line.line, line.end + 1)} & {*lines}
            for place in places
            for line in place
        )

    @property
    def is_named(self) -> bool:
        """Whether the change is at a place that is named."""
        return self.names(self.answer.places)

    def __str__(self) -> str:
        answer, planted = self.answer, self.planted
        mark = "ok" if self.is_named else "WRONG" if answer.places else "none"
        spelled = " or ".join(" < ".join(map(str, place)) for place in answer.places or answer.between)
        said = answer.repair or answer.due or answer.reason
        where = f"{planted.target.formula.name} {planted.target.derivation.name} {planted.lines}"
        bad = " BAD REPAIR" if self.is_right is False else ""
        return f"{mark}{bad} {where} {planted.what} => {answer.kind} {spelled} {said} {self.seconds:.2f}"


def outcome(planted: Planted, taken_out: bool) -> Outcome:
    """Ask the locator; take out of its search, where asked to, what it finds at the right place.

    Taken out too is what would undo the mistake: a function that reads as it did before.
    """
    with planted.written():
        return _outcome(planted, taken_out)


def _outcome(planted: Planted, taken_out: bool) -> Outcome:
    spec, derivation = planted.target.spec, planted.derivation
    one, search, repairs = _asked(planted)
    if taken_out and search is not None:
        banned = {(r.spot.place, r.spot.time, str(r.what)) for r in repairs if one.names((r.spot.place,))}
        words = {r.words for r in search.rewrites if one.names((r.place,))} | planted.undone
        one, search, repairs = _asked(
            planted, lambda g, e: (g.place, g.time, str(e.what)) in banned, words.__contains__
        )
    right = None
    if one.answer.kind == "repair" and search is not None:
        found: list[Repair | Rewrite] = [*search.rewrites, *repairs]
        shown = next(r for r in found if r.what is one.answer.repair)
        right = still_holds(spec, derivation, search, shown)
    return Outcome(planted, one.answer, one.seconds, right)


def _asked(
    planted: Planted, skip: locate.Skip | None = None, words: locate.Words | None = None
) -> tuple[Outcome, Search | None, list[Repair]]:
    began = time.perf_counter()
    answer, search, repairs = locate.searched(planted.target.spec, planted.derivation, skip, words)
    return Outcome(planted, answer, time.perf_counter() - began, None), search, repairs


def row(title: str, outcomes: list[Outcome]) -> str:
    """Return one row of the table."""
    n = len(outcomes) or 1
    named = [o for o in outcomes if o.answer.places]
    shares = (
        sum(o.is_named for o in named) / n,
        sum(o.is_named and len(o.answer.places) == 1 for o in named) / n,
        sum(o.names(o.answer.places[:1]) for o in named) / n,
        sum(not o.is_named for o in named) / n,
    )
    shown = [o.is_right for o in outcomes if o.is_right is not None]
    median = statistics.median([o.seconds for o in outcomes] or [0])
    cells = [title, len(outcomes), *(f"{share:.0%}" for share in shares)]
    return f"| {' | '.join(map(str, cells))} | {sum(shown)} of {len(shown)} | {median:.2f} s |"


def table(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield the lines of the table."""
    source = [o for o in outcomes if not o.planted.is_by_hand]
    yield f"| {' | '.join(HEADS)} |"
    yield f"|{'---|' * len(HEADS)}"
    yield row("of the self-test", source)
    yield row("four lines or more", [o for o in source if o.planted.lines_of_derivation >= 4])
    yield row("by hand", [o for o in outcomes if o.planted.is_by_hand])


def listed() -> str:
    """Say what a listing of a small formula takes, beside its run with the usual checks."""
    (target, *_) = targets(["layer_norm"])
    spec = replace(target.spec, derivations=(target.derivation.name,))
    seconds = []
    for do in (lambda: run(spec), lambda: listing(spec, target.derivation, None)):
        took = []
        for _ in range(5):
            began = time.perf_counter()
            do()
            took.append(time.perf_counter() - began)
        seconds.append(min(took))
    name = f"{target.formula.name} {target.derivation.name}"
    return f"a listing of {name} takes {seconds[1]:.3f} s, its run {seconds[0]:.3f} s"


def planted(options: argparse.Namespace) -> Iterator[Planted]:
    """Yield the mistakes that are asked for."""
    for target in () if options.by_hand else targets(options.formula):
        made = from_source(target, options.most, options.lot)
        yield from (one for one in made if one.lines_of_derivation >= options.lines)
    if not options.formula and not options.planted:
        yield from by_hand()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    made = argparse.ArgumentParser(prog="python -m tests.bench.locate")
    made.add_argument("--formula", nargs="+", default=[])
    made.add_argument("--most", type=int, default=8, help="of each derivation")
    made.add_argument("--lot", type=int, default=0, help="which mistakes: the seed of their order")
    made.add_argument("--lines", type=int, default=0, help="that a derivation has at least")
    made.add_argument("--by-hand", action="store_true", help="those by hand alone")
    made.add_argument("--planted", action="store_true", help="none by hand")
    made.add_argument("--verbose", action="store_true", help="print each mistake with its answer")
    return made.parse_args()


def main() -> None:
    """Plant, ask, and print the table."""
    options = arguments()
    torch.set_num_threads(1)
    outcomes = []
    for i, one in enumerate(planted(options)):
        outcomes.append(outcome(one, taken_out=i % 2 == 1))
        if options.verbose:
            print(outcomes[-1], "out" if i % 2 else "", flush=True)
    print("\n".join(table(outcomes)))
    print(listed())


if __name__ == "__main__":
    main()
