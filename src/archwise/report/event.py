"""What happens in a run, a line of JSON each: the one source of the live table, the report and the resumed clock."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from archwise.records import Json

Event = dict[str, Json]
OnEvent = Callable[[Event], None]


def event_log(path: Path, clock: Callable[[], float], *, also: OnEvent | None = None) -> OnEvent:
    """Make the function that tells of an event: it is appended to the file, stamped with the seconds spent so far.

    Args:
        path: events.jsonl of the run.
        clock: seconds since the run began, over all its sittings.
        also: told of the same event, for a live view.
    """

    if path.exists() and not path.read_bytes().endswith(b"\n"):
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")  # a kill cut the last line short; keep it from spoiling the next

    def tell(event: Event) -> None:
        stamped = {"t": round(clock(), 3), **event}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(stamped, ensure_ascii=False) + "\n")
        if also is not None:
            also(stamped)

    return tell


def read_events(path: Path) -> Iterator[Event]:
    """The events of a run, in order. A line that a kill cut short is left out."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        with contextlib.suppress(json.JSONDecodeError):
            event = json.loads(line)
            if isinstance(event, dict):  # what is left of a line may be JSON of another kind
                yield event


def seconds_spent(path: Path) -> float:
    """Seconds that earlier sittings of a run have used, by the stamp of its last event."""
    return max((float(event["t"]) for event in read_events(path)), default=0.0)
