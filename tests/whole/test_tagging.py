"""From a CoNLL file to tagged sentences, through the command line."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest
import seqeval.metrics

from archwise import use
from archwise.cli import main

PLACES, PEOPLE = ("Paris", "Rome", "Oslo", "New York"), ("Ada Lovelace", "Alan Turing", "Grace")
pytestmark = pytest.mark.whole
FRAMES = ("{p} lives in {l} .", "we went to {l} with {p}", "nobody knows .", "{l} is far from {l}", "ask {p} !")


def sentences(n: int, seed: int) -> list[list[tuple[str, str]]]:
    chance, made = random.Random(seed), []
    for _ in range(n):
        pairs: list[tuple[str, str]] = []
        for part in chance.choice(FRAMES).split():
            name = {"{p}": ("PER", PEOPLE), "{l}": ("LOC", PLACES)}.get(part)
            words = chance.choice(name[1]).split() if name else [part]
            pairs += [
                (word, f"{'B' if not place else 'I'}-{name[0]}" if name else "O") for place, word in enumerate(words)
            ]
        made.append([*pairs, *[(f"w{chance.randrange(9)}", "O")] * chance.randrange(3)])
    return made


def write(path: Path, made: list[list[tuple[str, str]]]) -> Path:
    path.write_text("".join("".join(f"{word}\t{tag}\n" for word, tag in each) + "\n" for each in made))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tagging")
    data = write(folder / "news.conll", sentences(300, 0))
    options = ["--task", "tag", "--only", "gru", "--set", "gru.width=16", "--set", "plan.epochs=20"]
    code = main(
        ["fit", str(data), *options, "--budget", "600steps", "--workers", "1", "--out", str(folder / "m"), "--quiet"]
    )
    assert code == 0
    return folder / "m"


def test_entities_decide_and_their_f1_is_told(model: Path) -> None:
    verdict = json.loads((model / "verdict.json").read_text())
    assert verdict["metric"] == "entity_f1"
    assert verdict["test"]["score"] > 0.8


def test_answers_come_as_conll_and_score_as_seqeval_scores_them(model: Path, tmp_path: Path) -> None:
    fresh = sentences(120, 7)
    data = write(tmp_path / "new.conll", fresh)
    assert main(["predict", str(model), str(data), "--out", str(tmp_path / "out.conll"), "--quiet"]) == 0
    told = [
        [line.split("\t") for line in each.split("\n")]
        for each in (tmp_path / "out.conll").read_text().strip().split("\n\n")
    ]
    assert [[word for word, _ in each] for each in told] == [[word for word, _ in each] for each in fresh]
    scored = use.evaluate(model, data)
    true, found = ([[tag for _, tag in each] for each in some] for some in (fresh, told))
    assert scored["scores"]["entity_f1"] == pytest.approx(seqeval.metrics.f1_score(true, found))
    assert scored["n_rows"] == 120


def test_answers_come_as_tables(model: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "new.conll", sentences(5, 7))
    for name in ("a.csv", "a.parquet", "a.jsonl"):
        assert main(["predict", str(model), str(data), "--out", str(tmp_path / name), "--quiet"]) == 0
    lists = pl.read_parquet(tmp_path / "a.parquet")
    assert lists.schema["prediction"] == pl.List(pl.String)
    assert (lists["words"].list.len() == lists["p"].list.len()).all()
    assert pl.read_csv(tmp_path / "a.csv")["prediction"].to_list() == lists["prediction"].list.join(" ").to_list()


def test_words_come_as_lists_or_as_text_alike(model: Path) -> None:
    words = ["ask", "Grace", "!"]
    as_lists = use.predict(model, {"words": [words]}).answers
    as_text = use.predict(model, {"words": ["ask Grace !"]}).answers
    as_frame = use.predict(model, pl.DataFrame({"words": [words]})).answers
    assert as_lists["words"].to_list() == [words]
    assert as_lists.equals(as_text)
    assert as_lists.equals(as_frame)


def test_a_sentence_is_answered_alike_alone(model: Path) -> None:
    words = [[word for word, _ in each] for each in sentences(20, 3)]
    together = use.predict(model, {"words": words}).answers
    for row, each in enumerate(words):
        alone = use.predict(model, {"words": [each]}).answers
        assert alone["prediction"][0].to_list() == together["prediction"][row].to_list()


def test_empty_and_overlong_sentences_have_answers(model: Path) -> None:
    answered = use.predict(model, {"words": [["Grace"] * 2_000, [], ["\U0001f642", ""]]})
    assert answered.answers["prediction"].list.len().to_list() == [2_000, 0, 2]
    assert answered.answers["prediction"][0][-1] == "O"
    assert "more words than the" in answered.findings[-1].message


def test_rows_with_more_tags_than_words_are_left_out(model: Path) -> None:
    scored = use.evaluate(model, {"words": [["ask", "Grace"], ["nobody"]], "tags": [["O"], ["O"]]})
    assert (scored["n_rows"], scored["n_left_out"]) == (1, 1)


def test_what_moved_a_tag_is_not_explained_and_that_is_said(model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(model), "ask Ada"]) == 2
    said = capfd.readouterr().err
    assert "tags every word of a sentence, and explain is for one answer a row" in said
    assert said.count("\n") == 1
