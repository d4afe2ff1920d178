"""Texts, from a file to a model that answers whatever text it is given."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest

import archwise
from archwise import cli

GOOD, BAD = ("good", "lovely", "great", "fine"), ("bad", "awful", "dull", "poor")
STRANGE = [
    "",
    "good",
    "\U0001f44d" * 40,
    "\x00\x07 good\x1b[31m",
    "bad " * 100_000,
    "ｇｏｏｄ",
    "ни слова",
    "?",
    "a\u0301\u200d",
]
REPORTED = ("architecture", "score")


def reviews(n: int, seed: int) -> list[tuple[str, str]]:
    """Texts whose label is told by two of their words, among many others."""
    chance = random.Random(seed)
    rows = []
    for row in range(n):
        label = "yes" if row % 2 else "no"
        words = [f"word{chance.randint(0, 60)}" for _ in range(chance.randint(3, 30))]
        for told in chance.sample(GOOD if row % 2 else BAD, 2):
            words.insert(chance.randint(0, len(words)), told)
        rows.append((" ".join(words), label))
    return rows


def graded(n: int, seed: int) -> str:
    """The same as lines that begin with a label and a finer one, as TREC writes them."""
    return "".join(f"{label.upper()}:{label}{row % 3} {text}\n" for row, (text, label) in enumerate(reviews(n, seed)))


def fitted(source: Path, out: Path, *more: str) -> int:
    return cli.main(["fit", str(source), "--budget", "300steps", "--workers", "1", "--quiet", "--out", str(out), *more])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of an LSTM, fitted on a TSV without a header line, with parts given."""
    place = tmp_path_factory.mktemp("texts")
    for name, n in (("train", 400), ("dev", 120), ("test", 120)):
        lines = [f"{text}\t{label}" for text, label in reviews(n, seed=n)]
        (place / f"{name}.tsv").write_text("\n".join(lines), encoding="utf-8")
    out = place / "reviews.archwise"
    given = ["--valid", str(place / "dev.tsv"), "--test", str(place / "test.tsv"), "--names", "text,label"]
    settings = ["--set", "lstm.width=16", "--set", "lstm.embedding=16", "--set", "plan.rate=0.01"]
    code = fitted(place / "train.tsv", out, "--target", "label", "--only", "lstm", *given, *settings)
    assert code == 0
    return out


@pytest.mark.whole
def test_a_network_that_reads_in_order_learns_what_words_tell(folder: Path) -> None:
    facts = json.loads((folder / "model.json").read_text())
    assert facts["candidate"]["architecture"] == "lstm"
    assert facts["columns"] == [["text", "text"]]
    assert facts["signature"]["form"] == "vector"
    assert archwise.evaluate(folder, {"text": ["a good and lovely one", "so dull and awful"], "label": ["yes", "no"]})[
        "scores"
    ]["accuracy"] == pytest.approx(1.0)


@pytest.mark.whole
def test_strange_texts_have_a_defined_answer_the_same_alone_and_together(folder: Path) -> None:
    together = archwise.predict(folder, pl.DataFrame({"text": STRANGE})).answers
    assert together.height == len(STRANGE)
    assert together["p:yes"].is_finite().all()
    for row, text in enumerate(STRANGE):
        alone = archwise.predict(folder, {"text": text}).answers
        assert alone["p:yes"][0] == pytest.approx(together["p:yes"][row], abs=1e-6)
    assert archwise.predict(folder, {"text": None}).answers["p:yes"].is_finite().all()


@pytest.mark.whole
def test_the_words_that_moved_its_answer_are_marked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", str(folder), "word3 word9 word12 lovely word7 word1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["prediction"] == "yes"
    assert max(told["words"], key=lambda each: each["weight"])["word"] == "lovely"


