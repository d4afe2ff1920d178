"""The multi-layer perceptron: hidden layers between the columns and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from archwise.architectures.table_plan import table_facts, table_plan
from archwise.records import Architecture, Need, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    import torch

_FREQUENCIES = 24  # of each number; 16 to 96 did alike in the paper
_NUMBER_WIDTH = 16  # of each number's vector

SPACE = (
    Setting("layers", 3, "hidden layers", low=1, high=6),
    Setting("width", 256, "units of each hidden layer", low=16, high=1024, log=True),
    Setting(
        "activation",
        "relu",
        "what each unit does with its sum",
        choices=("relu", "leaky_relu", "gelu", "silu", "selu", "tanh", "sigmoid"),
    ),
    Setting("normalisation", "none", "of each layer's sums", choices=("none", "batch", "layer")),
    Setting("dropout", 0.1, "share of units left out in a training step", low=0.0, high=0.7),
    Setting("numbers", "periodic", "how a number enters: as it is, or as waves", choices=("plain", "periodic")),
    Setting(
        "frequency",
        0.1,
        "spread of the waves' first frequencies; larger bends finer",
        low=0.01,
        high=2.0,
        log=True,
    ),
)


def build(signature: Signature, settings: Mapping[str, Scalar]) -> torch.nn.Module:
    """Build the body: numbers and embedded categories, then hidden layers.

    Args:
        signature: inputs `numbers` and `codes`, either or both.
        settings: a value for every setting of the space.

    Returns:
        a module from a batch to (B, width).
    """
    from archwise.blocks.dense import DenseBody, DenseLayers, LayerForm
    from archwise.blocks.numeric import PeriodicEmbedding
    from archwise.blocks.table import CodeEmbedding, TableInputs

    waves = partial(
        PeriodicEmbedding, n_frequencies=_FREQUENCIES, width=_NUMBER_WIDTH, scale=float(settings["frequency"])
    )
    inputs = TableInputs(signature, codes=CodeEmbedding, numbers=waves if settings["numbers"] == "periodic" else None)
    form = LayerForm(str(settings["activation"]), str(settings["normalisation"]), float(settings["dropout"]))
    widths = (int(settings["width"]),) * int(settings["layers"])
    return DenseBody(inputs, DenseLayers(inputs.width, widths, form=form))


def suits(profile: Profile) -> Suits:
    """Judge the data: hidden layers need rows, and pay where numbers act together."""
    facts = table_facts(profile)
    told = f"{facts.n_rows:,} rows, {facts.n_columns} columns, {facts.number_share:.0%} of them numbers"
    if facts.n_rows < 500:
        return Suits(0.3, f"{told}: hidden layers can learn so few rows by heart; dropout and averaging hold them back")
    if facts.n_rows < 5_000:
        return Suits(0.5, f"{told}: enough rows for a small network, too few to be sure that it beats trees")
    if facts.number_share >= 0.5:
        return Suits(0.75, f"{told}: many rows of numbers, which hidden layers can combine smoothly")
    return Suits(0.65, f"{told}: many rows; each category gets a learnt vector, and hidden layers combine them")


def plan(profile: Profile) -> Plan:
    """Plan its training: AdamW with a cosine schedule, and a weight average that is good at any time."""
    return table_plan(profile, rate=1e-3, average=0.995)


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying, the defaults first; small tables get smaller networks."""
    if profile.n_rows < 5_000:
        return (
            {},
            {"width": 64, "layers": 2, "dropout": 0.3, "numbers": "plain"},
            {"dropout": 0.4},
            {"layers": 1, "width": 128},
            {"activation": "tanh", "layers": 2, "numbers": "plain"},
        )
    return (
        {},
        {"layers": 4, "width": 512, "dropout": 0.25},
        {"numbers": "plain", "normalisation": "batch"},
        {"frequency": 0.5},
        {"layers": 1},
        {"activation": "tanh", "layers": 2, "numbers": "plain"},
    )


ARCHITECTURE = Architecture(
    name="mlp",
    family="ann",
    summary="hidden layers between the columns and the answer; categories and numbers become learnt vectors",
    source="Rumelhart, Hinton & Williams 1986; Gorishniy et al. 2022 for the embeddings of numbers",
    reads=("number", "category", "boolean", "date"),
    gives=("vector",),
    suits=suits,
    space=SPACE,
    need=Need("quantile"),
    build=build,
    plan=plan,
    variants=variants,
)
