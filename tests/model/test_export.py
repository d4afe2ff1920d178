"""A network is written as one ONNX model, and a model that answers otherwise is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from archwise.errors import ParityError
from archwise.model.export import check_parity, export_network
from archwise.model.session import open_session, outputs
from archwise.records import Array, Batch, InputSpec, Signature

torch = pytest.importorskip("torch")

SIGNATURE = Signature((InputSpec("numbers", "float32", 4), InputSpec("codes", "int64", 2, (5, 6))), 3)


def small_network() -> torch.nn.Module:
    class Small(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.level = torch.nn.Embedding(6, 2)
            self.hidden = torch.nn.Linear(8, 7)
            self.norm = torch.nn.BatchNorm1d(7)
            self.head = torch.nn.Linear(7, 3)

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            numbers, codes = tensors
            row = torch.cat([numbers, self.level(codes).flatten(1)], dim=1)
            return self.head(torch.relu(self.norm(self.hidden(row))))

    torch.manual_seed(0)
    return Small()


def rows(n: int) -> Batch:
    rng = np.random.default_rng(1)
    return {"numbers": rng.normal(size=(n, 4)).astype(np.float32), "codes": rng.integers(0, 5, (n, 2))}


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return small_network()


@pytest.fixture(scope="module")
def written(network: torch.nn.Module) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return export_network(network, rows(1), SIGNATURE)


class TestExport:
    @pytest.mark.parametrize("n", [1, 2, 50])
    def test_any_number_of_rows_is_answered_as_torch_does(
        self, network: torch.nn.Module, written: bytes, n: int
    ) -> None:
        batch = rows(n)
        with torch.inference_mode():
            expected = network(*(torch.from_numpy(batch[spec.name]) for spec in SIGNATURE.inputs)).numpy()
        np.testing.assert_allclose(outputs(open_session(written), batch), expected, atol=1e-5)

    def test_paths_of_this_machine_are_not_inside(self, written: bytes) -> None:
        assert b".py" not in written

    def test_inputs_are_those_of_the_signature_in_their_order(self, written: bytes) -> None:
        assert [name for name, _, _ in open_session(written).inputs] == ["numbers", "codes"]


class TestParity:
    def answers(self, values: Array) -> dict[str, Array]:
        return {"prediction": np.array(["a"] * len(values)), "p:a": values[:, 0], "low": values[:, 1]}

    def test_equal_outputs_pass(self) -> None:
        values = np.random.default_rng(0).normal(size=(20, 2))
        check_parity(values, values + 9e-5, self.answers)

    def test_the_farthest_row_its_column_and_both_values_are_named(self) -> None:
        left = np.zeros((20, 2))
        right = left.copy()
        right[3, 0], right[11, 0] = 0.01, 0.25
        with pytest.raises(
            ParityError, match=r"row 12, column 'p:a': the written model answers 0.25, the trained one 0 \(2 of"
        ):
            check_parity(left, right, self.answers)

    def test_large_values_are_held_to_their_size(self) -> None:
        left = np.full((3, 2), 200_000.0)
        check_parity(left, left + 10.0, self.answers)
        with pytest.raises(ParityError, match="'p:a'"):
            check_parity(left, left + 40.0, self.answers)

    def test_what_is_no_number_is_refused(self) -> None:
        left = np.zeros((3, 2))
        right = left.copy()
        right[1, 1] = np.nan
        with pytest.raises(ParityError, match="row 2, column 'low': the written model answers nan"):
            check_parity(left, right, self.answers)

    def test_another_shape_is_refused(self) -> None:
        with pytest.raises(ParityError, match=r"shape \(3, 1\), the trained one \(3, 2\)"):
            check_parity(np.zeros((3, 2)), np.zeros((3, 1)), self.answers)

    def test_answers_of_steps_are_held_step_by_step_and_both_end_alike(self) -> None:
        left = np.zeros((3, 4))
        left[1, 2:] = np.nan
        check_parity(left, left, lambda outputs: {"p": outputs})
        right = left.copy()
        right[2, 1] = 0.5
        with pytest.raises(ParityError, match=r"row 3, step 2, column 'p': the written model answers 0.5"):
            check_parity(left, right, lambda outputs: {"p": outputs})
        longer = left.copy()
        longer[1, 2] = 0.0
        with pytest.raises(ParityError, match=r"row 2, step 3, column 'p': .*the trained one nan"):
            check_parity(left, longer, lambda outputs: {"p": outputs})