@pytest.mark.whole
@pytest.mark.parametrize("form", ["folder", "jsonl", "latin-1"])
def test_texts_are_read_from_where_they_lie(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = reviews(160, seed=1)
    source, more = tmp_path / "texts", ("--target", "label")
    if form == "folder":
        more = ()
        for place, (text, label) in enumerate(rows):
            (source / label).mkdir(parents=True, exist_ok=True)
            (source / label / f"{place}.txt").write_text(text, encoding="utf-8")
    elif form == "jsonl":
        source = tmp_path / "texts.jsonl"
        source.write_text("\n".join(json.dumps({"text": text, "label": label}) for text, label in rows))
    else:
        source = tmp_path / "texts.csv"
        lines = ["text,label", *(f"schön {text} très,{label}" for text, label in rows)]
        source.write_bytes("\n".join(lines).encode("latin-1"))
    out = tmp_path / "model"
    assert fitted(source, out, *more, "--only", "tfidf") == 0, capsys.readouterr().err
    predicted = archwise.predict(out, {"text": ["good great", "dull awful"]}).answers
    assert predicted["prediction"].to_list() == ["yes", "no"]


@pytest.mark.whole
def test_a_text_beside_numbers_is_read_with_them(tmp_path: Path) -> None:
    rows = reviews(240, seed=2)
    frame = pl.DataFrame(
        {
            "text": [text for text, _ in rows],
            "stars": [float(place % 5) for place in range(240)],
            "label": [label for _, label in rows],
        }
    )
    out = tmp_path / "both"
    config = archwise.Config(only=("textcnn", "tfidf", "trees"), workers=1)
    fitted = archwise.fit(frame, target="label", budget="200steps", out=out, config=config)
    assert {trial["candidate"]["architecture"] for trial in fitted.trials} >= {"textcnn", "tfidf", "trees"}
    assert archwise.predict(out, {"text": "good great", "stars": 2.0}).answers["prediction"][0] == "yes"


@pytest.mark.whole
def test_a_number_is_told_from_a_text(tmp_path: Path) -> None:
    rows = reviews(200, seed=3)
    frame = pl.DataFrame(
        {"text": [text for text, _ in rows], "stars": [4.5 if label == "yes" else 1.5 for _, label in rows]}
    )
    config = archwise.Config(only=("tfidf",), workers=1)
    archwise.fit(frame.with_columns(pl.col("stars") + pl.int_range(200) / 1_000), target="stars", budget="50steps",
                 out=tmp_path / "stars", config=config)  # fmt: skip
    answers = archwise.predict(tmp_path / "stars", {"text": ["good great lovely", "dull awful bad"]}).answers
    assert answers["prediction"][0] > answers["prediction"][1] + 1.0


@pytest.mark.whole
def test_lines_with_labels_need_no_options_and_the_finer_label_is_no_input(tmp_path: Path) -> None:
    for part, n in (("train", 200), ("test", 80)):
        (tmp_path / f"made.{part}").write_text(graded(n, seed=n), encoding="utf-8")
    assert fitted(tmp_path / "made.train", tmp_path / "made.archwise", "--only", "tfidf") == 0
    verdict = json.loads((tmp_path / "made.archwise" / "verdict.json").read_text())
    assert (verdict["test"]["source"], verdict["test"]["n_rows"]) == ("made.test", 80)
    answers = archwise.predict(tmp_path / "made.archwise", {"text": ["good lovely", "bad awful"]}).answers
    assert answers["prediction"].to_list() == ["YES", "NO"]
    assert archwise.predict(tmp_path / "made.archwise", tmp_path / "made.test").answers.height == 80


@pytest.mark.whole
def test_several_texts_of_a_row_are_read_and_explained_as_one(tmp_path: Path) -> None:
    both = zip(reviews(300, 0), reviews(300, 1), strict=True)
    lines = [f"{title},{body},{label}\n" for (title, label), (body, _) in both]
    (tmp_path / "made.csv").write_text("title,body,label\n" + "".join(lines))
    out = tmp_path / "made.archwise"
    assert fitted(tmp_path / "made.csv", out, "--target", "label", "--only", "tfidf,bag") == 0
    answers = archwise.predict(out, {"title": ["good lovely", None], "body": [None, "bad awful"]}).answers
    assert answers["prediction"].to_list() == ["yes", "no"]
    one = archwise.predict(out, {"title": "good", "body": "lovely"}).answers
    assert one["p:yes"][0] == pytest.approx(answers["p:yes"][0], abs=1e-6)
    explained = archwise.explain(out, "a lovely word1 with a word2")
    assert explained.words_of(explained.strongest[0]) == "lovely"
