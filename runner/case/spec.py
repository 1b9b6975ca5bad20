"""A frozen, validated specification of one experiment, made from the configuration before anything runs."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch

from runner.case import inputs
from runner.case.case import Case
from runner.formula import Edge, lookup
from runner.formula.draw import DEFAULT_DISTRIBUTION, DEFAULT_UPSTREAM
from runner.formula.example import GIVEN, NOT_DRAWN
from runner.formula.signature import signature
from runner.formula.source import fingerprint, judge_fingerprint, module_of
from runner.settings import Execution, Inputs, Level, Precision, Timing

DTypeName = Literal["float64", "float32", "bfloat16", "float16"]
DTYPES: dict[DTypeName, torch.dtype] = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One experiment, as plain data: it can be hashed, pickled and written to a file."""

    formula: str
    experiment: str = ""
    plugins: tuple[str, ...] = ()
    derivations: tuple[str, ...] = ()
    execution: Execution = "eager"
    shape: Mapping[str, int | list[int]]
    params: Mapping[str, Any]
    seed: int = 42
    device: str = "cpu"
    dtype: DTypeName = "float32"
    precision: Precision = "float64"
    upstream: str = DEFAULT_UPSTREAM
    inputs: Inputs = dataclasses.field(default_factory=lambda: Inputs(DEFAULT_DISTRIBUTION))
    file_digest: str = ""
    check: Level = "off"
    second_order: bool = False
    timing: Timing = dataclasses.field(default_factory=Timing)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the hashes behind: whoever receives a specification makes them of the code that is there."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @property
    def distribution(self) -> str:
        """Where inputs come from, as `normal*2+100`, `uniform ids=zipf` or `file:dump.npz`."""
        if self.inputs.file == GIVEN:
            return GIVEN
        if self.inputs.file:
            return f"file:{Path(self.inputs.file).name}"
        scale = f"*{self.inputs.scale:g}" if self.inputs.scale != 1 else ""
        offset = f"{self.inputs.offset:+g}" if self.inputs.offset else ""
        ids = f" ids={self.inputs.ids}" if self.inputs.ids else ""
        return f"{self.inputs.distribution}{scale}{offset}{ids}"

    @property
    def settings(self) -> dict[str, Any]:
        """What the report says of the experiment, by column; shape and params as mappings."""
        names = ("experiment", "formula", "shape", "params", "dtype", "device", "seed", "distribution")
        return {name: getattr(self, name) for name in (*names, "upstream", "execution", "check")}

    @cached_property
    def point(self) -> str:
        """A short hash of the settings alone: it stays when the formula's code changes.

        Settings at their default are left out, so that it also stays when there are more settings.
        """
        return _hashed("p", json.dumps(_set(self), sort_keys=True, default=_set))

    @cached_property
    def formula_sha(self) -> str:
        """A short hash of the code that is judged: of forward, and of the derivations that were asked for."""
        formula = lookup(self.formula)
        derived = (formula.derivations[name].function for name in self.derivations)
        modules = dict.fromkeys(map(module_of, (formula.forward, *derived)))
        return _hashed("f", " ".join(map(fingerprint, modules)))

    @cached_property
    def key(self) -> str:
        """A short hash of all that decides the result: settings, formula, judge, and PyTorch."""
        return _hashed("k", f"{self.point} {self.formula_sha} {judge_fingerprint()} {torch.__version__}")


def _hashed(letter: str, text: str) -> str:
    """Hash a text. A letter stands in front: 16 digits alone may be read as a number."""
    return letter + hashlib.sha256(text.encode()).hexdigest()[:16]


def _set(value: Any) -> Any:
    """Return the fields of a dataclass that differ from their default; anything else as text."""
    if not dataclasses.is_dataclass(value):
        return str(value)
    return {
        field.name: part
        for field in dataclasses.fields(value)
        if (part := getattr(value, field.name)) != _default(field)
    }


def _default(field: dataclasses.Field[Any]) -> Any:
    made = field.default_factory
    return field.default if made is dataclasses.MISSING else made()


def case_of(spec: Spec) -> Case:
    """Draw the inputs and the upstream gradients that a specification asks for."""
    return inputs.make_case(
        lookup(spec.formula),
        spec.shape,
        spec.params,
        seed=spec.seed,
        settings=spec.inputs,
        upstream=spec.upstream,
        device=spec.device,
        dtype=DTYPES[spec.dtype],
    )


def without_file(spec: Spec) -> Spec:
    """Return the specification without its file of tensors, which fits no other shape."""
    upstream = "normal" if spec.upstream in NOT_DRAWN else spec.upstream
    return dataclasses.replace(spec, inputs=dataclasses.replace(spec.inputs, file=None), upstream=upstream)


def edge_case(spec: Spec, edge: Edge) -> Case:
    """Draw the inputs of a degenerate case that the specification's formula states."""
    changed = dataclasses.replace(
        without_file(spec), shape={**spec.shape, **edge.shape}, params={**spec.params, **edge.params}
    )
    case = case_of(changed)
    if edge.inputs is None:
        return case
    replaced = edge.inputs(**signature(edge.inputs).pick({**case.params, **case.inputs}, rest=case.inputs))
    return Case(case.formula, {**case.inputs, **replaced}, case.params, case.upstream)
