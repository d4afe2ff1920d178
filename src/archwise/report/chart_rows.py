"""Charts of parts of the rows and of columns: where the model falls behind, and what moved its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.records import Json
from archwise.report.chart import BAD, LINE, SERIES, SOFT, draw, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PARTS = 16
MOST_COLUMNS = 16
MOST_LETTERS = 32  # beside a chart


def slice_chart(slices: Mapping[str, Json] | None) -> dict[str, str] | None:
    """The parts that are the likeliest to fall behind, against the score of all."""
    if not slices or len(slices["parts"]) < 2:
        return None
    parts = sorted(slices["parts"], key=lambda part: part["p"])[:MOST_PARTS]

    def paint(axes: Axes) -> None:
        axes.axvline(slices["score"], color=SOFT, linewidth=0.9, linestyle="--")
        for place, part in enumerate(parts):
            colour = BAD if part["behind"] else SERIES[0]
            axes.plot([part["low"], part["high"]], [place, place], color=colour, linewidth=2, alpha=0.55)
            axes.plot(part["score"], place, "o", color=colour, markersize=4.5)
        axes.set_yticks(range(len(parts)), [_named(part) for part in parts])
        axes.locator_params(axis="x", nbins=4)
        axes.set_ylim(len(parts) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"{slices['metric']} (dashed: all rows)")

    told = "; ".join(f"{part['of']} {part['name']}: {part['score']:.3g}" for part in parts[:8])
    title = "Parts of the rows, the likeliest to fall behind first"
    return draw("slices", paint, title=title, told=told, height=0.7 + 0.24 * len(parts))


def _named(part: Mapping[str, Json]) -> str:
    """What a part is called: of a long name what it was cut by is cut short, and not what tells it from others."""
    name = short(part["name"], MOST_LETTERS - 8)
    return f"{short(part['of'], MOST_LETTERS - 2 - len(name))}: {name}"


def importance_chart(importance: Mapping[str, Json] | None, place: int | None = None) -> dict[str, str] | None:
    """What the score loses without each column or part, with its spread.

    Args:
        place: of the way of looking among those that tell of parts; None for columns.
    """
    if not importance:
        return None
    columns = importance["columns"][:MOST_COLUMNS]

    def paint(axes: Axes) -> None:
        for place, column in enumerate(columns):
            axes.plot([0, column["mean"]], [place, place], color=LINE, linewidth=2)
            spread = column["spread"] or 0.0
            ends = [column["mean"] - spread, column["mean"] + spread]
            axes.plot(ends, [place, place], color=SERIES[0], linewidth=2, alpha=0.55)
            axes.plot(column["mean"], place, "o", color=SERIES[0], markersize=4.5)
        axes.axvline(0, color=SOFT, linewidth=0.9)
        axes.set_yticks(range(len(columns)), [short(column["name"]) for column in columns])
        axes.set_ylim(len(columns) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"how much worse {importance['metric']} gets")

    told = "; ".join(f"{column['name']}: {column['mean']:.3g}" for column in columns[:8])
    name, title = ("importance", "Column by column") if place is None else (f"parts-{place}", importance["title"])
    return draw(name, paint, title=title, told=told, height=0.7 + 0.24 * len(columns))
