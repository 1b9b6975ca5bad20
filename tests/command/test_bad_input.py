"""Whatever is typed or read that cannot be: one message, exit status 2, and nothing written."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Run

TYPED: dict[str, tuple[list[str], str]] = {
    "derivation as a number": (["derivation=1"], "unknown derivation '1'"),
    "derivation as numbers": (["derivation=[1,2]"], "unknown derivation '1'"),
    "derivation as a mapping": (["derivation={a: 1}"], "unknown derivation"),
    "no derivation": (["derivation=[]"], "derivation=[]: names none"),
    "experiment as a number": (["experiment=1.5"], "experiment=1.5: what is chosen of a group is a name"),
    "experiment as null": (["experiment=null"], "experiment=null: what is chosen of a group is a name"),
    "two experiments": (["experiment=[mse,dot_product]"], "-m experiment=mse,dot_product"),
    "check as a number": (["check=99"], "check=99: what is chosen of a group is a name"),
    "a huge integer": (["seed=99999999999999999999999999"], "must be an integer >= 0, and below 2^63"),
    "an infinite size": (["shape.n=1e400"], "shape.n=inf: must be an integer"),
    "an infinite limit": (["limits.timeout_s=inf"], "limits.timeout_s=inf: must be"),
    "infinite memory": (["limits.memory_gb=inf"], "limits.memory_gb=inf: must be"),
    "a scale that is no number": (["inputs.scale=nan"], "inputs.scale=nan: must be a finite number"),
    "an infinite offset": (["inputs.offset=-inf"], "inputs.offset=-inf: must be a finite number"),
    "an infinite block": (["timing.min_time=inf"], "timing.min_time=inf: must be a finite number"),
    "an unknown key": (["+tpyo=1"], "unknown key 'tpyo'"),
    "an unknown key, forced": (["++seeed=1"], "unknown key 'seeed'; did you mean 'seed'?"),
    "an unknown key in a group": (["+check.levle=1"], "'check.levle'; did you mean 'check.level'?"),
    "a key that refers to itself": (["seed=${seed}"], "seed: Recursive interpolation"),
    "a key that refers to none": (["seed=${nope}"], "Interpolation key 'nope' not found"),
    "a flag of Hydra's": (["hydra.verbose=1"], "Hydra refuses this: assert"),
    "a folder that cannot be": (["hydra.run.dir=/proc/x"], "/proc/x: "),
    "a file that is missing": (["inputs.file=nope.npz"], "inputs.file=nope.npz: No such file"),
}  # fmt: skip
SWEPT: dict[str, tuple[list[str], str]] = {
    "no points": (["seed=range(10,0)"], "the sweep has no points"),
    "a step of zero": (["seed=range(0,10,0)"], "range() arg 3 must not be zero"),
    "an unknown key": (["+tpyo=1,2"], "unknown key 'tpyo'"),
    "a folder that is a file": (["hydra.sweep.dir=/dev/null"], "/dev/null: "),
    "a mapping for the sweeper": (["hydra.sweeper.params=3"], "must be a mapping"),
}


@pytest.mark.parametrize("case", TYPED)
def test_what_is_typed(run: Run, tmp_path: Path, case: str) -> None:
    settings, message = TYPED[case]
    chosen = [] if settings[0].startswith("experiment=") else ["experiment=mse"]
    refused(run, tmp_path, [*chosen, "timing=off", *settings], message)


@pytest.mark.parametrize("case", SWEPT)
def test_what_is_swept(run: Run, tmp_path: Path, case: str) -> None:
    settings, message = SWEPT[case]
    refused(run, tmp_path, ["-m", "experiment=mse", "timing=off", *settings], message)


def refused(run: Run, folder: Path, command: list[str], message: str) -> None:
    before = sorted(folder.rglob("*"))
    outcome = run(*command)
    assert outcome.status == 2, outcome.out
    assert outcome.err.startswith("error: ")
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    written = [path for path in sorted(folder.rglob("*")) if path not in before and path.is_file()]
    assert written == []


def corrupt(path: Path) -> None:
    np.savez_compressed(path, x=np.arange(50.0))
    data = bytearray(path.read_bytes())
    data[60:80] = b"\x55" * 20
    path.write_bytes(bytes(data))


FILES: dict[str, Callable[[Path], object]] = {
    "corrupt": corrupt,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("no archive"),
    "a folder": lambda path: path.mkdir(),
}
YAMLS: dict[str, tuple[str | bytes, str]] = {
    "a syntax error": (
        "# @package _global_\nformula: mse\nshape:\n  n: 5\n n: 6\n",
        "mine.yaml:5: is not YAML",
    ),
    "a duplicate key": ("# @package _global_\nformula: mse\nseed: 1\nseed: 2\n", "mine.yaml:4: is not YAML"),
    "bad encoding": (b"# @package _global_\nformula: m\xff\xfe\n", "mine.yaml: is not YAML"),
    "a tag": ("# @package _global_\nformula: !!python/object:os.system {}\n", "mine.yaml:2: is not YAML"),
    "a list": ("# @package _global_\n- formula\n", "mine.yaml"),
    "a circle": ("# @package _global_\ndefaults: [mine]\nformula: mse\n", "in a circle"),
    "no header": ("formula: mse\n", "its first line must be"),
    "an unknown key": ("# @package _global_\nformula: mse\nshapes: {n: 3}\n", "unknown key 'shapes'"),
}


@pytest.mark.parametrize("case", FILES)
def test_what_is_read(run: Run, tmp_path: Path, case: str) -> None:
    FILES[case](tmp_path / "x.npz")
    refused(
        run, tmp_path, ["experiment=dot_product", "timing=off", "inputs.file=x.npz"], "inputs.file=x.npz: "
    )


@pytest.mark.parametrize("case", YAMLS)
def test_what_is_configured(run: Run, tmp_path: Path, case: str) -> None:
    text, message = YAMLS[case]
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    path = tmp_path / "conf" / "experiment" / "mine.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    refused(run, tmp_path, ["--config-dir", "conf", "experiment=mine", "timing=off"], message)
