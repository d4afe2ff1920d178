"""Header lines that begin with @, as files of series have them above their data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from archwise.errors import SourceError, nearest

Said = Mapping[str, Sequence[Sequence[str]]]  # name of a line, in lower case -> the words behind it, line by line
_YES, _NO = "true", "false"
_MOST_DIGITS = 9


def read_marked_header(
    lines: Sequence[str], known: Collection[str], *, source: str, example: str
) -> tuple[dict[str, list[list[str]]], int]:
    """What stands above the data, and how many lines that are, up to @data and with it.

    Args:
        known: names of the lines that there may be, in lower case.
        example: a line of such a header, for messages.

    Raises:
        SourceError: a line above the data is none of these, or there is no @data.
    """
    suffix = source[source.rfind(".") :]
    said: dict[str, list[list[str]]] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or line.lstrip().startswith(("#", "%")):
            continue
        name = words[0].removeprefix("@").lower()
        if not words[0].startswith("@") or name not in known:
            raise SourceError(
                f"{source}: line {number} is '{line.strip()[:40]}', where a line such as {example} or @data is "
                f"expected; a {suffix} file says what it holds above @data.{_meant(words[0], known)}"
            )
        if name == "data":
            return said, number
        said.setdefault(name, []).append(words[1:])
    raise SourceError(f"{source}: there is no line @data, below which the series stand; not a whole {suffix} file")


def said_flag(said: Said, name: str, source: str) -> bool:
    """Whether a line says true; false where there is no such line.

    Raises:
        SourceError: it says neither true nor false.
    """
    if name not in said:
        return False
    word = said_word(said, name).lower()
    if word not in (_YES, _NO):
        raise SourceError(f"{source}: @{name} is '{word}'; expected true or false")
    return word == _YES


def said_number(said: Said, name: str, source: str) -> int:
    """The number of a line; 0 where there is no such line.

    Raises:
        SourceError: it is no whole number from 1.
    """
    if name not in said:
        return 0
    word = said_word(said, name)
    if not (word.isascii() and word.isdecimal() and len(word) <= _MOST_DIGITS and int(word)):
        raise SourceError(f"{source}: @{name} is '{word}'; expected a whole number from 1")
    return int(word)


def said_word(said: Said, name: str) -> str:
    """The first word of the last line of a name; "" where there is none."""
    words = said[name][-1] if name in said else ()
    return words[0] if words else ""


def _meant(word: str, known: Collection[str]) -> str:
    return nearest(word, [f"@{name}" for name in known]) if word.startswith("@") else ""
