"""Draws: matplotlib's SVG made fit to stand in a page, with text as text and colours that follow light and dark."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, LINE, PAPER = "#0a0a01", "#0a0a02", "#0a0a03", "#0a0a04"  # stand-ins, each replaced by a name of the page
SERIES = ("#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05", "#0a0b06")
GOOD, BAD = SERIES[0], "#0a0c01"
_NAMES: Mapping[str, str] = {
    INK: "--ink",
    SOFT: "--soft",
    LINE: "--line",
    PAPER: "--card",
    BAD: "--bad",
    **{colour: f"--series-{place + 1}" for place, colour in enumerate(SERIES)},
}
_LARGE = 10_000  # from which figures are written with commas
WIDTH, HEIGHT = 4.2, 2.85  # inches of 72 units: as wide as a phone, so that letters stay as large as they are drawn
_STYLE: Mapping[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a column may be called $x$
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.5,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": LINE,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "path.simplify": True,
    "axes.formatter.useoffset": False,
}


def draw(
    name: str,
    paint: Callable[[Axes], object],
    *,
    title: str,
    told: str,
    height: float = HEIGHT,
) -> dict[str, str]:
    """Draw one chart.

    Args:
        name: unlike that of any other chart of the page.
        paint: puts the marks on the axes.
        title: of the chart, for the page. told: the same in a sentence, for who cannot see it.
        height: inches.

    Returns:
        name, title, told, and svg: an element of HTML that begins with <svg.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)  # the browser has others
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.locator_params(axis="both", nbins=6)
        paint(axes)
        _write_thousands(axes)
        return {"name": name, "title": title, "told": told, "svg": _svg(figure, f"chart-{name}", title, told)}


def short(text: object, most: int = 24) -> str:
    """A name as a chart can show it: one line without what cannot be written in XML; a number at its end stays."""
    plain = "".join(each if each.isprintable() else " " for each in str(text))
    if len(plain) <= most:
        return plain
    number = re.search(r" \d{1,3}$", plain)
    end = number[0] if number else ""
    return plain[: most - 1 - len(end)] + "…" + end


def _write_thousands(axes: Axes) -> None:
    """Write large figures along an axis as 10,000 rather than 10000."""
    from matplotlib.ticker import FuncFormatter, ScalarFormatter

    for axis in (axes.xaxis, axes.yaxis):
        if type(axis.get_major_formatter()) is ScalarFormatter and max(map(abs, axis.get_view_interval())) >= _LARGE:
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def plain_powers(axes: Axes) -> None:
    """Write the ticks of a logarithmic horizontal as plain numbers, such as 0.01, 1 and 10k."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _power(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _svg(figure: Figure, name: str, title: str, told: str) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    box = re.search(r'viewBox="([^"]*)"', text)
    assert box is not None  # every figure has one
    body = text[text.index(">") + 1 :]
    body = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font-size: \1px", body)
    for colour, variable in _NAMES.items():
        body = body.replace(colour, f"var({variable})")
    body = re.sub(r"\s*\n\s*", "\n", _own_ids(body, name))
    head = f'<svg viewBox="{box[1]}" role="img" aria-labelledby="{name}-title {name}-told">'
    return f'{head}<title id="{name}-title">{escape(title)}</title><desc id="{name}-told">{escape(told)}</desc>{body}'


def _own_ids(body: str, name: str) -> str:
    """Only the ids that are referred to, each under the name of its chart."""
    wanted = set(re.findall(r'href="#([^"]+)"', body)) | set(re.findall(r"url\(#([^)]+)\)", body))

    def own(found: re.Match[str]) -> str:
        return f' id="{name}-{found[1]}"' if found[1] in wanted else ""

    body = re.sub(r' id="([^"]*)"', own, body)
    body = re.sub(r'(?:xlink:)?href="#([^"]+)"', rf'href="#{name}-\1"', body)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
