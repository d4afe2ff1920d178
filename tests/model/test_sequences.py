"""A written model of sequences reads rows of any length, and pads nothing that it need not."""

from __future__ import annotations

import numpy as np
import pytest

from archwise.architectures import architecture
from archwise.errors import ModelError
from archwise.model.export import export_carried, export_network
from archwise.model.session import Session, open_session, outputs
from archwise.model.step_session import open_steps, outputs_in_parts
from archwise.records import Array, InputSpec, Signature

torch = pytest.importorskip("torch")
from archwise.training.carried import CarriedNetwork  # noqa: E402  they need torch
from archwise.training.network import Network  # noqa: E402

T, WORDS = 9, 30
SIGNATURE = Signature((InputSpec("tokens", "int64", T, (WORDS,), shape=(T,)),), 3)


def texts(n: int, n_steps: int = T) -> Array:
    generator = np.random.default_rng(n)
    lengths = generator.integers(0, n_steps + 1, n)
    return np.where(np.arange(n_steps) < lengths[:, None], generator.integers(1, WORDS, (n, n_steps)), 0)


@pytest.fixture(scope="module", params=["rnn", "lstm", "gru"])
def written(request: pytest.FixtureRequest) -> tuple[torch.nn.Module, Session]:
    torch.manual_seed(0)
    entry = architecture(request.param)
    assert entry.build is not None
    body = entry.build(SIGNATURE, {**entry.defaults(), "width": 8, "layers": 2})

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = body, torch.nn.Linear(body.width, 3)

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            return self.head(self.body({"tokens": tensors[0]}))

    network = Network().eval()
    return network, open_session(export_network(network, {"tokens": texts(5)}, SIGNATURE))


@pytest.mark.parametrize("n_steps", [1, 2, T, 40])
def test_it_answers_rows_of_any_length_as_torch_does(written: tuple[torch.nn.Module, Session], n_steps: int) -> None:
    network, session = written
    words = texts(60, n_steps)
    with torch.no_grad():
        expected = network(torch.from_numpy(words)).numpy()
    np.testing.assert_allclose(outputs(session, {"tokens": words}), expected, atol=1e-5)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("both_ways", [False, True])
def test_series_of_any_length_are_read_whichever_way(cell: str, both_ways: bool) -> None:
    torch.manual_seed(0)
    signature = Signature((InputSpec("series", "float32", 2 * T, shape=(T, 2)),), 3)
    entry = architecture(cell)
    assert entry.build is not None
    body = entry.build(signature, {**entry.defaults(), "width": 8, "both_ways": both_ways})
    network = Network(body, torch.nn.Linear(body.width, 3), signature=signature).eval()
    rows = np.random.default_rng(0).normal(size=(6, 40, 2)).astype(np.float32)
    session = open_session(export_network(network, {"series": rows[:, :T]}, signature))
    for n_steps in (1, 2, T, 40):
        with torch.no_grad():
            expected = network(torch.from_numpy(rows[:, :n_steps])).numpy()
        np.testing.assert_allclose(outputs(session, {"series": rows[:, :n_steps]}), expected, atol=1e-5)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("pooling", ["last", "max", "mean", "attention"])
def test_read_in_parts_a_row_has_the_outputs_of_the_whole(cell: str, pooling: str) -> None:
    torch.manual_seed(0)
    numbers = InputSpec("numbers", "float32", 3)
    signature = Signature((*SIGNATURE.inputs, numbers), 3)
    entry = architecture(cell)
    assert entry.build is not None
    settings = {**entry.defaults(), "width": 8, "layers": 2, "both_ways": False, "pooling": pooling}
    members = [
        Network(body, torch.nn.Linear(body.width, 3), signature=signature).eval()
        for body in (entry.build(signature, settings) for _ in range(2))
    ]
    rows = {"tokens": texts(30), "numbers": np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)}
    with torch.no_grad():
        tensors = [torch.from_numpy(rows[spec.name]) for spec in signature.inputs]
        expected = torch.stack([member(*tensors) for member in members]).mean(dim=0).numpy()
    session = open_steps(export_carried(CarriedNetwork(members), rows, signature))
    np.testing.assert_allclose(outputs_in_parts(session, rows, seed=0), expected, atol=1e-5)


def test_only_what_is_read_forwards_goes_on_from_its_states() -> None:
    entry = architecture("lstm")
    assert entry.build is not None
    body = entry.build(SIGNATURE, {**entry.defaults(), "width": 8})
    with pytest.raises(ValueError, match="read forwards and pooled"):
        CarriedNetwork([Network(body, torch.nn.Linear(body.width, 3), signature=SIGNATURE)])


def test_a_row_is_answered_alone_as_among_others(written: tuple[torch.nn.Module, Session]) -> None:
    session, words = written[1], texts(1_100)
    together = outputs(session, {"tokens": words})
    alone = np.concatenate([outputs(session, {"tokens": words[row : row + 1]}) for row in range(0, 1_100, 50)])
    np.testing.assert_allclose(alone, together[::50], atol=1e-6)


def test_rows_that_are_no_sequences_are_refused(written: tuple[torch.nn.Module, Session]) -> None:
    with pytest.raises(ModelError, match=r"reads steps of 'tokens', and was given 3 x 2"):
        outputs(written[1], {"tokens": np.zeros((4, 3, 2), np.int64)})
    with pytest.raises(ModelError, match=r"reads steps of 'tokens', and was given none"):
        outputs(written[1], {"numbers": np.zeros((4, 3), np.float32)})
