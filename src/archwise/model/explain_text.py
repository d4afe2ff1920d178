"""Which words of a text moved the answer: each is left out in turn, and the answers are compared.

Needs no torch: the text without a word goes the way of every row. Source: Li, Monroe & Jurafsky 2016 (erasure);
Zeiler & Fergus 2014 for the same on pictures.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from archwise.data.kinds.text import NAME as TEXT
from archwise.errors import UsageError
from archwise.model.moved import compare_answers
from archwise.model.predict import Model, predict

MOST_PARTS = 300  # of a text that are left out one by one; of more words a part is a stretch of some
_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]+")
STRONG = 0.5  # of the greatest weight, from which a word is among those that moved most


@dataclass(frozen=True)
class Part:
    """A word of a text, or a stretch of some: where it stands, and by how much the answer falls without it.

    weight: in natural logarithms of the odds of a class, or in the target's own unit.
    """

    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class ExplainedText:
    """What a model answered for a text and which words moved it.

    prediction: the answer. of: the class or the target that is explained. parts: in the order of the text.
    """

    prediction: object
    of: str
    text: str
    parts: tuple[Part, ...]

    @property
    def strongest(self) -> tuple[Part, ...]:
        """The parts that moved the answer most, the strongest first."""
        most = max((abs(part.weight) for part in self.parts), default=0.0)
        strong = [part for part in self.parts if most > 0.0 and abs(part.weight) >= STRONG * most]
        return tuple(sorted(strong, key=lambda part: -abs(part.weight)))

    def words_of(self, part: Part) -> str:
        """The words of a part as they stand in the text."""
        return self.text[part.start : part.end]


def text_columns(model: Model) -> tuple[str, ...]:
    """The columns of texts that a model reads, as one."""
    return tuple(name for name, kind in model.facts.columns if kind == TEXT)


def explain_text(model: Model, text: str, *, label: str = "") -> ExplainedText:
    """Find which words of a text moved the answer.

    Args:
        model: opened; it reads a text, or several one after the other, of which this is then the whole.
        text: any, but an empty one has no words.
        label: of the class to explain; the answered one where it is empty.

    Raises:
        UsageError: the model reads other columns too, or there is no such class.
    """
    columns = text_columns(model)
    if len(columns) != len(model.facts.columns):
        raise UsageError(f"{model.folder} reads other columns beside the text, which are not explained")

    def answer(variants: Sequence[str]) -> pl.DataFrame:
        return predict(model, as_texts(columns, variants)).answers

    return weigh_words(model, text, answer, label=label)


def as_texts(columns: Sequence[str], texts: Sequence[str]) -> pl.DataFrame:
    """Texts as the columns of texts that a model reads as one: the last holds them, the others nothing."""
    none = {name: pl.Series([None] * len(texts), dtype=pl.String) for name in columns[:-1]}
    return pl.DataFrame({**none, columns[-1]: pl.Series(texts, dtype=pl.String)})


def weigh_words(
    model: Model, text: str, answer: Callable[[Sequence[str]], pl.DataFrame], *, label: str = ""
) -> ExplainedText:
    """Leave the words of a text out, one by one, and compare the answers.

    Args:
        answer: gives the answers to texts, as `predict` does; what stands beside the text is its own matter.
        label: as for `explain_text`.

    Raises:
        UsageError: there is no such class.
    """
    stretches = _stretches(text)
    answers = answer([text, *(text[:start] + text[end:] for start, end in stretches)])
    moved = compare_answers(answers.to_dict(as_series=False), label=label)
    parts = (Part(start, end, weight) for (start, end), weight in zip(stretches, moved.weights, strict=True))
    return ExplainedText(moved.prediction, moved.of or model.facts.target, text, tuple(parts))


def as_page(explained: ExplainedText) -> str:
    """The text as a page of HTML, words that speak for the answer on green and those against it on red."""
    most = max((abs(part.weight) for part in explained.parts), default=0.0) or 1.0
    marked, at = [], 0
    for part in explained.parts:
        share = part.weight / most
        colour = f"rgba({'0,140,0' if share > 0 else '200,0,0'},{abs(share):.2f})"
        marked.append(html.escape(explained.text[at : part.start]))
        words = html.escape(explained.words_of(part))
        marked.append(f'<span style="background:{colour}" title="{part.weight:+.3g}">{words}</span>')
        at = part.end
    marked.append(html.escape(explained.text[at:]))
    told = f"{html.escape(str(explained.prediction))}; marked for {html.escape(explained.of)}"
    return f'<!doctype html><meta charset="utf-8"><title>{told}</title><p><b>{told}</b></p><p>{"".join(marked)}</p>\n'


def _stretches(text: str) -> list[tuple[int, int]]:
    """Where the words begin and end; of many words some together."""
    words = [found.span() for found in _WORD.finditer(text)]
    together = -(-len(words) // MOST_PARTS) or 1
    groups = [words[start : start + together] for start in range(0, len(words), together)]
    return [(group[0][0], group[-1][1]) for group in groups]
