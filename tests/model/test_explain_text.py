"""Which words of a text moved the answer of a model that weighs words, and of one that weighs nothing."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import archwise
from archwise import cli
from archwise.errors import UsageError
from archwise.model.explain import explain
from archwise.model.explain_text import MOST_PARTS, ExplainedText, as_page
from archwise.model.predict import Model, load

GOOD, BAD = ("good", "lovely", "great"), ("bad", "awful", "dull")


def reviews(n: int) -> pl.DataFrame:
    texts, labels = [], []
    for row in range(n):
        words = GOOD if row % 2 else BAD
        texts.append(
            f"the film of day {row} was {words[row % 3]}, and its {words[(row + 1) % 3]} end is not <b>long</b>"
        )
        labels.append("yes" if row % 2 else "no")
    return pl.DataFrame({"review": texts, "liked": labels})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("text") / "reviews.archwise"
    config = archwise.Config(only=("tfidf",), workers=1)
    archwise.fit(reviews(120), target="liked", budget="20steps", out=place, config=config)
    return place


def explained(folder: Path, text: str, label: str = "") -> ExplainedText:
    found = explain(load(folder), text, label=label)
    assert isinstance(found, ExplainedText)
    return found


def test_the_words_that_the_model_weighs_moved_the_answer(folder: Path) -> None:
    found = explained(folder, "A lovely film, though its end is dull: lovely!")
    weights = {found.words_of(part): part.weight for part in found.parts}
    assert found.prediction == "yes"
    assert found.of == "yes"
    assert weights["lovely"] > 0 > weights["dull"]
    assert found.words_of(found.strongest[0]) == "dull"  # of two that say the same one is not missed


def test_what_speaks_for_one_class_speaks_against_the_other(folder: Path) -> None:
    text = "a lovely film with a dull end"
    mine, other = explained(folder, text, "yes"), explained(folder, text, "no")
    for left, right in zip(mine.parts, other.parts, strict=True):
        assert left.weight == pytest.approx(-right.weight, abs=1e-4)


def test_the_parts_stand_where_the_words_stand(folder: Path) -> None:
    text = "  It's\ngood —\tvery good…"
    found = explained(folder, text)
    assert [found.words_of(part) for part in found.parts] == ["It's", "good", "—", "very", "good", "…"]


@pytest.mark.parametrize("text", ["", " \n", "?"])
def test_a_text_without_words_is_answered(folder: Path, text: str) -> None:
    found = explained(folder, text)
    assert found.prediction in ("yes", "no")
    assert found.strongest == ()


def test_of_many_words_some_are_left_out_together(folder: Path) -> None:
    found = explained(folder, "so so " * 2_000 + "awful")
    assert len(found.parts) <= MOST_PARTS
    assert found.parts[-1].end == len(found.text)


def test_a_page_shows_the_text_and_runs_none_of_it(folder: Path, tmp_path: Path) -> None:
    page = as_page(explained(folder, "a <script>lovely</script> film"))
    assert "<script>" not in page
    assert "rgba(0,140,0,1.00)" in page
    out = tmp_path / "text.html"
    explain(load(folder), "a dull film", out=out)
    assert "dull" in out.read_text()


def test_a_class_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="no class 'maybe'; it has no, yes"):
        explain(load(folder), "good", label="maybe")


def test_the_command_line_marks_the_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", str(folder), "a lovely film with a dull end"]) == 0
    told = capsys.readouterr().out
    assert "a lovely film with a dull end" in told
    assert "moved it most" in told
    assert cli.main(["explain", str(folder), "a lovely film", "--json"]) == 0
    assert '"word": "lovely"' in capsys.readouterr().out


def test_a_model_of_a_table_has_nothing_to_show(models: dict[str, Model]) -> None:
    with pytest.raises(UsageError, match=r"reads neither a text nor a picture; explain shows which words"):
        explain(models["classify"], "a text")
