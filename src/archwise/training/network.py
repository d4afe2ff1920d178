"""A network: the body of an architecture and the head of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path

import torch
from torch import nn

from archwise.blocks.head import MemberHeads
from archwise.blocks.sequence import SequenceInputs, real_steps
from archwise.errors import ModelError, UsageError
from archwise.records import PADDED, STEPS, Architecture, Array, Candidate, Inherited, InputSpec, Json, Signature, Task
from archwise.training.checkpoint import read_checkpoint
from archwise.training.device import own_random_numbers

TRUNK = "trunk"  # of a body: the part that nothing changes; of a batch: what it gave
_OF_TRUNK = "body.trunk."
_LARGEST_HALF = 60_000.0
_OF_STEPS = ("T", "D")  # the axes of the steps of a row


class Network(nn.Module):
    """A body and a head, called with one tensor for each input of the signature, in its order.

    Args:
        body: batch of named tensors to features (B, D). head: features to outputs (B, K).
            The body of an ensemble gives (B, M, D); its head (B, M, K) while training, and else (B, K).
            Where the signature's form is "sequence", features are (B, T, D) and outputs (B, T, K), but while training
            with NaN behind the end of a row, so that outputs tell by themselves how many steps it has.
    """

    def __init__(self, body: nn.Module, head: nn.Module, *, signature: Signature) -> None:
        super().__init__()
        self.body = body
        self.head = head
        self.signature = signature
        self._names = tuple(spec.name for spec in signature.inputs)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Map inputs, each (B, width), to outputs (B, K), or to those of every step (B, T, K)."""
        batch = dict(zip(self._names, inputs, strict=True))
        outputs: torch.Tensor = self.head(self.body(batch))
        if self.signature.form == "sequence" and not self.training:
            outputs = outputs.masked_fill(~real_steps(batch)[:, :, None], torch.nan)
        return outputs

    @property
    def n_members(self) -> int:
        """M of an ensemble, else 1."""
        members: int = getattr(self.body, "n_members", 1)
        return members

    def begin(self, *inputs: torch.Tensor) -> None:
        """Show the body some training rows before the first step, if it wants to see them."""
        begin = getattr(self.body, "begin", None)
        if begin is None:
            return
        was_training = self.training
        self.eval()
        with torch.no_grad():
            begin(dict(zip(self._names, inputs, strict=True)))
        self.train(was_training)


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


def take_over(network: Network, inherited: Inherited) -> Network:
    """Let the body of a network read the weights that it inherits.

    Returns:
        the network that was given.

    Raises:
        ModelError: their file cannot be read, or is of another network.
    """
    network.body.take_over(inherited)  # type: ignore[operator]
    return network


def begin_from_vectors(network: Network, vectors: Array) -> Network:
    """Let the embedding of a network begin from word vectors.

    Args:
        vectors: (V, D), NaN where a word has none.

    Returns:
        the network that was given.
    """
    for module in network.body.modules():
        if isinstance(module, SequenceInputs):
            module.begin_from(vectors)
    return network


def has_trunk(network: Network) -> bool:
    """Whether a part of the body stays as it was inherited."""
    return isinstance(getattr(network.body, TRUNK, None), nn.Module)


def above_trunk(network: Network, row: tuple[int, ...]) -> Network:
    """The same network without its trunk, whose outputs it is given in the place of what the trunk reads.

    Args:
        row: the shape of what the trunk gives for one row. Where it gives the steps of a sequence, this stays beside.
    """
    reads, inputs = str(network.body.trunk.reads), network.signature.inputs  # type: ignore[union-attr]
    name = name_of_given(reads, row)
    network.body.trunk = nn.Identity()
    others = tuple(spec for spec in inputs if spec.name != reads or name == STEPS)
    given = InputSpec(name, "float32", prod(row), shape=row)
    return Network(network.body, network.head, signature=replace(network.signature, inputs=(*others, given)))


def name_of_given(reads: str, row: tuple[int, ...]) -> str:
    """The name in a batch of what a trunk gives for one row: the steps of the sequence that it reads, or else.

    Args:
        reads: the name of the input that it reads. row: the shape of what it gives.
    """
    return STEPS if reads in PADDED and len(row) == len(_OF_STEPS) else TRUNK


def learn_mode(network: nn.Module) -> None:
    """Set a network to learn, but for the modules that say of themselves that they keep still."""
    network.train()
    for module in network.modules():
        if getattr(module, "is_still", False):
            module.eval()


def learnt_weights(network: nn.Module) -> dict[str, torch.Tensor]:
    """The state of a network without that of its trunk, which is inherited and never changes."""
    return {name: tensor for name, tensor in network.state_dict().items() if not name.startswith(_OF_TRUNK)}


def kept_weights(network: nn.Module) -> dict[str, torch.Tensor]:
    """The state of a network as a model folder keeps it: what was inherited and did not change in half precision.

    The ONNX holds all of it in full; this copy is for looking inside and to train on.
    """
    kept = {}
    for name, tensor in network.state_dict().items():
        may_be_short = _OF_TRUNK in name and tensor.is_floating_point() and tensor.abs().max() < _LARGEST_HALF
        kept[name] = (tensor.half() if may_be_short else tensor).contiguous()
    return kept


def put_back(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Load what `learnt_weights` gave.

    Raises:
        ModelError: the weights are of another network.
    """
    try:
        found = network.load_state_dict(dict(weights), strict=False)
    except RuntimeError as error:
        raise ModelError(f"the weights are of another network ({str(error).splitlines()[-1].strip()})") from None
    wrong = [*found.unexpected_keys, *(name for name in found.missing_keys if not name.startswith(_OF_TRUNK))]
    if wrong:
        raise ModelError(f"the weights are of another network ({', '.join(wrong[:3])}); delete them and train again")


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


def each_member(outputs: torch.Tensor, targets: torch.Tensor, *, n_members: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs of a network in training and their targets, one row for each member of an ensemble.

    Args:
        outputs: (B, ...), or (B, M, ...) of an ensemble.
        targets: (B, ...).
        n_members: M, 1 where the network is no ensemble.

    Returns:
        outputs (B * M, ...) and targets (B * M, ...), so that members learn each on their own.
    """
    if n_members == 1:
        return outputs, targets
    return outputs.flatten(0, 1), targets.repeat_interleave(n_members, dim=0)


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
    put_back(network.to("cpu"), best)
    return network.eval()
