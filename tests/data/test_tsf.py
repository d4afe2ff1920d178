"""The reader of .tsf files: what it reads, on which grid, which lines are set aside, what it tells of the forecast."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwise.choice.forecast import as_told
from archwise.config import Config
from archwise.data.open import forecast_told, open_table
from archwise.errors import ArchwiseError, SourceError, UsageError
from archwise.records import ForecastTold, Parts, Table

NAMED, DATED = "@attribute series_name string\n", "@attribute start_timestamp date\n"
PLAIN = f"# made up\n@relation made\n{NAMED}{DATED}@frequency {{pace}}\n@horizon 3\n@data\n"
MONTHLY = PLAIN.format(pace="monthly")


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "made.tsf"
    path.write_bytes(text.encode(encoding))
    return path


def read(folder: Path, text: str, encoding: str = "utf-8") -> Table:
    return open_table(written(folder, text, encoding))


def stamps(table: Table) -> list[str]:
    return table.frame["time"].dt.to_string("%Y-%m-%d %H:%M").to_list()


def read_or_why(path: Path) -> str:
    """The source of the table, or what is said of why there is none."""
    try:
        as_told(path, Config(horizon=1))
        return open_table(path).source
    except ArchwiseError as error:
        return str(error)


class TestLines:
    def test_every_value_is_a_row_of_its_series_and_its_moment(self, tmp_path: Path) -> None:
        table = read(tmp_path, MONTHLY + "T1:1999-11-01 00-00-00:1,?,-2.5e1\n\n# between\nT2:2000-01-01 00-00-00:4\n")
        assert table.frame["series"].to_list() == ["T1", "T1", "T1", "T2"]
        assert stamps(table) == [f"{month}-01 00:00" for month in ("1999-11", "1999-12", "2000-01", "2000-01")]
        assert table.frame["value"].to_list() == [1.0, None, -25.0, 4.0]
        assert table.target == "value"

    def test_series_without_a_start_are_numbered_from_1(self, tmp_path: Path) -> None:
        table = read(tmp_path, f"{NAMED}@data\na:5,6,7\nb:8,9\n")
        assert table.frame.columns == ["series", "step", "value"]
        assert table.frame["step"].to_list() == [1, 2, 3, 1, 2]

    def test_series_without_a_name_are_called_by_their_number(self, tmp_path: Path) -> None:
        table = read(tmp_path, "@data\n5,6\n7\n")
        assert table.frame.rows() == [("T1", 1, 5.0), ("T1", 2, 6.0), ("T2", 1, 7.0)]

    def test_what_is_the_same_throughout_a_series_is_left_out_and_said(self, tmp_path: Path) -> None:
        text = MONTHLY.replace(DATED, f"@attribute state string\n{DATED}")
        table = read(tmp_path, text + "T1:NSW:2000-01-01 00-00-00:1,2\n")
        assert table.frame.columns == ["series", "time", "step", "value"]
        assert "'state' is the same throughout a series" in table.findings[0].message

    def test_series_of_one_name_are_told_apart_by_their_other_attributes(self, tmp_path: Path) -> None:
        text = MONTHLY.replace(DATED, f"@attribute state string\n{DATED}")
        table = read(tmp_path, text + "T1:NSW:2000-01-01 00-00-00:1\nT1:VIC:2000-01-01 00-00-00:2\n")
        assert table.frame["series"].to_list() == ["T1 / NSW", "T1 / VIC"]

    @pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig", "utf-16"])
    def test_other_encodings_and_line_ends_are_read(self, tmp_path: Path, encoding: str) -> None:
        text = MONTHLY + "Zürich:2000-01-01 00-00-00:1,2\n"
        table = read(tmp_path, text.replace("\n", "\r\n"), encoding)
        assert table.frame["series"].to_list() == ["Zürich"] * 2


class TestGrid:
    @pytest.mark.parametrize(
        ("pace", "following"),
        [
            ("yearly", "2001-01-31 06:00"),
            ("quarterly", "2000-04-30 06:00"),
            ("monthly", "2000-02-29 06:00"),
            ("weekly", "2000-02-07 06:00"),
            ("daily", "2000-02-01 06:00"),
            ("hourly", "2000-01-31 07:00"),
            ("half_hourly", "2000-01-31 06:30"),
            ("10_minutes", "2000-01-31 06:10"),
            ("minutely", "2000-01-31 06:01"),
            ("2_weeks", "2000-02-14 06:00"),
        ],
    )
    def test_steps_are_as_long_as_the_frequency_says(self, tmp_path: Path, pace: str, following: str) -> None:
        table = read(tmp_path, PLAIN.format(pace=pace) + "T1:2000-01-31 06-00-00:1,2\n")
        assert stamps(table) == ["2000-01-31 06:00", following]

    def test_seconds_are_steps(self, tmp_path: Path) -> None:
        table = read(tmp_path, PLAIN.format(pace="4_seconds") + "T1:2000-01-31 06-00-00:1,2\n")
        assert table.frame["time"][1] == dt.datetime(2000, 1, 31, 6, 0, 4)

    def test_series_that_begin_on_other_weekdays_are_brought_to_one_grid_and_it_is_said(self, tmp_path: Path) -> None:
        lines = "T1:2000-01-03 00-00-00:1,2\nT2:2000-01-19 00-00-00:3,4\nT3:2000-01-10 00-00-00:3\n"
        table = read(tmp_path, PLAIN.format(pace="weekly") + lines)
        assert stamps(table)[2:] == ["2000-01-17 00:00", "2000-01-24 00:00", "2000-01-10 00:00"]
        assert "1 of 3 series begin between two steps of 1 week" in table.findings[0].message

    def test_years_that_begin_in_other_months_are_brought_to_one_grid(self, tmp_path: Path) -> None:
        lines = "T1:2000-04-01 00-00-00:1,2\nT2:2001-03-05 00-00-00:3,4\n"
        table = read(tmp_path, PLAIN.format(pace="yearly") + lines)
        assert stamps(table) == [f"{year}-04-01 00:00" for year in (2000, 2001, 2000, 2001)]


class TestBrokenLines:
    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ("T99:2000-01-01 00-00-00:1,x", "holds what is no number"),
            ("T99:2000-01-01 00-00-00:1,inf", "holds what is no number"),
            ("T99:1,2", "holds 2 parts between colons where 3 are expected"),
            ("T99:2000-01-01 00:00:00:1,2", "holds 5 parts between colons where 3 are expected"),
            ("T99:soon:1,2", "begins at 'soon', which is no moment"),
            ("T99:0001-01-01 00-00-00:1", "begins at '0001-01-01 00-00-00', which is no moment"),
            ("T99:9998-10-01 00-00-00:1,2,3,4,5,6,7,8", "ends after the year 9998"),
            (":2000-01-01 00-00-00:1", "does not name its series"),
            ("T99:2000-01-01 00-00-00:?,?", "holds no value"),
            ("T99:2000-01-01 00-00-00:", "holds no value"),
            ("T3:2000-01-01 00-00-00:1", "names the series 'T3' a second time"),
        ],
    )
    def test_they_are_set_aside_counted_and_named(self, tmp_path: Path, line: str, why: str) -> None:
        good = [f"T{number}:2000-01-01 00-00-00:1,2" for number in range(30)]
        table = read(tmp_path, MONTHLY + "\n".join([*good[:5], line, *good[5:]]))
        assert table.frame.height == 60
        (finding,) = table.findings
        assert f"line 13 {why}" in finding.message
        assert "set aside: 1 of 31 lines, at line 13" in finding.message

    def test_a_cut_line_among_series_of_equal_length_is_broken(self, tmp_path: Path) -> None:
        text = MONTHLY.replace("@data", "@equallength true\n@data")
        lines = "".join(f"T{number}:2000-01-01 00-00-00:1,2\n" for number in range(30))
        table = read(tmp_path, text + lines + "T99:2000-01-01 00-00-00:1\n")
        assert "holds 1 values where 2 are expected" in table.findings[0].message

    def test_too_many_are_one_error(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"line 8 holds what is no number; mend the line \(1 of 2 lines"):
            read(tmp_path, MONTHLY + "T1:2000-01-01 00-00-00:x\nT2:2000-01-01 00-00-00:1\n")


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (MONTHLY, "no series below @data"),
            (MONTHLY.replace("@data", ""), "there is no line @data"),
            ("T1:1,2\n", "line 1 is 'T1:1,2', where a line such as @frequency monthly or @data is expected"),
            (MONTHLY.replace("@horizon", "@horison") + "a", r"Did you mean '@horizon'\?"),
            (MONTHLY.replace("monthly", "often") + "a", "@frequency 'often': expected yearly"),
            (MONTHLY.replace("monthly", "101_years") + "a", "@frequency '101_years': expected yearly"),
            (MONTHLY.replace("@frequency monthly\n", "") + "a", "no line says how far apart their values are"),
            (MONTHLY.replace("@horizon 3", "@horizon soon") + "a", "@horizon is 'soon'; expected a whole number"),
            (MONTHLY.replace(NAMED, NAMED + NAMED) + "a", "'@attribute series_name string' is none"),
            (MONTHLY.replace(NAMED, "@attribute name word\n") + "a", "expected a name of its own and one of string"),
            (MONTHLY.replace("@data", "@missing maybe\n@data") + "a", "@missing is 'maybe'; expected true or false"),
        ],
    )
    def test_what_is_no_file_of_series_is_said(self, tmp_path: Path, text: str, told: str) -> None:
        with pytest.raises(SourceError, match=told):
            read(tmp_path, text)

    def test_column_names_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="names its columns itself"):
            open_table(written(tmp_path, MONTHLY + "T1:2000-01-01 00-00-00:1\n"), names=("a",))


class TestTold:
    def test_the_roles_and_the_horizon_are_known_to_the_file(self, tmp_path: Path) -> None:
        path = written(tmp_path, MONTHLY.replace("@data", "@missing true\n@data") + "T1:2000-01-01 00-00-00:1\n")
        assert forecast_told(path) == ForecastTold("value", "series", "time", 3, 12, True)
        config = as_told(path, Config())
        assert (config.target, config.series, config.time, config.horizon) == ("value", "series", "time", 3)
        assert config.gaps == "fill"

    def test_what_the_user_says_wins(self, tmp_path: Path) -> None:
        path = written(tmp_path, MONTHLY.replace("@data", "@missing true\n@data") + "T1:2000-01-01 00-00-00:1\n")
        config = as_told(Parts(path), Config(horizon=7, gaps="error"))
        assert (config.horizon, config.gaps) == (7, "error")

    @pytest.mark.parametrize(("pace", "usual"), [("yearly", 6), ("quarterly", 8), ("weekly", 8), ("hourly", 48)])
    def test_a_file_without_a_horizon_asks_for_one(self, tmp_path: Path, pace: str, usual: int) -> None:
        text = PLAIN.format(pace=pace).replace("@horizon 3\n", "")
        path = written(tmp_path, text + "T1:2000-01-01 00-00-00:1\n")
        with pytest.raises(UsageError, match=rf"made.tsf: the file names no @horizon; .* as in --horizon {usual}$"):
            as_told(path, Config())
        assert as_told(path, Config(horizon=2)).horizon == 2

    def test_other_sources_tell_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("a,b\n1,2\n")
        assert as_told(tmp_path / "a.csv", Config()) == Config()
        assert as_told(tmp_path / "missing.tsf", Config()) == Config()


values = st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=1, max_size=6).filter(
    lambda found: any(value is not None for value in found)
)
names = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Z"), blacklist_characters=":#\ufeff"), min_size=1)
starts = st.datetimes(dt.datetime(1000, 1, 1), dt.datetime(9000, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0)
)


@settings(max_examples=60, deadline=None)
@given(
    series=st.dictionaries(names, values, min_size=1, max_size=5),
    start=starts,
    pace=st.sampled_from(["daily", "15_minutes", "monthly", "2_years"]),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, series: dict[str, list[float | None]], start: dt.datetime, pace: str
) -> None:
    lines = [
        f"{name}:{start:%Y-%m-%d %H-%M-%S}:{','.join('?' if value is None else repr(value) for value in cells)}"
        for name, cells in series.items()
    ]
    table = read(tmp_path_factory.mktemp("tsf"), PLAIN.format(pace=pace) + "\n".join(lines))
    expected = [(name, value) for name, cells in series.items() for value in cells]
    assert table.frame.select("series", "value").rows() == expected
    assert set(table.frame["time"].gather([0])) == {start}
    assert not table.findings


@settings(max_examples=150, deadline=None)
@given(
    head=st.text(st.sampled_from("@#dataheorizntbu mlyfqcs1\n"), max_size=40),
    text=st.text(st.sampled_from("T1:2000-01-01 00-00-00:1,?x.e-\n\té@"), max_size=80),
)
def test_any_text_gives_a_table_or_one_of_the_errors_of_the_house(
    tmp_path_factory: pytest.TempPathFactory, head: str, text: str
) -> None:
    good = "".join(f"G{number}:2000-01-01 00-00-00:1,2\n" for number in range(40))
    for whole in (head + text, MONTHLY + good + text, MONTHLY.replace("@data", head + "\n@data") + good):
        path = written(tmp_path_factory.mktemp("any"), whole)
        assert "made.tsf" in read_or_why(path)
