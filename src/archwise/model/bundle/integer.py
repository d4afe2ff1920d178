"""A model in whole numbers of 8 bits: what that costs in score, and what it gains in time and size."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from archwise.data.open import open_table
from archwise.errors import UsageError
from archwise.model.bundle.agree import answers_of, as_columns, open_graph
from archwise.model.bundle.rows import Rows
from archwise.model.bundle.write import Bundle, load_onnx, write_bundle
from archwise.model.compare import compare_rows, rows_at
from archwise.model.labelled import read_labelled
from archwise.model.predict import Model, is_forecast
from archwise.model.session import open_session
from archwise.model.unseen import name_columns, name_pictures
from archwise.records import Array, Batch, Json

MOST_CALIBRATING, FEWEST_CALIBRATING = 200, 20  # rows; at most half of those that were given
MOST_DEVIATION = 0.01  # of probabilities, or in deviations of the target: the mean that a faster form may have
FASTER = 0.9  # of the time of the other form
N_ROUNDS, N_SINGLE, N_PARTS = 7, 100, 24  # of a measure: rounds, rows alone, and parts with all of their rows
_WHOLE = {"MatMulInteger", "DynamicQuantizeLSTM", "ConvInteger", "QuantizeLinear"}  # what only int8 has
_DYNAMIC = [
    "MatMul",
    "Gemm",
    "LSTM",
]  # a convolution whose scale is found anew for each picture is slower than in float
_SMALLER = 0.9  # of the size in float: what is larger holds hardly anything in int8


@dataclass(frozen=True)
class Integer:
    """The graph in int8, and its facts.

    facts: form, "dynamic" or "calibrated", by n_calibrating rows; float and int8, each with size_mb, ms of a row alone
        and rows_per_s; n_rows, agreement (the share of equal labels, None of numbers) and deviation, the mean distance
        of its answers; and, of labelled rows, scored, what `compare_rows` gives, int8 on the right, else None.
    """

    bundle: Bundle
    facts: dict[str, Json]


def make_integer(model: Model, core: bytes, rows: Rows, bundle: Bundle, *, source: object) -> Integer:
    """Write a model in int8, in the better of two forms, and tell its cost and its gain.

    The scale of activations is found anew for each call ("dynamic"), or once by rows of the user ("calibrated"). Rows
    that calibrate are not scored, and which form is better is told without labels.

    Args:
        core: the model's own graph. bundle: with it. rows: of the user, or made up.
        source: of the rows, None where they are made up.

    Raises:
        UsageError: nothing in the model can be held in int8, or only by rows that were not given.
    """
    calibrating = _calibrating(rows)
    forms = _forms(core, {name: array[calibrating] for name, array in rows.batch.items()})
    if not forms:
        raise UsageError(_nothing_told(model, core, rows))
    about = {"precision": "int8"}
    bundles = {form: write_bundle(model, each, about) for form, each in forms.items()}
    others = np.setdiff1d(np.arange(rows.n_rows), calibrating)
    graphs = {"float": open_graph(bundle.onnx), **{form: open_graph(each.onnx) for form, each in bundles.items()}}
    times = _times(graphs, rows)
    exact = as_columns(model.facts, answers_of(graphs["float"], rows.parts))
    held = {form: answers_of(graphs[form], rows.parts) for form in forms}
    deviations = {form: _deviation(rows, exact, as_columns(model.facts, each), others) for form, each in held.items()}
    form = _better(deviations, {form: times[form]["ms"] for form in forms})
    facts: dict[str, Json] = {
        "form": form,
        "n_calibrating": len(calibrating) if form == "calibrated" else 0,
        "float": {**times["float"], "size_mb": len(bundle.onnx) / 1e6},
        "int8": {**times[form], "size_mb": len(bundles[form].onnx) / 1e6},
        "n_rows": len(others),
        "deviation": deviations[form],
        "agreement": _agreement(model, rows, held[form], others),
        "scored": _scored(model, forms[form], rows.places[calibrating], source),
    }
    return Integer(bundles[form], {**facts, "sentences": _sentences(facts)})


def _sentences(facts: dict[str, Json]) -> list[str]:
    """What int8 costs, in words."""
    how = f"calibrated by {facts['n_calibrating']} of the rows" if facts["n_calibrating"] else "dynamic"
    labels = f"the same label on {facts['agreement']:.2%} of {facts['n_rows']:,} rows, " if facts["agreement"] else ""
    told = [f"int8 is {how}: {labels}answers {facts['deviation']:.2g} apart on average."]
    if not facts["n_calibrating"]:
        told[0] += " Rows that are answered together share a scale, so an answer may differ a little from that alone."
    scored = facts["scored"]
    if scored:
        within = f"95 % interval {scored['low']:+.4f} to {scored['high']:+.4f}"
        verdict = "which cannot be told from no cost" if scored["tied"] else "which is more than chance"
        told.append(
            f"It costs {scored['difference']:+.4f} {scored['metric']} ({within}) on {scored['n_rows']:,} labelled rows "
            f"that did not calibrate, {verdict}."
        )
    return told


def _calibrating(rows: Rows) -> Array:
    """Which rows calibrate: none of those that are made up, nor of very few."""
    n_kept = min(MOST_CALIBRATING, rows.n_rows // 2)
    if not rows.are_real or n_kept < FEWEST_CALIBRATING:
        return np.empty(0, np.int64)
    return np.unique(np.linspace(0, rows.n_rows - 1, n_kept).round().astype(np.int64))


# ---------------------------------------------------------------- forms


def _forms(core: bytes, calibrating: Batch) -> dict[str, bytes]:
    """The graph in each form that holds something in int8."""
    onnx = load_onnx()
    forms: dict[str, Callable[[Path, Path], None]] = {"dynamic": _write_dynamic}
    if len(next(iter(calibrating.values()))):
        forms["calibrated"] = partial(_write_calibrated, batch=calibrating)
    made = {}
    with tempfile.TemporaryDirectory() as folder, _hushed():
        before, ready = Path(folder) / "float.onnx", Path(folder) / "ready.onnx"
        before.write_bytes(core)
        _make_ready(before, ready)
        for form, write in forms.items():
            after = Path(folder) / f"{form}.onnx"
            write(ready, after)
            written = onnx.load(str(after))
            is_whole = any(node.op_type in _WHOLE for node in written.graph.node)
            if is_whole and after.stat().st_size < _SMALLER * before.stat().st_size:
                made[form] = written.SerializeToString()
    return made


def _make_ready(before: Path, after: Path) -> None:
    """Fold what is constant, so that weights stand where they can be read."""
    from onnxruntime.quantization import shape_inference

    library: Any = shape_inference
    library.quant_pre_process(str(before), str(after), skip_symbolic_shape=True)


def _write_dynamic(before: Path, after: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(before, after, weight_type=QuantType.QInt8, op_types_to_quantize=_DYNAMIC)


def _write_calibrated(before: Path, after: Path, *, batch: Batch) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, parts: Iterator[Batch]) -> None:
            self.parts = parts

        def get_next(self) -> Batch | None:
            return next(self.parts, None)

    read = {each.name for each in load_onnx().load(str(before)).graph.input}
    n_rows = len(next(iter(batch.values())))
    parts = (
        {name: array[start : start + 1] for name, array in batch.items() if name in read} for start in range(n_rows)
    )
    quantize_static(
        before,
        after,
        Reader(parts),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def _better(deviations: dict[str, float], ms: dict[str, float]) -> str:
    """The nearest form; of those whose answers are near enough, the dynamic one unless the other is faster."""
    near = [form for form, deviation in deviations.items() if deviation <= MOST_DEVIATION]
    if len(near) < 2:
        return min(deviations, key=lambda form: deviations[form])
    return "calibrated" if ms["calibrated"] < FASTER * ms["dynamic"] else "dynamic"


def _nothing_told(model: Model, core: bytes, rows: Rows) -> str:
    name = model.facts.candidate.label
    operators = {node.op_type for node in load_onnx().load_from_string(core).graph.node}
    if "Conv" in operators and not rows.are_real:
        return (
            f"--int8: convolutions are calibrated by real rows, and none were given; name at least "
            f"{2 * FEWEST_CALIBRATING} with --check"
        )
    return f"--int8: {name} has no matrix of float32 that int8 could hold; export it without --int8"


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep ONNX Runtime from advice on how to quantise, and from telling of constants that it folds."""
    import onnxruntime

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    onnxruntime.set_default_logger_severity(3)  # errors
    try:
        with np.errstate(invalid="ignore", divide="ignore"):  # of activations that are infinite, as those of a mask are
            yield
    finally:
        root.setLevel(level)
        onnxruntime.set_default_logger_severity(2)  # warnings, as it begins with


