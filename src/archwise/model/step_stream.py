"""One row answered as its steps come in: nothing that was read is read again. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from archwise.data.kinds.series import NAME as SERIES
from archwise.data.kinds.text import NAME as TEXT
from archwise.data.kinds.words import NAME as WORDS
from archwise.data.prepare import load_batch, parse_columns
from archwise.data.step_reader import SeriesReader, StepReader, TextReader, WordReader
from archwise.errors import DataError, UsageError
from archwise.model.predict import Model, Predicted
from archwise.model.step_session import StepSession, open_steps, run_steps
from archwise.model.unseen import find_unseen
from archwise.records import Array, Batch, Candidate, Finding, Json, Need
from archwise.tasks import task

RECURRENT = ("rnn", "lstm", "gru")
_READERS: Mapping[str, Callable[[Mapping[str, Json]], StepReader]] = {
    SERIES: SeriesReader,
    TEXT: TextReader,
    WORDS: WordReader,
}


class StepStream:
    """One row that is answered as its steps come in; however they are cut, the answer is that of `predict` so far.

    Make one with `open_stream`, and another for each row.
    """

    def __init__(
        self, model: Model, session: StepSession, *, reader: StepReader, beside: Batch, findings: tuple[Finding, ...]
    ) -> None:
        self._model, self._session, self._reader, self._beside = model, session, reader, beside
        self._kept = session.begin
        self._outputs: Array | None = None
        self._untold = findings

    @property
    def n_read(self) -> int:
        """How many steps the answer stands on that nothing to come can change."""
        return self._reader.n_read

    @property
    def is_full(self) -> bool:
        """Whether it has read as many steps as the model reads of a row; what follows changes no answer."""
        return self._reader.n_read >= self._reader.most

    def send(self, steps: Any = ()) -> Predicted:
        """Read the steps that follow, none or more, and answer all until now.

        Args:
            steps: of a series (steps, C), of one channel (steps,), NaN or None for what is not known; of a text a part
                of it or a list of its words, with a blank to what stands before.

        Returns:
            answers: one row, as `predict` gives it for what was sent until now.

        Raises:
            DataError: they cannot be read; then nothing of them is.
        """
        was_full = self.is_full
        taken = self._reader.take(steps)
        if taken.settled is not None:
            self._outputs, self._kept = run_steps(self._session, taken.settled | self._beside, self._kept)
        outputs = self._outputs
        if taken.on_trial is not None:
            outputs, _ = run_steps(self._session, taken.on_trial | self._beside, self._kept)
        elif outputs is None:
            outputs, _ = run_steps(self._session, self._session.no_step | self._beside, self._kept)
        facts = self._model.facts
        answers = pl.DataFrame(task(facts.task).answers(facts.target_state, facts.calibration, outputs))
        findings = (*self._untold, *(() if was_full or not self.is_full else (_tell_full(self._reader.most),)))
        self._untold = ()
        return Predicted(answers, findings)

    def of_lines(self, lines: Iterable[str]) -> Iterator[Predicted]:
        """Answer after each line: of a series one step, its channels separated by commas; of a text some words.

        Raises:
            DataError: a line cannot be read; its number is told.
        """
        for number, line in enumerate(lines, 1):
            try:
                answer = self.send(self._reader.of_line(line.rstrip("\n")))
            except DataError as error:
                raise DataError(f"line {number:,}: {error}") from None
            yield answer


def open_stream(model: Model, beside: Mapping[str, object] | None = None) -> StepStream:
    """Begin a row that is answered as its steps come in.

    Args:
        model: opened; its network is recurrent and reads forwards only.
        beside: the cells of the table's columns that stand beside the series or the text, if there are any.

    Raises:
        UsageError: the model cannot answer so; it says why.
        ColumnError, DataError: a column that it reads beside is missing, or cannot be read.
    """
    facts = model.facts
    why = why_not(facts.task, facts.candidate, facts.need, facts.columns)
    if not why and not model.stream:
        why = "its folder holds no stream.onnx, as those that were written before have none: fit again"
    if why:
        raise UsageError(f"{model.folder} cannot answer step by step: {why}")
    sequence = next(column for column in model.preparation.columns if column.kind in _READERS)
    reader = _READERS[sequence.kind](sequence.state)
    batch, findings = _read_beside(model, beside or {}, sequence.name)
    return StepStream(model, open_steps(model.stream), reader=reader, beside=batch, findings=findings)


def why_not(task_name: str, candidate: Candidate, need: Need, columns: Sequence[tuple[str, str]]) -> str:
    """Why a model cannot answer step by step, in one clause with the mend; "" where it can.

    Args:
        task_name: of its task. candidate: the chosen. need: what it asks of its input. columns: (name, kind) it reads.
    """
    name, settings = candidate.architecture, dict(candidate.settings)
    sequences = [column for column, kind in columns if kind in _READERS]
    if task(task_name).needs == "window":
        return (
            "a forecast reads a window of the past on a level of its own; predict with newer data goes on from their "
            "last step"
        )
    if task(task_name).needs == "sequence":
        return "the tags of a sentence are found together, so a word that comes may change the tags before it"
    if name not in RECURRENT:
        return f"{name} reads a row as a whole; fit with --only lstm --set lstm.both_ways=false"
    if len(sequences) != 1:
        told = ", ".join(f"'{column}'" for column in sequences) or "none"
        return f"one column of series or texts comes in step by step, and it reads {told}"
    if settings.get("both_ways"):
        return f"{name} reads both ways, and backwards a row begins at its end; fit with --set {name}.both_ways=false"
    if need.series is not None and need.series.scale == "row" and dict(columns)[sequences[0]] == SERIES:
        return f"each series is scaled by all of its own steps; fit with --set {name}.scale=channel"
    return ""


def _tell_full(most: int) -> Finding:
    told = f"the model reads {most:,} steps of a row, and has them; steps that follow change no answer"
    return Finding("cut", "warning", told)


def _read_beside(model: Model, cells: Mapping[str, object], sequence: str) -> tuple[Batch, tuple[Finding, ...]]:
    """The inputs of the columns beside the steps, and what is new in them."""
    columns = [(name, kind) for name, kind in model.facts.columns if name != sequence]
    if not columns:
        return {}, ()
    frame = pl.DataFrame({name: [cell] for name, cell in cells.items()})
    others = tuple(column for column in model.preparation.columns if column.name != sequence)
    preparation = replace(model.preparation, columns=others)
    batch, parsed = load_batch(preparation, parse_columns(frame, columns))
    if parsed.bad.any():
        raise DataError("; ".join(finding.of_written_model().message for finding in parsed.findings))
    return batch, find_unseen(preparation, lambda name, row: parsed.frame[name][row], batch)
