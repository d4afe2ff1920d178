"""Published encoders of texts: their vectors are those of transformers, in whatever batch, and in the written model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from archwise.architectures import architecture, encoder_weights
from archwise.architectures.encoder_weights import find_encoder_weights
from archwise.blocks.pretrained import load_model
from archwise.data.encoder import FIRST_FOUND, find_encoder
from archwise.data.kinds.text import apply_text, fit_text, one_text, spec_text
from archwise.errors import ModelError
from archwise.model.export import export_network
from archwise.model.session import open_session, outputs
from archwise.records import Array, Candidate, ColumnProfile, InputSpec, Plan, Profile, Scalar, Signature
from archwise.records import settings_of as in_order
from archwise.tasks import main_metric, task
from archwise.training.landing import Limit
from archwise.training.loop import Examples, Tools, TrainJob, train
from archwise.training.network import Network, above_trunk, learnt_weights, make_network, take_over
from archwise.training.optimizer import make_optimizer

transformers = pytest.importorskip("transformers")
from tiny_encoder import KINDS, TEXTS, change, make_encoder  # noqa: E402

ENTRY = architecture("text-encoder")
TASK = task("classify")
STATE = {"classes": ["a", "b"], "counts": [4, 4], "positive": 1}
STRANGE = ["", "[PAD]", "a [SEP] <pad> b", "\U0001f44d", "film " * 200]
over_kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoders")
    for kind in KINDS:
        make_encoder(folder / kind, kind)
    return folder


@pytest.fixture(autouse=True)
def nothing_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("ARCHWISE_WEIGHTS", raising=False)


def tokens_of(folder: Path, texts: list[str], **settings: Scalar) -> tuple[Array, Signature]:
    need = ENTRY.need_of({**ENTRY.defaults(), "encoder": str(folder), **settings})
    state = fit_text(pl.Series("text", TEXTS), need)
    (((longest,), levels),) = spec_text(state).values()  # type: ignore[misc]
    spec = InputSpec("tokens", "int64", longest, levels, (longest,))
    return apply_text(state, pl.Series("text", texts))["tokens"], Signature((spec,), 2)


def made(folder: Path, signature: Signature, plan: Plan | None = None, **settings: Scalar) -> Network:
    chosen = {**ENTRY.defaults(), "encoder": str(folder), **settings}
    network = make_network(
        ENTRY, Candidate("text-encoder", in_order(chosen.items()), plan or Plan()), signature, TASK, STATE
    )
    assert ENTRY.inherits is not None
    return take_over(network, ENTRY.inherits(chosen, False)).eval()


@over_kinds
@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_features_are_those_of_transformers_for_each_text_alone(
    encoders: Path, kind: str, pooling: str, mode: str
) -> None:
    from tokenizers import Tokenizer

    texts = [*TEXTS, "", "film " * 200]
    tokens, signature = tokens_of(encoders / kind, texts)
    network = made(encoders / kind, signature, mode=mode, thaw=1, pooling=pooling)
    theirs = transformers.AutoModel.from_pretrained(encoders / kind).eval()
    own = Tokenizer.from_file(str(encoders / kind / "tokenizer.json"))
    own.no_padding()
    own.enable_truncation(tokens.shape[1])
    with torch.no_grad():
        found = network.body._features({"tokens": torch.from_numpy(tokens)})
        for row, text in enumerate(texts):
            states = theirs(input_ids=torch.tensor([own.encode(text).ids])).last_hidden_state
            expected = states[0, 0] if pooling == "cls" else states[0].mean(0)
            torch.testing.assert_close(found[row], expected, rtol=1e-5, atol=1e-5)


@over_kinds
def test_nought_is_padding_and_no_text_can_write_it(encoders: Path, kind: str) -> None:
    tokens, _ = tokens_of(encoders / kind, STRANGE)
    ends = [np.flatnonzero(row)[-1] + 1 for row in tokens]
    assert all((row[:end] != 0).all() for row, end in zip(tokens, ends, strict=True))
    assert ends[0] == 2  # of an empty text the two tokens around it are left
    need = ENTRY.need_of({**ENTRY.defaults(), "encoder": str(encoders / kind)})
    read = one_text(fit_text(pl.Series("text", TEXTS), need))
    for row, text in enumerate(STRANGE):
        alone = read(text)
        assert alone is not None
        np.testing.assert_array_equal(alone["tokens"][0], tokens[row])


@over_kinds
@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_the_written_model_agrees_alone_and_with_any_padding(encoders: Path, kind: str, mode: str) -> None:
    tokens, signature = tokens_of(encoders / kind, [*TEXTS, *STRANGE], longest=24)
    network = made(encoders / kind, signature, mode=mode, thaw=1)
    with torch.no_grad():
        expected = network(torch.from_numpy(tokens)).numpy()
        narrow = network(torch.from_numpy(tokens.astype(np.int16))).numpy()
        alone = [network(torch.from_numpy(row[None, : np.flatnonzero(row)[-1] + 1])).numpy() for row in tokens]
    np.testing.assert_array_equal(narrow, expected)
    np.testing.assert_allclose(np.concatenate(alone), expected, atol=1e-5)
    session = open_session(export_network(network, {"tokens": tokens}, signature))
    np.testing.assert_allclose(outputs(session, {"tokens": tokens}), expected, atol=1e-4)
    for row in range(len(tokens)):
        one = outputs(session, {"tokens": tokens[row : row + 1]})
        np.testing.assert_allclose(one[0], expected[row], atol=1e-5)


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_what_the_trunk_gave_stands_for_the_text(encoders: Path, mode: str) -> None:
    tokens, signature = tokens_of(encoders / "bert", TEXTS)
    network = made(encoders / "bert", signature, mode=mode, thaw=1)
    given = torch.from_numpy(tokens)
    with torch.no_grad():
        expected = network(given)
        held = network.body.trunk({"tokens": given})
        short = above_trunk(network, tuple(held.shape[1:]))
        names = [spec.name for spec in short.signature.inputs]
        batch = {"tokens": given, "trunk": held, "steps": held}
        assert torch.equal(short(*[batch[name] for name in names]), expected)
    assert names == (["trunk"] if mode == "frozen" else ["tokens", "steps"])
    assert not [name for name in short.state_dict() if "trunk" in name]


def test_fine_tuning_moves_the_upper_layers_and_leaves_the_rest_bit_equal(encoders: Path, tmp_path: Path) -> None:
    plan = Plan(epochs=2, batch=4, rate=1e-2, average=0.9)
    tokens, signature = tokens_of(encoders / "bert", TEXTS)
    network = made(encoders / "bert", signature, plan, mode="finetune", thaw=1)
    factors = sorted({group["factor"] for group in make_optimizer(network, plan).param_groups})
    assert factors == pytest.approx([0.05 * 0.7, 1.0])  # the vector of a row stands above the layer
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    rows = Examples({"tokens": tokens}, np.arange(len(TEXTS)) % 2)
    job = TrainJob(TASK, STATE, main_metric(TASK, STATE, "accuracy"), plan, "cpu")
    ends = []
    for name, stops in (("whole", (2.0,)), ("parts", (1.0, 2.0))):
        for stop in stops:
            network = made(encoders / "bert", signature, plan, mode="finetune", thaw=1)
            tools = Tools(tmp_path / name, lambda point: None, lambda: 0.0)
            train(network, job, train=rows, valid=rows, limit=Limit(stop), tools=tools)
        ends.append(learnt_weights(network))
    after = network.state_dict()
    assert all(torch.equal(after[name], held) for name, held in before.items() if name.startswith("body.trunk."))
    assert any(not torch.equal(after[name], held) for name, held in before.items() if name.startswith("body.upper."))
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


@pytest.mark.parametrize("wrapped", ["BertForMaskedLM", "old"])
def test_the_encoder_inside_a_network_for_another_task_is_read(encoders: Path, tmp_path: Path, wrapped: str) -> None:
    from safetensors.torch import load_file, save_file

    own = load_file(encoders / "bert" / "model.safetensors")
    if wrapped == "old":
        renamed = {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
            for name, tensor in own.items()
        }
        save_file(renamed, tmp_path / "model.safetensors")
    else:
        headed = {f"bert.{name}": tensor for name, tensor in own.items() if not name.startswith("pooler")}
        save_file({**headed, "cls.bias": torch.zeros(3)}, tmp_path / "model.safetensors")
    loaded = load_model("transformers", str(encoders / "bert"), tmp_path / "model.safetensors").state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in own.items() if not name.startswith("pooler"))


def test_weights_of_another_encoder_are_refused_with_what_is_wrong(encoders: Path) -> None:
    with pytest.raises(ModelError, match=r"the weights are of another network: \d+ missing"):
        load_model("transformers", str(encoders / "bert"), encoders / "distilbert" / "model.safetensors")


def broken(folder: Path, how: str) -> None:
    """Break a folder in one way."""
    if how == "configuration":
        (folder / "config.json").write_text("{")
    elif how == "kind":
        change(folder, model_type="gpt2")
    elif how == "size":
        change(folder, hidden_size=None)
    elif how == "fewer":
        change(folder, vocab_size=10)
    elif how == "pickled":
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    elif how == "cut":
        held = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(held[: len(held) // 2])
    elif how == "tokens":
        (folder / "tokenizer.json").write_text("{}")
    else:
        (folder / how).unlink()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("config.json", "config.json: there is no such file, so this is no folder of an encoder; name another"),
        ("configuration", "config.json: it cannot be read"),
        ("kind", "config.json: a gpt2; encoders that are read: bert, distilbert, roberta, xlm-roberta, camembert"),
        ("size", "config.json: 'hidden_size' is None, expected a whole number from 1; copy the file again"),
        ("fewer", "the encoder 10 tokens; it is of another one"),
        ("tokenizer.json", "tokenizer.json: there is no such file, by which the encoder's texts are cut"),
        ("tokens", "tokenizer.json: it cannot be read"),
        ("model.safetensors", "model.safetensors: there is no such file; save the encoder as safetensors"),
        ("pickled", "pytorch_model.bin beside it may hold code and is not read; save the encoder as safetensors"),
        ("cut", "model.safetensors: it is no whole file of safetensors; copy it again"),
    ],
)
def test_a_broken_folder_is_told_in_one_sentence(tmp_path: Path, how: str, told: str) -> None:
    folder = make_encoder(tmp_path / "own")
    broken(folder, how)
    found = find_encoder_weights(str(folder))
    assert found.file == ""
    assert told in found.why
    assert "\n" not in found.why


def test_who_is_nowhere_is_told_with_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ARCHWISE_WEIGHTS names no folder, and there is no folder none; name" in find_encoder_weights("none").why
    monkeypatch.setenv("ARCHWISE_WEIGHTS", str(tmp_path))
    why = find_encoder_weights("some/none").why
    assert why == f"the folder {tmp_path} has no some/none, and huggingface.co does not answer (HF_HUB_OFFLINE is set)"


def test_what_cannot_be_built_leaves_with_what_to_install(encoders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_weights, "find_spec", lambda name: None)
    why = find_encoder_weights(str(encoders / "bert")).why
    assert why == "transformers is not installed: pip install 'archwise[text]'"


def test_the_folder_of_weights_is_asked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHWISE_WEIGHTS", str(tmp_path))
    make_encoder(tmp_path / "bert-small", licence="mit")
    assert find_encoder(FIRST_FOUND) == tmp_path / "bert-small"
    assert find_encoder("owner/bert-small") == tmp_path / "bert-small"
    make_encoder(tmp_path / "all-MiniLM-L6-v2", seed=1)
    found = find_encoder_weights(FIRST_FOUND)
    assert Path(found.file).parent.name == "all-MiniLM-L6-v2"
    assert found.licence == "apache-2.0"
    assert found.origin == "the folder all-MiniLM-L6-v2"
    assert find_encoder_weights("bert-small").licence == "mit"


def test_the_publishers_own_pooling_is_taken_unless_another_is_asked_for(tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "own")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    tokens, signature = tokens_of(folder, TEXTS)
    given = torch.from_numpy(tokens)
    own, cls, mean = (made(folder, signature, pooling=name)(given) for name in ("published", "cls", "mean"))
    assert torch.equal(own, cls)
    assert not torch.equal(own, mean)


def test_the_name_of_a_trunk_tells_apart_what_it_gives(encoders: Path, tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "own")
    base = {**ENTRY.defaults(), "encoder": str(folder)}
    others = ({}, {"mode": "finetune"}, {"mode": "finetune", "thaw": 1}, {"pooling": "cls"}, {"longest": 9})
    assert ENTRY.inherits is not None
    names = [ENTRY.inherits({**base, **other}, False).trunk for other in others]
    change(folder, hidden_act="relu")
    names.append(ENTRY.inherits(base, False).trunk)
    assert len(set(names)) == len(names)


def profile_of(n_rows: int, kind: str) -> Profile:
    columns = (ColumnProfile("c", kind, "", True, 0, n_rows, {"words": 20.0, "usual": 45, "longest": 60}),)
    return Profile("a table", n_rows, columns, "y", "classify", "", ("a", "b"), (10, 12))


def test_it_is_the_likelier_the_fewer_the_texts() -> None:
    priors = [ENTRY.suits(profile_of(n, "text")).prior for n in (50, 2_000, 10_000, 100_000)]
    assert priors == sorted(priors, reverse=True)
    assert priors[0] > 0.8
    assert ENTRY.suits(profile_of(50, "number")).prior == 0.0
    for n_rows in (10, 300, 5_000, 1_000_000):
        assert ENTRY.plan is not None
        plan = ENTRY.plan(profile_of(n_rows, "text"))
        assert plan.epochs >= 1
        assert replace(plan).batch == 32
