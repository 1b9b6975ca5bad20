"""A case: one formula at concrete tensors, everything a gradient is checked on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from runner.compare import magnitude
from runner.errors import refused
from runner.formula.formula import Formula


@dataclass(frozen=True)
class Case:
    """One formula at concrete tensors: inputs by name, hyper-parameters, upstream gradients by output."""

    formula: Formula
    inputs: Mapping[str, Tensor]
    params: Mapping[str, Any]
    upstream: Mapping[str, Tensor]

    @cached_property
    def differentiable(self) -> list[str]:
        """The inputs that have a gradient: floating, and not held constant."""
        return [
            name
            for name, value in self.inputs.items()
            if value.is_floating_point() and name not in self.formula.constants
        ]

    def map(self, change: Callable[[Tensor], Tensor]) -> "Case":
        """Apply a function to every floating tensor, constants and upstream included."""

        def changed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {n: change(t) if t.is_floating_point() else t for n, t in tensors.items()}

        return Case(self.formula, changed(self.inputs), self.params, changed(self.upstream))

    def to(self, device: torch.device | str, dtype: torch.dtype) -> "Case":
        """Move every tensor, and round the floating ones to a dtype."""

        def moved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {
                n: t.to(device, dtype) if t.is_floating_point() else t.to(device) for n, t in tensors.items()
            }

        return Case(self.formula, moved(self.inputs), self.params, moved(self.upstream))

    @cached_property
    def dtype(self) -> torch.dtype:
        """The dtype of the floating inputs, and of several the least precise."""
        found = (t.dtype for t in self.inputs.values() if t.is_floating_point())
        return max(found, key=lambda dtype: torch.finfo(dtype).eps, default=torch.get_default_dtype())

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return next(iter(self.inputs.values())).device

    @cached_property
    def terms(self) -> int:
        """No fewer terms than any sum in the gradient has: every number that goes in."""
        return sum(tensor.numel() for tensor in (*self.inputs.values(), *self.upstream.values())) or 1

    @cached_property
    def upstream_size(self) -> float:
        """The largest finite number in the upstream gradients."""
        return max(map(magnitude, self.upstream.values()))

    @cached_property
    def results(self) -> dict[str, Tensor]:
        """Outputs and saved intermediates of the plain forward, without a graph."""
        with torch.no_grad():
            return self.evaluate(self.inputs)

    def evaluate(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what the plain forward, the mathematics itself, gives for inputs by name."""
        try:
            return self.formula.apply(self.formula.forward, inputs, self.params)
        except Exception as error:
            refused(error)
            raise

    def evaluate_leaves(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Evaluate on leaves that stand for the case's inputs, and keep the numbers as its `results`."""
        found = self.evaluate(inputs)
        if "results" not in self.__dict__:
            self.__dict__["results"] = {name: value.detach() for name, value in found.items()}
        return found

    def evaluate_library(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what a user's function gives, or the plain forward where there is none."""
        return self.formula.apply(self.formula.library or self.formula.forward, inputs, self.params)

    def with_inputs(self, changes: Mapping[str, Tensor]) -> "Case":
        """Return the case with some inputs replaced."""
        return Case(self.formula, {**self.inputs, **changes}, self.params, self.upstream)

    def with_upstream(self, upstream: Mapping[str, Tensor]) -> "Case":
        """Return the case with other upstream gradients, and the results of forward as they are."""
        changed = Case(self.formula, self.inputs, self.params, upstream)
        changed.__dict__["results"] = self.results
        return changed

    def with_results(self, change: Callable[[str, Tensor], Tensor]) -> "Case":
        """Return the case with every output and saved intermediate changed by name, the inputs left alone."""
        changed = Case(self.formula, self.inputs, self.params, self.upstream)
        changed.__dict__["results"] = {name: change(name, value) for name, value in self.results.items()}
        return changed

    @property
    def values(self) -> dict[str, Any]:
        """Everything that a derivation may ask for, by name."""
        upstream = {f"grad_{name}": value for name, value in self.upstream.items()}
        return {**self.params, **self.inputs, **self.results, **upstream}
