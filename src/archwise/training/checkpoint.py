"""All that a training run is, in one file of safetensors, so that it goes on as if it had never stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from archwise.errors import ModelError
from archwise.records import CurvePoint

_FORMAT = "archwise-checkpoint-2"
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """A training run at a step.

    weights: of the network as it trains.
    average: of the network that is judged, empty where they are the same.
    best: of the judged network at its best look (before the first look: now). outputs: (N_valid, K) there.
    optimizer: "<number of the parameter>.<name>" -> its state. generator: bytes.
    loss: sum over the steps since the last look. looks: (L, N_valid, K) outputs at every look, where they are kept.
    best_step: -1 before the first look. stopped: whether it stopped early.
    skipped: steps of the plan that were left out so far.
    """

    weights: Tensors
    average: Tensors
    best: Tensors
    optimizer: Tensors
    generator: torch.Tensor
    outputs: torch.Tensor
    loss: torch.Tensor
    step: int
    best_step: int
    stopped: bool
    curve: tuple[CurvePoint, ...]
    looks: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    skipped: float = 0.0


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; a reader finds the one before or this one, never a part."""
    tensors = {
        f"{part}/{name}": tensor.detach().cpu().contiguous().clone()
        for part in ("weights", "average", "best", "optimizer")
        for name, tensor in getattr(checkpoint, part).items()
    }
    for name in ("generator", "outputs", "loss", "looks"):
        tensors[name] = getattr(checkpoint, name).detach().cpu().contiguous()
    facts = {
        "step": checkpoint.step,
        "best_step": checkpoint.best_step,
        "stopped": checkpoint.stopped,
        "skipped": checkpoint.skipped,
        "curve": [asdict(point) for point in checkpoint.curve],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    save_file(tensors, unfinished, metadata={"format": _FORMAT, "facts": json.dumps(facts)})
    os.replace(unfinished, path)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU.

    Raises:
        ModelError: the file is missing, broken or of another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata: Mapping[str, str] = file.metadata() or {}
            tensors: Tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: the checkpoint cannot be read: {error}; delete it and train again") from None
    if metadata.get("format") != _FORMAT:
        raise ModelError(
            f"{path}: the checkpoint is of the format '{metadata.get('format', 'unknown')}', "
            f"expected '{_FORMAT}'; delete it and train again"
        )
    facts = json.loads(metadata["facts"])
    return Checkpoint(
        weights=_part(tensors, "weights"),
        average=_part(tensors, "average"),
        best=_part(tensors, "best"),
        optimizer=_part(tensors, "optimizer"),
        generator=tensors["generator"],
        outputs=tensors["outputs"],
        loss=tensors["loss"],
        looks=tensors["looks"],
        step=facts["step"],
        best_step=facts["best_step"],
        stopped=facts["stopped"],
        skipped=facts.get("skipped", 0.0),  # absent before plans could be shortened
        curve=tuple(CurvePoint(**point) for point in facts["curve"]),
    )


def _part(tensors: Tensors, part: str) -> Tensors:
    prefix = f"{part}/"
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
