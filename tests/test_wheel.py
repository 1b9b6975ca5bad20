"""Without a clone: the wheel, installed where nothing else knows of this repository."""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest
from filelock import FileLock

from runner.report import csv
from tests.conftest import Run
from tests.test_docs import marked_blocks
from tests.test_layers import ROOT

FOLDERS = ("handgrad", "runner", "experiments", "conf")
FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE")
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--no-cache-dir")


@dataclass(frozen=True)
class Installed:
    """An environment that holds the wheel, and for the rest what this one has."""

    wheel: Path
    environment: Path

    def __call__(self, *command: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in a folder."""
        path = os.pathsep.join([str(self.environment / "bin"), os.environ["PATH"]])
        known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [self.environment / "bin" / command[0], *command[1:]],
            capture_output=True, text=True, cwd=cwd,
            env={**known, "PATH": path, "OMP_NUM_THREADS": "1", **variables},
        )  # fmt: skip


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build and install the wheel, once for all processes that run tests."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "wheel"
    with FileLock(f"{place}.lock"):
        if not place.exists():
            _build(place)
            _install(place)
    (wheel,) = place.glob("*.whl")
    return Installed(wheel, place / "environment")


def _build(place: Path) -> None:
    source = place / "source"
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        shutil.copy(ROOT / file, source)
    stale = source / "build/lib/runner/stale.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(place)]
    subprocess.run([sys.executable, *PIP, "wheel", *options, source], check=True)


def _install(place: Path) -> None:
    """Install into an environment that finds the packages of this one, but not its link to the clone."""
    environment = place / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    own = environment / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    (wheel,) = place.glob("*.whl")
    options = ["--python", str(environment), "install", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([sys.executable, *PIP, *options, wheel], check=True)


def test_one_name_is_installed_and_no_line_moves(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        held = {name: wheel.read(name).decode() for name in wheel.namelist()}
    tops = {name.partition("/")[0] for name in held}
    assert tops == {"handgrad", f"handgrad-{version('handgrad')}.dist-info"}
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.*") if path.suffix != ".pyc"]
    places = {
        f"handgrad/{path.relative_to(ROOT)}".replace("handgrad/" * 2, "handgrad/"): path for path in files
    }
    assert places.keys() == {name for name in held if name.startswith("handgrad/")}
    renamed = re.compile(r"^(\s*from |\s*import )handgrad\.(runner|experiments)\b", re.MULTILINE)
    for name, path in places.items():
        assert renamed.sub(r"\1\2", held[name]) == path.read_text()
        assert not re.search(r"^\s*(from|import) (runner|experiments)\b", held[name], re.MULTILINE)


def test_no_code_spells_out_where_a_module_is() -> None:
    """What imports by a string would find a user's own module, or none, where handgrad is installed."""
    for path in [*ROOT.glob("runner/**/*.py"), *ROOT.glob("experiments/**/*.py")]:
        tree = ast.walk(ast.parse(path.read_text()))
        texts = [str(node.value) for node in tree if isinstance(node, ast.Constant)]
        found = [text for text in texts if re.fullmatch(r"(runner|experiments)(\.\w+)*", text)]
        assert not found or path == ROOT / "runner/names.py", (path, found)
    for path in ROOT.glob("conf/**/*.yaml"):
        assert not re.search(r"\b(runner|experiments)\.\w+\.", path.read_text()), path


Moved = Callable[[bytes, str], bytes]


@pytest.fixture(scope="module")
def moved() -> Moved:
    """Return the function of `setup.py` that renames modules in import statements."""
    spec = importlib.util.spec_from_file_location("handgrad_setup", ROOT / "setup.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Moved = module.moved
    return function


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from runner import x", "from handgrad.runner import x"),
        ("from experiments.a import (\n    b,\n)", "from handgrad.experiments.a import (\n    b,\n)"),
        ("if a:\n    from runner.b import c", "if a:\n    from handgrad.runner.b import c"),
        ("é = 1; from runner.b import c", "é = 1; from handgrad.runner.b import c"),
        ("import runner.b as b, os, conf.c as c", "import handgrad.runner.b as b, os, handgrad.conf.c as c"),
        ("from . import runner", "from . import runner"),
        ("from runners import x", "from runners import x"),
        ("'from runner import x'  # import runner", "'from runner import x'  # import runner"),
    ],
)
def test_import_statements_are_renamed_and_nothing_else(moved: Moved, code: str, expected: str) -> None:
    assert moved(code.encode(), "a.py").decode() == expected
    assert moved(expected.encode(), "a.py").decode() == expected


