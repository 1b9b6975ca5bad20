"""How everything that can be said is worded: one line for each statement, under its name.

In a format string a figure is spelled by its kind (`KINDS` in `wording.py`), or as Python would; a part
that is None leaves nothing. A function of the figures serves where a format string does not. Another room
words what it says with `add`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runner.diagnose.words import joined

Words = str | Callable[..., str]


def _nonfinite(nan: int, inf: int, total: int, place: Any, others: int) -> str:
    kinds = joined((f"{count} {kind}" for count, kind in ((nan, "NaN"), (inf, "Inf")) if count), "and")
    if nan + inf == total:
        return f"{kinds} in {total} elements{place}"
    rest = f"{others} of the finite ones are wrong too" if others else "all others are right"
    return f"{kinds} in {total} elements{place}; {rest}"


def _multiple(factor: Any, tensor: str) -> str:
    return f"off by {f'{factor} times '.removeprefix('1 times ')}the {tensor}"


def _sizes(names: Iterable[str], sizes: Iterable[int]) -> str:
    return " ".join(f"{name}={n}" for name, n in zip(names, sizes, strict=True))


def _not_repeated(wrt: str, apart: Any = None) -> str:
    by_how_much = f", up to {float(apart):.3g} apart" if apart is not None else ""
    return f"the gradient by {wrt} has other bits at the next call{by_how_much}"


def _finding(check: str, what: Any, condition: str = "", smallest: Any = "") -> str:
    return f"{check}: for {condition}: {what}{smallest}" if condition else f"{check}: {what}{smallest}"


def _smallest(settings: str, right: Iterable[str]) -> str:
    neighbours = f", and right at {joined(right, 'or')}" if right else ""
    return f"; alone with {settings}{neighbours}"


def _conditions(first: str, others: int) -> str:
    return first + (f" and {others} other conditions" if others > 1 else " and another condition" * others)


def _for_conditions(what: Any, first: str, others: int) -> str:
    return f"for {_conditions(first, others)}: {what}"


def _only_for(conditions: Iterable[str], others: int, check: str) -> str:
    rest = f"{others} other conditions" if others > 1 else "the other condition"
    return f"wrong only for {joined(conditions, 'and')}, not for {rest} of {check}"


def _equal_but_for_bits(zeros: int, nans: int) -> str:
    kinds = ((f"the sign of {zeros} zeros", zeros), (f"the bits of {nans} NaN", nans))
    return f"equal to autograd's numbers, but for {joined((kind for kind, count in kinds if count), 'and')}"


def _not_compared(count: int, first: str, others: int) -> str:
    where = _conditions(first, others)
    return f"{count} elements are not compared, for {where}: float64 autograd is not finite there"


WHOLE = ("multiplied", "divided", "transposed", "added up", "with +", "with -")


def _repaired_at(place: str, change: Any, seeds: int, text: str = "", other: Any = None, at: str = "") -> str:
    words = str(change)
    is_whole = text and words.startswith(WHOLE) and " in place of " not in words
    what = f"with `{text}` {words.removeprefix('with ')}" if is_whole else words
    where = f" in {at}" if at else ""
    return f"{place}: {what}{where} every gradient is right, at {seeds} seeds{other or ''}"


def _wrong_step(place: str, due: str = "", other: Any = None) -> str:
    if other:
        should = f"; {place} should give {due}" if due else ""
        return f"the first wrong step is in {other} or {place}{should}"
    return f"the first wrong step is in {place}{f': it should be {due}' if due else ''}"


SENTENCES: dict[str, Words] = {
    "within_bound": "every element is within the bound of {bound:.3g}",
    "rounding_only": "beyond the bound by rounding errors only: {error:.3g} against {bound:.3g}",
    "unexplained": "no simple explanation: {count} of {total} elements differ, "
    "the worst at {index:place}: {gradient:instead of {truth}}",
    # shape
    "wrong_shape": "shape {gradient:shape} instead of {truth:shape}",
    "wrong_shape_explained": "shape {gradient:shape} instead of {truth:shape}: {explanation}",
    "wrong_shape_unexplained": "shape {gradient:shape} instead of {truth:shape}; "
    "no simple explanation: neither transposed nor summed is it the right gradient",
    "squeezed": "the numbers are right{apart}, dimensions of size 1 apart",
    "reshaped": "the numbers are right{apart}, reshaped",
    "right_once_moved": "the right gradient{apart}, {move}",
    "sum_missing": "the sum over {axes:axes} is missing; with it the gradient is right{apart}",
    "not_repeated": "repeated along {axes:axes} the gradient is right{apart}",
    "reduction_of_right": "it is the {reduction} of the right gradient over {axes:axes}",
    # size and sign
    "factor": "{value:fraction}{named}",
    "named": " ({names:or})",
    "or_named": " (or {names:or})",
    "perhaps_named": " (perhaps {names:or})",
    "elsewhere": " here, and {value:fraction} at {settings}",
    "decimal": "{value:.6g}",
    "apart": ", times {factor}",
    "one_number": "{gradient:instead of {truth}}: a factor of {factor}",
    "constant": "every element is {gradient:instead of {truth}}: a factor of {factor}",
    "wrong_sign": "the sign is wrong: the gradient is -1 times the truth{named}",
    "off_by_factor": "off by a factor of {factor}",
    "off_by_unnamed": "off by a factor of {value:factor}, which has no simple name",
    "wrong_signs": "right in size, of the wrong sign in {count} of {total} elements{place}",
    "tensor_left_out": "{operation} by the {tensor}, element by element, the gradient is right{apart}",
    "clipped": "clipped at {limit:.6g} in size: {count} of {total} elements are larger",
    "factor_changes": "off by a factor that changes along axis {axis} only: {factors:range}",
    "factor_constant": "off by a factor that is constant along axis {axis}: {factors:range}",
    "computed_in": "computed in {dtype} inside: every element is a {dtype} number, "
    "off by up to {error:.2g} of the largest",
    # order
    "of_another_input": "it is the gradient by {wrt}",
    "rearranged": "the right numbers, {ways:or}",
    "way": "{move}{apart}",
    "transposed": "transposed",
    "permuted": "transposed (its axes in the order {order})",
    "read_into": "{move} and read into shape {shape:shape}",
    "flipped": "flipped along axis {axis}",
    "shifted": "shifted by {by} along axis {axis}",
    "swapped": "elements {one:place} and {other:place} are swapped",
    "shuffled": "the right numbers in other places: {count} of {total} elements have moved",
    # terms
    "nothing_computed": "the gradient is zero everywhere; the truth is up to {size:.4g} in size",
    "is_upstream": "the gradient is the upstream gradient: no derivative is applied",
    "is_upstream_times": "the gradient is the upstream gradient{apart}",
    "not_symmetric": "not symmetric as the truth is: "
    "the {reduction} of the gradient and its transpose is right",
    "reduced": "each element is the {reduction} of the right ones over {axes:axes}",
    "off_by_multiple": _multiple,
    "term_missing": "a term is missing: {names:times}{apart}",
    "term_too_much": "a term is too much: {names:times}{apart}",
    "off_by_constant": "off by a number that is constant everywhere, {number:.3g}{remedy}",
    "off_by_constants": "off by a number that is constant along {axes:axes}, {sizes:range} in size{remedy}",
    "mean_to_subtract": ", and right once its mean is subtracted there",
    "mean_or_sum": ", as a wrong or dropped mean or sum leaves it",
    "row_by_row": "off by a {function} of the input, another in each row along axis {axis}, "
    "{sizes:range} in size, as a wrong or dropped term leaves it",
    # where
    "nonfinite": _nonfinite,
    "truth_nonfinite": "finite in {count} of {total} elements where the truth is not{place}",
    "every_one": ": every one",
    "only_in": ", {regions:and}",
    "first_at": ", the first at {index:place}",
    "only_there": "wrong only {regions:and} ({count} of {total} elements): "
    "{there}at {index:place} {gradient:instead of {truth}}",
    "zero_there": "it is 0 there; ",
    "truth_there": "it is the truth there{apart}; ",
    "upstream_there": "it is the upstream gradient there; ",
    "input_zero": "where the input is 0",
    "input_negative": "where the input is negative",
    "input_positive": "where the input is positive",
    "truth_zero": "where the truth is 0",
    "ties_at_top": "where inputs tie for the largest of their row",
    "ties": "where inputs of a row are equal",
    "at_least": "where the {what} is {limit:.4g} or more (right up to {right:.4g})",
    "at_most": "where the {what} is {limit:.4g} or less (right from {right:.4g})",
    "on_diagonal": "on the diagonal",
    "off_diagonal": "off the diagonal",
    "above_diagonal": "above the diagonal",
    "below_diagonal": "below the diagonal",
    "everywhere": "everywhere",
    "at": "at {index:place}",
    "in_block": "in {ranges:and}",
    "outside_block": "in {ranges:or}",
    "in_slices": "in {places:places} along axis {axis}",
    "every_second": "in every second slice along axis {axis}, from [{start}]",
    "last_slices": "the last {count:if several}of {n} along axis {axis}{tiles}",
    "rest_of_tiles": " ({count} = {n} mod {sizes:or})",
    "first_slices": "the first {count:if several}of {n} along axis {axis}",
    "one_slice": "[{start}] along axis {axis}",
    "slice_range": "[{start}:{stop}] along axis {axis}",
    # several gradients
    "several": "{statements:;}",
    "some_inputs": "{right:and} {right:is} right, only {wrong:and} {wrong:is} wrong",
    "some_conditions": "wrong only for {wrong:and} (right for {right:and})",
    "shapes_by_rule": "wrong at {count} of {total} shapes, only where {rules:or}",
    "at_shapes": "wrong at {count} of {total} shapes",
    "some_shapes": "wrong at {count} of {total} shapes: at {wrong:and}, and not at {right:and}",
    "relation": "{left} {relation} {right}",
    "odd": "{dimension} is odd",
    "no_multiple": "{dimension} is no multiple of {tile}",
    "sizes": _sizes,
    "others": "others",
    # references
    "finite_differences_disagree": "along a random direction of {wrt:and}, "
    "finite differences of forward give {slope:.6g}, float64 autograd {expected:.6g}",
    "finite_differences_side": "the gradient by {wrt} and finite differences of forward agree; "
    "float64 autograd is {error:.3g} off, which is the weak one: along the difference "
    "{expected:.12g}, where they give {slope:.12g}",
    "library_disagrees": "in float64 the gradients of the library function and of forward "
    "differ by {error:.3g}",
    "truth_not_finite": "float64 autograd is not finite at {count} elements where the gradient is",
    # verdict
    "mismatch": "the gradient's {what} is {received}; that of the input is {expected}",
    "as_autograd_itself": "as autograd itself: {loss}",
    "equal_but_for_bits": _equal_but_for_bits,
    "in_dtype": "in {dtype} {what}",
    "in_float32_alone": "in {dtype} {what}; precision=auto judges in float32 what has no other",
    "forward_differs": "not judged: {reason}",
    "recomputes": "its derivations may call autograd, as the formula states",
    "within_tolerance": "held to the relative tolerance of {tolerance:g} that the formula states",
    "finite_differences_alone": "without a reference: held against finite differences of its own forward, "
    "good to a relative {tolerance:.0e}",
    "asked_for": "decided in {dtype}, as asked",
    "stops_early": "has fewer digits than float64: it is off by {error:.2g} of the largest there, as what "
    "stops at a tolerance is; decided in float32",
    "has_float32": "computes in float32 inside, or to as many digits: in float64 it is off by "
    "{error:.2g} of the largest; decided in float32",
    "gives_float32": "gives the gradient by {wrt} in float32 whatever it is given; decided in float32",
    "decided_in": "{refusal}: decided in {dtype}",
    "too_large_to_explain": "a gradient of more than {most} elements is not explained; try a smaller shape",
    "conjugate_of_all": "the gradient is the conjugate of the right one",
    "derivative_not_conjugated": "the derivative is not conjugated: PyTorch's gradient is the upstream "
    "gradient times the conjugate of f'",
    "upstream_conjugated": "the upstream gradient is conjugated, which it should not be",
    # checks
    "finding": _finding,
    "smallest": _smallest,
    "at_generic_point": "at normal inputs and upstream gradients {what}",
    "only_for_conditions": _only_for,
    "raises": "it raises {reason}",
    "output_overwritten": "backward writes to result {number} of forward, which others go on with",
    "generic_point_smaller": "asked of signed inputs at {settings} alone, as its own size would take long; "
    "check=full visits more",
    "not_timed": "not timed, as a call raises {reason}",
    "refuses_a_second_time": "refuses a second backward on the same context: {reason}",
    "forward_refuses": "not asked for, as forward raises {reason}",
    "wrong_here_too": "the gradient by {wrt} is wrong here as it is at the point of the experiment",
    "changed_by_call": "{name} is changed by the call",
    "shares_memory": "the gradient by {wrt} shares memory with {owner}",
    "no_kernel": "not in {dtype}: {reason}",
    "not_finite": "{count} elements are not finite, where the truth is",
    "loses": "off by {error:.3g} u, where {excused:.3g} u are excused",
    "loses_all": "off by {error:.3g}, more than the truth itself ({size:.3g} in size), "
    "where {excused:.3g} is excused",
    "loses_at_zero": "off by {error:.3g} where the truth is zero and {excused:.3g} is excused",
    "not_repeated_bits": _not_repeated,
    "other_bits": "the gradient by {wrt} has other bits at the next call, {spread:.3g}{unit} apart, which "
    "the order of a sum explains (up to {excused:.3g}{unit})",
    "overwritten": "the gradient by {wrt} is overwritten by a later call",
    "remembered": "the gradient by {wrt} is that of an earlier call, whatever the arguments are",
    "history": "the gradient by {wrt} differs after other calls",
    "address": "the gradient by {wrt} differs at another address",
    "stale": "the gradient by {wrt} is that of the numbers which were at the same address before",
    "not_linear": "g(2u - 3v) differs from 2 g(u) - 3 g(v) by {error:.3g}",
    "upstream_ignored": "the gradient by {wrt} does not depend on the upstream gradient",
    "no_second_order": "its second derivative is not judged: {reason}",
    "second_through_apply": "differentiated twice through its own apply, the gradient by {wrt} has a "
    "derivative by {by} that is off by {error:.3g}",
    "overwritten_context": "the gradient by {wrt} changes when forward runs again before backward",
    "reads_what_was_written": "the gradient by {wrt} is of inputs that were written to after forward, "
    "and no error says so: keep them with save_for_backward",
    "used_context": "the gradient by {wrt} changes when backward runs again on the same context",
    "off_when_frozen": "the gradient by {wrt} is off by {error:.3g}",
    "not_homogeneous": "{count} elements are not {factor:g} times those of the upstream gradient itself",
    "overflows_when_scaled": "{count} elements are not finite, where {factor:g} times the gradient is",
    "leaves_changed": "{name} is left changed by the call",
    "left_by_point": "the code left {names:and} changed, which was put back",
    "replaced_by_point": "the code replaced {names:and}, which was put back",
    "replaced_by_plugin": "importing {plugin} replaces {names:and}, which was put back",
    "seeds": "the call seeds the generator of {name}",
    "draws_from": "the call draws from {name}, and moves those of everybody else",
    "hides_non_finite": "{count} elements that depend on it are finite",
    "spreads_non_finite": "{count} elements are not finite that autograd leaves finite",
    "off_elsewhere": "what it does not reach is off by {error:.3g}",
    "not_compared": _not_compared,
    "for_conditions": _for_conditions,
    "not_visited": "{count} of {total} numbers in and around the source are not visited",
    "too_many": "{count} shapes are not visited, as each costs too much",
    "left_out": "{what:and} are not visited, as they cost too much",
    "second_off": "the derivative of the gradient by {wrt} by {by} is off by {error:.3g}",
    "second_missing": "the gradient by {wrt} has no derivative by {by:and}",
    "dtype_under_autocast": "under autocast it is {received}, where the input is {expected}",
    "refuses_autocast": "under autocast it raises {reason}",
    "loses_under_autocast": "under autocast to bfloat16 {loss}",
    # where
    "repaired_at": _repaired_at,
    "wrong_step": _wrong_step,
    "overwrites": "{place}: {name} is what the derivation was given, not a copy",
    "nothing_reads": "nothing reads {name}, which {place} should{other}",
    "not_located": "not located{between}: {why}",
    "or_at": "; or the mistake is in {place}",
    "between": " between {first} and {last}",
    "digits_lost": "digits are lost at {place}: {share:.0%} of the error of {wrt}, most of it in `{text}`",
    "in_place_of": "with {new} in place of {old}",
    "without": "without {what}",
    "times": "multiplied by {factor}",
    "divided": "divided by {by}",
    "plus": "with + {term}",
    "minus": "with - {term}",
    "turned": "transposed",
    "accumulated": "added up over the passes of the loop",
    "branches_swapped": "with the branches swapped",
    "negated": "with the opposite condition",
    "without_assignment": "without the assignment",
}


def add(sentences: Mapping[str, Words]) -> None:
    """Word the statements of another room. Raises ValueError where a name is taken."""
    if taken := sentences.keys() & SENTENCES.keys():
        raise ValueError(f"statements {sorted(taken)} have a sentence already")
    SENTENCES.update(sentences)
