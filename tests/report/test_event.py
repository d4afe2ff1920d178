"""The log of a run: every event in order, stamped, readable after any kill."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archwise.report.event import Event, event_log, read_events, seconds_spent

EVENT = {"event": "note", "message": "fünf Äpfel", "more": {"rows": [1, 2]}}


def write(path: Path, *events: Event, at: float = 0.0) -> None:
    tell = event_log(path, lambda: at)
    for event in events:
        tell(event)


def test_events_are_read_in_the_order_in_which_they_were_told(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, *({"event": "note", "message": str(number)} for number in range(5)))
    assert [event["message"] for event in read_events(path)] == ["0", "1", "2", "3", "4"]


def test_an_event_comes_back_as_it_was_with_its_stamp(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, EVENT, at=1.23456)
    assert list(read_events(path)) == [{"t": 1.235, **EVENT}]


def test_every_event_is_on_disk_when_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tell = event_log(path, lambda: 0.0)
    for number in range(1, 4):
        tell(EVENT)
        assert len(path.read_text(encoding="utf-8").splitlines()) == number


def test_a_view_hears_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    heard: list[Event] = []
    event_log(path, lambda: 2.0, also=heard.append)(EVENT)
    assert heard == list(read_events(path))


def test_telling_does_not_change_the_event(tmp_path: Path) -> None:
    event = dict(EVENT)
    write(tmp_path / "events.jsonl", event)
    assert event == EVENT


def test_a_new_sitting_appends(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, {"event": "a"}, at=1.0)
    write(path, {"event": "b"}, at=2.0)
    assert [event["event"] for event in read_events(path)] == ["a", "b"]


WHOLE = json.dumps({"t": 9.0, **EVENT}, ensure_ascii=False).encode()


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_a_last_line_that_was_cut_short_is_left_out_wherever_it_was_cut(tmp_path: Path, length: int) -> None:
    path = tmp_path / "events.jsonl"
    write(path, {"event": "before"}, at=3.0)
    path.write_bytes(path.read_bytes() + WHOLE[:length])
    assert [event["event"] for event in read_events(path)] == ["before"]
    assert seconds_spent(path) == 3.0


@pytest.mark.parametrize("length", [0, 1, 7, 20, 33, len(WHOLE) - 1])
def test_a_line_that_was_cut_short_does_not_spoil_the_next(tmp_path: Path, length: int) -> None:
    path = tmp_path / "events.jsonl"
    write(path, {"event": "before"})
    path.write_bytes(path.read_bytes() + WHOLE[:length])
    write(path, {"event": "after"})
    assert [event["event"] for event in read_events(path)] == ["before", "after"]


@pytest.mark.parametrize("character", ["\u2028", "\x85", "\n", "\r", "\x1c", "\x0b", '"', "\\", "}"])
def test_an_event_is_one_line_whatever_its_words_hold(tmp_path: Path, character: str) -> None:
    path = tmp_path / "events.jsonl"
    event = {"event": "note", "message": f"one{character}two"}
    write(path, event, {"event": "after"})
    assert [event["event"] for event in read_events(path)] == ["note", "after"]
    assert next(read_events(path))["message"] == event["message"]


def test_the_seconds_spent_are_those_of_the_latest_event(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, EVENT, at=4.0)
    write(path, EVENT, at=11.5)
    assert seconds_spent(path) == 11.5


def test_a_run_that_has_told_nothing_has_spent_nothing(tmp_path: Path) -> None:
    assert list(read_events(tmp_path / "none.jsonl")) == []
    assert seconds_spent(tmp_path / "none.jsonl") == 0.0