@pytest.mark.parametrize("code", ["import runner.b", "import os, runner", "from  runner import x"])
def test_an_import_that_cannot_be_renamed_is_refused(moved: Moved, code: str) -> None:
    with pytest.raises(Exception, match=r"a\.py:1: .*(write `from \.\.\. import`|one space behind)"):
        moved(code.encode(), "a.py")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--version"], f"handgrad {version('handgrad')}"),
        (["--help"], "plant mistakes into every derivation"),
        (["run", "--help"], "site-packages/handgrad/conf/config.yaml."),
        (["selftest", "--help"], "--per-class"),
        (["--shell-completion", "query=bash"], "experiment=mse"),
    ],
)
def test_what_needs_no_torch(installed: Installed, tmp_path: Path, arguments: list[str], words: str) -> None:
    done = installed("handgrad", *arguments, cwd=tmp_path, COMP_LINE="handgrad run experiment=")
    assert (done.returncode, done.stderr) == (0, "")
    assert words in done.stdout
    assert not [*tmp_path.iterdir()]


def test_the_documented_commands(installed: Installed, tmp_path: Path, run: Run) -> None:
    blocks = marked_blocks("docs/installed.md")
    for name in ("cube.py", "my_mse.py"):
        (tmp_path / name).write_text(blocks[name])
    (tmp_path / "handgrad.py").write_text("raise SystemExit('a child imports this')")
    for line in blocks["commands"].splitlines():
        done = installed(*line.split(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    (single,) = tmp_path.glob("outputs/2*/*")
    rows = csv.read(single / csv.NAME)
    assert {*rows["handgrad_version"]} == {version("handgrad")}
    assert {*rows["git_sha"]} == {""}
    assert json.loads((single / "environment.json").read_text())["git_sha"] == ""
    of_the_clone = run("experiment=mse").report
    for name in ("key", "formula_sha"):
        assert {*rows[name]} == {*of_the_clone[name]}
    assert {*csv.read(tmp_path / "outputs/mine" / csv.NAME)["derivation"]} == {"power_rule", "mean_last"}


WRONG = """
from runner.formula import Example, register
def shapes(n: int): return {"x": (n,)}
def forward(x): return x**3
def power_rule(grad_y, x): return {"x": x**2 * grad_y}
register(gradients=[power_rule], example=Example(shape={"n": 5}))
"""

SCRIPT = f"""
import sys

import experiments
import runner
import runner.own
from handgrad.__main__ import main

for plugin in ("plugins/wrong.py", "beside.py"):
    sys.argv = ["handgrad", "-m", "formula=wrong", f"plugins=[{{plugin}}]", "check=off", "timing=off"]
    try:
        main()
    except SystemExit as stop:
        print("status", stop.code)
import torch

import handgrad

for factor in (1, 2):
    result = handgrad.judge(lambda grad_y, x: factor * grad_y * x.cos(), torch.sin, torch.randn(3, 4))
    print("judged", bool(result), *(row["verdict"] for row in result.rows))
print(runner.WHO, experiments.WHO, runner.own.WHO, sys.modules["runner"] is runner)
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("runner", "experiments")))
files = [str(getattr(module, "__file__", None)) for module in [*sys.modules.values()]]
print([file for file in files if file.startswith({tuple(f"{ROOT}/{folder}/" for folder in FOLDERS)})])
"""


def test_a_users_own_runner_experiments_and_conf(installed: Installed, tmp_path: Path) -> None:
    for file, text in {
        "runner/__init__.py": "WHO = 'my runner'", "runner/own.py": "WHO = 'my own'",
        "experiments/__init__.py": "WHO = 'my experiments'", "conf/config.yaml": "nonsense: [",
        "plugins/wrong.py": WRONG, "beside.py": WRONG, "script.py": SCRIPT,
    }.items():  # fmt: skip
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    done = installed("python", "script.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert " handgrad formula=wrong 'plugins=[plugins/wrong.py]' check=off timing=off\n" in done.stdout
    assert "(beside.py:2); write handgrad.formula here\n" in done.stderr
    *_, right, wrong, who, modules, others = done.stdout.splitlines()
    assert right in ("judged True exact", "judged True correct")
    assert wrong == "judged False wrong"
    assert [line for line in done.stdout.splitlines() if line.startswith("status ")] == [
        "status 1",
        "status 2",
    ]
    assert [who, modules, others] == [
        "my runner my experiments my own True",
        "['experiments', 'runner', 'runner.own']",
        "[]",
    ]
