"""What is known of a formula: its inputs, what forward makes of them, and the true gradient of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from runner.case.case import Case
from runner.locate.record import Recorder
from runner.locate.subject import watched
from runner.locate.trace import frozen

Kind = Literal["value", "gradient", "part"]


@dataclass(frozen=True, eq=False)
class Known:
    """A value that means something: an input or a result of forward, or a gradient of one.

    A `part` is what one operation of forward hands on, before what others hand on is added.
    """

    name: str
    kind: Kind
    value: Tensor

    def __str__(self) -> str:
        if self.kind == "value":
            return self.name
        if self.kind == "part":
            return f"a term of {self.name}" if self.name else "a term of a gradient"
        return f"dL/d({self.name})" if not self.name.isidentifier() else f"dL/d{self.name}"


def known_values(case: Case) -> list[Known]:
    """Run forward once, with recording on, and differentiate it; return all that is known.

    The names come from the code of forward: those that a result is bound to, else its expression.
    """
    leaves = {name: case.inputs[name].detach().clone().requires_grad_() for name in case.differentiable}
    results, recorder = watched(lambda: case.evaluate({**case.inputs, **leaves}))
    found = [Known(name, "value", frozen(value)) for name, value in case.inputs.items()]
    found += [Known(name, "value", frozen(value)) for name, value in results.items()]
    found += [Known(f"grad_{name}", "gradient", value) for name, value in case.upstream.items()]
    received: dict[int, list[Tensor | None]] = {}
    handed: list[tuple[Any, Tensor]] = []
    handles = _followed(recorder, received, handed)
    gradients = _differentiated(case, leaves, results)
    for handle in handles:
        handle.remove()
    found += [Known(name, "gradient", value) for name, value in gradients.items() if value is not None]
    for step in recorder.trace.steps.values():
        for position, value in enumerate(step.results):
            name = _name(step.named, step.place, position)
            found.append(Known(name, "value", value))
            node = step.nodes[position]
            grads = received.get(id(node), [])
            which = position if len(grads) > 1 else 0
            gradient = grads[which] if node is not None and which < len(grads) else None
            if gradient is not None and gradient.shape == value.shape:
                found.append(Known(name, "gradient", gradient))
    found += _parts(recorder, leaves, handed)
    return [one for one in found if one.value.is_floating_point()]


def _name(named: list[str], place: Any, position: int) -> str:
    if named:
        return named[min(position, len(named) - 1)]
    return (place[0].text if place else "") or "?"


def _followed(
    recorder: Recorder, received: dict[int, list[Tensor | None]], handed: list[tuple[Any, Tensor]]
) -> list[Any]:
    """Hear from each node of autograd what it receives and what it hands on."""
    handles = []
    for node in {
        id(n): n for step in recorder.trace.steps.values() for n in step.nodes if n is not None
    }.values():

        def hear(given: Any, node: Any = node) -> None:
            received[id(node)] = [None if g is None else frozen(g) for g in given]

        def hand(passed: Any, given: Any, node: Any = node) -> None:
            to = (next_node for next_node, _ in node.next_functions)
            handed.extend((n, frozen(g)) for n, g in zip(to, passed, strict=False) if g is not None)

        handles += [node.register_prehook(hear), node.register_hook(hand)]
    return handles


def _differentiated(
    case: Case, leaves: Mapping[str, Tensor], results: Mapping[str, Tensor]
) -> dict[str, Tensor | None]:
    with torch.enable_grad():
        parts = [
            (results[name] * grad).sum()
            for name, grad in case.upstream.items()
            if results[name].requires_grad
        ]
    if not parts or not leaves:
        return dict.fromkeys(leaves)
    total = torch.stack(parts).sum() if len(parts) > 1 else parts[0]
    found = torch.autograd.grad(total, [*leaves.values()], allow_unused=True)
    return dict(zip(leaves, found, strict=True))


def _parts(recorder: Recorder, leaves: Mapping[str, Tensor], handed: list[tuple[Any, Tensor]]) -> list[Known]:
    """Name what nodes hand on after the tensor that receives it."""
    steps = recorder.trace.steps.values()
    names = {id(node): _name(s.named, s.place, i) for s in steps for i, node in enumerate(s.nodes)}
    of_leaf = {id(leaf): name for name, leaf in leaves.items()}
    found = []
    for node, value in handed:
        name = names.get(id(node)) or of_leaf.get(id(getattr(node, "variable", None)), "")
        found.append(Known(str(Known(name, "gradient", value)) if name else "", "part", value))
    return found
