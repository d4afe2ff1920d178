"""Explains one answer: where in a picture a model looked, or which words of a text moved the answer."""

from __future__ import annotations

from pathlib import Path

from archwise.errors import UsageError
from archwise.model.cover import cover
from archwise.model.explain_picture import Explained, draw, explain_picture, read_pixels, readable_networks
from archwise.model.explain_text import ExplainedText, as_page, explain_text, text_columns
from archwise.model.predict import Model
from archwise.tasks import task

HEAT = Path("heat.png")  # where the command line draws a picture that is explained


def explain(
    model: Model, example: str | Path | bytes, *, out: str | Path = "", label: str = ""
) -> Explained | ExplainedText:
    """Explain the answer of a model to a picture, or to a text where it reads texts.

    Args:
        model: opened.
        example: the file of a picture or its bytes; or a text.
        out: where to write what was found, "" for nowhere: the picture with heat over it, or the text as HTML.
        label: of the class to explain; the answered one where it is empty.

    Raises:
        UsageError: the model tags words, reads neither a text nor a picture, or other columns too; there is no such
            class, or `out` cannot be written.
        DataError: the picture cannot be read.
    """
    _refuse_others(model)
    found: Explained | ExplainedText
    if text_columns(model):
        found = explain_text(model, str(example), label=label)
    else:
        found = _explain_picture(model, example, label)
    if out:
        _write(found, Path(out))
    return found


def _explain_picture(model: Model, picture: str | Path | bytes, label: str) -> Explained:
    networks = readable_networks(model)
    if networks is not None:
        return explain_picture(model, picture, networks, label=label)
    return cover(model, {"image": read_pixels(model, picture)[None]}, label=label).explained


def default_place(model: Model) -> Path | None:
    """Where the command line writes what it found where nothing else is said; a text it only prints."""
    return None if text_columns(model) else HEAT


def _refuse_others(model: Model) -> None:
    if task(model.facts.task).needs == "sequence":
        raise UsageError(
            f"{model.folder} tags every word of a sentence, and explain is for one answer a row: which words of a text "
            "moved it, or where in a picture it looked; predict tells how sure each tag is, in its column p"
        )
    if not text_columns(model) and model.facts.signature.input("image") is None:
        raise UsageError(
            f"{model.folder} reads neither a text nor a picture; explain shows which words of a text moved an answer, "
            "or where in a picture a model looked"
        )
    if not text_columns(model) and len(model.facts.columns) > 1:
        raise UsageError(f"{model.folder} reads other columns beside the picture; explain is for pictures alone")


def _write(found: Explained | ExplainedText, place: Path) -> None:
    try:
        if isinstance(found, ExplainedText):
            place.write_text(as_page(found), encoding="utf-8")
        else:
            draw(found).save(place)
    except (OSError, ValueError) as error:
        wanted = "an .html" if isinstance(found, ExplainedText) else "a .png"
        raise UsageError(f"{place}: it cannot be written ({error}); name {wanted} file") from None
