"""What becomes of a gradient, from best to worst: names of the report, which need no PyTorch."""

from typing import Literal, get_args

Verdict = Literal["exact", "correct", "unchecked", "inaccurate", "suspect_reference", "invalid", "wrong"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""From best to worst."""
RIGHT = frozenset[Verdict]({"exact", "correct", "unchecked", "inaccurate"})
"""Those of a gradient whose mathematics is right."""

Status = Literal["completed", "failed", "unsupported", "crashed", "timeout"]
"""What became of a gradient; `unsupported` where PyTorch has no kernel for its dtype."""
STATUSES: tuple[Status, ...] = get_args(Status)

OUTCOMES = (*VERDICTS[:4], "unsupported", *VERDICTS[4:], "failed", "timeout", "crashed")
"""Verdicts of the report, from best to worst: a gradient that was not judged has its status for one."""
NOT_RIGHT = frozenset(OUTCOMES[OUTCOMES.index("suspect_reference") :])
"""Those that somebody has to look at: what PyTorch cannot do is no fault of a gradient."""


def worst(*verdicts: Verdict) -> Verdict:
    """Return the worst of several verdicts."""
    return max(verdicts, key=VERDICTS.index)
