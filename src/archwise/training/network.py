"""A network: the body of an architecture and the head of a task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from archwise.blocks.head import MemberHeads
from archwise.errors import UsageError
from archwise.records import Architecture, Candidate, Json, Signature, Task
from archwise.training.checkpoint import read_checkpoint
from archwise.training.device import own_random_numbers


class Network(nn.Module):
    """A body and a head, called with one tensor for each input of the signature, in its order.

    Args:
        body: batch of named tensors to features (B, D). head: features to outputs (B, K).
            The body of an ensemble gives (B, M, D); its head (B, M, K) while training, and else (B, K).
    """

    def __init__(self, body: nn.Module, head: nn.Module, *, signature: Signature) -> None:
        super().__init__()
        self.body = body
        self.head = head
        self.signature = signature
        self._names = tuple(spec.name for spec in signature.inputs)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Map inputs, each (B, width), to outputs (B, K)."""
        outputs: torch.Tensor = self.head(self.body(dict(zip(self._names, inputs, strict=True))))
        return outputs

    def begin(self, *inputs: torch.Tensor) -> None:
        """Show the body some training rows before the first step, if it wants to see them."""
        begin = getattr(self.body, "begin", None)
        if begin is not None:
            with torch.no_grad():
                begin(dict(zip(self._names, inputs, strict=True)))


def make_network(
    architecture: Architecture,
    candidate: Candidate,
    signature: Signature,
    task: Task,
    state: Mapping[str, Json],
) -> Network:
    """Build the network of a candidate, untrained; the same plan seed gives the same weights.

    Args:
        architecture: a network of the catalogue.
        candidate: its settings and plan.
        signature: inputs of the data as prepared for it.
        task: what the head is for.
        state: the target state that the task fitted on training rows.

    Raises:
        UsageError: the architecture is a reference, which a library fits.
    """
    if architecture.build is None:
        raise UsageError(f"'{architecture.name}' is a reference, fitted by a library; only networks are built")
    with own_random_numbers(torch.device("cpu"), candidate.plan.seed):
        body = architecture.build(signature, dict(candidate.settings))
        width = body.width
        if not isinstance(width, int):
            raise TypeError(f"the body of '{architecture.name}' has no int attribute `width`: found {width!r}")
        state = {**state, "loss": candidate.plan.loss}
        return Network(body, _make_head(body, width, task, state), signature=signature)


def _make_head(body: nn.Module, width: int, task: Task, state: Mapping[str, Json]) -> nn.Module:
    """The head of the task for a body: one for each member of an ensemble, at the rates that the body asks for."""
    n_members: int = getattr(body, "n_members", 1)
    if n_members == 1:
        head = task.head(width, state)
    else:
        head = MemberHeads([task.head(width, state) for _ in range(n_members)], join=task.join)
    factors = getattr(body, "head_rate_factors", None)
    if factors is not None:
        for module in head.modules():
            module.rate_factors = factors
    return head


def each_member(outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs of a network in training and their targets, one row for each member of an ensemble.

    Args:
        outputs: (B, K), or (B, M, K) of an ensemble.
        targets: (B, ...).

    Returns:
        outputs (B * M, K) and targets (B * M, ...), so that members learn each on their own.
    """
    if outputs.ndim == 2:
        return outputs, targets
    return outputs.flatten(0, 1), targets.repeat_interleave(outputs.shape[1], dim=0)


def n_parameters(network: nn.Module) -> int:
    """Count the numbers that training changes."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def best_network(network: Network, checkpoint: Path) -> Network:
    """Load the best weights of a checkpoint into a network, on the CPU and ready to predict.

    Returns:
        the network that was given.

    Raises:
        ModelError: the checkpoint is missing, broken or of another network.
    """
    best = read_checkpoint(checkpoint).best
    network.to("cpu").load_state_dict(best)
    return network.eval()
