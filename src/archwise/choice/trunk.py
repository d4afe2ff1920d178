"""What stays as it was inherited is computed once: before the race, by all workers, for all folds and all candidates.

A candidate whose body has a trunk is then trained on what the trunk gave, as prepared arrays of one more input, and
neither its checkpoints nor its steps know of the trunk. It costs a part of the budget that is the same for all who
share it; a trunk that cannot be computed in its part is given up as soon as its speed tells, and who needs it leaves.
Where the outputs would be too large to keep, the candidate is trained from the rows themselves.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
from archwise.choice.trunk_rows import FOLDER, TrunkRows, places_among, sorted_places, trunk_rows
from archwise.data.mapped import pick
from archwise.data.prepare import word_vectors
from archwise.data.trunk_store import BATCH, N_SHARDS, add_rows, gather_rows, shard_of
from archwise.engines.processes import Job, Workers
from archwise.errors import RaceError
from archwise.records import STEPS, Array, Batch, Candidate, Inherited, Json, Need, Signature
from archwise.tasks import task

if TYPE_CHECKING:
    from archwise.training.network import Network

SHARE = 0.4  # of the time of a race, at the most, that goes to what is computed before it
MOST_MB = 2_000.0  # of the outputs of one trunk that are kept in a run folder
GIVEN = "trunk"  # of the file that says where what a trunk gave lies
_TOO_LARGE = "too large to keep"
SILENCE_S = 300.0

Tell = Callable[[dict[str, Json]], None]


@dataclass(frozen=True)
class TrunkJob:
    """Compute what the trunk of a candidate gives for a part of the rows of a run.

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
    """The prepared arrays of "train" or "valid"; what the trunk gave in the place of what it reads, where it is laid.

    The steps of a sequence stand beside it, as `training.network.above_trunk` says.
    """
    from archwise.training.network import name_of_given

    need = need_of(candidate)
    batch = read_batch(place, need, part)
    laid = _laid(place, need, candidate)
    if laid is None:
        return batch
    with np.load(laid / f"{part}-{GIVEN}.npz", allow_pickle=False) as held:
        given = pick(laid / str(held["lies_in"]), held["rows"])
    reads = inherited_by(candidate).reads
    name = name_of_given(reads, given.shape[1:])
    others = {other: array for other, array in batch.items() if other != reads or name == STEPS}
    return {**others, name: given}  # type: ignore[dict-item]


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
        network = above_trunk(network, _row_of_given(place, candidate))
    return take_over(network, _to_be_had(candidate))


def _row_of_given(place: Path, candidate: Candidate) -> tuple[int, ...]:
    """The shape of what the trunk of a candidate gave for one row."""
    held = given_batch(place, candidate, "train")
    shape: tuple[int, ...] = held[STEPS if STEPS in held else GIVEN].shape
    return shape[1:]


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
    groups = {trunk: group for trunk, group in groups.items() if _rows_for(folder, group[0]) is not None}
    failed = _compute(folder, groups, workers, min(n_workers, N_SHARDS), until, tell)
    for trunk, group in groups.items():
        why = failed.get(trunk, "")
        if why == _TOO_LARGE:
            continue
        if not why and not _lay(folder, trunk, group[0]):
            why = "what it inherits could not be computed for every row"
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
    network = network_of(folder, ground, job.candidate, ground.signature(need_of(job.candidate)), whole=True)
    trunk = network.body.trunk.to(_device(ground)).eval()  # type: ignore[union-attr]
    rows = _rows_for(folder, job.candidate)
    assert rows is not None  # else there is no job
    steps = rows.steps()
    places = [at for at in range(len(rows.names)) if shard_of(rows.name(at)) % job.n_parts == job.part]
    watch = _Watch(len(places), int(np.maximum(1, steps[places]).sum()), job.until)

    def run(some: Array) -> Array:
        whole = np.concatenate([some, np.zeros((BATCH - len(some), *some.shape[1:]), some.dtype)])
        with torch.inference_mode():
            given: Array = trunk({rows.reads: torch.from_numpy(whole).to(_device(ground))}).float().cpu().numpy()
        if given[0].nbytes * len(rows.names) > MOST_MB * 1e6:
            raise _TrunkError(_TOO_LARGE)
        return given[: len(some)]

    def give(mine: Sequence[int], some: Sequence[int]) -> Array:
        held = [mine[at] for at in some]
        watch.check(len(held), int(np.maximum(1, steps[held]).sum()))
        send({"event": "trunk"})
        return _given_for(rows, held, steps[held], run)

    try:
        for shard in dict.fromkeys(shard_of(rows.name(at)) for at in places):
            mine = sorted_places((at for at in places if shard_of(rows.name(at)) == shard), steps)
            add_rows(_store_of(job.candidate, rows), shard, [rows.name(at) for at in mine], partial(give, mine))
    except _TrunkError as reason:
        return str(reason)
    return ""


