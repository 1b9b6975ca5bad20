"""Adds to judgements where a gradient is wrong or loses its digits: afterwards, and once for each code."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from inspect import unwrap
from typing import Any

from runner.case.inputs import seeded
from runner.case.spec import Spec, case_of
from runner.diagnose import say
from runner.formula import lookup
from runner.formula.derivation import Derivation
from runner.judge.judgement import Judgement
from runner.locate.answer import Answer
from runner.locate.limit import OutOfTimeError
from runner.locate.listing import listing
from runner.locate.locate import located
from runner.locate.losses import Losses, losses
from runner.locate.wording import statement
from runner.process import kept

MOST_TRIES = 3
"""How often a mistake that was not located is looked for again, at other hyper-parameters."""

UNTOLD = (Exception, OutOfTimeError)
"""What looking for a cause may run into, which costs no judgement."""

_answers: dict[Any, list[Answer]] = {}
_listings: dict[Any, Mapping[str, Any]] = {}


def explained(spec: Spec, judgements: Sequence[Judgement]) -> list[Judgement]:
    """Return judgements whose diagnosis ends with the line of the mistake, or with that of the loss.

    Verdicts and times stay as they are; what the locator runs into is not told.
    """
    if not any(judgement.verdict in ("wrong", "inaccurate") for judgement in judgements):
        return [*judgements]
    with seeded(spec.seed), kept():
        return [*_with_listings(spec, [_explained(spec, judgement) for judgement in judgements])]


def _explained(spec: Spec, judgement: Judgement) -> Judgement:
    derivation = lookup(spec.formula).derivations.get(judgement.derivation)
    if derivation is None:
        return judgement
    with suppress(*UNTOLD):  # the verdict stands, whatever looking for its cause runs into
        if judgement.verdict == "wrong":
            return _with_line(judgement, answer(spec, derivation))
        if judgement.verdict == "inaccurate":
            return _with_loss(judgement, losses(case_of(spec), derivation, judgement.wrt))
    return judgement


def _with_listings(spec: Spec, judgements: Sequence[Judgement]) -> Iterator[Judgement]:
    """Give the first judgement of each derivation that is wrong or inaccurate its listing."""
    seen = set()
    for judgement in judgements:
        found = None
        if judgement.derivation not in seen and judgement.verdict in ("wrong", "inaccurate"):
            seen.add(judgement.derivation)
            with suppress(*UNTOLD):
                found = _listed(spec, lookup(spec.formula).derivations[judgement.derivation])
        yield replace(judgement, listing=found) if found else judgement


def _listed(spec: Spec, derivation: Derivation) -> Mapping[str, Any]:
    """Return a listing as data; that of the same code in the same dtype is made once."""
    key = (_key(spec, derivation), spec.dtype)
    if key not in _listings:
        earlier = _answers.get(key[0], ())
        _listings[key] = listing(spec, derivation, earlier[-1] if earlier else None).as_data()
    return _listings[key]


def _key(spec: Spec, derivation: Derivation) -> Any:
    code = getattr(unwrap(derivation.function), "__code__", derivation.function)
    return spec.formula, spec.formula_sha, derivation.name, code


def answer(spec: Spec, derivation: Derivation) -> Answer:
    """Return where a derivation is wrong; what was found of the same code before is not looked for again."""
    earlier = _answers.setdefault(_key(spec, derivation), [])
    found = next((one for one in earlier if one.places), None)
    if found is None and len(earlier) < MOST_TRIES:
        found = located(spec, derivation)
        earlier.append(found)
    return found or earlier[-1]


def _with_line(judgement: Judgement, found: Answer) -> Judgement:
    line = str(found.places[0][0]) if len(found.places) == 1 else ""
    return replace(judgement, diagnosis=(*judgement.diagnosis, statement(found)), wrong_line=line)


def _with_loss(judgement: Judgement, found: Losses | None) -> Judgement:
    if found is None or found.worst is None:
        return judgement
    line, share = found.worst
    text = found.steps[line].place[0].text
    said = say("digits_lost", place=str(line), share=min(share, 1.0), wrt=judgement.wrt, text=text)
    return replace(judgement, diagnosis=(*judgement.diagnosis, said), digits_lost_at=str(line))
