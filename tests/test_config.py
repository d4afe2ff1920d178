"""The configuration: read, checked at the door, and written so that it runs again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwise.config import OPTIMIZERS, Budget, Config, make_config, parse_budget, read_config, write_config
from archwise.errors import UsageError


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("90s", Budget(seconds=90.0)),
        ("1.5m", Budget(seconds=90.0)),
        (" 2 h ", Budget(seconds=7_200.0)),
        ("2000steps", Budget(steps=2_000)),
    ],
)
def test_budgets_are_read(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "5", "-5m", "1s", "0steps", "1.5steps", "five minutes"])
def test_what_is_no_budget_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(UsageError, match="budget"):
        make_config({"budget": text})


@pytest.mark.parametrize(
    ("latency", "size", "read"),
    [
        ("2ms", "5MB", (2.0, 5.0)),
        ("500us", "200kB", (0.5, 0.2)),
        ("0.1 s", "1 GB", (100.0, 1e3)),
        ("", "", (None, None)),
    ],
)
def test_limits_are_read(latency: str, size: str, read: tuple[float | None, float | None]) -> None:
    config = make_config({"latency": latency, "size": size})
    assert (config.most_latency_ms, config.most_size_mb) == pytest.approx(read)


@pytest.mark.parametrize(("option", "text"), [("latency", "2"), ("latency", "0ms"), ("size", "5"), ("size", "-1MB")])
def test_what_is_no_limit_is_refused_with_the_right_form(option: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"option '{option}': '{text}' cannot be read; write a figure in .*, as in"):
        make_config({option: text})


@pytest.mark.parametrize("rule", ["f1", "balanced_accuracy", "cost:5:1", "cost:0.5:2", ""])
def test_rules_of_a_threshold_are_read(rule: str) -> None:
    assert make_config({"threshold": rule}).threshold == rule


@pytest.mark.parametrize("rule", ["f2", "cost", "cost:5", "cost:0:1", "cost:a:b"])
def test_what_is_no_rule_of_a_threshold_is_refused(rule: str) -> None:
    with pytest.raises(UsageError, match="is no rule for a threshold; write f1"):
        make_config({"threshold": rule})


def test_an_unknown_option_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'target'"):
        make_config({"taget": "y"})


def test_a_wrong_value_is_named() -> None:
    with pytest.raises(UsageError, match=r"'workers'.*-1"):
        make_config({"workers": -1})


@given(
    st.builds(
        Config,
        source=st.text(min_size=1),
        target=st.text(),
        kinds=st.dictionaries(st.text(min_size=1), st.text()),
        settings=st.dictionaries(st.text(min_size=1), st.booleans() | st.integers(-9, 9) | st.text()),
        only=st.lists(st.text()).map(tuple),
        seed=st.integers(0, 2**31),
        require=st.none() | st.floats(-9, 9),
    )
)
def test_a_written_configuration_reads_as_it_was(config: Config) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.toml"
        write_config(config, path)
        assert make_config(read_config(path)) == config


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("target = ")
    with pytest.raises(UsageError, match=r"run\.toml: not a TOML file"):
        read_config(tmp_path / "run.toml")


def test_the_names_of_optimizers_are_those_of_the_catalogue() -> None:
    from archwise.training import optimizer

    assert tuple(optimizer.OPTIMIZERS) == OPTIMIZERS
