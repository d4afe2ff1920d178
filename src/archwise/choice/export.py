"""Writes a trained network as ONNX in a worker process, after its answers were held against those of the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archwise.architectures import need_of
from archwise.choice.run import Ground, read_batch, read_ground, trial_folder, write_json
from archwise.choice.trial import Send, check_answers, head_rows
from archwise.choice.trunk import inherited_by, network_of
from archwise.errors import ParityError
from archwise.model.folder import STREAM
from archwise.model.session import open_session, outputs
from archwise.model.step_session import open_steps, outputs_in_parts
from archwise.model.step_stream import why_not
from archwise.records import Array, Batch, Candidate, Json, Signature
from archwise.tasks import task

if TYPE_CHECKING:
    import torch

    from archwise.training.network import Network

PARITY_ROWS_AT_ONCE = 32
INHERITED = "inherited.json"  # beside the written network: what it took over


@dataclass(frozen=True)
class ExportJob:
    """Write one trained candidate as ONNX."""

    run: str
    candidate: Candidate


def export_trial(job: ExportJob, send: Send) -> tuple[str, ...]:
    """Write the best network of a candidate, or the mean of its seeds, as model.onnx after a parity check on rows.

    Beside it, where it reads step by step, the form of it that goes on from what it kept.

    Returns:
        what is to be said of it, in sentences.

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
    given = _torch_outputs(network, rows, signature)
    check_answers(ground, given, outputs(open_session(model), rows))
    (place / STREAM).unlink(missing_ok=True)
    said: tuple[str, ...] = ()
    if not why_not(ground.profile.task, job.candidate, need, ground.columns):
        said = _write_stream(place / STREAM, ground, members, rows, given)
    save_file(kept_weights(network), place / "weights.safetensors")
    write_json(place / INHERITED, _inherited_facts(job.candidate))
    (place / "model.onnx").write_bytes(model)
    return said


def _write_stream(
    path: Path, ground: Ground, members: Sequence[Network], rows: Batch, expected: Array
) -> tuple[str, ...]:
    """Write the form that reads a row in parts, once rows that are cut at random have the outputs expected of them.

    A model that answers whole rows right is handed over all the same; why it has no such form is then said.
    """
    from archwise.model.export import export_carried
    from archwise.training.carried import CarriedNetwork

    network = CarriedNetwork(members, join=task(ground.profile.task).join)
    stream = export_carried(network, rows, members[0].signature)
    try:
        check_answers(ground, expected, outputs_in_parts(open_steps(stream), rows, seed=0))
    except ParityError as error:
        return (f"It does not answer step by step as it answers whole rows, and so has no {STREAM}: {error}.",)
    path.write_bytes(stream)
    return ()


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
