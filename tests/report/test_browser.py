"""A report in headless Chromium with the network off: no error, every section there; pictures of it are kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archwise.report.make import report_facts, write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
CHROMIUM = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
KEPT = Path(__file__).parents[2] / "dist" / "reports"  # git ignores it
PHONE, DESK = 360, 1180  # pixels wide
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as opened:
        found = opened.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.mark.parametrize("name", ["two", "regress", "text", "picture", "forecast", "tag", "channels"])
@pytest.mark.parametrize(("width", "scheme"), [(DESK, "light"), (DESK, "dark"), (PHONE, "light")])
def test_a_report_opens_offline(made: Callable, browser, tmp_path: Path, name: str, width: int, scheme: str) -> None:
    held = made(name)
    facts = report_facts(held.model, held.rows)
    path = write_report(held.model, facts, tmp_path / f"{name}.html")
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
    said: list[str] = []
    asked: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    for link in page.locator("nav a").all():
        section = page.locator(str(link.get_attribute("href")))
        assert section.locator("h2").is_visible()
        assert section.bounding_box()["height"] > 40
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # nothing must be scrolled sideways
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper[4:-1].split(","))) < 200) == (scheme == "dark")
    KEPT.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=KEPT / f"{name}-{width}-{scheme}.png", full_page=True)
    context.close()


def test_it_prints_light_and_whole(made: Callable, browser, tmp_path: Path) -> None:
    held = made("two")
    path = write_report(held.model, report_facts(held.model, held.rows), tmp_path / "two.html")
    context = browser.new_context(color_scheme="dark", offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()
    KEPT.mkdir(parents=True, exist_ok=True)
    held_bytes = page.pdf(path=KEPT / "two.pdf", format="A4")
    assert held_bytes.startswith(b"%PDF")
    context.close()
