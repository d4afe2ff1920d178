"""What the end of a run leaves for its report: the sealed rows as the chosen answered them, and facts of the run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import polars as pl

from archwise.choice.answering import Answering
from archwise.choice.forecast import sealed_timeline
from archwise.choice.run import JUDGED, STORE, Ground, read_any_preparation, read_targets
from archwise.choice.seal import SealedRows, read_groups
from archwise.choice.shortlist import shortlist
from archwise.choice.told import read_told
from archwise.config import Config
from archwise.data.timeline.prepare import state_of
from archwise.model.judged import Judged, write_judged
from archwise.records import FORECAST, Json


def hand_over(folder: Path, ground: Ground, config: Config, sealed: SealedRows, answering: Answering) -> None:
    """Write the sealed rows with what the chosen answered, and what is known of the data, into the run folder."""
    is_forecast = ground.profile.task == FORECAST
    judged = Judged(
        typed=pl.DataFrame() if is_forecast else sealed.typed,
        targets=sealed.targets,
        outputs=answering.sealed,
        name=f"rows of {ground.test_source}" if ground.test_source else "sealed rows",
        groups=sealed.groups,
        timeline=sealed_timeline(sealed.typed, state_of(read_any_preparation(folder))) if is_forecast else None,
        origins=sealed.origins,
        store=folder / STORE if (folder / STORE).is_dir() else None,
        told=sealed.told,
        grouped_by=config.group,
        deciding=_deciding(folder, answering) if config.group and sealed.told is not None else None,
    )
    write_judged(folder / JUDGED, judged, _facts(ground, config))


def _deciding(folder: Path, answering: Answering) -> Judged:
    """The validation rows as the chosen answered them in the race; of groups there are twice as many with them."""
    assert answering.trial.outputs is not None  # only usable trials are asked
    return Judged(
        typed=pl.DataFrame(),
        targets=read_targets(folder, "valid"),
        outputs=answering.trial.outputs,
        name="validation rows",
        groups=read_groups(folder, "valid"),
        told=read_told(folder, "valid"),
    )


def _facts(ground: Ground, config: Config) -> dict[str, Json]:
    """What is known of the data and of who could have raced."""
    profile = ground.profile
    findings = {finding.message: finding for finding in (*profile.findings, *ground.findings)}
    return {
        "source": profile.source,
        "n_rows": profile.n_rows,
        "task_because": profile.task_because,
        "parts": {"training": ground.n_train, "validation": ground.n_valid, "sealed": ground.n_test},
        "split": ground.split_how,
        "n_folds": ground.n_folds,
        "n_repeats": ground.n_repeats,
        "grouped_by": config.group,
        "device": ground.device,
        "columns": [
            {"name": each.name, "kind": each.kind, "use": each.use, "because": each.because, "missing": each.n_missing}
            for each in profile.columns
        ],
        "findings": [asdict(finding) for finding in findings.values()],
        "shortlist": [asdict(item) for item in shortlist(profile, config)],
        "sealed_sha256": ground.test_sha256,
    }
