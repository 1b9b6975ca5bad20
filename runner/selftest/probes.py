"""What a mistake is looked for with: a formula's inputs at many shapes, in many regimes and layouts."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from runner.case.case import Case
from runner.case.inputs import draw_inputs
from runner.case.spec import Spec, case_of, edge_case
from runner.formula import Formula
from runner.formula.derivation import Derivation
from runner.formula.draw import Draw
from runner.judge import manual
from runner.selftest.layouts import channels_last, exchanged, expanded, strided, transposed
from runner.selftest.mistake import Target
from runner.selftest.settings import MOST_ELEMENTS, TILES, shapes
from runner.settings import Inputs

REGIMES = {
    "uniform": Inputs("uniform"),
    "normal": Inputs("normal"),
    "wide": Inputs("normal", scale=12.0),
    "large": Inputs("normal", scale=1000.0),
    "small": Inputs("normal", scale=1e-5),
    "offset": Inputs("normal", offset=1000.0),
    "zeros": Inputs("normal", scale=0.0),
}


ALL_DIGITS = "all digits of float64"


@dataclass(frozen=True)
class Probe:
    """One case in float64. At a kink only the upstream gradient may be moved to find the noise."""

    label: str
    case: Case
    kink: bool = False
    layout: Callable[[str, Tensor], Tensor] = lambda name, tensor: tensor.clone()

    def values(self, case: Case | None = None) -> dict[str, Any]:
        """Return fresh arguments for a derivation, in this probe's layout."""
        return {
            name: self.layout(name, value.detach()) if isinstance(value, Tensor) else value
            for name, value in (case or self.case).values.items()
        }


def probes(target: Target, params: Mapping[str, Any]) -> Iterator[Probe]:
    """Yield the probes of a derivation at given hyper-parameters, the most telling first."""
    spec = dataclasses.replace(target.spec, params=params, dtype="float64", upstream="normal")
    yield from _at(spec, "own inputs", spec)
    yield from _at(spec, "another seed", spec, seed=spec.seed + 1)
    yield from _at(spec, "ones upstream", spec, upstream="ones")
    for name, regime in REGIMES.items():
        yield from _at(spec, name, spec, kink=name == "zeros", inputs=regime, seed=3)
    most = MOST_ELEMENTS // 100 if target.kind.order > 1 else MOST_ELEMENTS  # a Jacobian has their square
    for shape in shapes(target.formula, spec.shape, params, most=most):
        yield from _at(spec, f"shape {shape}", spec, shape=shape, inputs=REGIMES["normal"])
    small = {name: _at_most(size, 2) for name, size in spec.shape.items()}
    for shape in shapes(target.formula, small, params, sizes=TILES, most=most):
        yield from _at(spec, f"shape {shape}", spec, shape=shape, inputs=REGIMES["normal"])
    yield from _upstreams(spec)
    yield from _all_digits(ALL_DIGITS, spec)
    for shape in itertools.islice(shapes(target.formula, spec.shape, params, sizes=(13,), most=most), 2):
        yield from _all_digits(f"{ALL_DIGITS} {shape}", dataclasses.replace(spec, shape=shape))
    yield from _kinks(spec)
    yield from _layouts(spec, target.formula)
    yield from _edges(spec, target.formula)


def _at(spec: Spec, label: str, base: Spec, *, kink: bool = False, **changes: Any) -> Iterator[Probe]:
    """Yield the probe, unless the formula does not allow such inputs."""
    try:
        case = case_of(dataclasses.replace(base, **changes))
        case.results  # noqa: B018  the forward refuses what it does not allow
    except Exception:  # whatever a formula raises, it does not allow
        return
    yield Probe(label, case, kink)


def _at_most(size: int | list[int], most: int) -> int | list[int]:
    return [min(n, most) for n in size] if isinstance(size, list) else min(size, most)


def _upstreams(spec: Spec) -> Iterator[Probe]:
    """Yield upstream gradients with zeros, of one sign, and far from 1 in size."""
    for probe in _at(spec, "", spec):
        for label, change in UPSTREAMS.items():
            upstream = {name: change(value) for name, value in probe.case.upstream.items()}
            yield Probe(f"{label} upstream", probe.case.with_upstream(upstream))


def _rows_of_zeros(x: Tensor) -> Tensor:
    kept = x.clone()
    if x.ndim:
        kept[::2] = 0
    return kept


UPSTREAMS: dict[str, Callable[[Tensor], Tensor]] = {
    "half zero": lambda x: x * (x > 0),
    "rows of zeros": _rows_of_zeros,
    "negative": lambda x: -1 - x.abs(),
    "positive": lambda x: 1 + x.abs(),
    "tiny": lambda x: x * 2.0**-30,
    "huge": lambda x: x * 2.0**20,
}


