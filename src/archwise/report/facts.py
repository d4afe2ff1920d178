"""Everything that a report tells, gathered as plain JSON: the page is made of nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from archwise.architectures import architectures
from archwise.model.facts import plain
from archwise.model.folder import hashes_of
from archwise.model.predict import Model
from archwise.records import Json
from archwise.report import race as race_facts
from archwise.report.answers import answers
from archwise.report.errors import worst_rows
from archwise.report.event import Event
from archwise.report.importance import permutation_importance
from archwise.report.moved import moved_pixels, moved_words
from archwise.report.neighbours import moved_tags, moved_words_of_tags
from archwise.report.origin import origin, repeat
from archwise.report.rows import Rows
from archwise.report.slices import score_slices
from archwise.report.stretches import moved_parts
from archwise.report.time_left import Allowed
from archwise.tasks import main_metric, task

FORMAT = 2  # of the facts: 2 names rows and files, and tells of parts
MOST_ROWS = 20_000  # that are told of, drawn by a fixed seed
NOTHING: dict[str, Json] = {
    "rows": None, "answers": None, "slices": None, "errors": None, "importance": None, "parts": [], "words": [],
    "pixels": None, "given": None, "missing": [],
}  # fmt: skip
WITHOUT_ROWS = (
    "Nothing is told here of single answers, slices, errors and what moved them, for the rows that this model was "
    "judged on are not in its folder: archwise report MODEL --data labelled.csv tells it of labelled rows."
)


@dataclass(frozen=True)
class RunFacts:
    """What is known of the run: facts as the end of it left them, its events, and whether it ends just now."""

    facts: Mapping[str, Json]
    events: Iterable[Event]
    is_at_fit: bool = True


def gather(model: Model, rows: Rows | None, run: RunFacts | None, allowed: Allowed) -> dict[str, Json]:
    """Everything that a report tells of a model.

    Args:
        rows: that it is judged on, or None where there are none.
        run: what is known of its run, or None.
        allowed: when it must be gathered; what had no time is told under `missing`.

    Returns:
        JSON, which `page` turns into HTML.
    """
    began = allowed.clock()
    known = None if run is None else run.facts
    is_at_fit = run is not None and run.is_at_fit
    facts = of_choice(model, is_at_fit=is_at_fit) | of_run(model, known, () if run is None else run.events) | NOTHING
    facts |= of_rows(rows, allowed) if rows is not None else {"missing": [WITHOUT_ROWS]}
    facts["seconds"] = round(allowed.clock() - began, 2)
    told: dict[str, Json] = plain(facts)
    return told


def without_rows(model: Model, kept: Mapping[str, Json] | None) -> dict[str, Json]:
    """The facts of the choice and of the run alone.

    Args:
        kept: the facts of an earlier report of the same model, or None.
    """
    if kept is not None:
        return {**kept, **NOTHING}
    told: dict[str, Json] = plain(of_choice(model, is_at_fit=False) | of_run(model, None, ()) | NOTHING)
    return told


def of_run(model: Model, known: Mapping[str, Json] | None, events: Iterable[Event]) -> dict[str, Json]:
    """What the run tells beside the choice.

    Args:
        known: facts as the end of the run left them, or None.
    """
    leaders = race_facts.leaderboard(model.verdict, model.trials)
    race, aside = race_facts.race(events), race_facts.set_aside(leaders, known)
    race["notes"] = [note for note in race["notes"] if not race_facts.said_elsewhere(note, aside)]
    return {"race": race, "data": dict(known or {}), "aside": aside}


def of_rows(rows: Rows, allowed: Allowed) -> dict[str, Json]:
    """What the judged rows tell: answers, slices, the worst errors, and what moved the answers.

    Of more rows than MOST_ROWS so many are drawn; of a task that the report does not know only slices are told.
    """
    judged = rows.judged
    about = {"name": judged.name, "n_rows": rows.n_rows, "n_left_out": judged.n_left_out}
    rows = rows.sample(MOST_ROWS)
    if not rows.can_tell:
        return {"rows": about, "slices": plain(score_slices(rows, allowed))}
    importance = permutation_importance(rows, allowed.share(0.4))
    parts = [*moved_parts(rows, allowed.share(0.4)), *filter(None, [moved_tags(rows, allowed.share(0.3))])]
    columns = [] if importance is None else [each["name"] for each in importance["columns"]]
    pixels = moved_pixels(rows, allowed.share(0.5))
    told: dict[str, Json] = plain(
        {
            "rows": about,
            "answers": answers(rows),
            "errors": worst_rows(rows, first=columns),
            "importance": importance,
            "parts": parts,
            "words": [*moved_words(rows, allowed.share(0.6)), *moved_words_of_tags(rows, allowed.share(0.6))],
            "pixels": pixels,
            "slices": score_slices(rows, allowed),
        }
    )
    return told


def of_choice(model: Model, *, is_at_fit: bool) -> dict[str, Json]:
    """What a model folder itself tells: the verdict, the leaderboard, the scores, and where it comes from.

    Args:
        is_at_fit: whether this is told at the end of the fit, so that what is installed now, and the data as they lie
            now, are those of the fit.
    """
    facts, verdict = model.facts, model.verdict
    entry = architectures().get(facts.candidate.architecture)
    metric = main_metric(task(facts.task), facts.target_state, facts.metric)
    leaders = race_facts.leaderboard(verdict, model.trials)
    chosen = next((row for row in leaders if row["is_chosen"]), {})
    onnx = model.folder / "model.onnx"
    run_toml = (model.folder / "run.toml").read_text(encoding="utf-8")
    return {
        "format": FORMAT,
        "model": {
            "name": model.folder.name,
            "task": facts.task,
            "target": facts.target,
            "classes": [str(name) for name in facts.target_state.get("classes", facts.target_state.get("labels", ()))],
            "label": facts.candidate.label or facts.candidate.architecture,
            "architecture": facts.candidate.architecture,
            "family": "" if entry is None else entry.family,
            "summary": "" if entry is None else entry.summary,
            "source": "" if entry is None else entry.source,
            "settings": dict(facts.candidate.settings),
            "n_parameters": chosen.get("n_parameters"),
            "latency_ms": chosen.get("latency_ms"),
            "size_mb": onnx.stat().st_size / 1e6,
            "created": facts.created,
            "version": facts.version,
            "columns": [list(column) for column in facts.columns],
        },
        "metric": {"name": metric.name, "greater_is_better": metric.greater_is_better, "unit": metric.unit},
        "verdict": dict(verdict),
        "leaderboard": leaders,
        "scores": [
            {"metric": name, "validation": facts.validation.get(name), "sealed": facts.test.get(name)}
            for name in dict.fromkeys([*facts.validation, *facts.test])
        ],
        "profile": dict(facts.profile),
        "growth": dict(verdict.get("growth", {})),
        "repeat": {**repeat(run_toml, model.folder.name), "is_of_fit": is_at_fit},
        "origin": origin(facts, _hashes(model), run_toml, is_at_fit=is_at_fit),
    }


def _hashes(model: Model) -> dict[str, str]:
    return {name: digest for name, digest in hashes_of(model.folder).items() if not name.startswith("report.")}
