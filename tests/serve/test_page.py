"""The page in headless Chromium with nothing else on the network: fill, send, read the answer; bad input is told."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is of the extra dev")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no chromium; apt-get install chromium")
ROW = {"age": 39.5, "hours": 40, "city": "Lima"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page of a service, with what went wrong in it and what it asked of others."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page, self.url = self.context.new_page(), url
        self.faults: list[str] = []
        self.strangers: list[str] = []
        self.page.on("console", lambda told: self.faults.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.route("**/*", self._only_here)

    def _only_here(self, route: Any) -> None:
        if route.request.url.startswith((self.url, "data:", "blob:")):
            route.continue_()
        else:
            self.strangers.append(route.request.url)
            route.abort()

    def __enter__(self) -> Any:
        self.page.goto(self.url)
        return self.page

    def __exit__(self, kind: object, *_: object) -> None:
        self.context.close()
        if kind is None:
            assert self.strangers == []
            assert [fault for fault in self.faults if "422" not in fault and "401" not in fault] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_a_row_is_filled_in_sent_with_the_keyboard_and_answered(
    browser: Any, running: Any, folders: dict[str, Path], tmp_path: Path, scheme: str, width: int
) -> None:
    with running(folders["table"], folders["text"]) as service:
        viewport = {"width": width, "height": 840}
        with Opened(browser, service.url, color_scheme=scheme, viewport=viewport) as page:
            page.get_by_label("age").fill("39.5")
            page.get_by_label("hours").fill("40")
            page.get_by_label("city").select_option("Lima")
            page.keyboard.press("Control+Enter")
            page.wait_for_selector("#prediction")
            expected = page.request.post(
                f"{service.url}/predict", data=json.dumps(ROW), headers={"content-type": "application/json"}
            ).json()
            assert page.inner_text("#prediction") == expected["prediction"]
            assert "%" in page.inner_text(".bars >> nth=0")
            page.wait_for_selector("#moved .note")
            assert page.locator("#verdict li").count() >= 1
            assert page.evaluate("document.documentElement.scrollWidth") <= width  # nothing hangs over
            page.screenshot(path=tmp_path / f"page-{scheme}-{width}.png", full_page=True)


def test_bad_input_shows_the_sentence_of_the_server(browser: Any, running: Any, folders: dict[str, Path]) -> None:
    with running(folders["table"]) as service, Opened(browser, service.url) as page:
        page.get_by_label("age").fill("forty")
        page.click("#send")
        page.wait_for_selector("[role=alert]")
        assert "'age': it is the text 'forty'; it should be a number" in page.inner_text("[role=alert]")
        assert page.get_by_label("age").get_attribute("aria-invalid") == "true"
        page.get_by_label("age").fill("40")
        page.click("#send")
        page.wait_for_selector("#prediction")
        assert page.locator("[aria-invalid]").count() == 0


def test_texts_pictures_and_series_are_asked_too(
    browser: Any, running: Any, folders: dict[str, Path], tmp_path: Path
) -> None:
    from PIL import Image

    Image.new("L", (20, 20), 15).save(tmp_path / "dark.png")
    with (
        running(folders["text"], folders["picture"], folders["series"]) as service,
        Opened(browser, service.url) as page,
    ):
        page.get_by_label("text").fill("a good film")
        page.click("#send")
        page.wait_for_selector("#moved mark")
        assert page.locator("#moved mark").count() == 3
        page.select_option("#models", "picture")
        page.wait_for_selector(".drop")
        page.set_input_files("input[type=file]", tmp_path / "dark.png")
        page.click("#send")
        page.wait_for_selector("#prediction")
        page.select_option("#models", "series")
        page.get_by_label("series").fill("0.1, 0.2 0.3\n0.4")
        page.click("#send")
        page.wait_for_selector("#prediction")
        assert page.inner_text("#prediction") in ("k0", "k1")
        page.wait_for_selector("#moved svg rect")


def test_the_whole_way_is_gone_by_keyboard_alone(browser: Any, running: Any, folders: dict[str, Path]) -> None:
    with running(folders["table"], folders["labels"]) as service, Opened(browser, service.url) as page:
        page.wait_for_selector(".field")
        keys = ["Tab", "Tab", "ArrowDown"]  # the way past the form, the models, the second of them
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_selector("textarea")
        reached = []
        for cell in ("the bad film", "90", "t", "2024-05-01"):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.dataset.name"))
            page.keyboard.type(cell)
        assert reached == ["text", "hours", "seen", "day"]
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#moved h3")
        shown = page.inner_text("#prediction")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "send"
        page.keyboard.press("Enter")
        page.wait_for_selector("#moved h3")
        assert page.inner_text("#prediction") == shown


def test_labels_tags_and_forecasts_are_shown(
    browser: Any, running: Any, folders: dict[str, Path], forecasts: Path
) -> None:
    with (
        running(folders["labels"], folders["words"], forecasts) as service,
        Opened(browser, service.url) as page,
    ):
        page.wait_for_selector(".field")
        page.click("#fill")
        page.click("#send")
        page.wait_for_selector("#moved h3")
        assert ";" not in page.inner_text("#prediction")
        page.select_option("#models", "words")
        page.get_by_label("words").fill("Ada saw the sea")
        page.click("#send")
        page.wait_for_selector(".words mark")
        assert page.inner_text(".words .tag") == "B-PER"
        page.select_option("#models", "steps")
        page.wait_for_selector("#horizon")
        page.click("#send")
        page.wait_for_selector("[role=alert]")
        assert "'price' is not known" in page.inner_text("[role=alert]")
        page.click("#fill")
        page.click("#send")
        page.wait_for_selector("#told svg")
        assert page.locator("#told tbody tr").count() == 3


def test_a_request_is_shown_as_a_command_that_works(browser: Any, running: Any, folders: dict[str, Path]) -> None:
    with running(folders["text"]) as service, Opened(browser, service.url) as page:
        page.get_by_label("text").fill("it's a good film")
        page.click("#send")
        page.wait_for_selector("#prediction")
        command = page.text_content("#command")
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20, check=False)
        assert json.loads(done.stdout)["prediction"] == page.inner_text("#prediction")


def test_a_service_with_a_token_asks_for_it(browser: Any, running: Any, folders: dict[str, Path]) -> None:
    token = "a-token-of-some-length"
    with running(folders["table"], "--token", token) as service, Opened(browser, service.url) as page:
        page.get_by_label("token").fill(token)
        page.keyboard.press("Enter")
        page.wait_for_selector(".field")
        page.get_by_label("age").fill("50")
        page.click("#send")
        page.wait_for_selector("#prediction")
