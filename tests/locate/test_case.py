"""The cases that a mistake is searched on."""

from runner.locate.case import small_case
from runner.selftest.targets import targets


def test_what_the_small_cases_are_searched_with_is_finite() -> None:
    (target, *_) = targets(["ctc_loss"])
    case, _ = small_case(target.spec, 0)
    frames, letters = (case.inputs[name].shape for name in ("z", "labels"))
    assert case.results["loss"].isfinite()
    assert frames[0] > letters[1]  # of fewer frames than letters nothing is likely
