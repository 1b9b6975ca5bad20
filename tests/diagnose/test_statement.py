"""What is said is data: its sentence is made from the table, and survives JSON."""

import ast
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from runner import diagnose
from runner.diagnose import say, sentence, sentences
from tests.diagnose.diagnosed import INF, NAN, read


def said() -> Iterator[tuple[str, list[str | None]]]:
    """Yield the names of the statements that `diagnose` makes, with the figures that each is given."""
    for path in Path(diagnose.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                for name in ast.walk(node.args[0]):
                    if isinstance(name, ast.Constant):
                        yield str(name.value), [keyword.arg for keyword in node.keywords]


def asked(words: str) -> set[str]:
    """Return the figures that a format string needs, those in its specs too."""
    fields = [(field, spec or "") for _, field, spec, _ in Formatter().parse(words) if field]
    return {field for field, _ in fields}.union(*(asked(spec) for _, spec in fields))


@pytest.mark.parametrize(("name", "figures"), [*said()])
def test_everything_that_is_said_has_a_sentence_and_its_figures(name: str, figures: list[str | None]) -> None:
    words = sentences.SENTENCES[name]
    needed = {*inspect.signature(words).parameters} if callable(words) else asked(words)
    assert None in figures or needed <= {*figures}  # None stands for **figures


@pytest.mark.parametrize(
    ("gradient", "truth", "words"),
    [
        (NAN, 1.5, "nan instead of 1.5"),
        (-INF, INF, "-inf instead of inf"),
        (1.00001, 1.00002, "1.00001 instead of 1.00002"),
        (-0.0, 2, "0 instead of 2"),
    ],
)
def test_two_numbers_are_told_apart(gradient: float, truth: float, words: str) -> None:
    factor = say("factor", value=0.5, named=say("named", names=["m", "n"]))
    statement = say("one_number", gradient=gradient, truth=truth, factor=factor)
    assert read(statement) == f"{words}: a factor of 1/2 (m or n)"


def test_a_statement_as_data() -> None:
    statement = say("rearranged", ways=[say("way", move=say("flipped", axis=0), apart=None)])
    assert statement.as_data() == {
        "say": "rearranged",
        "ways": [{"say": "way", "move": {"say": "flipped", "axis": 0}, "apart": None}],
    }
    assert diagnose.Statement.of(json.loads(json.dumps(statement.as_data()))) == statement


def test_what_another_version_says_is_not_lost() -> None:
    assert sentence({"say": "folded", "axis": 1, "into": [2, 3]}) == "folded (axis=1, into=[2, 3])"
    assert sentence({"say": "folded"}) == "folded"
    assert str(say("flipped", axes=[0])) == "flipped (axes=[0])"
    nested = {"say": "right_once_moved", "apart": None, "move": {"say": "folded", "axis": 1}}
    assert sentence(nested) == "the right gradient, folded (axis=1)"


def test_another_room_words_its_own_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "SENTENCES", {"flipped": "flipped"})
    sentences.add({"folded": "folded along {axes:axes}"})
    assert sentences.SENTENCES["folded"] == "folded along {axes:axes}"
    with pytest.raises(ValueError, match=r"statements \['flipped'\] have a sentence already"):
        sentences.add({"flipped": "turned round"})


def test_a_statement_is_changed_from_the_inside_out() -> None:
    named = say("named", names=["m", "n"])
    ways = [
        say("way", move=say("transposed"), apart=say("apart", factor=say("factor", value=0.5, named=named)))
    ]
    statement = say("rearranged", ways=ways)
    assert [part.name for part in statement.within()] == [
        "rearranged", "way", "transposed", "apart", "factor", "named",
    ]  # fmt: skip
    unnamed = statement.changed(lambda part: None if part.name == "named" else part)
    assert str(statement) == "the right numbers, transposed, times 1/2 (m or n)"
    assert str(unnamed) == "the right numbers, transposed, times 1/2"
