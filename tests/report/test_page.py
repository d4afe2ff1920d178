"""The page: every section that means something for a task, nothing from elsewhere, no harm from what users write."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from archwise.errors import ModelError
from archwise.model.folder import add_files, read_model
from archwise.report.make import report_facts, write_report
from archwise.report.page import TITLES, apart, figure, page, score

NASTY = "<script>alert('x')</script>"
ALWAYS = {
    "verdict",
    "next",
    "leaderboard",
    "cost",
    "curves",
    "gap",
    "answers",
    "errors",
    "growth",
    "aside",
    "repeat",
    "origin",
}
MORE = {
    "two": {"slices", "moved"},
    "three": {"slices", "moved"},
    "regress": {"slices", "moved"},
    "multilabel": {"slices", "moved"},
    "text": {"slices", "moved"},
    "picture": {"moved"},
    "series": set(),
    "tag": {"slices"},
    "forecast": {"slices"},
}
CHARTS = {
    "two": {"confusion", "curve-roc", "curve-pr", "reliability", "slices", "importance", "gap", "leaderboard"},
    "three": {"confusion", "curve-roc", "reliability", "by-class"},
    "regress": {"against-truth", "residuals", "by-range", "held-by-range"},
    "multilabel": {"curve-roc", "curve-pr", "reliability"},
    "tag": {"confusion"},
    "series": {"confusion", "series-0"},
    "forecast": {"step-mase", "step-held", "forecast-0", "worst-0"},
}
FEWER = {"forecast": {"curves", "cost", "next"}}  # its race was short: what the fixture's verdicts have is not in it
SMALL = 3_000_000  # bytes


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.sections: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.tags.append(tag)
        self.ids += [held["id"]] if held.get("id") else []
        self.sections += [str(held["id"])] if tag == "section" else []
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href", "action") and value]


@pytest.fixture(scope="session")
def pages(made: Callable) -> Callable[[str], str]:
    """The page of each made model, for labelled rows; each drawn once."""
    held: dict[str, str] = {}

    def get(name: str) -> str:
        if name not in held:
            held[name] = page(report_facts(made(name).model, made(name).rows))
        return held[name]

    return get


@pytest.mark.parametrize("name", list(MORE))
class TestEveryTask:
    def test_it_has_every_section_that_means_something(self, pages, name: str) -> None:
        wanted = (ALWAYS | MORE[name]) - FEWER.get(name, set())
        found = Page(pages(name)).sections
        assert wanted <= set(found)
        assert found == [section for section in TITLES if section in found]  # in their order, each once

    def test_it_has_the_charts_of_its_task_each_with_words_for_who_cannot_see_them(self, pages, name: str) -> None:
        text = pages(name)
        for chart in CHARTS.get(name, set()):
            assert f'aria-labelledby="chart-{chart}-title chart-{chart}-told"' in text
            assert re.search(rf'<desc id="chart-{chart}-told">[^<]+</desc>', text)

    def test_it_loads_nothing_and_runs_nothing(self, pages, name: str) -> None:
        found = Page(pages(name))
        assert all(address.startswith(("#", "data:")) for address in found.addresses)
        assert not {"script", "iframe", "object", "embed", "link rel", "base"} & set(found.tags)
        assert not re.search(r"@import|url\((?!#)", pages(name))

    def test_ids_stand_once_and_all_that_is_named_is_there(self, pages, name: str) -> None:
        found = Page(pages(name))
        assert len(found.ids) == len(set(found.ids))
        assert {address[1:] for address in found.addresses if address.startswith("#")} <= set(found.ids)
        assert set(re.findall(r"url\(#([^)]+)\)", pages(name))) <= set(found.ids)

    def test_it_is_small(self, pages, name: str) -> None:
        assert len(pages(name).encode()) < SMALL

    def test_no_stand_in_for_a_colour_is_left(self, pages, name: str) -> None:
        assert not re.search(r"#0a0[abc]0\d", pages(name))


def test_what_users_write_is_shown_and_never_run(pages) -> None:
    text = pages("two")
    assert NASTY not in text
    assert "&lt;script&gt;alert" in text  # as a column, as a level, and as a reason


def test_a_name_that_looks_like_mathematics_is_drawn_as_it_is(made) -> None:
    facts = report_facts(made("two").model, made("two").rows)
    facts["importance"]["columns"][0]["name"] = r"$\frac{1$ \x00 -->"
    assert r"$\frac{1$" in page(facts)


def test_tables_have_captions_and_heads(pages) -> None:
    text = pages("two")
    assert text.count("<table>") == text.count("<caption>") > 5
    assert text.count('scope="col"') > 20
    assert '<html lang="en">' in text


def test_equal_facts_make_equal_pages(made) -> None:
    facts = report_facts(made("regress").model)
    assert page(facts) == page(facts)


def test_a_model_without_its_rows_says_what_is_missing(made) -> None:
    facts = report_facts(made("two").model)
    text = page(facts)
    assert "archwise report MODEL --data" in text
    assert not {"answers", "slices", "errors", "moved"} & set(Page(text).sections)
    assert {"verdict", "leaderboard", "repeat"} <= set(Page(text).sections)


def test_a_task_that_is_new_to_the_report_has_one_without_single_answers(made, monkeypatch) -> None:
    monkeypatch.setattr("archwise.report.rows._LOSSES", {})
    facts = report_facts(made("two").model, made("two").rows)
    found = set(Page(page(facts)).sections)
    assert {"verdict", "slices", "leaderboard"} <= found
    assert not {"answers", "errors", "moved"} & found


def test_of_very_many_rows_some_are_told_of_and_that_is_said(made, monkeypatch) -> None:
    monkeypatch.setattr("archwise.report.facts.MOST_ROWS", 100)
    facts = report_facts(made("two").model, made("two").rows)
    assert facts["answers"]["n_rows"] == 100
    assert "Of 100 drawn from 400 rows that were given." in page(facts)


def test_a_report_lies_in_the_folder_and_its_hash_holds(made, tmp_path) -> None:
    model = made("three").model
    before = sorted(path.name for path in model.folder.iterdir())
    path = write_report(model, report_facts(model, made("three").rows), None)
    assert path == model.folder / "report.html"
    assert sorted(path.name for path in model.folder.iterdir()) == sorted([*before, "report.html", "report.json"])
    read_model(model.folder)
    assert report_facts(model)["given"]["n_rows"] == made("three").rows.height
    held = path.read_text()
    path.write_text(held.replace("Leaderboard", "Leaderbored"))
    with pytest.raises(ModelError, match=r"report\.html was changed"):
        read_model(model.folder)
    add_files(model.folder, {"report.html": held.encode()})
    read_model(model.folder)


def test_facts_of_a_newer_archwise_are_refused(made) -> None:
    model = made("series").model
    facts = report_facts(model)
    write_report(model, {**facts, "format": 99}, None)
    with pytest.raises(ModelError, match="newer archwise"):
        report_facts(model)


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.92567, "0.926"), (12_345.6, "12,346"), (None, ""), (float("nan"), ""), (0, "0"), (-4_321.0, "-4,321")],
)
def test_figures_have_three_digits(value: float | None, told: str) -> None:
    assert figure(value) == told


@pytest.mark.parametrize(("value", "told"), [(0.5, "0.5000"), (0.92567, "0.9257"), (46_271.3, "46,271"), (None, "")])
def test_scores_have_four_digits(value: float | None, told: str) -> None:
    assert score(value) == told


def test_a_difference_has_the_digits_of_its_interval() -> None:
    assert apart({"difference": 0.0061581, "low": 0.0018234, "high": 0.0104928}) == "0.0062 (0.0018 to 0.0105)"
    assert apart({"difference": 0.5, "low": None, "high": None}) == ""
    assert apart({"difference": 0.0, "low": 0.0, "high": 0.0}).startswith("0.0")
