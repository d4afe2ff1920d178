"""The charts of every section of a report, by the name of the section."""

from __future__ import annotations

from collections.abc import Mapping

from archwise.records import FORECAST, Json
from archwise.report.chart_answers import class_charts
from archwise.report.chart_numbers import forecast_charts, number_charts, series_charts, whole_charts
from archwise.report.chart_race import cost_charts, curve_charts, gap_chart, growth_chart, leaderboard_chart
from archwise.report.chart_rows import importance_chart, slice_chart

Charts = dict[str, list[dict[str, str]]]


def charts_of(facts: Mapping[str, Json]) -> Charts:
    """Draw all charts: section -> charts, none where there is nothing to draw."""
    errors = facts["errors"] or {}
    return {
        "leaderboard": _one(leaderboard_chart(facts)),
        "cost": cost_charts(facts),
        "curves": curve_charts(facts),
        "gap": _one(gap_chart(facts)),
        "growth": _one(growth_chart(facts)),
        "answers": _of_answers(facts),
        "slices": _one(slice_chart(facts["slices"])),
        "errors": [*series_charts(errors.get("rows", ())), *whole_charts(errors.get("whole", ()), "worst")],
        "moved": _one(importance_chart(facts["importance"])),
        **{f"moved-{place}": _one(importance_chart(way, place)) for place, way in enumerate(facts["parts"])},
    }


def _of_answers(facts: Mapping[str, Json]) -> list[dict[str, str]]:
    answers = facts["answers"]
    if not answers:
        return []
    if answers["task"] == FORECAST:
        return forecast_charts(answers)
    return number_charts(answers, facts["model"]["target"]) if "points" in answers else class_charts(answers)


def _one(chart: dict[str, str] | None) -> list[dict[str, str]]:
    return [] if chart is None else [chart]
