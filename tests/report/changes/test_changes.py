"""Two reports side by side: what got worse is named, what is the same and noise are not."""

import copy
import json
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runner.command import compare
from runner.command.tree import parsed
from runner.errors import BadInput
from runner.experiment import run
from runner.report import csv
from runner.report.gather import Gathered
from runner.settings import Timing
from runner.sweep import ledger
from runner.sweep.job import Job, finished, packed
from tests.registry import specification

Record = dict[str, Any]
EXPERIMENTS = ("mse", "linear_mse")
BLOCKS = 31


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """Return records of two real experiments, whose blocks are as those of a quiet machine."""
    found = []
    for index, name in enumerate(EXPERIMENTS):
        spec = specification(name, timing=Timing("quick", rounds=3, min_time=1e-4))
        record = json.loads(
            json.dumps(finished(Job(index, [], spec), packed(spec, run(spec), datetime.now(UTC))))
        )
        for one in record["judgements"]:
            one["times"] |= {"manual_ms": 1.0, "autograd_ms": 2.0}
        found.append(with_blocks(record, 1.0, seed=index))
    return found


def with_blocks(record: Record, factor: float, seed: int, drift: float = 1.0) -> Record:
    """Give the first row of each derivation blocks that are noisy, and slow where the machine is."""
    rng, record = random.Random(seed), copy.deepcopy(record)
    for one in record["judgements"]:
        if "manual_blocks_ms" in one["times"]:
            of_round = [drift * (1 + rng.expovariate(20)) for _ in range(BLOCKS)]
            one["times"]["manual_blocks_ms"] = [factor * r * (1 + rng.expovariate(50)) for r in of_round]
            one["times"]["autograd_blocks_ms"] = [2 * r * (1 + rng.expovariate(50)) for r in of_round]
    return record


def written(folder: Path, records: Sequence[Record]) -> Path:
    folder.mkdir(exist_ok=True)
    with ledger.Ledger(folder) as kept:
        for record in records:
            kept.append(record)
    csv.write(folder, (row for _, rows in Gathered(folder) for row in rows))
    return folder


def compared(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str]:
    status = compare.main(parsed("compare", [*map(str, arguments)]))
    return status, capsys.readouterr().out


def first(record: Record) -> Record:
    judgement: Record = record["judgements"][0]
    return judgement


def wrong(record: Record) -> None:
    first(record)["verdict"] = "wrong"
    first(record)["diagnosis"] = [{"say": "rounding_only", "error": 1.0, "bound": 0.5}]


def failed(record: Record) -> None:
    first(record).update(status="failed", verdict=None, error="ValueError: no")


def inaccurate(record: Record) -> None:
    first(record)["verdict"] = "inaccurate"


def error_grew(record: Record) -> None:
    first(record)["errors"]["in_u"] = 7.0 * first(record)["errors"]["in_u"] + 3


def hungrier(record: Record) -> None:
    first(record)["times"]["peak_memory_mb"] += 1.0


def keeps_more(record: Record) -> None:
    first(record)["times"]["saved_mb"] += 1.0


def slower(record: Record) -> None:
    record.update(with_blocks(record, 1.5, seed=9))


def dropped(record: Record) -> None:
    del record["judgements"][0]


