"""Windows of series in a graph: values of the past and what is known ahead become inputs, and outputs forecasts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archwise.data.timeline.prepare import CALENDAR, FUTURE, WINDOW, roles_of, state_of
from archwise.model.bundle.date import add_calendar
from archwise.model.bundle.graph import INNER, Graph, GraphInput
from archwise.model.bundle.step import add_carried
from archwise.model.predict import Model
from archwise.records import Array, Json

SERIES, PAST, AHEAD, TIME = "series", "past", "ahead", "time"  # the inputs
_PLACE = f"{INNER}series"  # (N, 1) int64, of the series of each row


def window_inputs(state: Mapping[str, Json]) -> tuple[GraphInput, ...]:
    """What a graph takes of each window: the name of its series, the past, what is known ahead, and the steps ahead."""
    roles, horizon = roles_of(state), int(state["horizon"])
    taken = [GraphInput(PAST, "float64", (int(state["past"]), len(roles.channels)), "")]
    if len(state["names"]) > 1:
        taken.insert(0, GraphInput(SERIES, "string", (1,), roles.series))
    if roles.known:
        taken.append(GraphInput(AHEAD, "float64", (horizon, len(roles.known)), ""))
    if state["calendar"]:
        taken.append(GraphInput(TIME, "float64", (horizon,), roles.time))
    return tuple(taken)


def add_windows(graph: Graph, state: Mapping[str, Json]) -> dict[str, str]:
    """Bring windows into the form that a network reads, as `prepare_steps` does.

    Args:
        state: as `fit_timeline` gave it, with `past`.

    Returns:
        window (N, L, C), and future (N, H, F) and calendar (N, H, 2 K) where there are any: names of float32.
    """
    taken = {graph.take(each) for each in window_inputs(state)}
    roles = roles_of(state)
    if SERIES in taken:
        places = {"keys_strings": list(state["names"]), "values_int64s": list(range(len(state["names"])))}
        unknown = {"default_int64": len(state["names"])}  # beyond the last, which the runtime refuses
        graph.add("LabelEncoder", [SERIES], {**places, **unknown}, domain="ai.onnx.ml", output=_PLACE)
    scaled = _scaled(graph, state, PAST, range(len(roles.channels)))
    made = {WINDOW: graph.cast(_known(graph, add_carried(graph, scaled)), "float32")}
    if AHEAD in taken:
        channels = range(len(roles.channels) - len(roles.known), len(roles.channels))
        before = graph.add("Gather", [scaled, graph.hold(list(channels), np.int64)], {"axis": 2})
        both = graph.add("Concat", [before, _scaled(graph, state, AHEAD, channels)], {"axis": 1})
        ends = [graph.hold([each], np.int64) for each in (int(state["past"]), np.iinfo(np.int64).max, 1)]
        ahead = graph.add("Slice", [add_carried(graph, both), *ends])
        made[FUTURE] = graph.cast(_known(graph, ahead), "float32")
    if TIME in taken:
        made[CALENDAR] = add_calendar(graph, TIME, state["calendar"])
    return made


def add_forecast(graph: Graph, model: Model, outputs: str) -> None:
    """Add the nodes from the outputs of a model to `forecast`, `low` and `high`, (N, H, M) in the units of each series.

    Args:
        outputs: name of (N, M H) float32; or (N, 3 M H), then the low and the high ends.
    """
    state, calibration = state_of(model.preparation), model.facts.calibration
    double = graph.cast(outputs, "float64")
    point, low, high = (_part(graph, model, double, place) for place in range(3))
    _add_units(graph, state, point, "forecast")
    if "low" in calibration:
        for end, given, operator in (("low", low, "Min"), ("high", high, "Max")):
            moved = graph.add("Add", [given, graph.hold([calibration[end]])])
            _add_units(graph, state, graph.add(operator, [moved, point]), end)


def _part(graph: Graph, model: Model, outputs: str, place: int) -> str:
    """Answers, low or high ends, (N, M H); all are the answers where no ends were learnt."""
    n_steps = model.facts.signature.n_outputs
    if model.session.n_outputs == n_steps:
        return outputs
    ends = [graph.hold([each], np.int64) for each in (place * n_steps, (place + 1) * n_steps, 1)]
    return graph.add("Slice", [outputs, *ends])


def _add_units(graph: Graph, state: Mapping[str, Json], values: str, output: str) -> None:
    """As `in_units`."""
    n_targets, horizon = len(roles_of(state).targets), int(state["horizon"])
    by_target = graph.add("Reshape", [values, graph.hold([-1, n_targets, horizon], np.int64)])
    steps = graph.add("Transpose", [by_target], {"perm": [0, 2, 1]})  # (N, H, M)
    mean, scale = (_of_series(graph, state, state[name][:, :n_targets]) for name in ("means", "scales"))
    read = graph.add("Add", [graph.add("Mul", [steps, scale]), mean])
    logs = state["logs"][:n_targets]
    raised = graph.add("Where", [graph.hold(logs, np.bool_), graph.add("Exp", [read]), read]) if any(logs) else read
    graph.add("Identity", [raised], output=output)


def _scaled(graph: Graph, state: Mapping[str, Json], values: str, channels: range) -> str:
    """Channels of (N, steps, channels), of some their logarithm, on the scale of each series; NaN stays."""
    fitted = ("floors", "means", "scales")
    floor, mean, scale = (_of_series(graph, state, state[name][:, channels]) for name in fitted)
    logs = [state["logs"][channel] for channel in channels]
    if any(logs):
        above = graph.add("Where", [graph.add("IsNaN", [values]), values, graph.add("Max", [values, floor])])
        values = graph.add("Where", [graph.hold(logs, np.bool_), graph.add("Log", [above]), values])
    return graph.add("Div", [graph.add("Sub", [values, mean]), scale])


def _of_series(graph: Graph, state: Mapping[str, Json], table: Array) -> str:
    """The row of (S, C) of the series of each window, (N, 1, C); (1, 1, C) where there is one series."""
    if len(state["names"]) == 1:
        return graph.hold(table[None])
    return graph.add("Gather", [graph.hold(table), _PLACE], {"axis": 0})


def _known(graph: Graph, values: str) -> str:
    return graph.add("Where", [graph.add("IsNaN", [values]), graph.hold(0.0), values])
