"""Rows whose truth is known, with what a model answered them: what the end of a run leaves for its report.

rows.arrow   the columns that the model reads, as their kinds type them
rows.npz     targets, outputs, groups; of a forecast the steps and its origins among them
told.arrow   how rows are named to the user, where that is known
deciding/    the same of the rows that decided, where groups are told
facts.json   the name of the rows, and what is known of the data and of the race
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.timeline.frequency import Frequency
from archwise.data.timeline.grid import Timeline
from archwise.model.facts import plain
from archwise.records import Array, Json

TOLD, DECIDING = "told.arrow", "deciding"


@dataclass(frozen=True)
class Judged:
    """N rows whose truth is known, and what a model answered.

    typed: their columns as kinds type them; of a forecast none. targets: (N, ...) encoded. outputs: (N, ...) raw.
    name: how to call them, such as "sealed rows". groups: (N,) int64 where rows depend on each other, else None.
    timeline, origins: of a forecast the steps, and (N,) the places among them where it begins.
    store: the folder in which dear cells such as pictures were read before, or None. n_left_out: rows not judged.
    told: how the rows are named, (N,) row Int64 from 1, file and group String or null; or None.
    grouped_by: the column of groups, or "". deciding: the rows that decided, with told and without typed columns, where
        there are groups; else None.
    """

    typed: pl.DataFrame
    targets: Array
    outputs: Array
    name: str = "sealed rows"
    groups: Array | None = None
    timeline: Timeline | None = None
    origins: Array | None = None
    store: Path | None = None
    n_left_out: int = 0
    told: pl.DataFrame | None = None
    grouped_by: str = ""
    deciding: Judged | None = None


def write_judged(folder: Path, judged: Judged, facts: Mapping[str, Json]) -> None:
    """Write judged rows, and what is known beside them, into a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    judged.typed.write_ipc(folder / "rows.arrow")
    arrays = {"targets": np.asarray(judged.targets), "outputs": np.asarray(judged.outputs)}
    told: dict[str, Json] = {
        "name": judged.name,
        "n_left_out": judged.n_left_out,
        "grouped_by": judged.grouped_by,
        "store": None if judged.store is None else str(judged.store),
        "facts": plain(facts),
    }
    if judged.groups is not None:
        arrays["groups"] = judged.groups
    if judged.timeline is not None and judged.origins is not None:
        held = judged.timeline
        arrays |= {"origins": judged.origins, "begins": held.begins, "first": held.first, "values": held.values}
        told |= {"frequency": held.frequency.to_json(), "names": list(held.names)}
    if judged.told is not None:
        judged.told.write_ipc(folder / TOLD)
    if judged.deciding is not None:
        write_judged(folder / DECIDING, judged.deciding, {})
    np.savez(folder / "rows.npz", **arrays)  # type: ignore[arg-type]  # every value is an array
    (folder / "facts.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


def read_judged(folder: Path) -> tuple[Judged, dict[str, Json]]:
    """The rows that `write_judged` wrote, and the facts beside them."""
    told = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    with np.load(folder / "rows.npz", allow_pickle=False) as held:
        arrays = dict(held)
    timeline = None
    if "frequency" in told:
        timeline = Timeline(
            Frequency.from_json(told["frequency"]),
            tuple(told["names"]),
            arrays["begins"],
            arrays["first"],
            arrays["values"],
        )
    judged = Judged(
        typed=pl.read_ipc(folder / "rows.arrow"),
        targets=arrays["targets"],
        outputs=arrays["outputs"],
        name=told["name"],
        groups=arrays.get("groups"),
        timeline=timeline,
        origins=arrays.get("origins"),
        store=None if told["store"] is None else Path(told["store"]),
        n_left_out=told["n_left_out"],
        told=pl.read_ipc(folder / TOLD) if (folder / TOLD).is_file() else None,
        grouped_by=told.get("grouped_by", ""),
        deciding=read_judged(folder / DECIDING)[0] if (folder / DECIDING).is_dir() else None,
    )
    return judged, told["facts"]
