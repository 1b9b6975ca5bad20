"""Forward and derivations tried out before anything is judged: what they return, and at which sizes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from runner.doors.dimensions import Axis, Dimensions, Sizes
from runner.doors.draws import Like
from runner.errors import BadInput, FormulaError, reason
from runner.formula.draw import Draw

SEED = 0  # of the random numbers of a trial, and of those that forward and reference draw alike


@dataclass
class Trial:
    """A forward by name, its settings and tensors, and the derivations that are to be judged.

    `refused` keeps what an implementation raised at other sizes that its reference takes. Random numbers are
    the caller's to seed, and to put back.
    """

    title: str
    forward: Callable[..., Mapping[str, Tensor]]
    settings: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    derivations: Sequence[Any]
    refused: list[tuple[frozenset[Axis], str]] = field(default_factory=list)

    def keeps_the_contract(self, outputs: Sequence[str], may_return_more: bool) -> None:
        """Call each derivation's own forward once. Raises BadInput for results that are not the reference's.

        What else it raises is its result, and judged as that.
        """
        values = {**self.settings, **{name: tensor.clone() for name, tensor in self.tensors.items()}}
        with torch.no_grad():
            results = self.forward(**values)
            for derivation in self._with_forward:
                try:
                    prepared = derivation.prepare({**values, **results})
                except FormulaError as error:
                    raise BadInput(str(error)) from error
                except Exception:
                    continue
                beyond = getattr(prepared, "returned", ())[len(outputs) :]
                rest = [result for result in beyond if isinstance(result, Tensor)]
                if rest and not may_return_more:
                    raise BadInput(
                        f"{self.title}.forward returns {len(outputs) + len(rest)} results, its reference "
                        f"{len(outputs)}: outputs={tuple(outputs)!r} says that the others are not "
                        "differentiated"
                    )

    def positive(self, outputs: Sequence[str]) -> frozenset[str]:
        """Return the inputs without a negative number of which forward wants none, as a logarithm does."""
        candidates = [
            n for n, t in self.tensors.items() if t.is_floating_point() and t.numel() and float(t.min()) >= 0
        ]
        if not candidates:
            return frozenset()
        rng = Draw(SEED)
        signed = {n: rng.normal(self.tensors[n].shape).to(self.tensors[n]) for n in candidates}
        values = {**self.settings, **self.tensors}
        try:
            with torch.no_grad():
                before, after = self.forward(**values), self.forward(**{**values, **signed})
        except Exception:  # refused outright
            return frozenset(candidates)
        spoilt = any(before[n].isfinite().all() and not after[n].isfinite().all() for n in outputs)
        return frozenset(candidates if spoilt else ())

    def accepts(self, likes: Mapping[str, Like], sizes: Sizes) -> bool:
        """Tell whether reference and implementations run at other sizes."""
        rng = Draw(SEED)
        drawn = {
            n: (likes[n](rng, size, sizes) if n in likes else rng.normal(size)).to(self.tensors[n])
            for n, size in sizes.items()
        }
        values = {**self.settings, **drawn}
        with torch.no_grad():
            try:
                results = self.forward(**values)
            except Exception:  # the reference says what fits together
                return False
            for derivation in self._with_forward:
                try:
                    derivation.prepare({**values, **results})
                except FormulaError:  # it runs, and is judged for what it gives
                    continue
                except Exception as error:
                    self.refused.append((self._changed(sizes), reason(error)))
                    return False
        return True

    def refusals(self, dimensions: Dimensions) -> tuple[str, ...]:
        """Return what was raised at other sizes of the axes that are no dimension for it."""
        fixed = {*dimensions.fixed}
        return tuple(dict.fromkeys(said for axes, said in self.refused if axes <= fixed))

    @property
    def _with_forward(self) -> list[Any]:
        return [derivation for derivation in self.derivations if hasattr(derivation, "prepare")]

    def _changed(self, sizes: Sizes) -> frozenset[Axis]:
        given = {name: tensor.shape for name, tensor in self.tensors.items()}
        return frozenset((n, i) for n, size in sizes.items() for i, k in enumerate(size) if k != given[n][i])
