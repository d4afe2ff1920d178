"""The bytes of a text file as UTF-8, whatever encoding they were written in."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from pathlib import Path

import numpy as np

from archwise.errors import SourceError
from archwise.records import Finding

_BYTE_ORDER_MARKS = (  # the longer first: the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BINARY_MAGIC = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"%PDF",
    b"PK\x03\x04",
    b"PAR1",
    b"ARROW1",
    b"GIF8",
    b"\x1f\x8b",
    b"SQLite",
)
_CANDIDATES = ["cp1252", "cp1250", "cp1251", "shift_jis", "gb18030", "big5", "euc_kr", "iso8859_7"]
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøœùúûüýÿßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØŒÙÚÛÜÝ€£§°«»„“”‘’–—©®²³µ½¡¿")
_SAMPLE = 65_536
_CONTROL_SHARE = 0.02  # of control characters in a sample, above which a file is no text


def read_text(path: Path) -> tuple[bytes, tuple[Finding, ...]]:
    """Read a text file, unpacked if it is gzipped, as UTF-8 with plain line feeds and no byte order mark.

    Returns:
        The bytes, and a finding where the encoding is not UTF-8.

    Raises:
        SourceError: the file is empty, binary, a broken archive or cannot be read.
    """
    try:
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gzip.decompress(raw) if raw else raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(f"{path}: the gzip archive is broken ({error}); pack the file again") from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}; check that the file is yours to read") from None
    if not raw.strip():
        raise SourceError(f"{path}: the file is empty; expected a header line and rows of data")
    content, findings = _decode(raw, str(path))
    return _end_lines_plainly(content), findings


def read_part(raw: bytes, source: str) -> bytes:
    """A part of a text that is too large to be read at once, as `read_text` gives the whole.

    Raises:
        SourceError: the part is binary, or not UTF-8: no single part could tell another encoding of the whole.
    """
    content, findings = _decode(raw, source)
    if findings:
        raise SourceError(
            f"{findings[0].message}; so large a file is read as UTF-8 alone: write it as UTF-8, or as Parquet"
        )
    return _end_lines_plainly(content)


def _decode(raw: bytes, source: str) -> tuple[bytes, tuple[Finding, ...]]:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return _transcode(raw[len(mark) :], encoding, source)
    if raw.startswith(_BINARY_MAGIC):
        raise _no_text(source)
    sample = np.frombuffer(raw[:_SAMPLE], dtype=np.uint8)
    zero_shares = [float((sample[start::2] == 0).mean()) if len(sample) > start else 0.0 for start in (0, 1)]
    if max(zero_shares) > 0.4 and min(zero_shares) < 0.1:
        return _transcode(raw, "utf-16-le" if zero_shares[1] > zero_shares[0] else "utf-16-be", source)
    n_controls = np.count_nonzero((sample < 32) & ~np.isin(sample, [9, 10, 12, 13, 27, 31]))
    if (sample == 0).any() or n_controls > _CONTROL_SHARE * len(sample):
        raise _no_text(source)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return _decode_broken(raw, error.start, source)
    return raw, ()


def _decode_broken(raw: bytes, first: int, source: str) -> tuple[bytes, tuple[Finding, ...]]:
    """Bytes that are not UTF-8 throughout: UTF-8 with a few broken bytes, or another encoding."""
    line = raw.count(b"\n", 0, first) + 1
    text = raw.decode("utf-8", errors="replace")
    n_broken = text.count("\ufffd")
    n_beyond_ascii = len(re.findall(r"[^\x00-\x7f\ufffd]", text))
    if n_beyond_ascii > 2 * n_broken:
        message = (
            f"{source}: UTF-8, but {n_broken} bytes are broken, the first in line {line}; "
            "they are read as \ufffd: write the file again as UTF-8 to keep them"
        )
        return text.encode("utf-8"), (Finding("encoding", "warning", message, n_rows=n_broken),)
    return _transcode(raw, _guess_encoding(raw), source)


def _guess_encoding(raw: bytes) -> str:
    lines = b"\n".join(line for line in raw[: 16 * _SAMPLE].split(b"\n") if not line.isascii())
    if _is_western(lines[:_SAMPLE]):
        return "cp1252"
    import charset_normalizer  # only such a file pays for its import

    best = charset_normalizer.from_bytes(lines[:_SAMPLE], cp_isolation=_CANDIDATES).best()
    return best.encoding if best is not None else "latin_1"


def _is_western(raw: bytes) -> bool:
    """Whether the bytes are Western European: its accented letters only, and those among many plain ones."""
    letters = [letter for letter in raw.decode("cp1252", errors="replace") if letter.isalpha() or letter > "\x7f"]
    accented = [letter for letter in letters if letter > "\x7f"]
    return _WESTERN.issuperset(accented) and 3 * len(accented) <= len(letters)


def _transcode(raw: bytes, encoding: str, source: str) -> tuple[bytes, tuple[Finding, ...]]:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
            raise SourceError(
                f"{source}: begins as {encoding}, but byte {error.start} is broken; write the file again as UTF-8"
            ) from None
        encoding, text = "latin_1", raw.decode("latin_1")
    if not text.strip():
        raise SourceError(f"{source}: the file is empty; expected a header line and rows of data")
    if "\x00" in text[:_SAMPLE]:
        raise _no_text(source)
    if encoding == "utf-8":
        return raw, ()
    message = f"{source}: read as {encoding}, because it is not UTF-8; write it as UTF-8 if letters look wrong"
    return text.encode("utf-8"), (Finding("encoding", "warning", message, n_rows=0),)


def _end_lines_plainly(content: bytes) -> bytes:
    if b"\r" not in content:
        return content
    if b"\n" in content:
        return content.replace(b"\r\n", b"\n")
    return content.replace(b"\r", b"\n")


def _no_text(source: str) -> SourceError:
    return SourceError(
        f"{source}: the file is binary, not text; give a CSV, TSV or JSON lines file, "
        "or name a Parquet or Arrow file by its own suffix"
    )