# ---------------------------------------------------------------- cost and gain


def _deviation(rows: Rows, exact: dict[str, Array], held: dict[str, Array], others: Array) -> float:
    """The mean distance of the answers, of probabilities or in deviations of the target; not of ends of intervals."""
    apart = []
    for name in set(exact) - {"low", "high"}:
        distance = (np.abs(held[name] - exact[name]) / rows.unit)[others]
        apart.append(distance[~np.isnan(exact[name][others])].mean())  # behind the last word of a sentence is none
    found = float(np.mean(apart))
    return found if np.isfinite(found) else float("inf")  # where an answer is no number


def _agreement(model: Model, rows: Rows, held: dict[str, Array], others: Array) -> float | None:
    """The share of rows that get the same label."""
    if model.facts.task != "classify":
        return None
    return float((held["label"].astype(str) == rows.expected["prediction"].astype(str))[others].mean())


def _times(graphs: dict[str, Any], rows: Rows) -> dict[str, dict[str, float]]:
    """Of each graph the ms of a row alone, the median, and rows a second of all parts, in turn in one run."""
    parts = rows.parts[:: -(-len(rows.parts) // N_PARTS)]
    n_rows = sum(len(next(iter(part.values()))) for part in parts)
    singles = [_first(part) for part in parts]
    alone: dict[str, list[float]] = {name: [] for name in graphs}
    whole: dict[str, list[float]] = {name: [] for name in graphs}
    for turn in range(N_ROUNDS + 1):
        for name, graph in graphs.items():
            read = {each.name for each in graph.get_inputs()}
            ran = [_run_s(graph, read, singles[place % len(singles)]) for place in range(N_SINGLE // N_ROUNDS)]
            taken = sum(_run_s(graph, read, part) for part in parts)
            if turn:  # the first warms the caches
                alone[name] += ran
                whole[name].append(taken)
    return {
        name: {"ms": float(np.median(alone[name]) * 1e3), "rows_per_s": n_rows / float(np.median(whole[name]))}
        for name in graphs
    }


def _first(part: Batch) -> Batch:
    return {name: array[:1] for name, array in part.items()}


def _run_s(graph: Any, read: set[str], part: Batch) -> float:
    given = {name: array for name, array in part.items() if name in read}
    started = time.perf_counter()
    graph.run(None, given)
    return time.perf_counter() - started


def _scored(model: Model, core: bytes, calibrating: Array, source: object) -> dict[str, Json] | None:
    """Both on the labelled rows that did not calibrate; None where rows have no labels, and of forecasts."""
    if source is None or is_forecast(model) or not _is_labelled(model, source):
        return None
    held = replace(model, session=open_session(core), row_reader=None)
    both = [read_labelled(each, source) for each in (model, held)]
    places = np.setdiff1d(both[0].places, calibrating)
    return compare_rows((model, held), (rows_at(both[0], places), rows_at(both[1], places)))


def _is_labelled(model: Model, source: object) -> bool:
    """Whether a source has the target's column, or those of which it is made."""
    facts = model.facts
    table = name_pictures(open_table(source), facts.columns, target=facts.target)
    if any(name not in table.frame.columns for name, _ in facts.columns):
        table = name_columns(table, facts.layout, target=facts.target, source=source)
    names = table.frame.columns
    return facts.target in names or all(part in names for part in facts.target.split(","))
