"""A YAML of one's own that does not work is refused with one message, which names the file."""

from pathlib import Path

import pytest

from tests.conftest import Run

GLOBAL = "# @package _global_\n"
NO_HEADER = (
    "its first line must be `# @package _global_`; without it, its keys are read as {}.formula and so on"
)
HERE = "conf/experiment/mine.yaml"
BAD = {
    "no_header": (
        "formula: mse\nshape: {n: 3}\n",
        f"experiment/mine.yaml: {NO_HEADER.format('experiment')}",
    ),
    "misspelled": (
        "# @package _gobal_\nformula: mse\n",
        f"experiment/mine.yaml: {NO_HEADER.format('experiment')}",
    ),
    "bracket": (GLOBAL + "shape: {n: 3\nseed: 3\n", f"{HERE}:3: is not YAML: expected ','"),
    "twice": (GLOBAL + "seed: 3\nseed: 4\n", f"{HERE}:3: is not YAML: found duplicate key seed"),
    "control": (GLOBAL + "formula: \0\n", f"{HERE}: is not YAML: unacceptable character"),
    "latin_1": (GLOBAL + "# \xe9\n", f"{HERE}: is not YAML: 'utf-8' codec can't decode"),
    "list": (GLOBAL + "- mse\n", "experiment/mine.yaml: Cannot merge DictConfig with ListConfig"),
    "key": (GLOBAL + "sed: 3\n", "experiment/mine.yaml: unknown key 'sed'; did you mean 'seed'?"),
    "type": (GLOBAL + "seed: abc\n", "experiment/mine.yaml: seed: Value 'abc' of type 'str' could not"),
    "default": (
        GLOBAL + "defaults: [mze]\n",
        "experiment/mine.yaml: there is no experiment/mze.yaml, which its defaults name",
    ),
}


def write(folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(text, encoding="latin-1")


@pytest.mark.parametrize("mode", ["", "-m ", "-m hydra/sweeper=basic "], ids=["run", "grid", "basic"])
@pytest.mark.parametrize("kind", BAD)
def test_bad_yaml(run: Run, tmp_path: Path, kind: str, mode: str) -> None:
    text, message = BAD[kind]
    write(tmp_path / "conf/experiment", text)
    outcome = run("--config-dir", "conf", *mode.split(), "experiment=mine", "timing=off")
    assert outcome.err.startswith(f"error: {message}")
    assert (outcome.status, outcome.folders) == (2, [])


def test_a_sweep_without_its_header(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "conf/sweep", "formula: mse\nhydra: {mode: MULTIRUN}\n")
    outcome = run("--config-dir", "conf", "sweep=mine")
    assert outcome.err == f"error: sweep/mine.yaml: {NO_HEADER.format('sweep')}\n"
    assert (outcome.status, outcome.folders) == (2, [])


@pytest.mark.parametrize("mode", [[], ["-m"]], ids=["run", "grid"])
def test_an_interpolation_of_nothing(run: Run, tmp_path: Path, mode: list[str]) -> None:
    write(tmp_path / "conf/experiment", GLOBAL + "formula: mse\nshape: {n: 3}\nseed: ${sed}\n")
    outcome = run("--config-dir", "conf", *mode, "experiment=mine", "timing=off")
    assert outcome.err.splitlines()[0] == "error: seed: Interpolation key 'sed' not found"
    assert (outcome.status, outcome.folders) == (2, [])