def _given_for(rows: TrunkRows, held: Sequence[int], steps: Array, run: Callable[[Array], Array]) -> Array:
    """What a trunk gives for rows at some places, each with the padding of its own length alone.

    Args:
        steps: in which each is computed; 0 of what is no sequence. run: from up to BATCH rows to what it gives.

    Returns:
        (B, ...); what is of every step has as many as the longest of all rows, NaN behind.
    """
    some = rows.rows[np.asarray(held)]
    if not rows.is_padded:
        return run(some)
    found = {place: one for n in np.unique(steps) for place, one in _of_length(some, steps == n, int(n), run)}
    return np.stack([_to_steps(found[place], rows.rows.shape[1]) for place in range(len(held))])


def _of_length(some: Array, which: Array, n_steps: int, run: Callable[[Array], Array]) -> Iterator[tuple[int, Array]]:
    places = np.flatnonzero(which)
    yield from zip(places.tolist(), run(some[places, :n_steps]), strict=True)


def _to_steps(given: Array, n_steps: int) -> Array:
    """What a trunk gave for a row, (D,) or (T, D), of which the second gets so many steps."""
    if given.ndim == 1:
        return given
    return np.pad(given, ((0, n_steps - len(given)), (0, 0)), constant_values=np.nan)


def _rows_for(folder: Path, candidate: Candidate) -> TrunkRows | None:
    """The open rows that the trunk of a candidate is given."""
    return trunk_rows(folder, need_of(candidate), inherited_by(candidate).reads)


def _store_of(candidate: Candidate, rows: TrunkRows) -> str:
    """The name under which what a trunk gives is kept."""
    return inherited_by(candidate).trunk + rows.store


class _Watch:
    """How fast a part goes, and whether it can end in time."""

    def __init__(self, n_rows: int, work: int, until: float | None) -> None:
        self._n_rows, self._work, self._until = n_rows, work, until
        self._began, self._done = time.monotonic(), 0

    def check(self, n_rows: int, work: int) -> None:
        """Note that so many rows are begun, of so much work.

        Raises:
            _TrunkError: the rest would not be done in time at the speed so far.
        """
        now = time.monotonic()
        rest = self._work - self._done
        expected = (now - self._began) / self._done * rest if self._done else 0.0
        if self._until is not None and now + expected > self._until:
            raise _TrunkError(
                f"what it inherits would take {expected:.0f} s more for {self._n_rows:,} rows, and "
                f"{max(0.0, self._until - now):.0f} s were left for it; give a longer budget"
            )
        self._n_rows -= n_rows
        self._done += work


def _device(ground: Ground) -> str:
    from archwise.training.device import pick_device

    return str(pick_device(ground.device))


def _lay(folder: Path, trunk: str, candidate: Candidate) -> bool:
    """Put what a trunk gave into the run folder, and at every place which of it belongs to each row.

    Returns:
        whether all of it was there.
    """
    need, rows = need_of(candidate), _rows_for(folder, candidate)
    assert rows is not None  # it was computed for them
    path = folder / FOLDER / f"{trunk}.npy"
    names = [rows.name(at) for at in range(len(rows.names))]
    if not path.exists() and not gather_rows(_store_of(candidate, rows), names, path):
        return False
    for place in dict.fromkeys([*(fold.place for fold in folds_of(folder)), folder]):
        laid = prepared_folder(place, need) / trunk
        partial = laid.with_name(f"{laid.name}.partial")
        partial.mkdir(exist_ok=True)
        for part in PARTS:
            mine = places_among(rows, read_batch(place, need, part)[rows.reads])
            np.savez(partial / f"{part}-{GIVEN}.npz", rows=mine, lies_in=np.array(os.path.relpath(path, laid)))
        os.replace(partial, laid)
    return True
