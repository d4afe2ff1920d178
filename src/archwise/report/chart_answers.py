"""Charts of single answers to classes, labels and tags: who was taken for whom, curves, and how honest the odds are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from archwise.records import Json
from archwise.report.chart import INK, LINE, SERIES, SOFT, draw, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LABELS = 24
_DEEPEST = 0.62  # of a cell's colour, so that its figure can be read in light and dark


def class_charts(answers: Mapping[str, Json]) -> list[dict[str, str]]:
    """All charts of answers that are classes, labels or tags."""
    charts = [
        _matrix(answers.get("confusion") or {}),
        _curves(answers.get("curves") or [], "roc"),
        _curves(answers.get("curves") or [], "pr"),
        _reliability(answers.get("reliability") or {}),
        _by_class(answers),
    ]
    return [chart for chart in charts if chart is not None]


def _matrix(confusion: Mapping[str, Json]) -> dict[str, str] | None:
    labels, counts = confusion.get("labels") or [], confusion.get("counts") or []
    if not labels:
        return None
    n, letters = len(labels), 16 if len(labels) <= 4 else 11

    def paint(axes: Axes) -> None:
        from matplotlib.patches import Rectangle

        for true, row in enumerate(counts):
            total = sum(row) or 1
            for said, count in enumerate(row):
                colour = SERIES[0] if said == true else SERIES[1]
                axes.add_patch(
                    Rectangle((said - 0.5, true - 0.5), 1, 1, facecolor=colour, alpha=_DEEPEST * count / total)
                )
                if count and n <= 12:
                    axes.text(said, true, f"{count:,}", ha="center", va="center", color=INK, fontsize=9 if n < 8 else 7)
        axes.set_xlim(-0.5, n - 0.5)
        axes.set_ylim(n - 0.5, -0.5)
        turned = 0 if n <= 4 else 60
        axes.set_xticks(
            range(n), [short(label, letters) for label in labels], rotation=turned, ha="right" if turned else "center"
        )
        axes.set_yticks(range(n), [short(label, 16) for label in labels])
        axes.grid(visible=False)
        axes.set_xlabel("answered")
        axes.set_ylabel("true")

    told = "; ".join(
        f"{pair['true']} taken for {pair['answered']} {pair['n']} times" for pair in confusion["pairs"][:6]
    )
    return draw(
        "confusion",
        paint,
        title="Answered against true",
        told=told or "Nothing was confused.",
        height=3.1 if n <= 8 else 3.9,
    )


def _curves(curves: Sequence[Mapping[str, Json]], which: str) -> dict[str, str] | None:
    if not curves:
        return None
    area = "auc" if which == "roc" else "average_precision"

    def paint(axes: Axes) -> None:
        for place, curve in enumerate(curves):
            colour = SERIES[place % len(SERIES)]
            name = f"{short(curve['label'], 14)}, area {curve[area]:.3f}"
            axes.plot(*zip(*curve[which], strict=True), color=colour, label=name)
            if which == "pr" and len(curves) == 1:
                axes.axhline(curve["share"], color=SOFT, linewidth=0.8, linestyle="--")
        if which == "roc":
            axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle="--")
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.03)
        axes.set_xlabel("share of false alarms" if which == "roc" else "share found (recall)")
        axes.set_ylabel("share found" if which == "roc" else "share right (precision)")
        axes.legend(loc="lower right" if which == "roc" else "lower left", handlelength=1.2)

    title = "ROC: hits against false alarms" if which == "roc" else "Precision against recall"
    told = "; ".join(f"{curve['label']}: area {curve[area]:.3f}" for curve in curves)
    return draw(f"curve-{which}", paint, title=title, told=told)


def _reliability(held: Mapping[str, Json]) -> dict[str, str] | None:
    if not held.get("after"):
        return None

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle="--")
        for name, colour in (("before", SERIES[1]), ("after", SERIES[0])):
            bins = held[name]
            said, true = [each["said"] for each in bins], [each["true"] for each in bins]
            if name == "after":
                axes.vlines(
                    said, [each["low"] for each in bins], [each["high"] for each in bins], color=colour, alpha=0.4
                )
            axes.plot(said, true, "-o", markersize=4, color=colour, label=f"{name} calibration")
        axes.set_xlabel(f"probability given to {short(held['of'])}")
        axes.set_ylabel("share that came true")
        axes.legend(loc="upper left", handlelength=1.2)

    told = "; ".join(f"said {each['said']:.2f}, came true {each['true']:.2f}" for each in held["after"])
    return draw("reliability", paint, title="How honest the probabilities are", told=told)


def _by_class(answers: Mapping[str, Json]) -> dict[str, str] | None:
    """F1 of each class, label or entity, those with the least at the top; of two classes the table is enough."""
    rows = [
        each for each in answers.get("entities") or answers.get("classes") or [] if each["f1"] is not None and each["n"]
    ]
    if len(rows) < 3:
        return None
    rows = sorted(rows, key=lambda each: each["f1"])[:MOST_LABELS]

    def paint(axes: Axes) -> None:
        places = range(len(rows))
        axes.hlines(places, 0, [each["f1"] for each in rows], color=LINE, linewidth=2)
        axes.plot([each["f1"] for each in rows], places, "o", color=SERIES[0], markersize=5)
        axes.set_yticks(places, [f"{short(each['label'], 18)} ({each['n']:,})" for each in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, 1.02)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("F1 (in brackets: rows that have it)")

    told = "; ".join(f"{each['label']}: {each['f1']:.2f}" for each in rows)
    return draw(
        "by-class", paint, title="F1 of each, the hardest first", told=told, height=max(1.6, 0.6 + 0.22 * len(rows))
    )
