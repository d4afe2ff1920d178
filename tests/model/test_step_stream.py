"""Rows that are answered as their steps come in: however they are cut, the answer is that of the whole until then."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import archwise
from archwise import cli
from archwise.architectures import architecture, need_of
from archwise.data.prepare import apply_preparation, fit_preparation, inputs_of, parse_columns
from archwise.errors import ColumnError, DataError, UsageError
from archwise.model.folder import ModelContent, ModelFacts, write_model
from archwise.model.predict import Model, load, predict
from archwise.model.step_stream import open_stream
from archwise.records import Candidate, Plan, Scalar, Signature, settings_of
from archwise.tasks import task

torch = pytest.importorskip("torch")
from archwise.choice import export as choice_export  # noqa: E402
from archwise.model.export import export_carried, export_network  # noqa: E402  they need torch
from archwise.training.carried import CarriedNetwork  # noqa: E402
from archwise.training.network import make_network  # noqa: E402

WORDS = ("the", "film", "was", "good", "bad", "it", "is", "not", "a", "end", "NA", "dull,", "Don't", "so-so", "3.5")
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def two_channels(n: int, longest: int = 30) -> pl.Series:
    rng = np.random.default_rng(n)
    return pl.Series("row", [rng.normal(5, 2, (2, rng.integers(5, longest + 1))).tolist() for _ in range(n)])


def one_channel(n: int, longest: int = 30) -> pl.Series:
    rng = np.random.default_rng(n)
    return pl.Series("row", [rng.normal(5, 2, rng.integers(5, longest + 1)).tolist() for _ in range(n)])


def texts(n: int) -> pl.Series:
    rng = np.random.default_rng(n)
    return pl.Series("row", [" ".join(rng.choice(WORDS, rng.integers(3, 20))) for _ in range(n)])


def make_model(
    place: Path, cell: str, rows: pl.Series, *, kind: str = "series", beside: bool = False, **changed: Scalar
) -> Model:
    """A model of a network that has learnt nothing, on 40 rows."""
    frame = pl.DataFrame([rows, pl.Series("age", np.arange(len(rows)) % 9, dtype=pl.Float64)])
    columns = (("row", kind), ("age", "number")) if beside else (("row", kind),)
    entry, asked = architecture(cell), task("classify")
    chosen = {**entry.defaults(), "width": 6, "embedding": 16, "both_ways": False, **changed}
    candidate = Candidate(cell, settings_of(chosen.items()), Plan(), cell)
    typed = parse_columns(frame, columns).frame
    preparation = fit_preparation(typed, columns, need=need_of(candidate))
    state = asked.encode_fit(pl.Series("label", ["yes", "no"] * (len(rows) // 2)))
    signature = Signature(inputs_of(preparation), asked.n_outputs(state))
    network = make_network(entry, candidate, signature, asked, state).eval()
    batch = apply_preparation(preparation, typed)
    facts = ModelFacts(
        task="classify", target="label", target_state=state, calibration={}, columns=columns,
        layout=(*frame.columns, "label"), signature=signature, need=need_of(candidate), candidate=candidate,
        metric="accuracy", validation={}, test={}, profile={}, sealed="0" * 64, created="2026-11-24T12:00:00+00:00",
    )  # fmt: skip
    forwards = not chosen["both_ways"]
    content = ModelContent(
        facts, preparation, export_network(network, batch, signature), {"chosen": cell, "reasons": []}, [],
        "seed = 0\n",
        stream=export_carried(CarriedNetwork([network]), batch, signature) if forwards else None,
    )  # fmt: skip
    write_model(place / "m.archwise", content)
    return load(place / "m.archwise")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Model]:
    """Makes each model once."""
    known: dict[str, Model] = {}

    def make(cell: str, rows: Callable[[int], pl.Series], **options: Scalar) -> Model:
        name = f"{cell} {rows.__name__} {options}"
        if name not in known:
            known[name] = make_model(tmp_path_factory.mktemp("stream"), cell, rows(40), **options)  # type: ignore[arg-type]
        return known[name]

    return make


def whole(model: Model, cell: object, **beside: object) -> pl.DataFrame:
    frame = pl.DataFrame({"row": [cell], **{name: [value] for name, value in beside.items()}})
    return predict(model, frame).answers


def agree(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    assert found.columns == expected.columns
    for name in found.columns[1:]:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


known_values = st.floats(-9, 19, allow_nan=False, width=32)
gappy = st.one_of(known_values, known_values, known_values, st.just(float("nan")))


class TestSeries:
    @pytest.mark.parametrize(
        ("cell", "pooling"), [("rnn", "max"), ("lstm", "attention"), ("gru", "mean"), ("lstm", "last")]
    )
    @quick
    @given(
        steps=st.lists(st.tuples(gappy, gappy), min_size=1, max_size=50),
        cuts=st.lists(st.integers(0, 50), max_size=6),
    )
    def test_cut_anywhere_it_answers_as_the_whole_until_then(
        self, made: Callable[..., Model], cell: str, pooling: str, steps: list[tuple[float, float]], cuts: list[int]
    ) -> None:
        model = made(cell, two_channels, pooling=pooling, layers=2)
        stream = open_stream(model)
        ends = sorted({*(cut for cut in cuts if cut < len(steps)), len(steps)})
        for start, end in zip([0, *ends], ends, strict=False):
            found = stream.send(steps[start:end])
            seen = np.array(steps[:end]).reshape(-1, 2)
            agree(found.answers, whole(model, seen.T.tolist() if len(seen) else None))
            assert found.answers["prediction"].dtype == pl.String

    def test_before_its_first_step_it_answers_as_an_empty_series(self, made: Callable[..., Model]) -> None:
        model = made("gru", one_channel)
        stream = open_stream(model)
        agree(stream.send().answers, whole(model, None).cast({"prediction": pl.String}))
        assert stream.n_read == 0
        agree(stream.send([1.0, 2.0]).answers, whole(model, [1.0, 2.0]))
        agree(stream.send().answers, whole(model, [1.0, 2.0]))
        assert stream.n_read == 2

    def test_long_series_that_are_read_several_steps_at_a_time(self, tmp_path: Path) -> None:
        model = make_model(tmp_path, "gru", one_channel(20, 2_500), pooling="mean")
        steps, stream = np.random.default_rng(0).normal(5, 2, 2_000), open_stream(model)
        steps[[3, 700, 701]] = np.nan
        for start, end in ((0, 1), (1, 4), (4, 701), (701, 1_333), (1_333, 2_000)):
            agree(stream.send(steps[start:end]).answers, whole(model, steps[:end].tolist()))

    def test_what_lies_behind_the_steps_that_are_read_changes_nothing_and_is_said(
        self, made: Callable[..., Model]
    ) -> None:
        model = made("lstm", one_channel, pooling="mean")
        steps, stream = np.random.default_rng(0).normal(5, 2, 90), open_stream(model)
        first = stream.send(steps[:60])
        assert stream.is_full
        assert "the model reads 45 steps of a row" in first.findings[0].message
        again = stream.send(steps[60:])
        assert again.findings == ()
        agree(again.answers, first.answers)
        agree(again.answers, whole(model, steps.tolist()))

    @pytest.mark.parametrize(
        ("steps", "told"),
        [
            ([[1.0, 2.0, 3.0]], "steps of the shape (1, 3), where 2 channels were learnt from"),
            ([1.0, 2.0, 3.0], "where 2 channels were learnt from"),
            ("soon", "steps are numbers"),
            ([[1.0, float("inf")]], "a step holds an infinite value"),
        ],
    )
    def test_steps_that_cannot_be_read_are_one_error_and_are_not_read(
        self, made: Callable[..., Model], steps: object, told: str
    ) -> None:
        model = made("rnn", two_channels)
        stream = open_stream(model)
        stream.send([[1.0, 2.0]])
        with pytest.raises(DataError) as raised:
            stream.send(steps)
        assert told in str(raised.value)
        agree(stream.send([3.0, None]).answers, whole(model, [[1.0, 3.0], [2.0, None]]))

    def test_columns_beside_it_are_given_at_its_beginning(self, made: Callable[..., Model]) -> None:
        model = made("gru", one_channel, beside=True)
        stream = open_stream(model, {"age": 4})
        agree(stream.send([1.0, 2.0]).answers, whole(model, [1.0, 2.0], age=4))
        agree(stream.send([6.0]).answers, whole(model, [1.0, 2.0, 6.0], age=4))
        with pytest.raises(ColumnError, match="columns are missing: 'age'"):
            open_stream(model)
        with pytest.raises(DataError, match="'old' is not a number"):
            open_stream(model, {"age": "old"})


class TestTexts:
    @pytest.mark.parametrize(("kind", "unit"), [("text", "word"), ("text", "subword"), ("words", "word")])
    @quick
    @given(
        words=st.lists(
            st.sampled_from((*WORDS, "new", "?", "e\u0301t\u00e9", "\u3053\u3093")), min_size=1, max_size=30
        ),
        cuts=st.lists(st.integers(0, 30), max_size=6),
        listed=st.booleans(),
    )
    def test_cut_between_words_it_answers_as_the_whole_until_then(
        self, made: Callable[..., Model], kind: str, unit: str, words: list[str], cuts: list[int], listed: bool
    ) -> None:
        model = made("lstm", texts, kind=kind, unit=unit, pooling="max")
        stream = open_stream(model)
        ends = sorted({*(cut for cut in cuts if cut < len(words)), len(words)})
        for start, end in zip([0, *ends], ends, strict=False):
            part = words[start:end]
            found = stream.send(part if listed else " ".join(part))
            agree(found.answers, whole(model, " ".join(words[:end])))

    def test_what_is_no_text_is_said(self, made: Callable[..., Model]) -> None:
        with pytest.raises(DataError, match="text or a list of words, and not int"):
            open_stream(made("lstm", texts, kind="text", unit="word", pooling="max")).send(3)


class TestWhyNot:
    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (
                {"both_ways": True},
                "gru reads both ways, and backwards a row begins at its end; fit with --set gru.both",
            ),
            ({"scale": "row"}, "each series is scaled by all of its own steps; fit with --set gru.scale=channel"),
        ],
    )
    def test_a_recurrent_network_says_which_setting(self, tmp_path: Path, change: dict[str, Scalar], told: str) -> None:
        model = make_model(tmp_path, "gru", one_channel(40), **change)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="cannot answer step by step") as raised:
            open_stream(model)
        assert told in str(raised.value)

    def test_others_say_why_too(self, models: dict[str, Model], made: Callable[..., Model]) -> None:
        with pytest.raises(UsageError, match="trees reads a row as a whole; fit with --only lstm"):
            archwise.stream(models["regress"])
        model = made("gru", one_channel)
        for name, told in (("tag", "a word that comes may change the tags before"), ("forecast", "reads a window of")):
            with pytest.raises(UsageError, match=told):
                open_stream(replace(model, facts=replace(model.facts, task=name)))
        with pytest.raises(UsageError, match=r"its folder holds no stream\.onnx"):
            open_stream(replace(model, stream=b""))


def test_it_needs_no_torch(made: Callable[..., Model]) -> None:
    script = (
        "import sys; sys.modules['torch'] = None; import archwise; "
        f"print(archwise.stream({str(made('gru', one_channel).folder)!r}).send([1.0, 2.0]).answers.height)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "1\n", done.stderr


class TestCommandLine:
    def test_a_line_is_answered_as_soon_as_it_is_there(
        self, made: Callable[..., Model], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        model = made("rnn", two_channels)
        monkeypatch.setattr("sys.stdin", iter(["1.5,2\n", "\n", "?,3\n"]))
        assert cli.main(["predict", str(model.folder), "--stream"]) == 0
        answers = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        assert len(answers) == 3
        assert answers[0] == answers[1]
        expected = whole(model, [[1.5, None], [2.0, 3.0]])
        assert answers[2]["p:yes"] == pytest.approx(expected["p:yes"][0], abs=1e-5)
        monkeypatch.setattr("sys.stdin", iter(["1.5,2\n", "1.5,x\n"]))
        assert cli.main(["predict", str(model.folder), "--stream"]) == 3
        assert "line 2: could not convert string to float: 'x'; write one step a line" in capfd.readouterr().err
        assert cli.main(["predict", str(model.folder), "rows.csv", "--stream"]) == 2
        assert "--stream reads steps from standard input" in capfd.readouterr().err

    def test_columns_beside_are_options(
        self, made: Callable[..., Model], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        folder = str(made("gru", one_channel, beside=True).folder)
        monkeypatch.setattr("sys.stdin", iter(["1.5\n"]))
        assert cli.main(["predict", folder, "--stream", "--beside", "age=4"]) == 0
        expected = whole(load(Path(folder)), [1.5], age=4)
        assert json.loads(capfd.readouterr().out)["p:yes"] == pytest.approx(expected["p:yes"][0], abs=1e-5)
        for options, code, told in (
            ([], 3, "columns are missing: 'age'"),
            (["--beside", "agee=4"], 3, "Did you mean 'agee'?"),
            (["--beside", "age=old"], 3, "'old' is not a number"),
            (["--beside", "age"], 2, "write name=value"),
        ):
            assert cli.main(["predict", folder, "--stream", *options]) == code
            assert told in capfd.readouterr().err
        assert cli.main(["predict", folder, "rows.csv", "--beside", "age=4"]) == 2
        assert "--beside is of --stream" in capfd.readouterr().err


def test_a_form_in_parts_that_answers_otherwise_is_not_written_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, asked = architecture("gru"), task("classify")
    chosen = {**entry.defaults(), "width": 6, "both_ways": False}
    candidate = Candidate("gru", settings_of(chosen.items()), Plan(), "gru")
    frame = parse_columns(pl.DataFrame([one_channel(8)]), (("row", "series"),)).frame
    preparation = fit_preparation(frame, (("row", "series"),), need=need_of(candidate))
    rows = apply_preparation(preparation, frame)
    state = asked.encode_fit(pl.Series("label", ["yes", "no"] * 4))
    network = make_network(entry, candidate, Signature(inputs_of(preparation), asked.n_outputs(state)), asked, state)
    with torch.inference_mode():
        expected = network.eval()(torch.from_numpy(rows["series"])).numpy()
    ground = SimpleNamespace(profile=SimpleNamespace(task="classify"), target_state=state)
    place = tmp_path / "stream.onnx"
    monkeypatch.setattr(choice_export, "outputs_in_parts", lambda session, batch, seed: 1.0 - expected)
    (told,) = choice_export._write_stream(place, ground, [network], rows, expected)  # type: ignore[arg-type]
    assert "does not answer step by step as it answers whole rows" in told
    assert not place.exists()
    monkeypatch.undo()
    assert choice_export._write_stream(place, ground, [network], rows, expected) == ()  # type: ignore[arg-type]
    assert place.exists()
