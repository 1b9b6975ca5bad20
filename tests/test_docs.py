"""What the documents show works."""

import re
from pathlib import Path

import pytest

from runner.formula import plugins, registry
from tests.conftest import Run

ROOT = Path(__file__).parents[1]


def marked_blocks(document: str) -> dict[str, str]:
    """Return the code blocks that a document marks with the name of a file."""
    text = (ROOT / document).read_text()
    return dict(re.findall(r"<!-- tested: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL))


@pytest.mark.parametrize("chosen", ["formula=weighted_squares", "experiment=large_weighted_squares"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_formula_is_one_file_outside_the_repository(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str, dtype: str
) -> None:
    monkeypatch.setattr(registry, "_registry", {**registry._registry})
    monkeypatch.setattr(plugins, "_loaded", {})
    blocks = marked_blocks("CONTRIBUTING.md")
    (tmp_path / "my_conf/experiment").mkdir(parents=True)
    yaml = "large_weighted_squares.yaml"
    (tmp_path / "my_conf/experiment" / yaml).write_text(blocks[yaml])
    (tmp_path / "weighted_squares.py").write_text(blocks["weighted_squares.py"])
    given = (chosen, "plugins=[weighted_squares.py]", "timing=off", f"dtype={dtype}")
    outcome = run("--config-dir", "my_conf", *given)
    assert outcome.status == 0, outcome.err
    assert {row["wrt"] for row in outcome.rows} == {"x", "w"}
    assert {row["shape"] for row in outcome.rows} == {"n=7"}
    assert {row["verdict"] for row in outcome.rows} <= {"exact", "correct"}


def test_the_readme_lists_every_formula_by_family() -> None:
    listed = re.search(r"\| family \| formulas \|\n.*?\n((?:\|.*\n)+)", (ROOT / "README.md").read_text())
    assert listed
    rows = (line.strip("|").split("|") for line in listed[1].splitlines())
    families = {family.strip(): names.strip().split(", ") for family, names in rows}
    pages = sorted(path for path in (ROOT / "experiments").glob("*/*.py") if path.stem != "__init__")
    there = {folder: [p.stem for p in pages if p.parent.name == folder] for folder in families}
    assert families == there
    assert {page.parent.name for page in pages} == {*families}


@pytest.mark.parametrize("target", ["demo", "test", "bench", "help"])
def test_the_makefile_has_what_the_readme_names(target: str) -> None:
    assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_file_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    named = re.findall(r"`((?:conf|runner|tests|outputs)/[\w./-]+)`", text)
    missing = [name for name in named if not (ROOT / name).exists() and "weighted_squares" not in name]
    assert named
    assert not missing
