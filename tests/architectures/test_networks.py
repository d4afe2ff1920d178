"""Claims that hold for every network of the catalogue: a new file is covered with no new test."""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file

from archwise.architectures import architectures
from archwise.records import (
    Architecture,
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

NETWORKS = {name: entry for name, entry in architectures().items() if entry.build is not None}
INPUTS = (InputSpec("numbers", "float32", 5), InputSpec("codes", "int64", 3, (2, 5, 40)))
SIGNATURE = Signature(INPUTS, 3)
TASK = task("classify")
STATE = {"classes": ["a", "b", "c"], "counts": [10, 12, 10], "positive": 1}

over_all = pytest.mark.parametrize("name", sorted(NETWORKS))


def batch_of(n: int, seed: int = 0) -> Batch:
    generator = np.random.default_rng(seed)
    codes = np.stack([generator.integers(0, n_codes, n) for n_codes in INPUTS[1].levels], axis=1)
    return {"numbers": generator.normal(size=(n, 5)).astype(np.float32), "codes": codes}


def tensors_of(batch: Batch, signature: Signature = SIGNATURE) -> list[torch.Tensor]:
    return [torch.from_numpy(batch[spec.name]) for spec in signature.inputs]


def make(
    name: str, settings: Mapping[str, Scalar] | None = None, *, seed: int = 0, signature: Signature = SIGNATURE
) -> Network:
    entry = NETWORKS[name]
    pairs = settings_of({**entry.defaults(), **(settings or {})}.items())
    return make_network(entry, Candidate(name, pairs, Plan(seed=seed)), signature, TASK, STATE)


def answer(network: Network, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        outputs: torch.Tensor = network.eval()(*tensors_of(batch, network.signature))
    return outputs


def profile_of(n_rows: int) -> Profile:
    columns = tuple(ColumnProfile(f"c{i}", kind, "", True, 0, 9) for i, kind in enumerate(("number", "category")))
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
@pytest.mark.parametrize("read", [("numbers",), ("codes",)])
def test_it_serves_data_with_one_kind_of_input(name: str, read: tuple[str, ...]) -> None:
    signature = Signature(tuple(spec for spec in INPUTS if spec.name in read), 3)
    assert answer(make(name, signature=signature), batch_of(4)).shape == (4, 3)


@over_all
def test_every_parameter_gets_a_finite_gradient(name: str) -> None:
    network = make(name).train()
    batch = batch_of(64)
    targets = torch.arange(64) % 3
    torch.nn.functional.cross_entropy(*each_member(network(*tensors_of(batch)), targets)).backward()
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
    wide = Signature(
        (InputSpec("numbers", "float32", 40),), 3
    )  # more numbers than rows, so that a sum can tell all apart
    rows = Examples({"numbers": generator.normal(size=(32, 40)).astype(np.float32)}, np.arange(32) % 3)
    plan = Plan(epochs=300, batch=32, rate=1e-2, decay=0.0, patience=300)
    pairs = settings_of({**NETWORKS[name].defaults(), "dropout": 0.0}.items() if NETWORKS[name].space else ())
    network = make_network(NETWORKS[name], Candidate(name, pairs, plan), wide, TASK, STATE)
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            tuple(tensors_of(batch_of(4))),
            input_names=[spec.name for spec in INPUTS],
            output_names=["outputs"],
            dynamic_shapes=((dict.fromkeys([0], torch.export.Dim("rows")),) * len(INPUTS),),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    content = BytesIO()
    program.save(content)
    session = onnxruntime.InferenceSession(content.getvalue(), providers=["CPUExecutionProvider"])
    for n in (1, 33):
        batch = batch_of(n, seed=n)
        (found,) = session.run(["outputs"], batch)
        np.testing.assert_allclose(found, answer(network, batch).numpy(), atol=1e-4)


@over_all
def test_an_unseen_level_adds_nothing_before_training(name: str) -> None:
    signature = Signature((INPUTS[1],), 3)
    network = make(name, signature=signature)
    unseen = answer(network, {"codes": np.zeros((1, 3), np.int64)})
    vectors = network.body({"codes": torch.zeros(1, 3, dtype=torch.int64)})
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
    assert_variants_are_of_the_space(entry, profile)


def assert_variants_are_of_the_space(entry: Architecture, profile: Profile) -> None:
    variants = entry.variants(profile) if entry.variants else ({},)
    assert variants[0] == {}
    space = {setting.name: setting for setting in entry.space}
    for variant in variants:
        for name, value in variant.items():
            setting = space[name]
            assert value != setting.default
            assert not setting.choices or value in setting.choices
            assert setting.low is None or setting.high is None or setting.low <= value <= setting.high  # type: ignore[operator]


@over_all
def test_the_reason_for_its_prior_names_facts_of_the_profile(name: str) -> None:
    reasons = {NETWORKS[name].suits(replace(profile_of(n), n_rows=n)).because for n in (300, 3_000, 30_000)}
    assert len(reasons) == 3
