"""Charts of answers that are numbers: against the truth, their errors, and forecasts with their bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from archwise.records import Json
from archwise.report.chart import LINE, SERIES, SOFT, draw, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_STAMPS, LONG_STAMP = 3, 10  # along a forecast; letters of a stamp, of longer ones fewer are written


def number_charts(answers: Mapping[str, Json], target: str) -> list[dict[str, str]]:
    """Answers against truths, their errors, and both by range of the answer."""
    charts = [_against_truth(answers, target), _errors(answers, target), _by_range(answers)]
    held = _held_by_range(answers)
    return [*charts, held] if held else charts


def _against_truth(answers: Mapping[str, Json], target: str) -> dict[str, str]:
    points = answers["points"]

    def paint(axes: Axes) -> None:
        said, true = zip(*points, strict=True)
        ends = [min(*said, *true), max(*said, *true)]
        axes.plot(ends, ends, color=SOFT, linewidth=0.8, linestyle="--")
        axes.plot(said, true, "o", color=SERIES[0], alpha=0.35, markersize=3, markeredgewidth=0)
        axes.set_xlabel(f"answered {short(target)}")
        axes.set_ylabel("true")

    told = f"{len(points)} rows, drawn at random; on the dashed line an answer is exact."
    return draw("against-truth", paint, title="Answered against true", told=told)


def _errors(answers: Mapping[str, Json], target: str) -> dict[str, str]:
    counts, edges = answers["errors"]["counts"], answers["errors"]["edges"]

    def paint(axes: Axes) -> None:
        axes.stairs(counts, edges, fill=True, color=SERIES[0], alpha=0.5)
        axes.axvline(0, color=SOFT, linewidth=0.8, linestyle="--")
        axes.set_xlabel(f"answered less true, in units of {short(target)}")
        axes.set_ylabel("rows")

    told = "; ".join(f"{float(level):.0%} lie below {value:.4g}" for level, value in answers["quantiles"].items())
    return draw("residuals", paint, title="Errors (residuals)", told=told)


def _by_range(answers: Mapping[str, Json]) -> dict[str, str]:
    ranges = answers["ranges"]

    def paint(axes: Axes) -> None:
        middles = [(each["from"] + each["to"]) / 2 for each in ranges]
        axes.axhline(0, color=SOFT, linewidth=0.8, linestyle="--")
        axes.plot(
            middles,
            [each["mean_distance"] for each in ranges],
            "-o",
            markersize=4,
            color=SERIES[0],
            label="mean distance",
        )
        axes.plot(
            middles, [each["mean_error"] for each in ranges], "-o", markersize=4, color=SERIES[1], label="mean error"
        )
        axes.set_xlabel("answered")
        axes.set_ylabel("error")
        axes.legend(handlelength=1.2)

    told = "; ".join(f"{each['from']:.4g} to {each['to']:.4g}: {each['mean_distance']:.3g}" for each in ranges)
    return draw("by-range", paint, title="Errors by size of the answer", told=f"Mean distance: {told}.")


def _held_by_range(answers: Mapping[str, Json]) -> dict[str, str] | None:
    ranges = [each for each in answers["ranges"] if "held" in each]
    if not ranges or not answers.get("coverage"):
        return None

    def paint(axes: Axes) -> None:
        middles = [(each["from"] + each["to"]) / 2 for each in ranges]
        axes.axhline(answers["coverage"], color=SOFT, linewidth=0.8, linestyle="--")
        axes.plot(middles, [each["held"] for each in ranges], "-o", markersize=4, color=SERIES[0])
        axes.set_ylim(min(0.5, *(each["held"] for each in ranges)), 1.02)
        axes.set_xlabel("answered")
        axes.set_ylabel("share held by the interval")

    told = "; ".join(f"{each['from']:.4g} to {each['to']:.4g}: {each['held']:.0%}" for each in ranges)
    return draw("held-by-range", paint, title=f"Intervals for {answers['coverage']:.0%}, and what they held", told=told)


# ---------------------------------------------------------------- forecasts


def forecast_charts(answers: Mapping[str, Json]) -> list[dict[str, str]]:
    """Error and held share by step, and some forecasts whole."""
    charts = [_by_step(answers, "mase", "error, in units of the naive one", "Error by step ahead")]
    if answers.get("coverage") and any(each["held"] is not None for each in answers["steps"]):
        title = f"Intervals for {answers['coverage']:.0%}, and what they held by step"
        charts.append(_by_step(answers, "held", "share held", title))
    return [*charts, *whole_charts(answers["whole"], "forecast")]


def _by_step(answers: Mapping[str, Json], what: str, unit: str, title: str) -> dict[str, str]:
    from matplotlib.ticker import MaxNLocator

    targets = answers["targets"]

    def paint(axes: Axes) -> None:
        for place, target in enumerate(targets[: len(SERIES)]):
            held = [each for each in answers["steps"] if each["target"] == place and each[what] is not None]
            steps, values = [each["step"] for each in held], [each[what] for each in held]
            axes.plot(steps, values, "-o", markersize=3.5, color=SERIES[place], label=short(target))
        if what == "held":
            axes.axhline(answers["coverage"], color=SOFT, linewidth=0.8, linestyle="--")
            axes.set_ylim(top=1.02)
        else:
            axes.set_ylim(bottom=0)
        if len(targets) > 1:
            axes.legend(handlelength=1.2)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.set_xlabel("steps ahead")
        axes.set_ylabel(unit)

    first = [each for each in answers["steps"] if each["target"] == 0 and each[what] is not None]
    told = "; ".join(f"step {each['step']}: {each[what]:.3g}" for each in first[:: max(1, len(first) // 6)])
    return draw(f"step-{what}", paint, title=title, told=told)


def whole_charts(whole: Sequence[Mapping[str, Json]], name: str) -> list[dict[str, str]]:
    """A chart for each whole forecast."""
    return [_whole(each, f"{name}-{place}") for place, each in enumerate(whole)]


def _whole(held: Mapping[str, Json], name: str) -> dict[str, str]:
    n_past, n_ahead = len(held["past"]), len(held["said"])

    def paint(axes: Axes) -> None:
        ahead = list(range(n_past, n_past + n_ahead))
        if held["low"]:
            axes.fill_between(ahead, held["low"], held["high"], color=SERIES[1], alpha=0.22, linewidth=0)
        told = [*held["past"], *held["came"]]
        axes.plot(
            range(len(told)), [float("nan") if each is None else each for each in told], color=SERIES[0], label="came"
        )
        axes.plot(ahead, held["said"], color=SERIES[1], label="forecast")
        axes.axvline(n_past - 0.5, color=LINE, linewidth=1)
        last = len(held["stamps"]) - 1
        stamps = [_stamp(stamp) for stamp in held["stamps"]]
        most = MOST_STAMPS if max(map(len, stamps)) <= LONG_STAMP else MOST_STAMPS - 1
        places = sorted({round(last * share / (most - 1)) for share in range(most)})
        axes.set_xticks(places, [stamps[place] for place in places])
        axes.grid(axis="x", visible=False)
        axes.set_ylabel(short(held["target"]))
        axes.legend(handlelength=1.2, loc="upper left", ncols=2)

    title = (
        f"{short(held['series'])}: from {_stamp(held['first'])}" if held["series"] else f"From {_stamp(held['first'])}"
    )
    told = f"The forecast is {held['distance']:.3g} naive distances off in the mean."
    return draw(name, paint, title=title, told=told)


def _stamp(text: str) -> str:
    """A stamp without what says nothing: midnight, and the seconds."""
    day, moment = text[:10], text[11:16]
    return day if moment in ("", "00:00") else f"{day} {moment}"


def series_charts(rows: Sequence[Mapping[str, Json]]) -> list[dict[str, str]]:
    """The series of rows that were answered worst."""
    charts = []
    for place, row in enumerate(row for row in rows if row.get("series")):

        def paint(axes: Axes, steps: Sequence[float | None] = row["series"]) -> None:
            axes.plot([float("nan") if each is None else each for each in steps], color=SERIES[0])
            axes.set_xlabel("steps")
            axes.set_ylabel("value")

        told = f"True {row['true']}, answered {row['said']}; {len(row['series'])} steps are drawn."
        where = f"Row {row['row']:,}: " if row.get("row") else ""
        title = f"{where}true {short(row['true'])}, answered {short(row['said'])}"
        charts.append(draw(f"series-{place}", paint, title=title, told=told, height=2.0))
    return charts[:6]
