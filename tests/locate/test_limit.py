"""What does not end is given up in time, by what it calls of PyTorch and where it calls nothing."""

import itertools
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from runner.experiment import run
from runner.locate import locate
from runner.locate.judged import explained
from runner.locate.limit import Clock, OutOfTimeError
from runner.locate.listing import listing
from runner.locate.locate import located, searched
from runner.locate.replay import OtherStepsError
from runner.locate.workshop import workshop
from tests.locate.by_hand import ByHand
from tests.locate.planted import planted_by_hand, shows
from tests.locate.test_locate import lines, planted

HERE = "    slope = s + z"
ENDLESS = {
    "in Python": "    while len(x) < 9:\n        pass\n",
    "in calls": "    while len(x) < 9:\n        s = s + 1\n",
    "in calls, and it catches": """
    while len(x) < 9:
        try:
            s = s + 1
        except Exception:
            pass
""",
}


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "SECONDS", 0.1)
    monkeypatch.setattr("runner.locate.listing.SECONDS", 0.1)


@pytest.mark.parametrize("where", ENDLESS)
@pytest.mark.usefixtures("hurry")
def test_a_derivation_that_never_ends_on_small_cases_is_given_up(where: str, tmp_path: Path) -> None:
    spec, derivation, _ = planted(tmp_path, HERE, ENDLESS[where] + HERE.replace("+", "-"))
    answer = located(spec, derivation)
    assert (answer.kind, answer.reason) == ("nowhere", "time")


@pytest.mark.usefixtures("hurry")
def test_in_another_thread_it_is_given_up_too(tmp_path: Path) -> None:
    spec, derivation, _ = planted(tmp_path, HERE, ENDLESS["in Python"] + HERE.replace("+", "-"))
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(located(spec, derivation).reason))
    thread.start()
    thread.join()
    assert found == ["time"]


@pytest.mark.usefixtures("hurry")
def test_its_verdict_stands_and_the_row_says_why(tmp_path: Path) -> None:
    spec, _, _ = planted(tmp_path, HERE, ENDLESS["in Python"] + HERE.replace("+", "-"))
    told = explained(spec, run(spec))
    wrong = [one for one in told if one.verdict == "wrong"]
    assert {one.wrt for one in wrong} == {"x", "V"}
    assert all("the time that it may take has passed" in str(one.diagnosis[-1]) for one in wrong)


@pytest.mark.usefixtures("hurry")
def test_a_listing_of_what_never_ends_raises(tmp_path: Path) -> None:
    spec, derivation, _ = planted(tmp_path, HERE, ENDLESS["in Python"] + HERE)
    with pytest.raises(TimeoutError, match=r"runs for more than 0\.1 s"):
        listing(spec, derivation, None)


def test_a_changed_value_that_keeps_a_loop_going_is_no_repair(tmp_path: Path) -> None:
    loop = "    while (s < 0).any():\n        s = s.abs() * 1\n"
    spec, derivation, _ = planted(tmp_path, HERE, loop + HERE.replace("+", "-"))
    _, search, _ = searched(spec, derivation)
    assert search is not None
    (step,) = (s for s in search.one.trace.steps.values() if s.named == ["s"])
    stays = torch.full_like(step.value, torch.nan)

    def below(call: object) -> torch.Tensor:
        return stays.nan_to_num(-1.0)

    search.one.clock.until = float("inf")  # its end is no matter of time
    assert not search.one.repaired([step], (), below)
    with pytest.raises(OtherStepsError):
        search.one.run([step], (), below)


def test_a_changed_source_that_never_ends_is_no_repair_and_another_is(tmp_path: Path) -> None:
    now = (
        "    t, slope = 0, s\n    while t < 3:\n        slope = slope + z * s * (1 - s) / 2\n        t += 1\n"
    )
    spec, derivation, line = planted(tmp_path, "    slope = s + z * s * (1 - s)\n", now)
    answer, search, _ = searched(spec, derivation)
    assert search is not None
    named = {int(name.rpartition(":")[2]) - int(line.rpartition(":")[2]) for name in lines(answer)}
    assert answer.kind == "repair"
    assert named & {1, 2}
    search.one.clock = Clock.of(20)
    for side in search.sides:
        side.clock = search.one.clock
    copies = workshop(search)
    assert copies is not None
    code = derivation.function.__code__
    text = Path(code.co_filename).read_text().replace("t += 1", "t += 0")
    module = compile(text, code.co_filename, "exec")
    endless = next(c for c in module.co_consts if getattr(c, "co_name", "") == code.co_name)
    assert not copies.holds(code, endless)


def test_a_planted_mistake_that_never_ends_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.locate.planted.SECONDS", 0.1)
    assert not shows(planted_by_hand(ByHand("linear_scan", "parallel_scan", "        reach *= 2\n", "")))


def test_an_alarm_rings_in_nobody_elses_code_and_is_off_afterwards() -> None:
    with pytest.raises(OutOfTimeError), Clock.of(0.05).alarm():
        all(n >= 0 for n in itertools.count())
    with Clock.of(0.0).alarm():
        torch.ones(1000, 1000).square().sum()


def test_what_calls_too_much_to_be_recorded_keeps_its_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec, _, _ = planted(tmp_path, HERE, HERE.replace("+", "-"))
    judged = [replace(one, verdict="inaccurate") for one in run(spec)]
    monkeypatch.setattr("runner.locate.record.MOST_RECORDED", 1)
    assert [one.verdict for one in explained(spec, judged)] == ["inaccurate"] * len(judged)
