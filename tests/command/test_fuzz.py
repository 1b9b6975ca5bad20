"""Whatever is typed: a report, or one message and nothing written; never a traceback.

`make fuzz` tries 10,000 command lines under another seed, which it prints.
"""

import os
import shutil
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.conftest import Run

EXAMPLES = int(os.environ.get("HANDGRAD_FUZZ", "300"))
SEED = int(os.environ.get("HANDGRAD_SEED", "1"))

NAMES = st.sampled_from(["mse", "dot_product", "relu", "msee", "", "null", "1", "'[x]'", "glob(*)"])
ODD = st.sampled_from(
    ["", "null", "true", "nan", "inf", "-inf", "1e400", "-1", "0", "1.5", "[]", "[1,2]", "{}", "{a: 1}",
     "${seed}", "${nope}", "${hydra:job.num}", "${oc.env:NOPE}", "a b", "'", '"', "\\", "=", "x=y", "a,b",
     "1,2,", "range(3)", "range(3,0)", "range(0,3,0)", "choice()", "choice(1,2)", "glob(*)", "interval(0,1)",
     "shuffle(1,2)", "sort(2,1)", "\udcff", "\x1b[31m", "\u202e", "=1+1", "int(3)", "str(3)",
     "99999999999999999999", "!!python/none", "@", "~", "%s"]
)  # fmt: skip
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
SMALL = st.integers(-1, 5).map(str)
KNOWN: dict[str, st.SearchStrategy[str]] = {
    "seed": SMALL,
    "shape.n": SMALL,
    "shape.m": SMALL,
    "shape.batch": st.sampled_from(["[]", "[2]", "[2,3]", "2", "[-1]"]),
    "dtype": st.sampled_from(["float32", "bfloat16", "float64", "float8", "torch.float32"]),
    "upstream": st.sampled_from(["ones", "normal", "file", "zeros"]),
    "derivation": st.sampled_from(["residual", "product", "[product]", "nope"]),
    "precision": st.sampled_from(["auto", "float64", "float16"]),
    "inputs.distribution": st.sampled_from(["normal", "uniform", "nromal"]),
    "inputs.scale": st.sampled_from(["2", "0", "1e300", "nan"]),
    "inputs.offset": st.sampled_from(["-3", "1e300", "inf"]),
    "inputs.ids": st.sampled_from(["zipf", "sorted", "none"]),
    "inputs.file": st.sampled_from(["nope.npz", ".", "x.pt"]),
    "params.eps": SMALL,
    "check.level": st.sampled_from(["off", "quick", "ful"]),
    "check.second_order": st.sampled_from(["true", "false", "2"]),
    "enlarge": st.sampled_from(["1", "2", "0", "x"]),
    "device": st.sampled_from(["cpu", "cuda:99", "gpu", "cpu:1"]),
    "fail_on": st.sampled_from(["wrong", "exact", "never"]),
    "threads": st.sampled_from(["1", "0", "x"]),
    "plugins": st.sampled_from(["[]", "os", "[nope.py]", "[1]", "x.py"]),
    "limits.memory_gb": st.sampled_from(["4", "0", "nan"]),
    "sweep.retry": st.sampled_from(["true", "maybe"]),
    "hydra.job.name": TEXT,
    "quiet": st.sampled_from(["true", "false", "3"]),
    "show": st.sampled_from(["true", "false", "x"]),
    "formula": NAMES,
    "experiment": NAMES,
    "check": st.sampled_from(["off", "quick", "nope", "1"]),
    "timing": st.sampled_from(["off", "nope", "null"]),
    "sweep": st.sampled_from(["nope", "null", "1"]),
}
KEYS = st.sampled_from([*KNOWN])
OTHERS = st.sampled_from(["tpyo", "shape", "params", "inputs", "hydra.nope", "hydra/launcher", "a.b"])
PREFIX = st.sampled_from(["", "", "", "", "", "+", "++", "~"])


@st.composite
def overrides(draw: st.DrawFn) -> str:
    key = draw(
        KEYS | st.sampled_from(["tpyo", "shape", "params", "inputs", "hydra.nope", "hydra/launcher", "a.b"])
    )
    value = draw(KNOWN.get(key, ODD) | ODD | TEXT)
    return f"{draw(PREFIX)}{key}={value}"


@st.composite
def commands(draw: st.DrawFn) -> list[str]:
    mode = draw(st.sampled_from([[], ["-m"]]))
    chosen = draw(st.sampled_from([[], *([f"experiment={name}"] for name in ("mse", "dot_product", "relu"))]))
    given = draw(st.lists(overrides(), max_size=4))
    return [*mode, *chosen, "check=off", "timing=off", *given, "limits.timeout_s=20"]


@seed(SEED)
@settings(
    max_examples=EXAMPLES, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(commands())
def test_any_command_line_ends_in_a_report_or_in_one_message(
    run: Run, tmp_path: Path, command: list[str]
) -> None:
    try:
        outcome = run(*command)
        written = [path for path in tmp_path.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        reports = [path for path in written if path.name == "report.csv"]
        said = f"seed {SEED}: {command}\n{outcome.err}"
        assert outcome.status in (0, 1, 2), said
        assert "Traceback" not in outcome.err + outcome.out, said
        if outcome.status == 2:
            assert outcome.err.startswith("error: "), said
            assert written == [], said
        else:
            assert outcome.err == "", said
            assert len(reports) == 1, said
            assert len(reports[0].read_text().splitlines()) > 1, said
    finally:
        for path in tmp_path.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
