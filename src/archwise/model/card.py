"""The model card: what a model is, in plain words, for whoever finds its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archwise.architectures import architectures
from archwise.data.tag_cells import TAG
from archwise.model.facts import ModelFacts
from archwise.records import Json

_MOST_COLUMNS = 60  # of the table; a card is read by people


def model_card(facts: ModelFacts, verdict: Mapping[str, Json], name: str) -> str:
    """Write the card as Markdown.

    Args:
        facts: of the model.
        verdict: its choice and evidence, as verdict.json holds it.
        name: of the model folder.
    """
    sections = [
        f"# {name}",
        _what(facts),
        "## The choice",
        _list([*verdict.get("reasons", ()), *verdict.get("next_steps", ())]),
        "## Scores",
        _scores(facts),
        "## The data",
        _data(facts),
        "## How to use it",
        _use(facts, name),
        "## Notes",
        _notes(facts),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _what(facts: ModelFacts) -> str:
    entry = architectures().get(facts.candidate.architecture)
    summary = f" ({entry.summary} Source: {entry.source}.)" if entry else ""
    classes = facts.target_state.get("classes")
    asked = f"which of {_names(classes)} `{facts.target}` is" if classes else f"the number `{facts.target}`"
    if facts.signature.horizon:
        names = _names(facts.target_state["targets"])
        asked = f"how {names} goes on for the next {facts.signature.horizon:,} steps"
    if facts.task == TAG and classes:
        asked = f"which of {_names(classes)} each word of a row has"
    if "labels" in facts.target_state:
        asked = f"which of the labels {_names(facts.target_state['labels'])} a row has"
    chosen = facts.candidate.label or facts.candidate.architecture
    return f"This model answers {asked}. Its architecture is **{chosen}**.{summary}"


def _scores(facts: ModelFacts) -> str:
    lines = ["| metric | validation rows | test rows |", "|---|---|---|"]
    for name in dict.fromkeys([*facts.validation, *facts.test]):
        decided = f"**{name}** (decided)" if name == facts.metric else name
        lines.append(f"| {decided} | {_figure(facts.validation.get(name))} | {_figure(facts.test.get(name))} |")
    return "\n".join(lines) + "\n\nThe test rows were sealed before training and opened once, for this choice."


def _data(facts: ModelFacts) -> str:
    told = [f"- {name.replace('_', ' ')}: {value}" for name, value in facts.profile.items()]
    shown = facts.columns[:_MOST_COLUMNS]
    rows = ["| column | read as |", "|---|---|", *(f"| {_cell(column)} | {kind} |" for column, kind in shown)]
    more = len(facts.columns) - len(shown)
    rest = f"\n\nand {more} columns more, all named in `model.json`." if more else ""
    return "\n".join(told) + "\n\n" + "\n".join(rows) + rest


def _use(facts: ModelFacts, name: str) -> str:
    if facts.signature.horizon:
        return (
            "    pip install archwise\n"
            f"    archwise predict {name} --horizon {facts.signature.horizon} --out next.csv\n"
            f"    archwise predict {name} newer.csv --out next.csv\n"
            f"    archwise evaluate {name} labelled.csv --origins 20\n\n"
            "The first goes on from the last steps of the training data, which the model keeps; the second from the "
            "last step of newer data. Neither torch nor the training data are needed."
        )
    gives = "`p:<class>` for each class" if "classes" in facts.target_state else "`low` and `high`"
    gives = "`p`, lists beside `words`" if facts.task == TAG else gives
    gives = "`p:<label>` for each label" if "labels" in facts.target_state else gives
    return (
        f"    pip install archwise\n    archwise predict {name} new.csv --out answers.csv\n\n"
        f"The new rows need the columns above, in any order; others are left aside. The answers have one row for "
        f"each input row: `prediction`, then {gives}. Neither torch nor the training data are needed."
        f"{_threshold(facts)}"
    )


def _threshold(facts: ModelFacts) -> str:
    """From which probability on the positive class is answered, where that is not one half."""
    calibration = facts.calibration
    if "threshold" not in calibration:
        return ""
    name = facts.target_state["classes"][calibration["positive"]]
    return (
        f"\n\n`prediction` is `{name}` from a probability of {calibration['threshold']:.4g} on, chosen on the "
        f"validation rows for {calibration['rule']}."
    )


def _notes(facts: ModelFacts) -> str:
    return _list(
        [
            f"Written by archwise {facts.version} on {facts.created}; `run.toml` runs the fit again.",
            f"Sealed test rows: SHA-256 `{facts.sealed}`.",
            _origin(facts),
            "It knows only data like those it was trained on; look again when they change.",
        ]
    )


def _origin(facts: ModelFacts) -> str:
    """Whether others' weights are inside, and what binds their use."""
    held = facts.inherited
    if not held:
        return (
            "Trained from nothing on the data above: no pretrained weights are inside, so no licence of others binds "
            "it. The licence of the data may say how the model can be used."
        )
    return (
        f"Begun from weights that others trained: `{held['file']}` ({held['origin']}), SHA-256 `{held['sha256']}`. "
        f"Their licence: {held['licence']}. It binds this model, as may those of the data that they were learnt from, "
        "and of the data above."
    )


def _list(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _names(classes: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in classes[:10])
    return shown + (f" and {len(classes) - 10} more" if len(classes) > 10 else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"
