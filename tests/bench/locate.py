"""`python -m tests.bench.locate`: plant mistakes into the sources, and count where the locator finds them.

Counted are the mistakes of the self-test's operators, and those of `tests/locate/by_hand.py`, that make a
gradient wrong at the experiment's own hyper-parameters. Those that raise or leave a gradient out are apart.
For every other mistake the repairs that the search finds at its place are taken out of the search.
"""

import argparse
import ast
import copy
import inspect
import random
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType, FunctionType

import torch

from runner.case.spec import case_of
from runner.formula.signature import Function
from runner.locate import locate
from runner.locate.answer import Answer
from runner.locate.place import Place
from runner.locate.verify import still_holds
from runner.selftest.mistake import Target
from runner.selftest.mutate import definition, functions_reached, placed_changes
from runner.selftest.targets import targets
from runner.selftest.transplant import transplanted
from tests.locate.by_hand import MISTAKES


@dataclass(frozen=True)
class Planted:
    """A mistake in a source: the derivation with it, and the lines that it changes."""

    target: Target
    function: Function
    file: str
    lines: range
    what: str
    is_by_hand: bool = False

    @property
    def lines_of_derivation(self) -> int:
        """Statements of the derivation itself."""
        return len(definition(inspect.unwrap(self.target.function)).body)


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


def from_source(target: Target, most: int) -> Iterator[Planted]:
    """Yield changes that the operators of the self-test make, in a fixed random order."""
    found = []
    for function in functions_reached(target, iter([target.case])):
        first = inspect.getsourcelines(function)[1]
        tree = definition(function)
        for kind, changed, node in placed_changes(tree):
            begin, end = int(vars(node)["lineno"]), int(vars(node)["end_lineno"])
            found.append((function, first, kind, changed, range(first + begin - 1, first + end)))
    random.Random(0).shuffle(found)
    count = 0
    for function, first, kind, changed, lines in found:
        try:
            code = code_of(changed, function, first)
            made = transplanted(target.function, {function.__code__: code})
        except (SyntaxError, ValueError):
            continue
        text = ast.unparse(changed)
        diff = [l for l in text.splitlines() if l not in ast.unparse(tree_of(function)).splitlines()]
        planted = Planted(target, made, function.__code__.co_filename, lines, f"{kind}: {' | '.join(diff)}")
        if shows(planted):
            count += 1
            yield planted
        if count >= most:
            return


def tree_of(function: FunctionType) -> ast.FunctionDef:
    return definition(function)


def code_of(tree: ast.FunctionDef, function: FunctionType, first: int) -> CodeType:
    """Compile a changed function at the lines of its file."""
    bare = copy.deepcopy(tree)
    bare.decorator_list = []
    ast.increment_lineno(bare, first - 1)
    module = compile(ast.Module([bare], []), function.__code__.co_filename, "exec")
    (code,) = (c for c in module.co_consts if isinstance(c, CodeType) and c.co_name == function.__name__)
    return code


def by_hand() -> Iterator[Planted]:
    """Yield the mistakes that were written by hand."""
    for mistake in MISTAKES:
        (target,) = (t for t in targets([mistake.formula]) if t.derivation.name == mistake.derivation)
        module = sys.modules[target.function.__module__]
        file = str(module.__file__)
        text = Path(file).read_text()
        assert text.count(mistake.was) == 1, mistake
        line = text[: text.index(mistake.was)].count("\n") + 1
        changed = compile(text.replace(mistake.was, mistake.now), file, "exec")
        new = {code.co_name: code for code in changed.co_consts if isinstance(code, CodeType)}
        functions = (inspect.unwrap(value) for value in vars(module).values() if callable(value))
        own = [f for f in functions if isinstance(f, FunctionType) and f.__module__ == module.__name__]
        codes = {f.__code__: new[f.__name__] for f in own if f.__name__ in new}
        made = transplanted(target.function, codes)
        yield Planted(
            target, made, file, range(line, line + 1), f"by hand: {mistake.was} -> {mistake.now}", True
        )


