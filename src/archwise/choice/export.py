"""Writes a trained network as ONNX in a worker process, after its answers were held against those of the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archwise.architectures import need_of
from archwise.choice.run import read_batch, read_ground, trial_folder, write_json
from archwise.choice.trial import Send, check_answers, head_rows
from archwise.choice.trunk import inherited_by, network_of
from archwise.model.session import open_session, outputs
from archwise.records import Array, Batch, Candidate, Json, Signature
from archwise.tasks import task

if TYPE_CHECKING:
    import torch

PARITY_ROWS_AT_ONCE = 32
INHERITED = "inherited.json"  # beside the written network: what it took over


@dataclass(frozen=True)
class ExportJob:
    """Write one trained candidate as ONNX."""

    run: str
    candidate: Candidate


def export_trial(job: ExportJob, send: Send) -> str:
    """Write the best network of a candidate, or the mean of its seeds, as model.onnx after a parity check on rows.

    Returns:
        the path of the file.

    Raises:
        ParityError: ONNX Runtime does not answer as torch did; the row is named and nothing is written.
    """
    from safetensors.torch import save_file

    from archwise.model.export import export_network
    from archwise.training.mean import MeanNetwork
    from archwise.training.network import best_network, kept_weights

    send({"event": "export"})
    folder = Path(job.run)
    ground = read_ground(folder)
    kind_of_task, need = task(ground.profile.task), need_of(job.candidate)
    signature = ground.signature(need)
    place = trial_folder(folder, job.candidate)
    members = [
        best_network(
            network_of(folder, ground, member, signature, whole=True),
            trial_folder(folder, member) / "checkpoint.safetensors",
        )
        for member in job.candidate.members
    ]
    network = members[0] if len(members) == 1 else MeanNetwork(members, join=kind_of_task.join).eval()
    rows = head_rows(read_batch(folder, need, "valid"))
    model = export_network(network, rows, signature)
    check_answers(ground, _torch_outputs(network, rows, signature), outputs(open_session(model), rows))
    save_file(kept_weights(network), place / "weights.safetensors")
    write_json(place / INHERITED, _inherited_facts(job.candidate))
    path = place / "model.onnx"
    path.write_bytes(model)
    return str(path)


def _inherited_facts(candidate: Candidate) -> dict[str, Json]:
    """What a model folder says of the weights that a network took over; nothing where it began from nothing."""
    inherited = inherited_by(candidate)
    if not inherited.file:
        return {}
    return {
        "file": Path(inherited.file).name,
        "sha256": inherited.sha256,
        "licence": inherited.licence,
        "origin": inherited.origin,
    }


def _torch_outputs(network: Callable[..., torch.Tensor], batch: Batch, signature: Signature) -> Array:
    import torch

    with torch.inference_mode():
        rows = [torch.from_numpy(batch[spec.name]).split(PARITY_ROWS_AT_ONCE) for spec in signature.inputs]  # type: ignore[no-untyped-call]
        answered: Array = torch.cat([network(*some) for some in zip(*rows, strict=True)]).numpy()
    return answered