CHANGED: dict[str, tuple[Callable[[Record], None], str, int]] = {
    "wrong": (wrong, "got wrong: 1", 1),
    "failed": (failed, "got wrong: 1", 1),
    "inaccurate": (inaccurate, "less accurate: 1", 1),
    "an error that grew": (error_grew, "less accurate: 1", 1),
    "memory": (hungrier, "hungrier: 1", 1),
    "what is kept": (keeps_more, "hungrier: 1", 1),
    "time": (slower, "slower: 1", 1),
    "gone": (dropped, "gone: 1", 0),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_changed_is_named_and_decides_the_status(
    name: str, records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, heading, status = CHANGED[name]
    after = copy.deepcopy(records)
    change(after[0])
    old, new = written(tmp_path / "old", records), written(tmp_path / "new", after)
    found, out = compared(capsys, old, new)
    assert heading in out.splitlines(), out
    assert out.splitlines()[-1].startswith(("5 of 6 rows are the same", "5 of 5 rows are the same"))
    assert found == status
    assert "mse residual pred n=5 float32 seed 42: " in out
    back, out = compared(capsys, new, old)
    assert back == 0, "the other way round it got better"
    assert compared(capsys, old, new, "--fail-on", "gone")[0] == int(name == "gone")


def test_a_report_is_the_same_as_itself(
    records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path / "old", records)
    assert compared(capsys, folder, folder) == (0, "6 rows: the same\n")
    assert compared(capsys, folder / csv.NAME, folder) == (0, "6 rows: the same\n")
    again = copy.deepcopy(records)
    wrong(again[0])
    other = written(tmp_path / "wrong", again)
    assert compared(capsys, other, other) == (0, "6 rows: the same\n")


def test_noise_is_silent_fifty_times(
    records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = written(tmp_path / "old", records)
    for seed in range(50):
        drift = 1 + random.Random(seed).random()  # the machine is up to twice as slow
        again = [with_blocks(record, 1.0, seed=100 + seed, drift=drift) for record in records]
        new = written(tmp_path / f"new{seed}", again)
        assert compared(capsys, old, new) == (0, "6 rows: the same\n")


@pytest.mark.parametrize("factor", [1.15, 1.5, 3.0])
def test_what_is_slower_is_named_on_a_machine_that_drifts(
    factor: float, records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = written(tmp_path / "old", records)
    again = [with_blocks(record, factor, seed=5, drift=1.4) for record in records]
    status, out = compared(capsys, old, written(tmp_path / "new", again))
    assert status == 1
    assert "slower: 3" in out.splitlines(), "each derivation once, not each of its gradients"
    assert compared(capsys, old, tmp_path / "new", "--fail-on", "wrong,time:4")[0] == 0


def test_on_another_machine_times_are_compared_when_asked(
    records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    after = [with_blocks(record, 2.0, seed=3) for record in records]
    for record in after:
        record["provenance"]["torch_version"] = "9.9"
    old, new = written(tmp_path / "old", records), written(tmp_path / "new", after)
    status, out = compared(capsys, old, new)
    assert status == 0
    assert "the machines differ: torch_version: " in out
    assert "and 9.9" in out.splitlines()[0]
    assert compared(capsys, old, new, "--across-machines")[0] == 1


def test_a_csv_alone_has_no_blocks_and_says_so(
    records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = written(tmp_path / "old", records), written(tmp_path / "new", records)
    for folder in (old, new):
        (folder / ledger.NAME).unlink()
    status, out = compared(capsys, old / csv.NAME, new)
    assert status == 0
    assert "times are not compared: the old and the new report has no blocks" in out.replace("\n", " ")
    assert out.endswith("6 rows: the same\n")


def test_points_of_another_version_are_joined_by_their_settings(
    records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    after = copy.deepcopy(records)
    for number, record in enumerate(after):
        record["point"] = f"p{number:016x}"
    wrong(after[1])
    status, out = compared(capsys, written(tmp_path / "old", records), written(tmp_path / "new", after))
    assert status == 1
    assert out.splitlines()[-1] == "5 of 6 rows are the same; 1 got wrong"


def test_every_change_stands_in_the_csv_and_in_markdown(
    records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    after = copy.deepcopy(records)
    wrong(after[0])
    hungrier(after[1])
    old, new = written(tmp_path / "old", records), written(tmp_path / "new", after)
    compared(capsys, old, new, "--csv", tmp_path / "changes.csv", "--markdown", tmp_path / "changes.md")
    lines = (tmp_path / "changes.csv").read_text().splitlines()
    assert lines[0].startswith("change,regression,ratio,said,experiment,formula,derivation,wrt,dtype")
    assert [line.split(",")[0] for line in lines[1:]] == ["wrong", "memory"]
    text = (tmp_path / "changes.md").read_text()
    assert text.startswith("**4 of 6 rows are the same; 1 got wrong; 1 hungrier**\n")
    assert "| got wrong | |\n| --- | --- |\n| mse residual pred n=5 float32 seed 42 | " in text
    _, out = compared(capsys, old, new, "--markdown", "-")
    assert out == text


def test_markup_in_a_message_stays_text(
    records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    after = copy.deepcopy(records)
    failed(after[0])
    first(after[0])["error"] = "<script>|`x`|</script>[bold]"
    old, new = written(tmp_path / "old", records), written(tmp_path / "new", after)
    assert "<script>|`x`|</script>[bold]" in compared(capsys, old, new)[1]
    assert r"\<script\>\|\`x\`\|\</script\>\[bold\]" in compared(capsys, old, new, "--markdown", "-")[1]


def bad(tmp_path: Path) -> Iterator[tuple[list[Any], str]]:
    folder = tmp_path / "old"
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "torn.csv").write_text("derivation,verdict\nd\n")
    yield [tmp_path / "nope", folder], "nope: is not there; give the folder of a report"
    yield [folder, tmp_path / "empty.csv"], "empty.csv: is no report of handgrad"
    yield [folder, tmp_path / "other.csv"], "other.csv: is no report of handgrad"
    yield [folder, tmp_path / "torn.csv"], "torn.csv:2: does not have 2 cells"
    yield [folder, folder, "--fail-on", "tme"], "unknown regression 'tme'; did you mean 'time'?"
    yield [folder, folder, "--fail-on", "time:1"], "time:1: must be a number above 1"
    yield [folder, folder, "--fail-on", "time:fast"], "time:fast: must be a number above 1"
    yield [folder, folder, "--fail-on", "wrong:2"], "wrong takes no ratio"
    for option in ("--csv", "--html", "--markdown"):
        yield [folder, folder, option, tmp_path / "no" / "folder"], "no/folder: No such file or directory"


def test_bad_input_has_one_message_each(records: list[Record], tmp_path: Path) -> None:
    written(tmp_path / "old", records)
    for arguments, message in bad(tmp_path):
        with pytest.raises(BadInput) as caught:
            compare.main(parsed("compare", [*map(str, arguments)]))
        assert message in str(caught.value)