def shows(planted: Planted) -> bool:
    """Tell whether a mistake makes a gradient wrong, and does no more than that."""
    spec = replace(planted.target.spec, upstream="normal", dtype="float64")
    case = case_of(spec)
    derivation = replace(planted.target.derivation, function=planted.function)
    truth = planted.target.kind.differentiate(
        case.evaluate_leaves, case.inputs, case.differentiable, case.upstream
    )
    right = planted.target.gradients
    try:
        with torch.no_grad():
            found = derivation({**case.values}, case.inputs)
    except Exception:  # those that raise are apart
        return False
    if {*found} != {*right}:
        return False
    return any(
        found[n].shape != truth[n].shape
        or not torch.allclose(found[n].double(), truth[n], rtol=1e-7, atol=1e-9)
        for n in found
    )


def outcome(planted: Planted, taken_out: bool) -> Outcome:
    """Ask the locator; take out of its search, where asked to, what it finds at the right place."""
    derivation = replace(planted.target.derivation, function=planted.function)
    spec = planted.target.spec
    began = time.perf_counter()
    answer, search, repairs = locate.searched(spec, derivation)
    seconds = time.perf_counter() - began
    if taken_out and repairs:
        one = Outcome(planted, answer, seconds, None)
        banned = {(r.spot.place, r.spot.time, str(r.what)) for r in repairs if one.names((r.spot.place,))}
        began = time.perf_counter()
        answer, search, repairs = locate.searched(
            spec, derivation, lambda g, e: (g.place, g.time, str(e.what)) in banned
        )
        seconds = time.perf_counter() - began
    right = None
    if answer.kind == "repair" and search is not None:
        shown = next(r for r in repairs if r.what is answer.repair)
        right = still_holds(spec, derivation, search, shown)
    return Outcome(planted, answer, seconds, right)


def table(title: str, outcomes: list[Outcome]) -> str:
    """Return one row of the table."""
    n = len(outcomes) or 1
    named = [o for o in outcomes if o.answer.places]
    of_two = sum(o.names(o.answer.places) for o in named)
    single = sum(o.names(o.answer.places[:1]) and len(o.answer.places) == 1 for o in named)
    first = sum(o.names(o.answer.places[:1]) for o in named)
    wrong = sum(not o.names(o.answer.places) for o in named)
    shown = [o.is_right for o in outcomes if o.is_right is not None]
    median = statistics.median([o.seconds for o in outcomes] or [0])
    return (
        f"| {title} | {len(outcomes)} | {of_two / n:.0%} | {single / n:.0%} | {first / n:.0%} "
        f"| {wrong / n:.0%} | "
        f"{sum(shown)} of {len(shown)} | {median:.2f} s |"
    )


def main() -> None:
    """Plant, ask, and print the table."""
    made = argparse.ArgumentParser(prog="python -m tests.bench.locate")
    made.add_argument("--formula", nargs="+", default=[])
    made.add_argument("--most", type=int, default=8, help="of each derivation")
    made.add_argument("--by-hand", action="store_true")
    made.add_argument("--verbose", action="store_true")
    options = made.parse_args()
    torch.set_num_threads(1)
    found: list[Planted] = []
    if not options.by_hand:
        for target in targets(options.formula):
            found += from_source(target, options.most)
    found += by_hand() if not options.formula else []
    outcomes = []
    for i, planted in enumerate(found):
        one = outcome(planted, taken_out=i % 2 == 1)
        outcomes.append(one)
        if options.verbose:
            good = "ok " if one.names(one.answer.places) else ("WRONG" if one.answer.places else "none")
            a = one.answer
            print(
                good,
                "bad repair" if one.is_right is False else "",
                planted.target.formula.name,
                planted.target.derivation.name,
                planted.lines,
                planted.what,
                "=>",
                a.kind,
                [[str(l) for l in p] for p in a.places],
                a.repair,
                a.due,
                a.reason,
                [str(p[0]) for p in a.between],
                "out" if i % 2 else "",
                f"{one.seconds:.2f}",
                flush=True,
            )
    heads = (
        "mistakes",
        "planted",
        "one of two",
        "one place",
        "the first",
        "a wrong place",
        "repairs right",
        "median",
    )
    print(f"| {' | '.join(heads)} |")
    print("|---|---|---|---|---|---|---|---|")
    source = [o for o in outcomes if not o.planted.is_by_hand]
    print(table("of the self-test", source))
    print(table("four lines or more", [o for o in source if o.planted.lines_of_derivation >= 4]))
    print(table("by hand", [o for o in outcomes if o.planted.is_by_hand]))


if __name__ == "__main__":
    main()
