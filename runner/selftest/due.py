"""What a right diagnosis of a planted mistake names: rules over statements as data, never over sentences.

Every statement and every check belongs to a topic. A class of mistake says which topics name it; what
else is said of the numbers themselves (`FACTS`) or of where they are wrong (`WHERE`) is true of them,
and no more. Any other topic is a cause that was not planted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isclose
from typing import Any, Literal

from runner.diagnose import Statement
from runner.judge.judgement import Judgement

Grade = Literal["right", "unhelpful", "misleading"]
GRADES: tuple[Grade, ...] = ("right", "unhelpful", "misleading")
"""`unhelpful` is what is true, and does not name the mistake."""

Size = tuple[int, ...]
CLOSE = 1e-9  # relatively: a factor is fitted in float64

STATEMENTS = {
    "factor": ("off_by_factor", "off_by_unnamed", "one_number", "constant", "truth_there"),
    "sign": ("wrong_sign", "wrong_signs"),
    "order": ("rearranged", "swapped", "shuffled", "right_once_moved", "reshaped"),
    "input": ("of_another_input",),
    "term": (
        "tensor_left_out", "off_by_multiple", "off_by_constant", "off_by_constants", "row_by_row",
        "not_symmetric", "factor_changes", "factor_constant", "is_upstream", "is_upstream_times", "clipped",
        "term_missing", "term_too_much",
    ),
    "reduction": ("reduced", "sum_missing", "not_repeated", "reduction_of_right", "squeezed"),
    "shape": ("wrong_shape", "wrong_shape_explained", "wrong_shape_unexplained"),
    "zero": ("nothing_computed", "zero_there"),
    "nonfinite": (
        "nonfinite", "not_finite", "truth_nonfinite", "overflows_when_scaled", "hides_non_finite",
        "spreads_non_finite",
    ),
    "global state": ("leaves_changed", "seeds"),
    "place": ("only_there",),
    "sizes": ("shapes_by_rule", "some_shapes"),
    "upstream": ("upstream_ignored", "not_linear", "upstream_there"),
    "scale of upstream": ("not_homogeneous", "overflows_when_scaled"),
    "precision": (
        "computed_in", "loses", "loses_all", "loses_at_zero", "rounding_only", "as_autograd_itself",
    ),
    "memory": ("changed_by_call", "overwritten", "stale", "used_context", "overwritten_context"),
    "history": ("remembered", "history", "address", "stale"),
    "noise": ("not_repeated_bits",),
    "contexts": ("overwritten_context", "used_context"),
    "frozen": ("off_when_frozen",),
    "second order": ("second_off", "second_missing", "second_through_apply", "no_second_order"),
    "raises": ("raises",),
}  # fmt: skip
"""The statements of each topic; a `mismatch` has that of what differs."""

CHECKS = {
    "layout": "layout", "other_shapes": "sizes", "beyond_a_tile": "sizes", "other_values": "values",
    "edges": "values", "other_upstreams": "kinds of upstream", "scaled_upstream": "scale of upstream",
    "linear_in_upstream": "upstream", "independent_of_history": "history", "repeatable": "noise",
    "unchanged_arguments": "memory", "contexts": "contexts", "live_contexts": "contexts",
    "backward_twice": "contexts", "frozen_inputs": "frozen", "precision": "precision",
    "every_dtype": "dtype", "autocast": "dtype", "second_order": "second order", "non_finite": "nonfinite",
    "global_state": "global state", "other_params": "params", "other_ids": "values", "other_masks": "values",
    "around_literals": "values", "small_upstream": "scale of upstream", "shared_memory": "memory",
    "order_of_sums": "noise",
}  # fmt: skip
"""The topic of each check that names one."""

FACTS = frozenset({"factor", "sign", "order", "input", "term", "reduction", "shape", "zero", "nonfinite"})
WHERE = frozenset(
    {"place", "sizes", "values", "params", "upstream", "kinds of upstream", "scale of upstream", "raises"}
)

OF_SAVED = frozenset({"dtype"})
"""What a tensor changes that is taken for another: saved ones are float32 where inputs are in half."""


@dataclass(frozen=True)
class Due:
    """The topics that name a mistake, and the factor that was planted, which a factor that is told must be.

    A number must be told as that number; one that a gradient's size makes, as any expression that has the
    same value there. `besides` is true of the mistake too, and does not name it.
    """

    topics: frozenset[str]
    factor: float | Callable[[Size], float] | None = None
    besides: frozenset[str] = frozenset()

    @classmethod
    def of(cls, *topics: str, factor: float | Callable[[Size], float] | None = None) -> "Due":
        """Name the topics."""
        return cls(frozenset(topics), factor)

    def grade(self, judgements: Iterable[Judgement]) -> Grade:
        """Grade what is said of all gradients; the worst counts, and `right` before what says nothing."""
        grades = {self._of_one(judgement) for judgement in judgements}
        return next((grade for grade in ("misleading", "right") if grade in grades), "unhelpful")

    def _of_one(self, judgement: Judgement) -> Grade:
        """Count a right cause in the diagnosis first, then a wrong one, then what failed checks found."""
        told = list(_topics(judgement))
        grades = [self._of_topic(topic, said, judgement) for topic, said in told]
        if "right" in grades or "misleading" in grades:
            return "right" if "right" in grades else "misleading"
        found = (
            topic for outcome in judgement.findings for topic in _of_finding(outcome.check, outcome.broken)
        )
        grades = [self._of_topic(topic, said, judgement) for topic, said in found]
        return "right" if "right" in grades else "unhelpful"

    def _of_topic(self, topic: str, said: Statement | None, judgement: Judgement) -> Grade:
        if self.factor and topic in ("factor", "sign") and said:
            return "right" if self._is_told(said, judgement.size or ()) else "misleading"
        if topic in self.topics:
            return "right"
        return "unhelpful" if topic in FACTS | WHERE | self.besides else "misleading"

    def _is_told(self, said: Statement, size: Size) -> bool:
        """Tell whether a statement has the planted factor."""
        value, names = _factor(said)
        if isinstance(self.factor, float):
            return isclose(value, self.factor, rel_tol=CLOSE) and names != "named"
        return self.factor is not None and isclose(value, self.factor(size), rel_tol=CLOSE)


def _topics(judgement: Judgement) -> Iterator[tuple[str, Statement | None]]:
    """Yield what a reader of a row is told: its verdict or status, and its diagnosis."""
    if judgement.verdict == "inaccurate":
        yield "precision", None
    if judgement.status == "failed":
        yield "raises", None
    for statement in judgement.diagnosis:
        yield from _of_statement(statement)


def _of_finding(check: str, broken: Statement | None) -> Iterator[tuple[str, Statement | None]]:
    if check in CHECKS:
        yield CHECKS[check], None
    if broken:
        yield from _of_statement(broken)


def _of_statement(statement: Statement) -> Iterator[tuple[str, Statement | None]]:
    """Yield the topics of a statement and of all that it is made of."""
    figures = statement.figures
    if statement.name == "mismatch":
        yield str(figures["what"]), statement
    if topic := CHECKS.get(str(figures.get("check"))):
        yield topic, None
    yield from ((topic, statement) for topic, names in STATEMENTS.items() if statement.name in names)
    for part in _parts(figures):
        yield from _of_statement(part)


def _parts(figures: Mapping[str, Any]) -> Iterator[Statement]:
    for figure in figures.values():
        parts = figure if isinstance(figure, list | tuple) else [figure]
        yield from (part for part in parts if isinstance(part, Statement))


def _factor(said: Statement) -> tuple[float, str]:
    """Return the factor that is told, and how: `named` stands for its names alone."""
    if said.name == "wrong_sign":
        return -1.0, ""
    told = next((part for part in _within(said) if part.name == "factor"), said)
    names = told.figures.get("named")
    return float(told.figures.get("value", 1.0)), names.name if isinstance(names, Statement) else ""


def _within(statement: Statement) -> Iterator[Statement]:
    yield statement
    for part in _parts(statement.figures):
        yield from _within(part)


DUE: Mapping[str, Due] = {
    "algebra": Due(FACTS),
    "scale": Due(FACTS),
    "reduction axis": Due.of("reduction", "shape", "order", "term", "factor"),
    "transpose": Due.of("order", "shape"),
    "missing broadcast sum": Due.of("reduction", "shape"),
    "dropped term": Due(FACTS),
    "wrong saved tensor": Due(FACTS, besides=OF_SAVED),
    "pre- against post-activation": Due(FACTS | {"place"}, besides=OF_SAVED),
    "missing output": Due.of("raises"),
    "swapped gradients": Due.of("input", "order", "shape"),
    "forward/backward mismatch": Due.of("factor", "term"),
    "eps": Due.of("factor", "term", "place", "values"),
    "ties and zeros": Due.of("place", "values", "nonfinite"),
    "part of the domain": Due.of("place", "values", "zero"),
    "hard-coded dimension": Due.of("sizes", "factor"),
    "parameter ignored": Due(FACTS | {"params"}),
    "approximation": Due.of("place", "values", "factor", "term", "precision"),
    "not finite": Due.of("nonfinite", "values", "kinds of upstream"),
    "tail of a tile": Due.of("place", "sizes", "zero"),
    "beyond a tile": Due.of("sizes", "place"),
    "non-contiguous input": Due.of("layout"),
    "non-contiguous upstream": Due.of("layout"),
    "in-place damage": Due.of("memory"),
    "aliased result": Due.of("memory"),
    "wrong dtype": Due.of("dtype"),
    "wrong device": Due.of("device", "raises"),
    "low-precision accumulation": Due.of("precision"),
    "cancellation": Due.of("precision", "values"),
    "overflow": Due.of("precision", "nonfinite", "values"),
    "upstream ignored": Due.of("upstream", "kinds of upstream"),
    "derivative twice": Due.of("term", "factor", "place"),
    "sparse upstream": Due.of("upstream", "kinds of upstream"),
    "scaled upstream": Due.of("upstream", "scale of upstream"),
    "non-determinism": Due.of("noise"),
    "state between calls": Due.of("history", "noise", "memory"),
    "contexts": Due.of("contexts"),
    "frozen inputs": Due.of("frozen"),
    "global state": Due.of("global state"),
    "second order": Due.of("second order"),
}
"""What names each class of mistake."""
