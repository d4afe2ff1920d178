"""The charts of every section of a report, by the name of the section."""

from __future__ import annotations

from collections.abc import Mapping

from archwise.records import Json
from archwise.report.chart_race import cost_charts, curve_charts, gap_chart, growth_chart, leaderboard_chart

Charts = dict[str, list[dict[str, str]]]


def charts_of(facts: Mapping[str, Json]) -> Charts:
    """Draw all charts: section -> charts, none where there is nothing to draw."""
    return {
        "leaderboard": _one(leaderboard_chart(facts)),
        "cost": cost_charts(facts),
        "curves": curve_charts(facts),
        "gap": _one(gap_chart(facts)),
        "growth": _one(growth_chart(facts)),
    }


def _one(chart: dict[str, str] | None) -> list[dict[str, str]]:
    return [] if chart is None else [chart]