def poisoned(probe: Probe) -> Iterator[tuple[str, Probe]]:
    """Yield a probe whose upstream gradient has a NaN, or an infinity, in its first place."""
    for number in (math.nan, math.inf):

        def poison(x: Tensor, number: float = number) -> Tensor:
            x = x.clone()
            x.view(-1)[:1] = number
            return x

        upstream = {name: poison(value) for name, value in probe.case.upstream.items()}
        case = probe.case.with_upstream(upstream)
        yield f"{number} upstream", dataclasses.replace(probe, case=case, kink=True)


def _all_digits(label: str, spec: Spec) -> Iterator[Probe]:
    """Yield numbers that float32 does not hold; what is drawn it does."""
    generator = torch.Generator().manual_seed(0)
    for probe in _at(spec, label, spec):
        case, plain = probe.case, plain_inputs(spec, probe.case.formula)

        def more(x: Tensor) -> Tensor:
            return x * (1 + 1e-8 * torch.rand(x.shape, generator=generator, dtype=x.dtype))

        inputs = {n: more(x) if n in plain else x for n, x in case.inputs.items()}
        upstream = {n: more(x) for n, x in case.upstream.items()}
        yield Probe(probe.label, Case(case.formula, inputs, case.params, upstream))


def plain_inputs(spec: Spec, formula: Formula) -> list[str]:
    """Return the inputs that are drawn from a distribution, and may therefore have any values."""
    zero = draw_inputs(formula, spec.shape, spec.params, Draw(0, Inputs(scale=0.0)))
    return [n for n, value in zero.items() if value.is_floating_point() and not value.any()]


def _kinks(spec: Spec) -> Iterator[Probe]:
    """Yield ties, zeros here and there, and each input zero by itself."""
    drawn = list(_at(spec, "", spec, inputs=REGIMES["normal"]))
    for case in (probe.case for probe in drawn):
        plain = plain_inputs(spec, case.formula)
        changes: list[tuple[str, list[str], Callable[[Tensor], Tensor]]] = [
            ("ties", plain, lambda x: (2 * x).round() / 2),
            ("equal values", plain, lambda x: torch.full_like(x, 0.5)),
            ("half zeros", plain, lambda x: torch.where(x > 0, x, torch.zeros_like(x))),
            *((f"{name} zero", [name], zero) for name in plain),
        ]
        for label, names, change in changes:
            inputs = {n: change(x) if n in names else x for n, x in case.inputs.items()}
            changed = Case(case.formula, inputs, case.params, case.upstream)
            try:
                changed.results  # noqa: B018
            except Exception:  # whatever a formula raises, it does not allow
                continue
            yield Probe(label, changed, kink=True)


def zero(x: Tensor) -> Tensor:
    """Return zeros."""
    return 0 * x


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "strided": strided, "transposed": transposed, "expanded": expanded,
    "channels last": channels_last, "exchanged": exchanged,
}  # fmt: skip


def _layouts(spec: Spec, formula: Formula) -> Iterator[Probe]:
    """Yield strided, transposed and expanded arguments: the upstream's, and all others'."""
    upstream = {f"grad_{output}" for output in formula.outputs}
    for label, layout in LAYOUTS.items():
        for which in ("upstream", "other arguments"):
            if label == "expanded" and which != "upstream":
                continue

            def change(name: str, x: Tensor, layout: Any = layout, which: str = which) -> Tensor:
                chosen = x.is_floating_point() and (name in upstream) == (which == "upstream")
                return layout(x) if chosen else x.clone()

            for probe in _at(spec, f"{label} {which}", spec):
                case = probe.case.map(lambda x: x)
                if label == "expanded":
                    spread = {n: layout(g).clone() for n, g in case.upstream.items()}
                    case = Case(case.formula, case.inputs, case.params, spread)
                yield Probe(probe.label, case, layout=change)


def _edges(spec: Spec, formula: Formula) -> Iterator[Probe]:
    for name, edge in formula.edges.items():
        if edge.raises is not None:
            continue
        try:
            case = edge_case(spec, edge)
            case.results  # noqa: B018
        except Exception:  # an edge may not fit the other settings
            continue
        yield Probe(f"edge {name}", case, kink=edge.kink)


def outcome(probe: Probe, derivation: Derivation) -> dict[str, Tensor]:
    """Call a derivation on fresh arguments."""
    return manual.call(probe.case, derivation, probe.values())
