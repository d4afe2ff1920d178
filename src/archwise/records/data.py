"""Records of the data: tables and their columns, what was found in them, how they are split and prepared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from archwise.records.forecast import ForecastFacts, ForecastTold
from archwise.records.need import Need
from archwise.records.types import Array, Batch, Json, Scalar, Severity, Widths

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


@dataclass(frozen=True)
class Guess:
    """What kind a column is taken for: confidence from 0 (not at all) to 1 (certain), and the reason."""

    kind: str
    confidence: float
    because: str


@dataclass(frozen=True)
class Finding:
    """Something `look` found that the user should know, with its evidence and the mend in the message.

    code: short stable name (missing, duplicate-rows, identifier, constant, text, nested, cut, copy, leak, imbalance,
    bad-cells, all-missing, sentinel, zero, spike, heavy-tail, drift, conflict, header, encoding, decimal-comma, ragged,
    count, skewed, unreadable, store, labels, near-copies, parts, pictures, tags,
    columns, gaps, coarse, still, series, rolled).
    detail: what tells findings of one code and column apart, such as the reason why cells cannot be read.
    at_fit: the end of the message, where it tells what an option of `look` or `fit` does about it.
    """

    code: str
    severity: Severity
    message: str
    column: str | None = None
    n_rows: int = 0
    detail: str = ""
    at_fit: str = ""

    def of_written_model(self) -> Finding:
        """The same for who asks a written model, and cannot give options of `fit`."""
        return replace(self, message=self.message.removesuffix(self.at_fit), at_fit="")


@dataclass(frozen=True)
class ColumnProfile:
    """One column as `look` saw it. `use` is false when it is set aside; `because` always says why.

    summary: kind-dependent figures for people, such as {"min": 17, "max": 90, "mean": 38.6}.
    """

    name: str
    kind: str
    because: str
    use: bool
    n_missing: int
    n_distinct: int
    summary: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """What the data are: kinds, sizes, what is wrong with them, and the task they pose.

    n_classes is 0 for regression. class_counts are in the order of `classes`, largest-count first is not assumed.
    loss: of the networks, as asked or as the target calls for; "" for the task's default. `classes` are in their
    order where they have one. forecast: of a forecast, what is forecast from what.
    """

    source: str
    n_rows: int
    columns: tuple[ColumnProfile, ...]
    target: str
    task: str
    task_because: str
    classes: tuple[str, ...] = ()
    class_counts: tuple[int, ...] = ()
    findings: tuple[Finding, ...] = ()
    loss: str = ""
    forecast: ForecastFacts | None = None

    @property
    def n_classes(self) -> int:
        """Number of classes of the target; 0 for a number."""
        return len(self.classes)

    @property
    def used(self) -> tuple[ColumnProfile, ...]:
        """The columns that a model may read."""
        return tuple(column for column in self.columns if column.use)


@dataclass(frozen=True)
class Split:
    """Which rows train, which decide, and which are sealed.

    train, valid, test: sorted int64 row numbers of the table, disjoint.
    groups: (N,) int64 group of each row of the table, or None where rows are independent.
    how: the rule in words. test_sha256: fingerprint of the sealed rows.
    folds: (repeats, N_train) int64, the fold in which each row of `train` is left out, -1 where it never is; None for
        one split. With folds, `train` holds all rows that are not sealed, and `valid` those of them that are left out,
        repeat after repeat.
    """

    train: Array
    valid: Array
    test: Array
    how: str
    test_sha256: str
    groups: Array | None = None
    folds: Array | None = None


@dataclass(frozen=True)
class Store:
    """Where cells that are dear to read are put, and for which needs.

    folder: of the run. group: a name for the source, under which what was read is kept for later runs.
    tell: told now and then how many cells are read, and of how many.
    """

    folder: Path
    needs: tuple[Need, ...]
    group: str = ""
    tell: Callable[[int, int], None] | None = None


@dataclass(frozen=True)
class Stored:
    """What came of reading cells into a store.

    names: (N,) String, the same for the same content, null where a cell is missing or cannot be read.
    why: (N,) String, why a cell cannot be read; null where it can.
    findings: about the store, and about what the cells have in common.
    """

    names: pl.Series
    why: pl.Series
    findings: tuple[Finding, ...] = ()


ReadCell: TypeAlias = Callable[[object], "Batch | None"]  # one plain cell to (1, width) arrays
ReadCells: TypeAlias = Callable[[Sequence[object]], "Batch | None"]  # N plain cells to (N, width) arrays


@dataclass(frozen=True)
class Kind:
    """A kind of column: how it is recognised and how its values become arrays, the same in training and serving.

    name: as used in `--kind age=category`.
    sniff(values): how surely the training column is of this kind.
    parse(values): typed values of the column and a (N,) bool mask of the cells that cannot be read as this kind
        (missing cells are null, not bad).
    summarise(typed): figures for people.
    fit(typed, need): the prepared state, from training rows only: a JSON-able dict in which values may be arrays.
    spec(state): input name -> how this column extends it: (width, levels); (shape of a row, ()) where it has one.
    apply(state, typed): input name -> (N, width) array. Row by row it gives exactly what it gives at once.
    store(cells, store): for kinds whose cells are dear to read, such as files: reads each once for every need of the
        store, into arrays of its folder. None where cells are cheap to read.
    take(state, names, folder): what `apply` would give for cells of those names in the store, from its arrays.
    alike(names, folder): pairs of rows (M, 2) whose cells nearly repeat each other although their names in the store
        differ, each pair with one row of either of two sides, the names of which are given.
    load(state, typed): as `apply`, where a cell may turn out to be unreadable as late as this; and (N,) String, why it
        is, null where it is not. None where `parse` finds them all.
    one(state): for single rows, a function from a plain Python cell (None, bool, int, float, str, date or datetime) to
        what `parse` and `apply` give for it, or to None where they must be asked. None: they always are.
    many(state): as `one`, of the cells of N rows, or None where one of them must be asked for; exactly what `one` gives
        for each. None: they are read one by one.
    like: the kind whose columns it is read as; its own where that is empty.
    join(columns): typed columns of this kind as one, cell by cell, where all of a table are read as one. None: each is
        read by itself.
    join_cells(cells): plain cells of a row as one that `one` reads as it would read what `join` gives, or None where it
        must be asked. Only beside `join`.
    """

    name: str
    summary: str
    sniff: Callable[[pl.Series], Guess]
    parse: Callable[[pl.Series], tuple[pl.Series, Array]]
    summarise: Callable[[pl.Series], dict[str, Scalar]]
    fit: Callable[[pl.Series, Need], dict[str, Json]]
    spec: Callable[[Mapping[str, Json]], Widths]
    apply: Callable[[Mapping[str, Json], pl.Series], Batch]
    store: Callable[[pl.Series, Store], Stored] | None = None
    take: Callable[[Mapping[str, Json], pl.Series, Path], Batch] | None = None
    alike: Callable[[pl.Series, pl.Series, Path], Array] | None = None
    load: Callable[[Mapping[str, Json], pl.Series], tuple[Batch, pl.Series]] | None = None
    one: Callable[[Mapping[str, Json]], ReadCell] | None = None
    many: Callable[[Mapping[str, Json]], ReadCells] | None = None
    like: str = ""
    join: Callable[[Sequence[pl.Series]], pl.Series] | None = None
    join_cells: Callable[[Sequence[object]], object | None] | None = None


@dataclass(frozen=True)
class Table:
    """A data set as it was read, before any column has a kind.

    frame: one row an example. A text source (CSV, TSV) gives only string columns, so that a bad cell can be named.
    source: how to name it to the user. findings: what was met while reading (encoding, delimiter, ragged rows).
    set_aside: positions among all data rows of the source (from 0, rising) of the broken rows that `frame` leaves out;
        of a chunk, among its own.
    rows: (N,) int64 numbers (from 0) that the rows have in their source, where `frame` is a chunk or a sample of it.
    sampled_from: rows of the source where `frame` is a sample, else 0.
    target: the column that the source itself tells to predict, such as the label of a folder of pictures; else "".
    files: the column that names a file in each row, where the source is files rather than a table of them; else "".
    task: what the source itself tells to do, such as to tag the words of a file that has tags; else "".
    not_read: columns that the source knows to be no inputs, such as a second label, and why; unless the user names
        their kind.
    """

    frame: pl.DataFrame
    source: str
    findings: tuple[Finding, ...] = ()
    set_aside: tuple[int, ...] = ()
    rows: Array | None = None
    sampled_from: int = 0
    target: str = ""
    files: str = ""
    task: str = ""
    not_read: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    """A data set whose parts are given, each a source of its own: a path, a frame, a dict of columns or arrays.

    train: the rows that are open. test: rows that are sealed. valid: rows that decide. None: drawn from train.
    """

    train: object
    test: object | None = None
    valid: object | None = None


@dataclass(frozen=True)
class Stream:
    """A source with more rows than are held at once.

    most_rows: rows of the source, or somewhat more where they were only counted by their line ends.
    chunks(picked): its rows in order, chunk by chunk, each a Table with its `rows`; with rising row numbers (N,) int64
        in place of None, those rows alone.
    """

    source: str
    most_rows: int
    chunks: Callable[[Array | None], Iterator[Table]]


@dataclass(frozen=True)
class Reader:
    """One source of tables.

    accepts(source): whether this reader is the one for it, by type, suffix or magic bytes.
    read(source, names): the table; names are the user's column names for a source without a header line, or ().
    stream(source, names): the same in chunks, or None where this source has to be read at once.
    parts(source): the parts that the source holds itself, each a source of its own; None where it holds none.
    by_content: whether `accepts` looks at what stands in a file; such a reader is asked before those that go by suffix.
    forecast(source): what the source tells of its own forecast. None where it is not there to be forecast.
    """

    name: str
    summary: str
    accepts: Callable[[object], bool]
    read: Callable[[object, tuple[str, ...]], Table]
    stream: Callable[[object, tuple[str, ...]], Stream | None] | None = None
    parts: Callable[[object], Parts | None] | None = None
    forecast: Callable[[object], ForecastTold] | None = None
    by_content: bool = False
