"""Tells what was handed over, and makes a formula of it: named inputs, a forward, derivations, an example."""

import inspect
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from inspect import Parameter
from typing import Any

import torch
from torch import Tensor, nn

from runner.case.inputs import seeded
from runner.diagnose import Statement
from runner.doors import functions
from runner.doors.arguments import Arguments, as_pairs, results_of
from runner.doors.dimensions import Dimensions, found, stated
from runner.doors.draws import sample, samplers
from runner.doors.trial import SEED, Trial
from runner.errors import BadInput, UserError, reason, unknown
from runner.formula import Example, Formula
from runner.formula.domain import Domain, at_least, one_of
from runner.formula.registry import described
from runner.settings import Precision


def _domain(value: Any) -> Domain:
    """Return the values of a setting that are tried: of a number with a fraction, also its double."""
    return at_least(-math.inf, value, 2 * value) if isinstance(value, float) else one_of(value)


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What an author says beside the call; each is explained in `handgrad.judge`."""

    shapes: Mapping[str, Sequence[Any]] | None = None
    names: Sequence[str] | None = None
    outputs: Sequence[str] | None = None
    constants: Sequence[str] = ()
    derivative_of: Callable[..., Any] | None = None
    random: bool = False
    in_place: bool = False
    precision: Precision = "auto"
    tolerance: float = 0.0
    deterministic: bool = False
    recomputes: bool = False


@dataclass(frozen=True)
class Subject:
    """A formula that was made of what was handed over, and what of it is varied."""

    formula: Formula
    dimensions: Dimensions
    dtype: torch.dtype
    device: str
    settings: Mapping[str, Any]
    given_upstream: bool
    refused: Sequence[str] = ()


def _nothing(values: Mapping[str, Any]) -> Any:
    raise BadInput("there is no forward")


@dataclass
class Maker:
    """Makes a formula step by step: arguments, forward, outputs, derivations, dimensions."""

    title: str
    arguments: Arguments
    claims: Claims
    source: Any
    upstream: Mapping[str, Tensor]
    evaluate: Callable[[Mapping[str, Any]], Any] = _nothing  # the reference, or what stands in for it
    outputs: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()
    complex_outputs: frozenset[str] = frozenset()
    tolerance: float = 0.0
    remarks: tuple[Statement, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def constants(self) -> frozenset[str]:
        """The floating inputs that have no gradient."""
        return self.arguments.constants | {*self.claims.constants}

    @property
    def differentiable(self) -> list[str]:
        """The inputs that have one."""
        floating = (name for name, tensor in self.arguments.tensors.items() if tensor.is_floating_point())
        return [name for name in floating if name not in self.constants]

    @property
    def base(self) -> torch.dtype:
        """The dtype of the floating inputs, and of several the least precise."""
        found = {t.dtype for t in self.arguments.tensors.values() if t.is_floating_point()}
        return max(found, key=lambda dtype: torch.finfo(dtype).eps)

    @property
    def forward(self) -> Callable[..., Any]:
        """The reference as a formula has it: by name, complex results as pairs."""

        def forward(**values: Any) -> dict[str, Tensor]:
            with functions.alike(self.seed):
                results = results_of(self.evaluate(values), self.title)
            named = dict(zip(self.outputs, results.values(), strict=False)) if "" in results else results
            if not {*self.outputs} <= {*named}:
                named = dict(zip(self.outputs, results.values(), strict=False))
            return {
                name: as_pairs(value) if isinstance(value, Tensor) else value for name, value in named.items()
            }

        forward.__name__, forward.__module__ = "forward", getattr(self.source, "__module__", __name__)
        forward.__doc__, forward.__wrapped__ = inspect.getdoc(self.source), self.source  # type: ignore[attr-defined]
        forward.__signature__ = self._signature()  # type: ignore[attr-defined]
        return forward

    def _signature(self) -> inspect.Signature:
        """Spell out inputs and settings; a name with a dot in it comes with the rest."""
        names = [*self.arguments.tensors]
        settings = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=value)
            for name, value in self.arguments.settings.items()
        ]
        if all(name.isidentifier() for name in names):
            return inspect.Signature(
                [*(Parameter(n, Parameter.POSITIONAL_OR_KEYWORD) for n in names), *settings]
            )
        return inspect.Signature([*settings, Parameter("inputs", Parameter.VAR_KEYWORD)])

    def name_results(self, asked: Collection[str]) -> None:
        """Name outputs and saved results: as the author does, or as the derivation's arguments do."""
        values = {**self.arguments.settings, **self.arguments.tensors}
        with torch.no_grad(), seeded(SEED):
            results = results_of(self._safely(values), self.title)
        by_name = not any(name == "" or name.isdecimal() for name in results)
        tensors = [*results.values()]
        wanted = [name.removeprefix("grad_") for name in asked if name.startswith("grad_")]
        if by_name:
            floating = [n for n, t in results.items() if isinstance(t, Tensor)]
            outputs = (
                self.claims.outputs or [n for n in floating if n in {*wanted, *self.upstream}] or floating
            )
        else:
            outputs = self.claims.outputs or [*self.upstream] or wanted or self._stock_names(len(tensors))
        if unknown_ones := [name for name in outputs if by_name and name not in results]:
            raise BadInput(f"{self.title}: {unknown('output', unknown_ones[0], results)}")
        if not by_name and len(outputs) > len(tensors):
            raise BadInput(
                f"{self.title} returns {len(tensors)} results, and outputs names {', '.join(outputs)}"
            )
        self.outputs = tuple(outputs)
        self.saved = tuple(name for name in results if by_name and name in asked and name not in outputs)
        named = results if by_name else dict(zip(self.outputs, tensors, strict=False))
        self.complex_outputs = frozenset(name for name in self.outputs if named[name].is_complex())
        for name, grad in self.upstream.items():
            if name not in self.outputs:
                raise BadInput(f"{self.title}: {unknown('output in grad_', name, self.outputs)}")
            if grad.shape != named[name].shape:
                raise BadInput(
                    f"{self.title}: grad_{name} is {tuple(grad.shape)}; {name} is {tuple(named[name].shape)}"
                )

    def _safely(self, values: Mapping[str, Any]) -> Any:
        try:
            return self.evaluate(values)
        except UserError:
            raise
        except Exception as error:
            raise BadInput(
                f"the forward of {self.title} raises {reason(error)} for what was handed over"
            ) from error

    def _stock_names(self, count: int) -> list[str]:
        free = next(name for name in ("y", "out", "result") if name not in self.arguments.tensors)
        return [free] if count == 1 else [f"{free}{i}" for i in range(count)]

    def made(self, derivations: Sequence[Any]) -> Subject:
        """Return the formula, with the dimensions that reference and implementation accept other sizes of."""
        tensors = self.arguments.tensors
        sizes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        called = [*map(self._as_called, derivations)]
        trial = Trial(self.title, self.forward, self.arguments.settings, tensors, called)
        with seeded(SEED):
            trial.keeps_the_contract(self.outputs, may_return_more=self.claims.outputs is not None)
            likes = samplers(tensors, self.base, trial.positive(self.outputs), self.constants)
            if self.claims.shapes is not None:
                dimensions = stated(sizes, self.claims.shapes, self.title)
            else:
                dimensions = found(sizes, partial(trial.accepts, likes), fixed=self._of_fixed_size)
        example = {n: self._free(t) for n, t in tensors.items()}
        example |= {f"grad_{n}": as_pairs(self._free(grad)) for n, grad in self.upstream.items()}
        formula = described(
            self.title,
            shapes=dimensions.shapes,
            forward=self.forward,
            sample=sample(dimensions, likes),
            gradients=called,
            outputs=self.outputs,
            saved=self.saved,
            constants=tuple(sorted(self.constants)),
            domain={name: _domain(value) for name, value in self.arguments.settings.items()},
            example=Example(shape=dimensions.sizes, tensors=example),
            precision=self.claims.precision,
            tolerance=max(self.claims.tolerance, self.tolerance),
            deterministic=self.claims.deterministic,
            recomputes=self.claims.recomputes,
            remarks=self.remarks,
            pairs=tuple(sorted(self.arguments.complex | self.complex_outputs)),
        )
        return Subject(
            formula,
            dimensions,
            self.base,
            str(next(iter(tensors.values())).device),
            formula.parameters,
            bool(self.upstream),
            trial.refusals(dimensions),
        )

    def _as_called(self, derivation: Any) -> Any:
        """Return a derivation of the values as they are here, pairs among them, if its call has others."""
        complex_ones = self.arguments.complex | self.complex_outputs
        if not (complex_ones or self.arguments.generators or self.claims.random):
            return derivation
        return functions.InCall(derivation, self.arguments, self.complex_outputs, self.seed)

    @property
    def seed(self) -> int | None:
        """Of the random numbers that forward draws; none where it draws none, or should not."""
        return SEED if self.claims.random else None

    @property
    def _of_fixed_size(self) -> set[tuple[str, int]]:
        """The axes of a module's parameters, which has the sizes it was made with, and those of pairs."""
        own = {n for n, _ in self.source.named_parameters()} if isinstance(self.source, nn.Module) else set()
        return {
            (name, i)
            for name, tensor in self.arguments.tensors.items()
            for i in range(tensor.ndim)
            if name in own or (name in self.arguments.complex and i == tensor.ndim - 1)
        }

    def _free(self, tensor: Tensor) -> Tensor:
        """Return a tensor of the experiment's dtype as float64, which takes any; others keep theirs."""
        return tensor.double() if tensor.dtype == self.base else tensor
