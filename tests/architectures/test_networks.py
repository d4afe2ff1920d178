"""Claims that hold for every network of the catalogue that learns from nothing: a new file is covered with no new test.

Those that begin from published weights have theirs in test_transfer.py, in the sizes that such weights ask for;
those that only forecast, in test_forecasts.py.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file

from archwise.architectures import architectures
from archwise.model.recurrent_operator import translations
from archwise.records import (
    Architecture,
    Array,
    Batch,
    Candidate,
    ColumnProfile,
    InputSpec,
    Plan,
    Profile,
    Scalar,
    Setting,
    Signature,
    settings_of,
)
from archwise.tasks import main_metric, task
from archwise.training.loop import Examples, Limit, Tools, TrainJob, train
from archwise.training.network import Network, each_member, make_network

NETWORKS = {
    name: entry
    for name, entry in architectures().items()
    if entry.build is not None and entry.inherits is None and "vector" in entry.gives
}
INPUTS = (InputSpec("numbers", "float32", 5), InputSpec("codes", "int64", 3, (2, 5, 40)))
IMAGE = InputSpec("image", "uint8", 16 * 16 * 3, shape=(16, 16, 3))
TOKENS = InputSpec("tokens", "int64", 12, (90,), shape=(12,))
TASK = task("classify")
STATE = {"classes": ["a", "b", "c"], "counts": [10, 12, 10], "positive": 1}

over_all = pytest.mark.parametrize("name", sorted(NETWORKS))


def signature_of(name: str, read: tuple[str, ...] = ("numbers", "codes")) -> Signature:
    """Columns of a table, and a picture or a text beside them for networks that read those."""
    beside = tuple(spec for kind, spec in (("image", IMAGE), ("text", TOKENS)) if kind in NETWORKS[name].reads)
    return Signature((*(spec for spec in INPUTS if spec.name in read), *beside), 3)


def batch_of(n: int, seed: int = 0) -> Batch:
    generator = np.random.default_rng(seed)
    codes = np.stack([generator.integers(0, n_codes, n) for n_codes in INPUTS[1].levels], axis=1)
    numbers = generator.normal(size=(n, 5)).astype(np.float32)
    image = generator.integers(0, 256, (n, *IMAGE.shape), np.uint8)
    return {"numbers": numbers, "codes": codes, "image": image, "tokens": texts_of(n, generator)}


def texts_of(n: int, generator: np.random.Generator) -> Array:
    """Tokens (n, T) of all lengths, the first text empty."""
    tokens = generator.integers(1, TOKENS.levels[0], (n, *TOKENS.shape))
    lengths = generator.integers(2, TOKENS.width + 1, n)  # of one word there would be two alike
    lengths[0] = 0
    return np.where(np.arange(TOKENS.width) < lengths[:, None], tokens, 0)


def tensors_of(batch: Batch, signature: Signature) -> list[torch.Tensor]:
    return [torch.from_numpy(batch[spec.name]) for spec in signature.inputs]


def make(
    name: str, settings: Mapping[str, Scalar] | None = None, *, seed: int = 0, signature: Signature | None = None
) -> Network:
    entry = NETWORKS[name]
    own = {key: value for key, value in (settings or {}).items() if not key.startswith("plan.")}
    pairs = settings_of({**entry.defaults(), **own}.items())
    return make_network(entry, Candidate(name, pairs, Plan(seed=seed)), signature or signature_of(name), TASK, STATE)


def answer(network: Network, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        outputs: torch.Tensor = network.eval()(*tensors_of(batch, network.signature))
    return outputs


def profile_of(n_rows: int, picture: Mapping[str, Scalar] | None = None) -> Profile:
    """A number, a category, a text and a picture: 32 pixels a side and coloured, unless else is told of it."""
    shown = {"width": 32, "height": 32, "colour": 1.0, **(picture or {})}
    columns = (
        ColumnProfile("c0", "number", "", True, 0, 9),
        ColumnProfile("c1", "category", "", True, 0, 9),
        ColumnProfile("c2", "image", "", True, 0, n_rows, shown),
        ColumnProfile("c3", "text", "", True, 0, n_rows, {"words": 20.0, "usual": 45, "longest": 60}),
    )
    return Profile("a table", n_rows, columns, "y", "classify", "", ("a", "b", "c"), (10, 12, 10))


def drawn(setting: Setting, chance: random.Random) -> Scalar:
    if setting.choices:
        return chance.choice(setting.choices)
    if setting.low is None or setting.high is None:
        return setting.default
    if setting.log:
        value = float(np.exp(chance.uniform(np.log(setting.low), np.log(setting.high))))
    else:
        value = chance.uniform(setting.low, setting.high)
    return round(value) if isinstance(setting.default, int) else value


@over_all
def test_outputs_have_one_row_for_each_row_and_one_column_for_each_class(name: str) -> None:
    network = make(name)
    assert answer(network, batch_of(7)).shape == (7, 3)
    assert isinstance(network.body.width, int)


@over_all
@pytest.mark.parametrize("read", [("numbers",), ("codes",), ()])
def test_it_serves_data_with_one_kind_of_input(name: str, read: tuple[str, ...]) -> None:
    signature = signature_of(name, read)
    if not signature.inputs:
        pytest.skip("what reads neither pictures nor texts needs a column")
    assert answer(make(name, signature=signature), batch_of(4)).shape == (4, 3)


@over_all
def test_every_parameter_gets_a_finite_gradient(name: str) -> None:
    network = make(name).train()
    batch = batch_of(64)
    targets = torch.arange(64) % 3
    torch.nn.functional.cross_entropy(*each_member(network(*tensors_of(batch, network.signature)), targets)).backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


@over_all
def test_a_rows_output_does_not_depend_on_its_batch(name: str) -> None:
    for settings in (NETWORKS[name].variants or (lambda _: ({},)))(profile_of(10_000)):
        network = make(name, settings)
        batch = batch_of(16)
        alone = [answer(network, {key: array[row : row + 1] for key, array in batch.items()}) for row in range(16)]
        torch.testing.assert_close(torch.cat(alone), answer(network, batch), rtol=1e-5, atol=1e-5)


@over_all
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    one, other, another = (make(name, seed=seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert not all(torch.equal(one[key], another[key]) for key in one)


@over_all
def test_it_memorises_32_rows(name: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    wide, cells = InputSpec("numbers", "float32", 40), generator.normal(size=(32, 40)).astype(np.float32)
    if "image" in NETWORKS[name].reads:
        wide, cells = IMAGE, generator.integers(0, 256, (32, *IMAGE.shape), np.uint8)
    elif "text" in NETWORKS[name].reads:
        wide, cells = TOKENS, texts_of(32, generator)
    rows = Examples({wide.name: cells}, np.arange(32) % 3)  # more columns than rows: a sum can tell all apart
    plan = Plan(epochs=300, batch=32, rate=1e-2, decay=0.0, patience=300)
    defaults = NETWORKS[name].defaults()
    none_dropped = {key: 0.0 for key in ("dropout", "word_dropout") if key in defaults}
    pairs = settings_of({**defaults, **none_dropped}.items())
    network = make_network(NETWORKS[name], Candidate(name, pairs, plan), Signature((wide,), 3), TASK, STATE)
    trained = train(
        network,
        TrainJob(TASK, STATE, main_metric(TASK, STATE, "accuracy"), plan, "cpu"),
        train=rows,
        valid=rows,
        limit=Limit(300.0),
        tools=Tools(tmp_path / "checkpoint", lambda point: None, lambda: 0.0),
    )
    assert trained.score == 1.0


@over_all
@pytest.mark.parametrize("seed", range(6))
def test_random_settings_of_its_space_build(name: str, seed: int) -> None:
    chance = random.Random(seed)
    settings = {setting.name: drawn(setting, chance) for setting in NETWORKS[name].space}
    assert answer(make(name, settings), batch_of(3)).isfinite().all()


@over_all
def test_save_and_load_are_bit_equal(name: str, tmp_path: Path) -> None:
    network, loaded = make(name), make(name, seed=1)
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    loaded.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(answer(loaded, batch_of(9)), answer(network, batch_of(9)))


@over_all
def test_onnx_agrees_to_1e_4_at_any_batch(name: str) -> None:
    network = make(name).eval()
    specs = network.signature.inputs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            tuple(tensors_of(batch_of(4), network.signature)),
            input_names=[spec.name for spec in specs],
            output_names=["outputs"],
            dynamic_shapes=(
                tuple(
                    {0: torch.export.Dim("rows"), **({1: torch.export.Dim("steps")} if spec.is_padded else {})}
                    for spec in specs
                ),
            ),
            dynamo=True,
            custom_translation_table=translations(),
            verbose=False,
        )
    assert program is not None
    content = BytesIO()
    program.save(content)
    session = onnxruntime.InferenceSession(content.getvalue(), providers=["CPUExecutionProvider"])
    for n in (1, 33):
        batch = {spec.name: batch_of(n, seed=n)[spec.name] for spec in specs}
        (found,) = session.run(["outputs"], batch)
        np.testing.assert_allclose(found, answer(network, batch).numpy(), atol=1e-4)


@over_all
def test_a_sequence_is_answered_alike_however_much_padding_follows(name: str) -> None:
    if not any(spec.is_padded for spec in signature_of(name).inputs):
        pytest.skip("it reads no sequences")
    network, batch = make(name), batch_of(24)
    short = {**batch, "tokens": np.where(np.arange(TOKENS.width) < 5, batch["tokens"], 0)}
    cut = {**short, "tokens": short["tokens"][:, :5]}
    torch.testing.assert_close(answer(network, cut), answer(network, short), rtol=1e-5, atol=1e-6)


@over_all
def test_it_gives_the_form_that_the_signature_asks_for(name: str) -> None:
    for form in (form for form in NETWORKS[name].gives if form != "window"):
        signature = replace(signature_of(name), form=form)
        body = NETWORKS[name].build(signature, NETWORKS[name].defaults())  # type: ignore[misc]
        features = body(dict(zip((s.name for s in signature.inputs), tensors_of(batch_of(4), signature), strict=True)))
        assert features.shape[-1] == body.width
        assert features.shape[:-1] in ((4,), (4, TOKENS.width)) if form == "sequence" else features.shape[0] == 4


@over_all
def test_an_unseen_level_adds_nothing_before_training(name: str) -> None:
    network = make(name, signature=signature_of(name, ("codes",)))
    batch = {**batch_of(1), "codes": np.zeros((1, 3), np.int64)}
    unseen = answer(network, batch)
    vectors = network.body({key: torch.from_numpy(values) for key, values in batch.items()})
    assert unseen.isfinite().all()
    assert name != "perceptron" or vectors.abs().sum() == 0.0


@over_all
@pytest.mark.parametrize("n_rows", [100, 1_000, 50_000, 5_000_000])
def test_plans_and_variants_fit_the_table(name: str, n_rows: int) -> None:
    entry, profile = NETWORKS[name], profile_of(n_rows)
    plan = entry.plan(profile) if entry.plan else Plan()
    assert plan.epochs >= 1
    assert plan.batch <= max(32, n_rows)
    assert 0.0 <= entry.suits(profile).prior <= 1.0
    assert (entry.variants(profile) if entry.variants else ({},))[0] == {}
    assert_variants_are_of_the_space(entry, profile)


@over_all
@pytest.mark.parametrize("width", [9, 28, 45, 64, 500])
@pytest.mark.parametrize("colour", [0.0, 0.5])
def test_variants_fit_the_pictures(name: str, width: int, colour: float) -> None:
    for n_rows in (200, 20_000):
        profile = profile_of(n_rows, {"width": width, "colour": colour})
        assert_variants_are_of_the_space(NETWORKS[name], profile)


def assert_variants_are_of_the_space(entry: Architecture, profile: Profile) -> None:
    variants = entry.variants(profile) if entry.variants else ({},)
    space = {setting.name: setting for setting in entry.space}
    plan = asdict(entry.plan(profile) if entry.plan else Plan())
    for variant in variants:
        for name, value in variant.items():
            if name.startswith("plan."):
                assert value != plan[name.removeprefix("plan.")]
                continue
            setting = space[name]
            assert value != setting.default
            assert not setting.choices or value in setting.choices
            assert setting.low is None or setting.high is None or setting.low <= value <= setting.high  # type: ignore[operator]


@over_all
def test_the_reason_for_its_prior_names_facts_of_the_profile(name: str) -> None:
    reasons = {NETWORKS[name].suits(replace(profile_of(n), n_rows=n)).because for n in (300, 3_000, 30_000)}
    assert len(reasons) == 3
