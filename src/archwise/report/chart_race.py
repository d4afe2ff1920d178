"""Charts of a race: the leaderboard, what quality costs, how each learnt, and what more rows would bring."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from archwise.records import Json
from archwise.report.chart import INK, LINE, SERIES, SOFT, draw, plain_powers, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 16
MOST_CURVES = 6
MOST_NAMED = 5


def leaderboard_chart(facts: Mapping[str, Json]) -> dict[str, str] | None:
    """Every score with its interval, the best at the top."""
    metric, board = facts["metric"]["name"], [row for row in facts["leaderboard"] if row["score"] is not None]
    board = board[:MOST_BARS]
    sign = 1.0 if facts["metric"]["greater_is_better"] else -1.0
    if len(board) < 2:
        return None

    def paint(axes: Axes) -> None:
        for place, row in enumerate(board):
            colour = SERIES[0] if row["is_chosen"] else SERIES[1] if row["is_tied"] else SOFT
            if row["low"] is not None:
                axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=2, alpha=0.55)
            axes.plot(row["score"], place, "o", color=colour, markersize=5.5 if row["is_chosen"] else 4)
        axes.set_yticks(range(len(board)), [short(row["label"]) for row in board])
        axes.set_ylim(len(board) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"{metric}, {_better(facts)}")
        ends = _focused([row["score"] for row in board], sign)
        if ends is not None:
            _point_outside(axes, [row["score"] for row in board], _with_intervals(ends, board))

    best = board[0]
    return draw(
        "leaderboard",
        paint,
        title="Scores on the validation rows, with 95\u00a0% intervals",
        told=f"{len(board)} candidates by {metric}; the first is {best['label']} with {best['score']:.4g}.",
        height=max(1.6, 0.5 + 0.24 * len(board)),
    )


def cost_charts(facts: Mapping[str, Json]) -> list[dict[str, str]]:
    """The score against what it costs: seconds of training, milliseconds a row, parameters."""
    asked = (
        ("seconds", "seconds of training", "Quality against the time it took"),
        ("latency_ms", "milliseconds a row", "Quality against the time of an answer"),
        ("n_parameters", "parameters", "Quality against size"),
    )
    charts = [_cost_chart(facts, *each) for each in asked]
    return [chart for chart in charts if chart is not None]


def _cost_chart(facts: Mapping[str, Json], cost: str, unit: str, title: str) -> dict[str, str] | None:
    rows = [row for row in facts["leaderboard"] if row["score"] is not None and (row[cost] or 0) > 0]
    if len(rows) < 2:
        return None
    sign = 1.0 if facts["metric"]["greater_is_better"] else -1.0
    front, best = [], -math.inf
    for row in sorted(rows, key=lambda row: (row[cost], -sign * row["score"])):
        if sign * row["score"] > best:
            front.append(row)
            best = sign * row["score"]

    def paint(axes: Axes) -> None:
        axes.plot([row[cost] for row in front], [row["score"] for row in front], color=LINE, drawstyle="steps-post")
        for row in rows:
            colour = SERIES[0] if row["is_chosen"] else SERIES[1] if row["family"] == "reference" else SOFT
            axes.plot(row[cost], row["score"], "o", color=colour, markersize=7 if row["is_chosen"] else 4.5)
        axes.set_xscale("log")
        plain_powers(axes)
        axes.margins(x=0.16, y=0.14)
        _focus(axes, [row["score"] for row in rows], sign)
        low, high = sorted(axes.get_ylim())
        named = [row for row in rows if row["is_chosen"]] + [row for row in front[::-1] if not row["is_chosen"]]
        taken: list[tuple[float, float]] = []
        for row in named[:MOST_NAMED]:
            spot = (math.log10(row[cost]), (row["score"] - low) / (high - low))
            if not low <= row["score"] <= high or any(_near(spot, each) for each in taken):
                continue
            taken.append(spot)
            axes.annotate(
                short(row["label"], 18), (row[cost], row["score"]), xytext=(0, 7), textcoords="offset points",
                ha="center", fontsize=8.5, color=INK,
            )  # fmt: skip
        axes.set_xlabel(unit)
        axes.set_ylabel(facts["metric"]["name"])

    told = "; ".join(f"{row['label']}: {row['score']:.4g} at {row[cost]:.3g} {unit}" for row in front[:8])
    return draw(f"cost-{cost.replace('_', '-')}", paint, title=title, told=f"Nobody is better for less than: {told}.")


def _near(spot: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(spot[0] - other[0]) < 0.8 and abs(spot[1] - other[1]) < 0.1


def _focus(axes: Axes, scores: Sequence[float], sign: float) -> None:
    """Leave the worst outside where it would press all others together."""
    ends = _focused(scores, sign)
    if ends is not None:
        axes.set_ylim(*ends)


def _focused(scores: Sequence[float], sign: float) -> tuple[float, float] | None:
    """Where to look where the worst would press all others together; None where they can all be seen."""
    ordered = sorted(scores, key=lambda score: -sign * score)
    good = ordered[: max(2, math.ceil(0.75 * len(ordered)))]
    spread = abs(good[0] - good[-1])
    if spread == 0 or abs(ordered[0] - ordered[-1]) <= 6 * spread:
        return None
    low, high = sorted((good[0] + sign * 0.35 * spread, good[-1] - sign * 0.35 * spread))
    return low, high


def _with_intervals(ends: tuple[float, float], board: Sequence[Mapping[str, Json]]) -> tuple[float, float]:
    """The ends moved out to hold the intervals of the scores between them."""
    held = [row for row in board if ends[0] <= row["score"] <= ends[1] and row["low"] is not None]
    return min([ends[0], *(row["low"] for row in held)]), max([ends[1], *(row["high"] for row in held)])


def _point_outside(axes: Axes, scores: Sequence[float], ends: tuple[float, float]) -> None:
    """Look between the ends, and write the scores that lie outside where they would stand."""
    axes.set_xlim(*ends)
    for place, value in enumerate(scores):
        if not ends[0] <= value <= ends[1]:
            is_low = value < ends[0]
            text = f"‹ {value:.4g}" if is_low else f"{value:.4g} ›"
            axes.text(ends[0] if is_low else ends[1], place, text, ha="left" if is_low else "right", va="center")


def curve_charts(facts: Mapping[str, Json]) -> list[dict[str, str]]:
    """How the score of the best networks grew, their training loss, and the rungs of the race."""
    rows = [row for row in facts["leaderboard"] if len(row["curve"]) > 1]
    rows = sorted(rows, key=lambda row: not row["is_chosen"])[:MOST_CURVES]
    charts = []
    metric, sign = facts["metric"]["name"], 1.0 if facts["metric"]["greater_is_better"] else -1.0
    for what, title in (("score", f"{metric} on the validation rows as they learnt"), ("loss", "Training loss")):
        if not rows:
            continue

        def paint(axes: Axes, what: str = what) -> None:
            for place, row in enumerate(rows):
                points = [(each["epoch"], each[what]) for each in row["curve"] if each[what] is not None]
                axes.plot(*zip(*points, strict=True), color=SERIES[place], label=short(row["label"], 18))
                if what == "score" and points:
                    axes.plot(*max(points, key=lambda each: sign * each[1]), "o", color=SERIES[place], markersize=4.5)
            axes.set_xlabel("epochs")
            axes.set_ylabel(metric if what == "score" else "loss")
            axes.figure.legend(ncols=2, handlelength=1.2, loc="outside lower center")

        names = ", ".join(str(row["label"]) for row in rows)
        charts.append(draw(f"curve-{what}", paint, title=title, told=f"Curves of {names}, by epochs."))
    rungs = rung_chart(facts)
    return [*charts, rungs] if rungs else charts


def rung_chart(facts: Mapping[str, Json]) -> dict[str, str] | None:
    """What each candidate had reached at the end of each of its rungs, over the time of the race."""
    steps = [each for each in facts["race"]["rungs"] if each["score"] is not None]
    if len(steps) < 2:
        return None
    by_id: dict[str, list[Json]] = {}
    for each in steps:
        by_id.setdefault(each["id"], []).append(each)
    sign = 1.0 if facts["metric"]["greater_is_better"] else -1.0
    chosen = next((row["id"] for row in facts["leaderboard"] if row["is_chosen"]), "")

    def paint(axes: Axes) -> None:
        for name, held in by_id.items():
            colour = SERIES[0] if name == chosen else SOFT
            times, scores = [each["t"] for each in held], [each["score"] for each in held]
            axes.plot(times, scores, "-o", markersize=4, color=colour, alpha=1.0 if name == chosen else 0.6)
        axes.margins(x=0.06, y=0.12)
        _focus(axes, [each["score"] for each in steps], sign)
        axes.set_xlabel("seconds since the run began")
        axes.set_ylabel(facts["metric"]["name"])

    told = f"{len(by_id)} candidates over {max(each['rung'] for each in steps) + 1} rungs; who goes on has a line."
    return draw("rungs", paint, title="The race, rung by rung", told=told)


def gap_chart(facts: Mapping[str, Json]) -> dict[str, str] | None:
    """The chosen on validation and on sealed rows, with the references on the sealed ones."""
    verdict = facts["verdict"]
    test, validation = verdict.get("test"), verdict.get("validation")
    if not test or not validation or test.get("low") is None:
        return None
    bars = [(f"{short(verdict['label'], 16)}, validation", validation, SERIES[1]), ("sealed", test, SERIES[0])]
    references = [each for each in test["references"] if each["score"] is not None][:6]

    def paint(axes: Axes) -> None:
        for place, (_, held, colour) in enumerate(bars):
            axes.plot([held["low"], held["high"]], [place, place], color=colour, linewidth=2.5, alpha=0.55)
            axes.plot(held["score"], place, "o", color=colour, markersize=6)
        for place, each in enumerate(references, start=2):
            axes.plot(each["score"], place, "D", color=SOFT, markersize=4.5)
        names = [name for name, _, _ in bars] + [f"{short(each['label'], 16)}, sealed" for each in references]
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"{facts['metric']['name']}, {_better(facts)}")

    told = f"{validation['score']:.4g} on validation, {test['score']:.4g} on the sealed rows."
    return draw("gap", paint, title="Validation against sealed rows", told=told, height=1.3 + 0.24 * len(references))


def growth_chart(facts: Mapping[str, Json]) -> dict[str, str] | None:
    """The score over the number of training rows, and what twice and four times as many would bring."""
    growth = facts["growth"]
    points = growth.get("points")
    if not points:
        return None

    def paint(axes: Axes) -> None:
        sizes, scores = [each["n"] for each in points], [each["score"] for each in points]
        axes.fill_between(
            sizes, [each["low"] for each in points], [each["high"] for each in points], color=SERIES[0], alpha=0.18,
            linewidth=0,
        )  # fmt: skip
        axes.plot(sizes, scores, "-o", color=SERIES[0], markersize=4)
        ahead = [points[-1], growth["doubled"], growth["fourfold"]]
        axes.plot([each["n"] for each in ahead], [each["score"] for each in ahead], "--", color=SERIES[1])
        for each in ahead[1:]:
            axes.plot([each["n"]] * 2, [each["low"], each["high"]], color=SERIES[1], linewidth=2, alpha=0.6)
            axes.plot(each["n"], each["score"], "o", color=SERIES[1], markersize=4.5)
        axes.set_xscale("log")
        ticks = [*(each["n"] for each in points), *(each["n"] for each in ahead[1:])]
        axes.set_xticks(ticks[:: max(1, len(ticks) // 5)], [f"{n:,}" for n in ticks[:: max(1, len(ticks) // 5)]])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("training rows")
        axes.set_ylabel(facts["metric"]["name"])

    return draw("growth", paint, title=f"{short(growth['label'])} on more and more rows", told=growth["sentence"])


def _better(facts: Mapping[str, Json]) -> str:
    return "greater is better" if facts["metric"]["greater_is_better"] else "less is better"
