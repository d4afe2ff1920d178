"""Files read in chunks: the same rows as at once, wherever the chunks are cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise.data.missing import blank_missing
from archwise.data.open import draw_evenly, open_source, open_table, sample_stream
from archwise.data.readers import delimited
from archwise.errors import SourceError
from archwise.records import Stream, Table

TEXTS = {
    "plain": "a,b\n" + "".join(f"{row},x{row % 7}\n" for row in range(500)),
    "quoted": 'a,b\n' + "".join(f'{row},"one, two\nand ""three"" {row}"\n' for row in range(300)),
    "windows": "a;b\r\n" + "".join(f"{row},5;y\r\n" for row in range(400)),
    "no end": "a,b\n" + "\n".join(f"{row},?" for row in range(400)),
    "blank lines": "a\tb\n" + "".join(f"{row}\tz\n\n" for row in range(400)),
    "stray quote": "a,b\n" + "".join(f'{row},5" nail\n' for row in range(400)),
}  # fmt: skip


def stream_of(path: Path) -> Stream:
    opened = open_source(path, most_rows=100)
    assert isinstance(opened, Stream)
    return opened


def whole(tables: list[Table]) -> pl.DataFrame:
    frame = pl.concat([table.frame for table in tables])
    return frame.select(blank_missing(column) for column in frame.get_columns())


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("block", [97, 512, 4_096, 1_000_000])
def test_the_chunks_of_a_text_hold_the_cells_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, block: int
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    monkeypatch.setattr(delimited, "_BLOCK", block)
    chunks = list(stream_of(path).chunks(None))
    assert whole(chunks).equals(open_table(path).frame)
    rows = np.concatenate([chunk.rows for chunk in chunks])
    assert np.array_equal(rows, np.arange(len(rows)))


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow"])
def test_picked_rows_are_those_of_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    frame = pl.DataFrame({"a": np.arange(1_000.0), "b": ["x"] * 1_000})
    path = tmp_path / f"t.{suffix}"
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "arrow": frame.write_ipc}[suffix](path)
    monkeypatch.setattr(delimited, "_BLOCK", 1_000)
    monkeypatch.setattr("archwise.data.slices.ROWS_A_SLICE", 130)
    sample = sample_stream(stream_of(path), seed=0, n_rows=50)
    assert sample.sampled_from == 1_000
    assert sample.rows is not None
    assert sample.frame["a"].cast(pl.Float64).to_list() == sample.rows.tolist()
    assert 49 <= sample.frame.height <= 50


def test_a_ragged_row_of_a_later_chunk_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["a,b", *(f"{row},x" for row in range(500))]
    lines[400] = "1,2,3"
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(delimited, "_BLOCK", 600)
    chunks = list(stream_of(path).chunks(None))
    told = [finding.message for chunk in chunks for finding in chunk.findings if finding.code == "ragged"]
    assert len(told) == 1
    assert "line 401 holds 3 cells where 2 are expected" in told[0]
    assert sum(chunk.frame.height + len(chunk.set_aside) for chunk in chunks) == 500


def test_a_large_text_in_another_encoding_is_refused_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(("näme,b\n" + "Müller,2\n" * 300).encode("cp1252"))
    with pytest.raises(SourceError, match="write it as UTF-8, or as Parquet"):
        list(stream_of(path).chunks(None))


def test_a_file_below_the_threshold_is_read_at_once(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    assert isinstance(open_source(tmp_path / "t.csv"), Table)


def test_rows_are_drawn_one_from_each_stretch() -> None:
    drawn = draw_evenly(1_000_003, 100, seed=3)
    assert len(drawn) == 100
    assert np.array_equal(drawn * 100 // 1_000_003, np.arange(100))
    assert np.array_equal(draw_evenly(5, 100, seed=3), np.arange(5))
