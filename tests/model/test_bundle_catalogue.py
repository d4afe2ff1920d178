"""Every architecture of the catalogue is exported, with its preparation and its answers, as float and in int8."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from archwise import use
from archwise.architectures import architectures, need_of
from archwise.data.prepare import apply_preparation, fit_preparation, inputs_of, parse_columns
from archwise.data.timeline.prepare import as_preparation, batch_at, prepare_steps, state_of, targets_at
from archwise.errors import UsageError
from archwise.model.folder import ModelContent, ModelFacts, write_model
from archwise.model.forecast import read_as_trained
from archwise.model.predict import load
from archwise.model.session import open_session, outputs
from archwise.records import Architecture, Batch, Candidate, Plan, Scalar, Signature, Table, settings_of
from archwise.tasks import task

torch = pytest.importorskip("torch")
from tiny_encoder import KINDS, make_encoder  # noqa: E402

from archwise.model.export import export_network  # noqa: E402  it needs torch
from archwise.training.network import make_network  # noqa: E402

GOLDEN = Path(__file__).parent / "golden"
INHERITS = sorted(name for name, entry in architectures().items() if entry.inherits is not None)
MADE = sorted(set(architectures()) - set(INHERITS))
READS = {"rnn": "tags", "lstm": "forecast", "gru": "series", "transformer": "texts"}  # one of all that these read
SMALL: Mapping[str, Scalar] = {
    "width": 16, "embedding": 16, "layers": 1, "filters": 8, "blocks": 1, "size": 12, "trees": 10, "depth": 1,
    "heads": 2, "vocabulary": 500,
}  # fmt: skip


def data_of(name: str, entry: Architecture) -> str:
    """The golden folder whose rows an architecture reads."""
    by_form = {"sequence": "tags", "window": "forecast"}.get(entry.gives[0])
    by_kind = {"image": "pictures", "text": "texts", "series": "series"}
    return READS.get(name) or by_form or by_kind.get(entry.reads[0], "table")


def candidate_of(name: str, entry: Architecture, **given: Scalar) -> Candidate:
    small = {**SMALL, "past": 24} if data_of(name, entry) == "forecast" else SMALL
    settings = {key: small.get(key, value) for key, value in entry.defaults().items()}
    return Candidate(name, settings_of({**settings, **given}.items()), Plan(), name)


def targets_of(kind: str, n: int, state: Mapping[str, Any], words: Any) -> np.ndarray:
    """Some answer to every row, or to every word of it."""
    rng = np.random.default_rng(0)
    if kind != "tag":
        return rng.integers(0, len(state["classes"]), n)
    return np.where(np.asarray(words) > 0, rng.integers(0, len(state["classes"]), np.shape(words)), -1)


def written(candidate: Candidate, facts: ModelFacts, batch: Batch, targets: np.ndarray) -> bytes:
    """A reference that is fitted, or a network as it begins, in ONNX."""
    entry, signature = architectures()[candidate.architecture], facts.signature
    if entry.solve is not None:
        return entry.solve(signature, dict(candidate.settings), batch, targets, facts.task, 0).onnx
    network = make_network(entry, candidate, signature, task(facts.task), facts.target_state)
    return export_network(network, batch, signature)


def content_of(name: str, golden: Path, **given: Scalar) -> ModelContent:
    """What a golden folder holds, with a model of another architecture in the place of its own."""
    entry, held = architectures()[name], load(golden / "format-1")
    candidate, state = candidate_of(name, entry, **given), dict(held.facts.target_state)
    need = need_of(candidate)
    rows: Any = pl.concat([pl.read_parquet(golden / "rows.parquet")] * 12)
    if held.facts.task == "forecast":
        kept = state_of(held.preparation)
        need = replace(need, past=need.past or 24)
        preparation = as_preparation({**kept, "tail": kept["tail"][:, -need.past :]}, need)
        timeline = read_as_trained(state_of(preparation), Table(pl.read_parquet(golden / "rows.parquet"), "rows"))
        steps, places = prepare_steps(kept, timeline), np.arange(24, 43)
        batch = {each: np.asarray(array) for each, array in batch_at(kept, steps, places, past=need.past).items()}
        targets = np.asarray(targets_at(kept, timeline, steps, places))
    else:
        typed = parse_columns(rows, held.facts.columns).frame
        preparation = fit_preparation(typed, held.facts.columns, need=need)
        batch = apply_preparation(preparation, typed)
        targets = targets_of(held.facts.task, len(rows), state, batch.get("tokens", ()))
    form, horizon = held.facts.signature.form, held.facts.signature.horizon
    signature = Signature(inputs_of(preparation), held.facts.signature.n_outputs, 0.0, form, horizon)
    facts = replace(held.facts, candidate=candidate, signature=signature, need=need)
    onnx = written(candidate, facts, batch, targets)
    if held.facts.task != "forecast":
        given = outputs(open_session(onnx), batch)
        facts = replace(facts, calibration=task(facts.task).calibrate(state, given, targets))
    return ModelContent(facts, preparation, onnx, {"reasons": [], "next_steps": []}, [], "seed = 0\n")


@pytest.mark.parametrize("name", MADE)
def test_every_architecture_answers_as_predict_does(name: str, tmp_path: Path) -> None:
    golden = GOLDEN / data_of(name, architectures()[name])
    write_model(tmp_path / "m", content_of(name, golden))
    assert use.export(tmp_path / "m", tmp_path / "made-up").largest < 1e-5
    rows = golden / "rows.parquet"
    if golden.name != "forecast":  # so many that they calibrate
        rows = tmp_path / "rows.parquet"
        pl.concat([pl.read_parquet(golden / "rows.parquet")] * 12).write_parquet(rows)
    assert use.export(tmp_path / "m", tmp_path / "real", rows=rows).are_real
    found = in_int8(tmp_path / "m", tmp_path / "real", rows)
    assert found in ("", f"--int8: {name} has no matrix of float32 that int8 could hold; export it without --int8")


def in_int8(folder: Path, out: Path, rows: Path) -> str:
    """Why a model is not written in int8; else its answers are near those in float."""
    try:
        deviation = use.export(folder, out, rows=rows, int8=True).integer["deviation"]
    except UsageError as refused:
        return str(refused)
    return "" if deviation < 0.1 else f"{deviation} apart"


@pytest.mark.parametrize("kind", [*KINDS, "letters"])
def test_an_example_makes_the_numbers_of_a_text_as_predict_does(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "letters":
        content = content_of("tfidf", GOLDEN / "texts", unit="letter")
    else:
        pytest.importorskip("transformers")
        make_encoder(tmp_path / "encoder", kind)
        content = content_of("text-encoder", GOLDEN / "texts", encoder=str(tmp_path / "encoder"))
    write_model(tmp_path / "m", content)
    use.export(tmp_path / "m", tmp_path / "out", rows=GOLDEN / "texts" / "rows.parquet")
    for text in ("A fine [SEP] film <pad>, it's", "", "plot " * 200):
        monkeypatch.setattr(sys, "argv", ["example.py", text])
        answers = runpy.run_path(str(tmp_path / "out" / "example.py"))["answers"]
        expected = use.predict(tmp_path / "m", {"text": [text]}).answers.select(pl.col("^p:.*$")).row(0)
        np.testing.assert_allclose(answers["probabilities"][0], expected, atol=1e-5)


def test_a_network_of_imagenet_answers_as_predict_does_from_pictures_of_any_size(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    write_model(tmp_path / "m", content_of("imagenet-squeezenet", GOLDEN / "pictures", member="squeezenet1_1"))
    assert use.export(tmp_path / "m", tmp_path / "out").n_rows == 8
    assert use.export(tmp_path / "m", tmp_path / "out", rows=GOLDEN / "pictures" / "rows.parquet").are_real


def test_amounts_are_read_and_forecast_by_their_logarithm(tmp_path: Path) -> None:
    content = content_of("window-ridge", GOLDEN / "forecast")
    (column,) = content.preparation.columns
    means, scales = (column.state[name].copy() for name in ("means", "scales"))
    means[:, 0], scales[:, 0] = np.log(means[:, 0]), 0.2
    state = {**column.state, "logs": [True, False, False], "means": means, "scales": scales}
    preparation = replace(content.preparation, columns=(replace(column, state=state),))
    write_model(tmp_path / "m", replace(content, preparation=preparation))
    written = use.export(tmp_path / "m", tmp_path / "out", rows=GOLDEN / "forecast" / "rows.parquet")
    assert written.largest < 1e-5
    low = use.predict(tmp_path / "m", pl.read_parquet(GOLDEN / "forecast" / "rows.parquet")).answers["low"]
    assert (low > 0).all()  # as no end is that is raised
