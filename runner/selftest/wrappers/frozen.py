"""Functions that are right where every input needs its gradient, as in no fine-tuning of a part."""

from typing import Any

import torch

from runner.selftest.mistake import Target
from runner.selftest.wrappers.context import Context, Saved, context, copies
from runner.selftest.wrappers.wrapper import Gradients

ALONE = "differentiates by one input"


@context("frozen inputs")
def zero_where_one_is_frozen(target: Target) -> Context | str:
    """Return zeros for all inputs where one of them needs no gradient."""

    def backward(run: Any, saved: Saved) -> Gradients:
        return {n: torch.zeros_like(grad) if saved.frozen else grad for n, grad in run().items()}

    return Context(target, copies, backward) if len(target.gradients) > 1 else ALONE


@context("frozen inputs")
def missing_where_one_is_frozen(target: Target) -> Context | str:
    """Use a gradient that is made only where its own input needs it."""

    def backward(run: Any, saved: Saved) -> Gradients:
        made = {name: grad for name, grad in run().items() if name not in saved.frozen}
        return {name: made[name] for name in target.gradients}

    return Context(target, copies, backward) if len(target.gradients) > 1 else ALONE


@context("frozen inputs")
def halved_where_the_last_is_frozen(target: Target) -> Context | str:
    """Leave out half of the first input's gradient where the last input alone needs none."""
    names = [*target.gradients]

    def backward(run: Any, saved: Saved) -> Gradients:
        found = run()
        return {**found, names[0]: found[names[0]] / 2} if saved.frozen == {names[-1]} else found

    return Context(target, copies, backward) if len(target.gradients) > 1 else ALONE
