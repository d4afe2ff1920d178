"""What reads series: recurrent bodies on measurements, and the references that count shapes or take the nearest."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archwise.architectures import architecture
from archwise.architectures.kernel_form import GRID, KERNELS, fit_kernels, kernel_counts
from archwise.model.export import export_network
from archwise.model.session import open_session, outputs
from archwise.records import Array, ColumnProfile, InputSpec, Profile, Signature
from archwise.training.rows import cut_padding, row_lengths

SERIES = InputSpec("series", "float32", 60, shape=(20, 3))
READ_SERIES = ("rnn", "lstm", "gru", "inception-time", "cnn-1d")


def series(n: int, seed: int = 0) -> Array:
    """(n, 20, 3) float32 of all lengths; a gap inside of the second, none known in the first."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(n, 20, 3)).astype(np.float32)
    lengths = generator.integers(2, 21, n)
    values[np.arange(20) >= lengths[:, None]] = np.nan
    values[0] = np.nan
    return values


@pytest.mark.parametrize("name", READ_SERIES)
class TestNetworks:
    def body(self, name: str) -> torch.nn.Module:
        torch.manual_seed(0)
        entry = architecture(name)
        assert entry.build is not None
        return entry.build(Signature((SERIES,), 2), entry.defaults()).eval()

    def test_a_series_is_answered_alone_as_in_any_batch(self, name: str) -> None:
        body, values = self.body(name), series(30)
        with torch.no_grad():
            together = body({"series": torch.from_numpy(values)})
            lengths = row_lengths((SERIES,), {"series": values})
            assert lengths is not None
            for row in range(30):
                alone = cut_padding((SERIES,), [torch.from_numpy(values[row : row + 1])], int(lengths[row]))
                torch.testing.assert_close(body({"series": alone[0]})[0], together[row], rtol=1e-5, atol=1e-5)

    def test_onnx_answers_series_of_any_length_as_torch_does(self, name: str) -> None:
        body = self.body(name)

        class Network(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.body, self.head = body, torch.nn.Linear(int(body.width), 2)  # type: ignore[arg-type]

            def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
                answered: torch.Tensor = self.head(self.body({"series": tensors[0]}))
                return answered

        network = Network().eval()
        session = open_session(export_network(network, {"series": series(5)}, Signature((SERIES,), 2)))
        for n_steps in (1, 7, 20):
            values = series(40, seed=n_steps)[:, :n_steps]
            with torch.no_grad():
                expected = network(torch.from_numpy(values)).numpy()
            np.testing.assert_allclose(outputs(session, {"series": values}), expected, atol=1e-4)

    def test_it_suits_series_and_says_how_many(self, name: str) -> None:
        column = ColumnProfile("s", "series", "", True, 0, 0, {"steps": 90.0, "channels": 1})
        profile = Profile("a.ts", 4_000, (column,), "class", "classify", "", ("a", "b"), (2_000, 2_000))
        suits = architecture(name).suits(profile)
        assert suits.prior > 0.2
        assert "4,000 series of 90 steps" in suits.because


class TestKernels:
    def test_there_are_84_kernels_whose_weights_sum_to_nought(self) -> None:
        assert KERNELS.shape == (84, 9)
        assert len(np.unique(KERNELS, axis=0)) == 84
        assert (KERNELS.sum(axis=1) == 0).all()

    def test_counts_are_those_of_torchs_convolution(self) -> None:
        values = np.nan_to_num(np.random.default_rng(0).normal(size=(6, 50, 4))).astype(np.float32)
        form = fit_kernels(values, seed=0)
        assert form.dilations == (1, 2, 4)
        counts = kernel_counts(values, form).reshape(6, *form.biases.shape)
        rounded = torch.from_numpy(np.rint(values * np.float32(GRID))).transpose(1, 2)
        for place, dilation in enumerate(form.dilations):
            weights = torch.from_numpy((KERNELS[:, None] * form.reads[place][..., None]).astype(np.float32))
            sums = torch.nn.functional.conv1d(rounded, weights, padding=4 * dilation, dilation=dilation)
            for kernel in range(84):
                own = sums[:, kernel]
                if (kernel + place) % 2:  # counted where the kernel lies within the series
                    own = own[:, 4 * dilation : -4 * dilation]
                above = own[:, None] > torch.from_numpy(form.biases[place, kernel])[:, None].float()
                np.testing.assert_array_equal(counts[:, place, kernel], above.sum(dim=2).numpy())

    def test_no_sum_is_equal_to_a_bias_or_beyond_what_float32_holds(self) -> None:
        values = np.full((9, 20, 30), 16.0, np.float32) * np.sign(np.random.default_rng(0).normal(size=(9, 20, 30)))
        form = fit_kernels(values.astype(np.float32), seed=0)
        assert (form.biases % 1 == 0.5).all()
        assert np.abs(form.biases).max() < 2**23
        assert form.reads.sum(axis=2).max() <= 9

    def test_the_shortest_series_are_counted(self) -> None:
        values = np.random.default_rng(0).normal(size=(5, 9, 1)).astype(np.float32)
        assert fit_kernels(values, seed=0).dilations == (1,)
        assert np.isfinite(kernel_counts(values, fit_kernels(values, seed=0))).all()


class TestNearest:
    def solve(self, values: Array, targets: Array, task: str = "classify", n_outputs: int = 2) -> Array:
        entry, spec = architecture("nearest"), InputSpec("series", "float32", 60, shape=(20, 3))
        assert entry.solve is not None
        signature = Signature((spec,), n_outputs)
        solved = entry.solve(signature, entry.defaults(), {"series": values}, targets, task, 0)
        fresh = series(200, seed=9)
        return np.asarray(outputs(open_session(solved.onnx), {"series": fresh}))

    def test_it_answers_as_scikit_learns_nearest_neighbour(self) -> None:
        from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

        values, fresh = series(300)[1:], np.nan_to_num(series(200, seed=9)).reshape(200, -1)
        flat, targets = np.nan_to_num(values).reshape(299, -1), np.arange(299) % 2
        nearest = KNeighborsClassifier(1).fit(flat, targets)
        assert (self.solve(values, targets).argmax(axis=1) == nearest.predict(fresh)).all()
        numbers = np.random.default_rng(0).normal(size=299).astype(np.float32)
        mean = KNeighborsRegressor(5).fit(flat, numbers)
        found = self.solve(values, numbers, "regress", 1)[:, 0]
        np.testing.assert_allclose(found, mean.predict(fresh), atol=1e-5)
