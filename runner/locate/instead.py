"""Which other lines a repair may make up for: a product does not tell its parts, nor a name its maker."""

import ast
from collections.abc import Sequence

import torch

from runner.diagnose import Statement, say
from runner.locate.edit import Call, Edit, operation
from runner.locate.influence import VIEWS
from runner.locate.place import Line, Place, is_same
from runner.locate.returned import MOST_NAMED
from runner.locate.search import Search
from runner.locate.spot import Repair, Rewrite, Spot, distinct
from runner.locate.stock import is_constant

FAR = 1.5
"""What a number costs that is not one of those which slip in by themselves."""
SIGN = say("times", factor="-1")
OF_VALUES = ("times", "turned")
"""Changes of what a step makes, whoever makes it."""


def written(search: Search, repair: Repair) -> list[Place]:
    """Return what last wrote into that of which a view has another sign, factor or transpose."""
    spot = repair.spot
    if repair.what.name not in OF_VALUES or not spot.steps or any(s.name not in VIEWS for s in spot.steps):
        return []
    sources = {source for step in spot.steps for source in step.sources}
    made = (s for s in search.suspects if s.indices & sources and any(step.writes for step in s.steps))
    return [one.place for one in made][-1:]


def as_well(search: Search, repair: Repair) -> list[Place]:
    """Return where the same sign, factor or transpose would repair too: a product does not tell its parts."""
    edit = repair.edit if repair.what.name in OF_VALUES else _as_factor(search, repair)
    returned = repair.spot.indices & {*search.one.trace.returned.values()}
    is_last = returned or any(binding.is_entry for binding in repair.spot.bindings)
    if edit is None or (search.makes_known(repair.spot, edit) and not is_last):
        return []
    others = (s for s in search.suspects if s is not repair.spot and s.steps)
    if edit.what.name == "times":
        others = (s for s in others if any(step.name not in VIEWS for step in s.steps))
    unsure = (s for s in others if not search.is_soft(s) and search.is_affine(s))
    alike = [spot for spot in unsure if search.may_repair(spot, edit)]
    return [s.place for s in (*alike, *(_signed(search, repair.spot) if edit.what == SIGN else ()))]


def _signed(search: Search, spot: Spot) -> list[Spot]:
    """Return the one sum or difference that uses a step: another operator there is another sign of it."""
    users = [s for s in search.suspects if any(step.sources & spot.indices for step in s.steps)]
    sums = [s for s in users if operation(s.steps[0])[0] in ("add", "sub")]
    return sums if len(users) == 1 and not search.is_soft(sums[0] if sums else spot) else []


def _as_factor(search: Search, repair: Repair) -> Edit | None:
    """Return the factor that another number comes to, where nothing but that it repairs speaks for it."""
    if not repair.spot.steps:
        return None
    step = repair.spot.steps[0]
    if not (repair.edit.is_number and repair.edit.cost >= FAR) and not is_constant(step.value):
        return None
    new = repair.edit.make(Call(*step.called, step.value, search.one.pool, search.one.numbers))
    if not (new.is_floating_point() and step.value.is_floating_point()):
        return None
    ratio = new.reshape(-1)[0] / step.value.reshape(-1)[0]
    is_factor = new.shape == step.value.shape and torch.allclose(new, ratio * step.value, rtol=1e-12)
    return Edit(repair.what, repair.edit.cost, lambda call: ratio * call.result) if is_factor else None


def with_operand(search: Search, repair: Repair, places: list[Place]) -> list[Place]:
    """Return, for a change of a name where it is used, the line that made it; both where that is right."""
    edit, steps = repair.edit, repair.spot.steps
    if edit.is_inverse:
        return places
    old = str(edit.what.figures.get("old", ""))
    is_within = edit.operand is not None or old in _names(str(edit.what.figures.get("new", "")))
    if not is_within or not steps or not old.isidentifier():
        return distinct([*places, *_of_operand(search, repair)])[:MOST_NAMED]
    values = steps[0].operands
    made = [s for s in search.spots if s.place and s.time <= repair.spot.time and _gives(s, old, values)]
    return _or_definition(search, made[-1], places) if made else places


def _gives(spot: Spot, name: str, values: Sequence[torch.Tensor]) -> bool:
    """Tell whether a spot is where a name gets one of some values."""
    if spot.is_argument or name not in _names_of(spot):
        return False
    return any(torch.equal(one, value) for one in spot.values for value in values)


def _or_definition(search: Search, made: Spot, places: Sequence[Place]) -> list[Place]:
    """Return the line where a name is made, after that of its use where it is right for what it is called."""
    is_right = bool(made.steps) and search.is_soft(made)
    return distinct([*places, made.place])[:MOST_NAMED] if is_right else [made.place]


