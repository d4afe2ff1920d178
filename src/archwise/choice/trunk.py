"""What stays as it was inherited is computed once: before the race, by all workers, for all folds and all candidates.

A candidate whose body has a trunk is then trained on what the trunk gave, as prepared arrays of one more input, and
neither its checkpoints nor its steps know of the trunk. It costs a part of the budget that is the same for all who
share it; a trunk that cannot be computed in its part is given up as soon as its speed tells, and who needs it leaves.
Where the outputs would be too large to keep, the candidate is trained from the pictures themselves.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archwise.architectures import architecture, need_of
from archwise.choice.folds import folds_of
from archwise.choice.run import (
    PARTS,
    Ground,
    leave,
    prepared_folder,
    read_batch,
    read_ground,
    read_left,
    read_preparation,
)
from archwise.data.mapped import Picked, pick
from archwise.data.prepare import word_vectors
from archwise.data.trunk_store import BATCH, N_SHARDS, add_rows, gather_rows, row_names, shard_of
from archwise.engines.processes import Job, Workers
from archwise.errors import RaceError
from archwise.records import Array, Batch, Candidate, Inherited, Json, Need, Signature
from archwise.tasks import task

if TYPE_CHECKING:
    from archwise.training.network import Network

SHARE = 0.4  # of the time of a race, at the most, that goes to what is computed before it
MOST_MB = 2_000.0  # of the outputs of one trunk that are kept in a run folder
INPUT, GIVEN = "image", "trunk"  # what a trunk reads, and the name of what it gives
_TOO_LARGE = "too large to keep"
SILENCE_S = 300.0

Tell = Callable[[dict[str, Json]], None]


@dataclass(frozen=True)
class TrunkJob:
    """Compute what the trunk of a candidate gives for a part of the pictures of a run.

    until: when all must be done, on the monotonic clock.
    """

    run: str
    candidate: Candidate
    part: int
    n_parts: int
    until: float | None = None


class _TrunkError(RaceError):
    """What a trunk gives cannot be computed in time, or is too large."""


def inherited_by(candidate: Candidate) -> Inherited:
    """What a candidate takes over; nothing for one that begins from nothing."""
    inherits = architecture(candidate.architecture).inherits
    return Inherited() if inherits is None else inherits(dict(candidate.settings), True)


# ---------------------------------------------------------------- reading


def given_batch(place: Path, candidate: Candidate, part: str) -> Batch:
    """The prepared arrays of "train" or "valid"; what the trunk gave in the place of pictures, where it is laid."""
    need = need_of(candidate)
    batch = read_batch(place, need, part)
    laid = _laid(place, need, candidate)
    if laid is None:
        return batch
    with np.load(laid / f"{part}-{GIVEN}.npz", allow_pickle=False) as held:
        given = pick(laid / str(held["lies_in"]), held["rows"])
    return {**{name: array for name, array in batch.items() if name != INPUT}, GIVEN: given}  # type: ignore[dict-item]


def network_of(
    place: Path, ground: Ground, candidate: Candidate, signature: Signature, *, whole: bool = False
) -> Network:
    """The untrained network of a candidate, with what it inherits.

    Args:
        whole: with its trunk; else without it where what it gives is laid at the place.
    """
    from archwise.training.network import above_trunk, make_network, take_over

    kind_of_task = task(ground.profile.task)
    network = make_network(
        architecture(candidate.architecture), candidate, signature, kind_of_task, ground.target_state
    )
    if architecture(candidate.architecture).inherits is None:
        return _with_vectors(network, place, need_of(candidate))
    if not whole and _laid(place, need_of(candidate), candidate) is not None:
        network = above_trunk(network, given_batch(place, candidate, "train")[GIVEN].shape[1:])
    return take_over(network, _to_be_had(candidate))


def _with_vectors(network: Network, place: Path, need: Need) -> Network:
    """A network of texts that begins from word vectors, where they are asked for."""
    if need.text is None or not need.text.vectors:
        return network
    from archwise.training.network import begin_from_vectors

    vectors = word_vectors(read_preparation(place, need))
    return network if vectors is None else begin_from_vectors(network, vectors)


def _to_be_had(candidate: Candidate) -> Inherited:
    inherited = inherited_by(candidate)
    if inherited.why:
        raise RaceError(f"{candidate.label}: its weights cannot be had any more: {inherited.why}")
    return inherited


def _laid(place: Path, need: Need, candidate: Candidate) -> Path | None:
    """Where what the trunk of a candidate gave lies at a place, or None where it does not."""
    if architecture(candidate.architecture).inherits is None:
        return None
    trunk = inherited_by(candidate).trunk
    folder = prepared_folder(place, need) / trunk
    return folder if trunk and folder.is_dir() else None


# ---------------------------------------------------------------- before the race


def lay_trunks(
    folder: Path,
    candidates: Sequence[Candidate],
    *,
    workers: Workers,
    n_workers: int,
    stop_at: float | None,
    tell: Tell,
) -> tuple[Candidate, ...]:
    """Compute what every trunk gives for the open rows of a run, those of the first candidates first.

    Args:
        stop_at: end of the race on the monotonic clock, None where no clock decides.

    Returns:
        the candidates that race; who leaves is in the run folder with the reason.
    """
    gone = {trial.candidate.id for trial in read_left(folder)}
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        trunk = inherited_by(candidate).trunk if candidate.id not in gone else ""
        if trunk and _laid(folder, need_of(candidate), candidate) is None:
            groups.setdefault(trunk, []).append(candidate)
    until = None if stop_at is None else time.monotonic() + SHARE * (stop_at - time.monotonic())
    pictures = {need: _pictures(folder, need) for need in {need_of(group[0]) for group in groups.values()}}
    groups = {trunk: group for trunk, group in groups.items() if pictures[need_of(group[0])] is not None}
    failed = _compute(folder, groups, workers, min(n_workers, N_SHARDS), until, tell)
    for trunk, group in groups.items():
        why = failed.get(trunk, "")
        if why == _TOO_LARGE:
            continue
        if not why and not _lay(folder, trunk, group[0]):
            why = "what it inherits could not be computed for every picture"
        for candidate in group if why else ():
            leave(folder, candidate, why)
            gone.add(candidate.id)
            tell({"event": "note", "message": f"{candidate.label} leaves the race: {why}"})
    return tuple(candidate for candidate in candidates if candidate.id not in gone)


def _compute(
    folder: Path,
    groups: Mapping[str, Sequence[Candidate]],
    workers: Workers,
    n_parts: int,
    until: float | None,
    tell: Tell,
) -> dict[str, str]:
    """Let the workers compute every trunk.

    Returns:
        trunk -> why it failed, for those that did.
    """
    failed: dict[str, str] = {}
    order: list[str] = []

    def jobs() -> Iterator[Job]:
        for trunk, group in groups.items():
            names = ", ".join(candidate.label for candidate in group)
            tell({"event": "note", "message": f"computing what {names} inherits, once for all"})
            for part in range(n_parts):
                if trunk in failed:
                    break
                order.append(trunk)
                job = TrunkJob(str(folder), group[0], part, n_parts, until)
                yield Job(job, until=None if until is None else until + 2.0, silence_s=SILENCE_S)

    for outcome in workers.run(compute_trunk, jobs()):
        why = str(outcome.value or "") if outcome.kind == "ok" else outcome.reason
        if why:
            failed.setdefault(order[outcome.index], why)
    return failed


def compute_trunk(job: TrunkJob, send: Callable[[object], None]) -> str:
    """Compute a part of what a trunk gives, in a worker.

    Returns:
        why it was given up, or "".
    """
    import torch

    folder = Path(job.run)
    ground = read_ground(folder)
    need = need_of(job.candidate)
    network = network_of(folder, ground, job.candidate, ground.signature(need), whole=True)
    trunk = network.body.trunk.to(_device(ground)).eval()  # type: ignore[union-attr]
    pictures = _pictures(folder, need)
    assert pictures is not None  # else there is no job
    names, mine = _names(folder, need, pictures), [s for s in range(N_SHARDS) if s % job.n_parts == job.part]
    places = {shard: [at for at, name in enumerate(names) if shard_of(name) == shard] for shard in mine}
    watch = _Watch(sum(map(len, places.values())), job.until)

    def give(rows: Array) -> Array:
        watch.check(len(rows))
        send({"event": "trunk"})
        whole = np.concatenate([rows, np.zeros((BATCH - len(rows), *rows.shape[1:]), rows.dtype)])
        with torch.inference_mode():
            given: Array = trunk({INPUT: torch.from_numpy(whole).to(_device(ground))}).float().cpu().numpy()
        if given[0].nbytes * len(names) > MOST_MB * 1e6:
            raise _TrunkError(_TOO_LARGE)
        return given[: len(rows)]

    key = inherited_by(job.candidate).trunk
    try:
        for shard, held in places.items():
            add_rows(key, shard, [names[at] for at in held], _rows_at(pictures, held), give)
    except _TrunkError as reason:
        return str(reason)
    return ""


def _rows_at(pictures: Picked, held: Sequence[int]) -> Callable[[list[int]], Array]:
    """From places among those held to pictures."""
    return lambda some: pictures[[held[at] for at in some]]


class _Watch:
    """How fast a part goes, and whether it can end in time."""

    def __init__(self, n_rows: int, until: float | None) -> None:
        self._left, self._until = n_rows, until
        self._began, self._done = time.monotonic(), 0

    def check(self, n_rows: int) -> None:
        """Note that so many rows are begun.

        Raises:
            _TrunkError: the rest would not be done in time at the speed so far.
        """
        now = time.monotonic()
        rest = self._left - self._done
        expected = (now - self._began) / self._done * rest if self._done else 0.0
        if self._until is not None and now + expected > self._until:
            raise _TrunkError(
                f"what it inherits would take {expected:.0f} s more for {rest:,} pictures, and "
                f"{max(0.0, self._until - now):.0f} s were left for it; give a longer budget"
            )
        self._done += n_rows


def _device(ground: Ground) -> str:
    from archwise.training.device import pick_device

    return str(pick_device(ground.device))


def _pictures(folder: Path, need: Need) -> Picked | None:
    """The pictures of all open rows under a need, each once; None where they do not lie in one store."""
    parts: list[object] = [read_batch(folder, need, part).get(INPUT) for part in PARTS]
    picked = [part for part in parts if isinstance(part, Picked)]
    if len(picked) < len(parts) or picked[0].file.resolve() != picked[1].file.resolve():
        return None
    return replace(picked[0], rows=np.unique(np.concatenate([part.rows for part in picked])))


def _names(folder: Path, need: Need, pictures: Picked) -> list[bytes]:
    """The names of pictures, read once for a run."""
    path = folder / "trunk" / f"{need.key}.names.npy"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        partial = path.with_name(f"{path.stem}.{os.getpid()}.partial.npy")
        np.save(partial, np.array([list(name) for name in row_names(pictures)], np.uint8), allow_pickle=False)  # type: ignore[arg-type]
        os.replace(partial, path)
    return [bytes(row) for row in np.load(path, allow_pickle=False)]


def _lay(folder: Path, trunk: str, candidate: Candidate) -> bool:
    """Put what a trunk gave into the run folder, and at every place which of it belongs to each row.

    Returns:
        whether all of it was there.
    """
    need = need_of(candidate)
    pictures = _pictures(folder, need)
    assert pictures is not None  # it was computed for them
    path = folder / "trunk" / f"{trunk}.npy"
    if not path.exists() and not gather_rows(trunk, _names(folder, need, pictures), path):
        return False
    for place in dict.fromkeys([*(fold.place for fold in folds_of(folder)), folder]):
        laid = prepared_folder(place, need) / trunk
        partial = laid.with_name(f"{laid.name}.partial")
        partial.mkdir(exist_ok=True)
        for part in PARTS:
            rows = read_batch(place, need, part)[INPUT].rows  # type: ignore[attr-defined]
            np.savez(
                partial / f"{part}-{GIVEN}.npz",
                rows=np.searchsorted(pictures.rows, rows),
                lies_in=np.array(os.path.relpath(path, laid)),
            )
        os.replace(partial, laid)
    return True
