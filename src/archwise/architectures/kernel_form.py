"""Convolutions with a small set of fixed kernels, and how often each exceeds its biases: in NumPy, and as ONNX nodes.

Series are rounded to a grid so fine that nothing of substance is lost, and so coarse that every sum is a whole number
that float32 holds. So both ways count the same, whatever the order in which a library sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from archwise.architectures.series_graph import KNOWN, known_nodes
from archwise.records import Array

WIDTH = 9  # steps of a kernel
_HIGH = 3  # of them weigh 2, the others -1
KERNELS = np.array(
    [[2.0 if place in high else -1.0 for place in range(WIDTH)] for high in combinations(range(WIDTH), _HIGH)]
)  # (84, 9), whose weights sum to nought
MOST_CHANNELS = 9  # that a kernel reads, which keeps its sums within float32
GRID = 1_024.0  # places of the grid in a deviation
_BIASES = 24  # of a kernel, over all dilations
_GOLDEN = (np.sqrt(5.0) + 1.0) / 2.0
_MOST_SUMS = 20_000_000  # sums that are held at a time
COUNTS = "counts"


@dataclass(frozen=True)
class KernelForm:
    """dilations: (D,) steps between the steps of a kernel. reads: (D, 84, C) bool, the channels it reads.

    biases: (D, 84, Q), halfway between two places of the grid, so that no sum is equal to one.
    """

    steps: int
    dilations: tuple[int, ...]
    reads: Array
    biases: Array

    @property
    def n_features(self) -> int:
        """Counts of a series."""
        return int(self.biases.size)


def fit_kernels(series: Array, *, seed: int) -> KernelForm:
    """Draw the channels of each kernel, and take its biases from what it gives for training series.

    Args:
        series: (N, T, C) float32, no value missing.

    Source:
        Dempster, Schmidt & Webb 2021 (MiniRocket): the kernels, the dilations, half of them padded, biases at
        quantiles of one series each by the golden ratio, and channels of several as in their multivariate form.
    """
    rng = np.random.default_rng([seed, 84])
    steps, channels = series.shape[1:]
    dilations = tuple(2**power for power in range(max(1, int(np.log2(max(1, (steps - 1) // (WIDTH - 1)))) + 1)))
    n_biases = max(1, _BIASES // len(dilations))
    shares = (np.arange(1, len(dilations) * len(KERNELS) * n_biases + 1) * _GOLDEN) % 1.0
    quantiles = shares.reshape(len(dilations), len(KERNELS), n_biases)
    reads = _draw_channels(len(dilations), channels, rng)
    biases = np.empty_like(quantiles)
    n_shown = min(len(series), len(KERNELS))
    shown = on_grid(series[rng.permutation(len(series))[:n_shown]])
    for place, dilation in enumerate(dilations):
        sums = _sums(shown, dilation, reads[place])  # (n, T, 84)
        for kernel in range(len(KERNELS)):
            own = sums[rng.integers(n_shown), _counted(steps, dilation, kernel + place), kernel]
            biases[place, kernel] = np.floor(np.quantile(own, quantiles[place, kernel])) + 0.5
    return KernelForm(steps, dilations, reads, biases)


def kernel_counts(series: Array, form: KernelForm) -> Array:
    """At how many steps each kernel exceeds each of its biases, (N, n_features) float64.

    Args:
        series: (N, T, C) float32, no value missing.
    """
    counts = np.empty((len(series), *form.biases.shape))
    at_once = max(1, _MOST_SUMS // (form.steps * len(KERNELS)))
    for start in range(0, len(series), at_once):
        rows = on_grid(series[start : start + at_once])
        for place, dilation in enumerate(form.dilations):
            sums = _sums(rows, dilation, form.reads[place])
            for parity in (0, 1):
                kernels = np.arange(len(KERNELS))[(np.arange(len(KERNELS)) + place) % 2 == parity]
                own = sums[:, _counted(form.steps, dilation, parity)][:, :, kernels]
                for number in range(form.biases.shape[2]):
                    above = own > form.biases[place, kernels, number]
                    counts[start : start + at_once, place, kernels, number] = above.sum(axis=1)
    return counts.reshape(len(series), -1)


def on_grid(series: Array) -> Array:
    """Whole numbers of places of the grid, (N, T, C) float64."""
    rounded: Array = np.rint(series.astype(np.float32) * np.float32(GRID)).astype(np.float64)
    return rounded


def _draw_channels(n_dilations: int, n_channels: int, rng: np.random.Generator) -> Array:
    """(D, 84, C) bool: few channels more often than many, the number evenly drawn in its logarithm."""
    most = min(n_channels, MOST_CHANNELS)
    reads = np.zeros((n_dilations, len(KERNELS), n_channels), bool)
    for place in np.ndindex(n_dilations, len(KERNELS)):
        size = min(most, int(2 ** rng.uniform(0.0, np.log2(most + 1))))
        reads[place][rng.choice(n_channels, size, replace=False)] = True
    return reads


def _sums(rows: Array, dilation: int, reads: Array) -> Array:
    """What each kernel gives at each step, (n, T, 84), with nought beyond both ends."""
    n_rows, steps, channels = rows.shape
    reach = dilation * (WIDTH // 2)
    padded = np.pad(rows, ((0, 0), (reach, reach), (0, 0)))
    shifted = np.concatenate(
        [padded[:, place * dilation : place * dilation + steps] for place in range(WIDTH)], axis=2
    )  # (n, T, 9 C)
    weights = KERNELS.T[:, None, :] * reads.T[None]  # (9, C, 84)
    found: Array = shifted.reshape(-1, WIDTH * channels) @ weights.reshape(WIDTH * channels, -1)
    return found.reshape(n_rows, steps, len(KERNELS))


def _counted(steps: int, dilation: int, parity: int) -> slice:
    """The steps that count: of every other kernel those alone at which it lies within the series."""
    reach = dilation * (WIDTH // 2)
    return slice(None) if parity % 2 == 0 else slice(reach, steps - reach)


def kernel_nodes(form: KernelForm) -> tuple[list[Any], dict[str, Array]]:
    """Nodes from `series` (B, T, C) to `counts` (B, n_features) float64, and the constants they read."""
    from onnx import TensorProto, helper

    node = helper.make_node
    nodes, constants = known_nodes()
    nodes += [
        node("Mul", [KNOWN, "grid"], ["on_grid"]),
        node("Round", ["on_grid"], ["rounded"]),
        node("Transpose", ["rounded"], ["by_channel"], perm=[0, 2, 1]),
    ]
    constants |= {"grid": np.array(GRID, np.float32), "over_steps": np.array([2], np.int64)}
    names: list[str] = []
    order: list[Array] = []
    features = np.arange(form.n_features).reshape(form.biases.shape)
    for place, dilation in enumerate(form.dilations):
        for parity in (0, 1):
            kernels = np.arange(len(KERNELS))[(np.arange(len(KERNELS)) + place) % 2 == parity]
            name = f"sums_{place}_{parity}"
            weights = KERNELS[kernels][:, None, :] * form.reads[place][kernels][:, :, None]  # (42, C, 9)
            constants[f"weights_{place}_{parity}"] = weights.astype(np.float32)
            reach = dilation * (WIDTH // 2) if parity == 0 else 0
            nodes.append(
                node("Conv", ["by_channel", f"weights_{place}_{parity}"], [name], dilations=[dilation],
                     kernel_shape=[WIDTH], pads=[reach, reach])
            )  # fmt: skip
            for number in range(form.biases.shape[2]):
                own = f"{name}_{number}"
                constants[f"bias_{own}"] = form.biases[place, kernels, number].astype(np.float32)[:, None]
                nodes += [
                    node("Greater", [name, f"bias_{own}"], [f"is_{own}"]),
                    node("Cast", [f"is_{own}"], [f"one_{own}"], to=TensorProto.FLOAT),
                    node("ReduceSum", [f"one_{own}", "over_steps"], [f"count_{own}"], keepdims=0),  # (B, 42)
                ]
                names.append(f"count_{own}")
                order.append(features[place, kernels, number])
    constants["order"] = np.argsort(np.concatenate(order))
    nodes += [
        node("Concat", names, ["counts_apart"], axis=1),
        node("Gather", ["counts_apart", "order"], ["counts_single"], axis=1),
        node("Cast", ["counts_single"], [COUNTS], to=TensorProto.DOUBLE),
    ]
    return nodes, constants