def wrapped(search: Search, rewrite: Rewrite) -> list[Place]:
    """Return, where a change puts a name into an operation or a call, the line that makes it."""
    old, new, here = (str(rewrite.what.figures["old"]), str(rewrite.what.figures["new"]), rewrite.place[0])
    made = [
        spot
        for spot in search.spots
        if old in _names_of(spot) and not spot.is_argument and spot.place and _is_above(spot.place, here)
    ]
    if not made or old not in _names(new) or not isinstance(_parsed(new), ast.BinOp | ast.Call):
        return []
    return _or_definition(search, made[-1], [rewrite.place])


def _is_above(place: Place, here: Line) -> bool:
    """Tell whether a place stands in the function of a line, before it."""
    own = [line for line in place if (line.file, line.function) == (here.file, here.function)]
    return any(line.line < here.line for line in own)


def _of_operand(search: Search, repair: Repair) -> list[Place]:
    """Return the line of a suspect operand which a repair takes another function of, or takes away."""
    if not repair.spot.steps:
        return []
    step, operand = repair.spot.steps[0], repair.edit.operand
    arg = step.called[0][operand] if operand is not None else None
    term = str(repair.what.figures.get("term", ""))
    made = (s for s in search.suspects if s.indices & step.sources and not s.is_argument)
    found = [
        spot.place
        for spot in made
        if term in _names_of(spot)
        or any(arg is not None and torch.equal(value, arg) for value in spot.values)
    ]
    return found[-1:]


def with_instead(search: Search, rewrite: Rewrite) -> list[Place]:
    """Return the place of a change with that of what it makes up for, which is first where it is left out."""
    figures = rewrite.what.figures
    places = [rewrite.place, *_instead(search, rewrite)]
    return distinct(reversed(places) if str(figures["new"]) in str(figures["old"]) else places)[:MOST_NAMED]


def _instead(search: Search, rewrite: Rewrite) -> list[Place]:
    """Return what a change makes up for, or passes by: the end of what is called there, or a name's line."""
    inner = _called_from(search, rewrite.place[0], rewrite.called)
    if inner:
        return [max(inner, key=lambda spot: spot.time).place]
    return bypassed(search, rewrite.place, rewrite.what)


def _called_from(search: Search, here: Line, functions: frozenset[str] = frozenset()) -> list[Spot]:
    """Return the suspect steps of what a line calls, in some of the functions where these are given.

    What a call to one of these makes may be passed by: then all on the way to a wrong gradient are suspect.
    """
    called = [s for s in search.spots if any(is_same(line, here) for line in s.place[1:])]
    suspect = [s for s in called if s.steps and s in search.suspects]
    if not functions:
        return suspect
    passed_by = [s for s in called if s.indices & search.guilty or (s.bindings and not s.is_argument)]
    found = ([s for s in spots if functions & _functions(s)] for spots in (suspect, passed_by))
    return next(filter(None, found), [])


def _functions(spot: Spot) -> set[str]:
    return {line.function for line in spot.place[:-1]}


def bypassed(search: Search, place: Place, what: Statement) -> list[Place]:
    """Return the line of the one suspect whose name a change takes out of an expression."""
    old, new = (_names(str(what.figures.get(key, ""))) for key in ("old", "new"))
    found = [
        spot
        for spot in search.suspects
        if not spot.is_argument and not is_same(spot.place[0], place[0]) and _names_of(spot) & (old - new)
    ]
    found.sort(key=lambda spot: bool(spot.bindings))  # the last to have the name
    return [spot.place for spot in found[-1:]]


def inside(search: Search, spot: Spot) -> list[Place]:
    """Return where what a step is given was made in what its line calls, or where an argument is used."""
    inner = _called_from(search, spot.place[0])
    if spot.is_argument:
        return [one.place for one in inner[:1]]
    sources = {source for step in spot.steps for source in step.sources}
    return [one.place for one in inner if one.indices & sources][-1:]


def users(search: Search, spot: Spot) -> list[Place]:
    """Return the first line that uses a known value: it may be there that something is missing."""
    later = (s for s in search.suspects if s.time > spot.time or (s.bindings and s.time >= spot.time))
    return [s.place for s in later if not search.is_soft(s) and not s.is_argument][:1]


def _names_of(spot: Spot) -> set[str]:
    """Return the names that get what a spot makes."""
    return {name for step in spot.steps for name in step.named} | {b.name for b in spot.bindings}


def _names(text: str) -> set[str]:
    return {node.id for node in ast.walk(_parsed(text)) if isinstance(node, ast.Name)}


def _parsed(text: str) -> ast.AST:
    """Return an expression as a tree; nothing for what is a statement, or none."""
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return ast.Module([], [])
