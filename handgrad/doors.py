"""The doors for code that stands elsewhere, by their public names."""

from runner.doors.cases import cases
from runner.doors.catalogue import run
from runner.doors.compare import Comparison, compare
from runner.doors.judge import assert_gradients, judge
from runner.doors.result import Result
from runner.errors import BadInput

__all__ = ["BadInput", "Comparison", "Result", "assert_gradients", "cases", "compare", "judge", "run"]
