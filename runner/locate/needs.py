"""What a step would have to be: the change of it that makes every gradient right, solved for."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from runner.locate.edit import Call
from runner.locate.replay import Side
from runner.locate.trace import Binding, Part, Step, frozen

FITS = 1e-7
"""Of what the gradients lack: what a change that repairs them may leave."""
CLOSE = 1e-6
"""Of the largest true number: a value that is solved for loses digits."""
RANK = 1e-10
"""Of the largest singular value: what is less is none."""
MOST_CUTS = 4


@dataclass(frozen=True)
class Need:
    """A change of steps or names, one after another, that repairs; whether it is the only one."""

    changes: Sequence[Tensor]
    is_only: bool


def need(side: Side, steps: Sequence[Step], bindings: Sequence[Binding]) -> Need | None:
    """Return the smallest change that repairs, in proportion; None where there is none."""
    parts: list[Part] = [*steps, *bindings]
    found = [side.matrix(part) for part in parts]
    moving = [matrix for matrix in found if matrix is not None]
    missing = side.missing
    if not moving or missing is None or not all(bool(m.isfinite().all()) for m in moving):
        return None
    solved = _solved(torch.cat(moving, dim=1), missing, side.of_right)
    if solved is None:
        return None
    change, is_only = solved
    rest = iter(torch.split(change, [matrix.shape[1] for matrix in moving]))
    changes = [
        torch.zeros_like(part.value) if matrix is None else next(rest).reshape(part.value.shape)
        for part, matrix in zip(parts, found, strict=True)
    ]
    return Need(changes, is_only)


def _solved(matrix: Tensor, missing: Tensor, of_right: Tensor) -> tuple[Tensor, bool] | None:
    """Return the least change of the numbers that are free, and whether it is the only one.

    Numbers that move a right gradient are right themselves, and stay.
    """
    if not matrix.numel():
        return None
    free = (matrix[of_right].abs().sum(0) <= 1e-12 * matrix.abs().max()) & (matrix.abs().sum(0) > 0)
    solve, lacks = matrix[~of_right][:, free], missing[~of_right]
    if not solve.numel():
        return None
    # gelsy, the default, starts from memory that nobody wrote
    found = torch.linalg.lstsq(solve, lacks[:, None], rcond=RANK, driver="gelsd")
    if float((lacks - solve @ found.solution[:, 0]).norm()) > FITS * float(lacks.norm()):
        return None
    change = torch.zeros(matrix.shape[1], dtype=torch.float64)
    change[free] = found.solution[:, 0]
    return change, int(found.rank) == matrix.shape[1]


def needed_values(side: Side, steps: Sequence[Step], bindings: Sequence[Binding]) -> list[Tensor] | None:
    """Return what steps or names would have to be, one after another, where that is one thing alone.

    The changes are added in a run, which tells whether they repair: where the result does not move in
    proportion they do not.
    """
    found = need(side, steps, bindings)
    if found is None or not found.is_only:
        return None
    add = _Adding(found.changes)
    try:
        gradients = side.run(steps, bindings, add)
    except Exception:  # what does not fit is no repair
        return None
    return add.made if not side.wrong(gradients, CLOSE) and len(add.made) == len(found.changes) else None


class _Adding:
    """Adds to each call the next change, and keeps what that makes."""

    def __init__(self, changes: Sequence[Tensor]) -> None:
        self.changes = changes
        self.reset()

    def reset(self) -> None:
        """Begin a new run."""
        self.made: list[Tensor] = []

    def __call__(self, call: Call) -> Tensor:
        """Add the next change, and nothing where there is none left."""
        done = len(self.made)
        new = call.result + self.changes[done] if done < len(self.changes) else call.result
        self.made.append(frozen(new))
        return new


def can_be(side: Side, steps: Sequence[Step], bindings: Sequence[Binding]) -> bool:
    """Tell whether some change of steps or names could make every gradient right, as far as is known.

    Where the result does not move in proportion with them, the question is put to the steps that use them.
    """
    if side.influence is None or side.missing is None:
        return True
    for _ in range(MOST_CUTS):
        parts: list[Part] = [*steps, *bindings]
        if not _is_finite(side, parts):
            return True
        if all(part.value.is_floating_point() for part in parts):
            if need(side, steps, bindings) is not None:
                return True
            if side.is_affine(steps, bindings):
                return False
        users = _users(side, steps) if steps else None
        if users is None:
            return True
        if not users:
            return side.trace.reads_numbers
        steps, bindings = users, ()
    return True


def _is_finite(side: Side, parts: Sequence[Part]) -> bool:
    matrices = (side.matrix(part) for part in parts)
    return all(matrix is None or bool(matrix.isfinite().all()) for matrix in matrices)


def _users(side: Side, steps: Sequence[Step]) -> list[Step] | None:
    """Return the steps that use the results of steps; None where one is returned as it is."""
    indices = {step.index for step in steps}
    if indices & {*side.trace.returned.values()}:
        return None
    return [
        step for step in side.trace.steps.values() if indices & step.sources and step.index not in indices
    ]
