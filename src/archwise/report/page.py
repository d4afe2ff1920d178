"""Writes the one page of HTML from the facts of a report: no script, no network, and all that is the user's escaped."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from archwise.errors import MissingExtraError
from archwise.records import Json
from archwise.report.charts import Charts, charts_of

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent / "template"
TEMPLATE, STYLE = "page.html.j2", "page.css"
_LARGE = 1_000  # from which figures are written without a fraction
TITLES: Mapping[str, str] = {  # of the sections, in their order; each has a template of its own
    "verdict": "The verdict",
    "next": "What to try next",
    "leaderboard": "Leaderboard",
    "cost": "Cost against quality",
    "curves": "How they learnt",
    "gap": "Validation against the sealed test",
    "answers": "Answer by answer",
    "slices": "Where it falls behind",
    "errors": "Worst errors",
    "moved": "What moved the answers",
    "growth": "What more data would bring",
    "aside": "What was set aside",
    "repeat": "To repeat it",
    "origin": "Hashes and licences",
}


def can_draw() -> bool:
    """Whether what draws and writes is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("matplotlib", "jinja2"))


def page(facts: Mapping[str, Json]) -> str:
    """Write a report.

    Args:
        facts: as `gather` gives them.

    Returns:
        a whole HTML document.

    Raises:
        MissingExtraError: what draws and writes is not installed.
    """
    try:
        environment = _environment()
        charts = charts_of(facts)
    except ImportError as error:
        raise MissingExtraError(f"to make a report needs {error.name}: pip install 'archwise[train]'") from None
    from markupsafe import Markup

    style = Markup((HERE / STYLE).read_text(encoding="utf-8"))
    drawn = {name: [{**each, "svg": Markup(each["svg"])} for each in held] for name, held in charts.items()}
    return environment.get_template(TEMPLATE).render(
        **facts, charts=drawn, style=style, sections=sections_of(facts, charts)
    )


def sections_of(facts: Mapping[str, Json], charts: Charts) -> list[tuple[str, str]]:
    """(name, title) of each section that has something to say of this model, in their order."""
    empty = {name for name in ("cost", "curves") if not charts[name]}
    empty |= set() if facts["verdict"].get("next_steps") else {"next"}
    empty |= {name for name in ("answers", "errors") if not facts[name]}
    empty |= set() if facts["slices"] else {"slices"}
    moved = any(facts[name] for name in ("importance", "parts", "words", "pixels"))
    empty |= set() if moved else {"moved"}
    empty |= set() if facts["growth"].get("sentence") else {"growth"}
    return [(name, title) for name, title in TITLES.items() if name not in empty]


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": figure,
        "size": lambda mb: f"{figure(mb)} MB" if mb >= 0.1 else f"{figure(1e3 * mb)} kB",
        "span": lambda ms: f"{figure(ms)} ms" if ms >= 0.1 else f"{figure(1e3 * ms)} µs",
        "score": score,
        "apart": apart,
        "count": lambda value: "" if value is None else f"{value:,.0f}",
        "percent": lambda value: "" if value is None else f"{100.0 * value:.1f}\u00a0%",
        "signed": lambda value: "" if value is None else f"{value:+,.0f}" if abs(value) >= 1_000 else f"{value:+.3g}",
    }
    return environment


def figure(value: float | None) -> str:
    """A figure in three digits, such as 0.033 or 12,300; "" for none."""
    return _written(value, "{:.3g}")


def score(value: float | None) -> str:
    """A score in four digits, such as 0.9250 or 12,300; "" for none."""
    return _written(value, "{:#.4g}")


def _written(value: float | None, form: str) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= _LARGE else form.format(value)


def apart(found: Mapping[str, float | None]) -> str:
    """A difference with its interval in the digits that the interval gives it, such as "0.0062 (0.0018 to 0.0105)"."""
    ends = [found["difference"], found["low"], found["high"]]
    if any(end is None or not math.isfinite(end) for end in ends):
        return ""
    difference, low, high = (float(end or 0.0) for end in ends)
    half = max((high - low) / 2, abs(difference) * 1e-2, 1e-12)
    decimals = max(0, 1 - math.floor(math.log10(half)))
    told = [f"{value:,.{decimals}f}" for value in (difference, low, high)]
    return f"{told[0]} ({told[1]} to {told[2]})"
