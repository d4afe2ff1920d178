"""What references that answer every word share: the words with their targets, and the NaN behind the last in ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

from archwise.records import Array, Batch


def targets_of_words(batch: Batch, targets: Array) -> tuple[Array, Array]:
    """Which words can be learnt from, and their tags.

    Args:
        batch: with tokens (N, T). targets: (N, T') int64, below nought where there is no word.

    Returns:
        (N, T'') bool of the first T'' steps, as many as both have; and (M,) int64 tags of those that are true.
    """
    n_steps = min(batch["tokens"].shape[1], targets.shape[1])
    wanted = np.asarray(targets[:, :n_steps])
    is_word = (np.asarray(batch["tokens"][:, :n_steps]) != 0) & (wanted >= 0)
    return is_word, wanted[is_word]


def behind_the_last(name: str) -> tuple[list[Any], dict[str, Array]]:
    """Nodes that make `outputs` of logits (B, T, K) float32 of that name, with NaN where there is no word.

    Returns:
        the nodes, and the constants that they read.
    """
    from onnx import helper

    nodes = [
        helper.make_node("Equal", ["tokens", "no_token"], ["is_padding"]),  # (B, T)
        helper.make_node("Unsqueeze", ["is_padding", "last_axis"], ["is_padding_step"]),  # (B, T, 1)
        helper.make_node("Where", ["is_padding_step", "no_number", name], ["outputs"]),
    ]
    constants: dict[str, Array] = {
        "no_token": np.array(0, np.int64),
        "last_axis": np.array([2], np.int64),
        "no_number": np.array(np.nan, np.float32),
    }
    return nodes, constants
