"""Categories of more levels than get a code each."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from archwise.data.hashed import MOST_KNOWN, N_BUCKETS, N_OWN, fit_hashed, hash_levels
from archwise.data.kinds import kind
from archwise.data.kinds.category import FIRST_CODE, MISSING_CODE, MOST_LEVELS, RARE_CODE
from archwise.data.prepare import Preparation, PreparedColumn, dump_preparation, load_preparation
from archwise.records import Json, Need

NEEDS = [Need("raw"), Need("standard"), Need("quantile"), Need("robust")]
CATEGORY = kind("category")


def many_levels(n_levels: int = 6_000) -> pl.Series:
    """Level 0 is the most frequent, and every level but one stands in 3 rows at least; some cells are missing."""
    rng = np.random.default_rng(0)
    numbers = np.concatenate([np.repeat(np.arange(n_levels), 3), np.repeat(np.arange(40), np.arange(400, 0, -10))])
    names = [f"shop {number}" for number in rng.permutation(numbers)]
    return pl.Series("x", [*names, "rare", "rare", *([None] * 50)])


def fitted(need: Need) -> tuple[dict[str, Json], pl.Series]:
    train = many_levels()
    return CATEGORY.fit(train, need), train


class TestCodes:
    def test_levels_that_are_few_enough_have_a_code_each(self) -> None:
        train = pl.Series("x", [f"level {n}" for n in range(MOST_LEVELS)] * 3)
        assert len(CATEGORY.fit(train, Need())["levels"]) == MOST_LEVELS

    def test_frequent_levels_keep_their_own_and_the_others_share(self) -> None:
        state, train = fitted(Need())
        codes = CATEGORY.apply(state, train)["codes"][:, 0]
        by_level = pl.DataFrame({"level": train, "code": codes}).unique().filter(pl.col("level") != "rare")
        own = by_level.filter(pl.col("code").is_between(FIRST_CODE, FIRST_CODE + N_OWN - 1))
        assert own.height == own["code"].n_unique() == N_OWN
        assert set(own["level"]) >= {f"shop {number}" for number in range(40)}
        shared = by_level.filter(pl.col("code") >= FIRST_CODE + N_OWN)
        assert shared.height == 6_000 - N_OWN
        assert shared["code"].max() < FIRST_CODE + N_OWN + N_BUCKETS

    def test_rare_unseen_and_missing_cells_have_the_codes_they_always_have(self) -> None:
        state, _ = fitted(Need())
        given = CATEGORY.apply(state, pl.Series("x", ["rare", "never seen", None, "shop 0"]))
        assert given["codes"][:, 0].tolist() == [RARE_CODE, RARE_CODE, MISSING_CODE, FIRST_CODE]

    def test_codes_and_numbers_are_told_beforehand(self) -> None:
        state, _ = fitted(Need())
        assert CATEGORY.spec(state) == {"codes": (1, (FIRST_CODE + MOST_LEVELS,)), "numbers": (1, ())}

    def test_the_number_is_the_logarithm_of_the_training_rows_of_the_level(self) -> None:
        state, _ = fitted(Need("raw"))
        given = CATEGORY.apply(state, pl.Series("x", ["shop 0", "shop 5999", "rare", None]))["numbers"][:, 0]
        assert given == pytest.approx(np.log1p([403, 3, 0, 50]))


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.key)
class TestEveryNeed:
    def test_a_batch_equals_its_rows_exactly(self, need: Need) -> None:
        state, train = fitted(need)
        cells = pl.concat([train.tail(150), pl.Series("x", ["", "never seen", "shop 1"])])
        batch = CATEGORY.apply(state, cells)
        rows = [CATEGORY.apply(state, cells[row : row + 1]) for row in range(len(cells))]
        assert {name: array.tobytes() for name, array in batch.items()} == {
            name: np.concatenate([row[name] for row in rows]).tobytes() for name in batch
        }
        assert batch["codes"].dtype == np.int64
        assert batch["numbers"].dtype == np.float32
        assert np.isfinite(batch["numbers"]).all()

    def test_what_is_written_is_read_back_bit_for_bit(self, need: Need) -> None:
        state, train = fitted(need)
        data, arrays = dump_preparation(Preparation((PreparedColumn("x", "category", state),), need))
        (loaded,) = load_preparation(json.loads(json.dumps(data)), dict(arrays)).columns
        given, wanted = CATEGORY.apply(loaded.state, train), CATEGORY.apply(state, train)
        assert all(given[name].tobytes() == wanted[name].tobytes() for name in wanted)


class TestHash:
    def test_it_is_what_it_always_was(self) -> None:
        assert hash_levels(["", "a", "Gent", "Liège"]).tolist() == [
            634_351_890,
            1_431_053_258,
            327_622_479,
            2_560_179_581,
        ]

    def test_it_has_no_seed(self) -> None:
        told = "from archwise.data.hashed import hash_levels; print(hash_levels(['a'])[0])"
        given = [
            subprocess.run(
                [sys.executable, "-c", told],
                env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        ]
        assert given[0] == given[1] == f"{hash_levels(['a'])[0]}\n"

    def test_what_is_kept_is_bounded(self) -> None:
        levels = [str(number) for number in range(MOST_KNOWN + 10_000)]
        state = fit_hashed(levels, [3] * len(levels), n_missing=0, n_rare=0, need=Need())
        n_bytes = sum(value.nbytes for value in state.values() if isinstance(value, np.ndarray))
        assert n_bytes <= 10 * MOST_KNOWN
