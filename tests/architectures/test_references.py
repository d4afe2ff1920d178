"""Claims that hold for every reference of the catalogue, and for each of them on its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from archwise.architectures import architecture, architectures
from archwise.errors import UsageError
from archwise.model.session import open_session, outputs
from archwise.records import (
    Array,
    Batch,
    ColumnProfile,
    InputSpec,
    Profile,
    Signature,
    Solved,
)

# Those that answer every word are in test_tagging.py.
REFERENCES = sorted(n for n, entry in architectures().items() if entry.is_reference and "vector" in entry.gives)
LEVELS = (5, 40)
N_TERMS = 30
N_OUTPUTS = {"classify-2": 2, "classify-4": 4, "regress": 1}


def reads_pictures(name: str) -> bool:
    """Whether a reference looks at pictures and at nothing else."""
    return architecture(name).reads == ("image",)


def reads_series(name: str) -> bool:
    """Whether a reference reads series and nothing else."""
    return architecture(name).reads == ("series",)


def inputs_of(name: str) -> tuple[str, ...]:
    if reads_series(name):
        return ("series",)
    table = ("numbers", "codes", "terms") if counts_words(name) else ("numbers", "codes")
    return ("image",) if reads_pictures(name) else table


def counts_words(name: str) -> bool:
    """Whether a reference reads the terms of texts."""
    entry = architecture(name)
    text = entry.need_of(entry.defaults()).text
    return text is not None and text.form == "terms"


def make_batch(name: str, n: int = 400, *, seed: int = 0, levels: tuple[int, ...] = LEVELS) -> Batch:
    """Three numbers, with missing ones where the need is raw, and two codes; or pictures of stripes."""
    rng = np.random.default_rng(seed)
    entry = architecture(name)
    if reads_pictures(name):
        return {"image": stripes(rng.uniform(0, np.pi, n), rng)}
    if reads_series(name):
        return {"series": waves(rng.uniform(0.5, 1.5, n), rng)}
    numbers = rng.normal(size=(n, 3)).astype(np.float32)
    if entry.need_of(entry.defaults()).numbers == "raw":
        numbers[rng.random((n, 3)) < 0.15] = np.nan
    codes = np.stack([rng.integers(0, k, n) for k in levels], axis=1)
    if not counts_words(name):
        return {"numbers": numbers, "codes": codes}
    terms = rng.integers(0, N_TERMS, (n, 6))
    weights = np.where(terms > 0, rng.random((n, 6)), 0.0).astype(np.float32)
    return {"numbers": numbers, "codes": codes, "terms": terms, "term_weights": weights}


def stripes(angles: Array, rng: np.random.Generator) -> Array:
    """(N, 12, 12, 3) uint8: waves in the given directions, in three strengths, with noise."""
    down, across = np.mgrid[:12, :12]
    waves = np.sin(0.9 * (np.cos(angles)[:, None, None] * across + np.sin(angles)[:, None, None] * down))
    pixels = 128 + 80 * waves[..., None] * np.array([1.0, 0.5, 0.8]) + rng.normal(0, 8, (len(angles), 12, 12, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def waves(rates: Array, rng: np.random.Generator) -> Array:
    """(N, 40, 2) float32: waves of the given rates in the first channel, noise in the second, one series missing."""
    series = rng.normal(0, 0.1, (len(rates), 40, 2))
    series[:, :, 0] += np.sin(rates[:, None] * np.arange(40) / 3)
    series[3:4] = np.nan
    return series.astype(np.float32)


def make_targets(batch: Batch, case: str, *, seed: int = 1) -> Array:
    rng = np.random.default_rng(seed)
    if "image" in batch:  # the stripes' direction, as the first picture's columns and rows tell it
        pixels = batch["image"].astype(np.float64)
        signal = np.abs(np.diff(pixels, axis=1)).mean((1, 2, 3)) - np.abs(np.diff(pixels, axis=2)).mean((1, 2, 3))
    elif "series" in batch:  # the rate of the waves
        signal = np.abs(np.diff(np.nan_to_num(batch["series"][:, :, 0].astype(np.float64)), axis=1)).mean(axis=1)
    else:
        signal = tabular_signal(batch, rng)
    if case == "regress":
        return ((signal - signal.mean()) / signal.std()).astype(np.float32)
    edges = np.quantile(signal, np.arange(1, N_OUTPUTS[case]) / N_OUTPUTS[case])
    return np.digitize(signal, edges).astype(np.int64)


def tabular_signal(batch: Batch, rng: np.random.Generator) -> Array:
    signal: Array = (
        np.nan_to_num(batch["numbers"][:, 0]) + (batch["codes"][:, 1] % 3) + 0.5 * rng.normal(size=len(batch["codes"]))
    )
    return signal


def make_signature(case: str, *, inputs: tuple[str, ...] = ("numbers", "codes")) -> Signature:
    specs = (
        InputSpec("numbers", "float32", 3),
        InputSpec("codes", "int64", 2, LEVELS),
        InputSpec("image", "uint8", 432, shape=(12, 12, 3)),
        InputSpec("terms", "int64", 6, (N_TERMS,)),
        InputSpec("term_weights", "float32", 6),
        InputSpec("series", "float32", 80, shape=(40, 2)),
    )
    return Signature(tuple(spec for spec in specs if spec.name in inputs), N_OUTPUTS[case])


def make_profile(n_rows: int = 400) -> Profile:
    age = ColumnProfile("age", "number", "", use=True, n_missing=3, n_distinct=50)
    shown = {"width": 32, "height": 32, "colour": 1.0}
    face = ColumnProfile("face", "image", "", use=True, n_missing=0, n_distinct=n_rows, summary=shown)
    figures = {"words": 20.0, "usual": 50, "longest": 60}
    note = ColumnProfile("note", "text", "", use=True, n_missing=0, n_distinct=n_rows, summary=figures)
    beat = ColumnProfile("beat", "series", "", use=True, n_missing=0, n_distinct=0, summary={"steps": 40.0})
    return Profile("a.csv", n_rows, (age, face, note, beat), "y", "classify", "", ("no", "yes"), (n_rows - 100, 100))


def solve(name: str, case: str, batch: Batch, targets: Array, **settings: float) -> Solved:
    entry = architecture(name)
    return entry.solve(
        make_signature(case, inputs=tuple(batch)),
        {**entry.defaults(), **settings},
        batch,
        targets,
        case.split("-")[0],
        0,
    )


def probabilities(values: Array, case: str) -> Array:
    if case == "regress":
        return values.astype(np.float64)
    raised = np.exp(values.astype(np.float64) - values.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("case", N_OUTPUTS)
@pytest.mark.parametrize("name", REFERENCES)
class TestEveryReference:
    def fitted(self, name: str, case: str) -> tuple[Solved, Batch]:
        batch = make_batch(name)
        return solve(name, case, batch, make_targets(batch, case)), batch

    def test_graph_answers_as_the_library_does(self, name: str, case: str) -> None:
        solved, _ = self.fitted(name, case)
        fresh = make_batch(name, 3_000, seed=7)
        given, expected = outputs(open_session(solved.onnx), fresh), solved.outputs(fresh)
        assert given.shape == (3_000, N_OUTPUTS[case])
        assert given.dtype == np.float32
        np.testing.assert_allclose(probabilities(given, case), probabilities(expected, case), atol=1e-6)

    def test_huge_and_extreme_rows_are_answered_as_the_library_does(self, name: str, case: str) -> None:
        solved, batch = self.fitted(name, case)
        extreme = {key: array[:4].copy() for key, array in batch.items()}
        entry = architecture(name)
        largest = 3e38 if entry.need_of(entry.defaults()).numbers == "raw" else 10.0  # scaled numbers are clipped
        if reads_pictures(name):
            extreme["image"][:] = np.array([0, 255, 255, 0])[:, None, None, None]
            extreme["image"][2:, ::2, 1::2] = 128
        elif reads_series(name):
            extreme["series"][:] = np.array([16.0, -16.0, 0.0, np.nan])[:, None, None]  # they are clipped there
            extreme["series"][2, ::2] = 16.0
        else:
            extreme["numbers"][:] = [[largest], [-largest], [1e-38], [0.0]]
        given, expected = outputs(open_session(solved.onnx), extreme), solved.outputs(extreme)
        np.testing.assert_allclose(given, expected.astype(np.float32), rtol=1e-6, atol=1e-6)

    def test_same_seed_gives_the_same_model(self, name: str, case: str) -> None:
        assert self.fitted(name, case)[0].onnx == self.fitted(name, case)[0].onnx

    def test_training_rows_may_be_read_only_and_stay_as_they_are(self, name: str, case: str) -> None:
        batch = make_batch(name)
        targets = make_targets(batch, case)
        before = {key: array.copy() for key, array in batch.items()}
        for array in (*batch.values(), targets):
            array.flags.writeable = False
        solve(name, case, batch, targets)
        for key, array in before.items():
            np.testing.assert_array_equal(batch[key], array)

    @pytest.mark.parametrize("present", ["numbers", "codes", "image", "terms", "series"])
    def test_any_input_alone_will_do(self, name: str, case: str, present: str) -> None:
        if present not in inputs_of(name):
            pytest.skip("it does not read that")
        whole = make_batch(name)
        batch = {key: whole[key] for key in (present, *(["term_weights"] if present == "terms" else []))}
        solved = solve(name, case, batch, make_targets(whole, case))
        given = outputs(open_session(solved.onnx), batch)
        np.testing.assert_allclose(probabilities(given, case), probabilities(solved.outputs(batch), case), atol=1e-6)

    def test_every_variant_is_fitted(self, name: str, case: str) -> None:
        entry = architecture(name)
        batch = make_batch(name, 120)
        names = {setting.name for setting in entry.space}
        for n_rows in (120, 100_000):
            variants = entry.variants(make_profile(n_rows)) if entry.variants else ({},)
            assert variants[0] == {}
            for variant in variants:
                assert set(variant) <= names
                solved = solve(name, case, batch, make_targets(batch, case), **variant)
                assert np.isfinite(outputs(open_session(solved.onnx), batch)).all()

    def test_rows_that_are_all_alike_are_answered(self, name: str, case: str) -> None:
        alike = {key: array[:1].repeat(60, axis=0) for key, array in make_batch(name, 1).items()}
        table = {"numbers": np.ones((60, 3), np.float32), "codes": np.full((60, 2), 2)}
        batch = alike if reads_pictures(name) or reads_series(name) else {**alike, **table}
        targets = np.arange(60) % N_OUTPUTS[case]
        solved = solve(name, case, batch, targets.astype(np.float32) if case == "regress" else targets)
        given = probabilities(outputs(open_session(solved.onnx), batch), case)
        np.testing.assert_allclose(given, 0.0 if case == "regress" else 1 / N_OUTPUTS[case], atol=1e-3)

    def test_size_is_counted(self, name: str, case: str) -> None:
        assert self.fitted(name, case)[0].n_parameters >= N_OUTPUTS[case]


@pytest.mark.parametrize("name", REFERENCES)
class TestEveryClassifier:
    def test_class_without_rows_is_all_but_excluded(self, name: str) -> None:
        batch = make_batch(name)
        targets = make_targets(batch, "classify-4")
        targets[targets == 2] = 3
        given = outputs(open_session(solve(name, "classify-4", batch, targets).onnx), batch)
        assert probabilities(given, "classify-4")[:, 2].max() < 1e-5

    def test_one_class_alone_is_answered_for_sure(self, name: str) -> None:
        batch = make_batch(name)
        solved = solve(name, "classify-2", batch, np.ones(400, np.int64))
        given = outputs(open_session(solved.onnx), batch)
        assert probabilities(given, "classify-2")[:, 1].min() > 1 - 1e-5

    def test_reason_names_facts_of_the_profile(self, name: str) -> None:
        suits = architecture(name).suits(make_profile())
        assert 0 < suits.prior <= 1
        assert any(digit in suits.because for digit in "0123456789")


def one_hot(batch: Batch) -> Array:
    columns = [np.eye(k)[batch["codes"][:, place]] for place, k in enumerate(LEVELS)]
    return np.hstack([batch["numbers"].astype(np.float64), *columns])


SETTING_OF_COUNTS = {"trees": {"errors": "poisson"}, "linear": {"link": "log"}}


@pytest.mark.parametrize("name", sorted(SETTING_OF_COUNTS))
class TestCounts:
    def fitted(self, name: str) -> tuple[Solved, Batch, Array]:
        """Fitted to standardised counts, with their nought at -1.25."""
        batch = make_batch(name)
        counts = np.random.default_rng(5).poisson(np.exp(0.8 * np.nan_to_num(batch["numbers"][:, 0])))
        entry = architecture(name)
        signature = Signature(make_signature("regress").inputs, 1, zero=-1.25)
        targets = (counts / 2.0 - 1.25).astype(np.float32)
        settings = {**entry.defaults(), **SETTING_OF_COUNTS[name]}
        return entry.solve(signature, settings, batch, targets, "regress", 0), batch, counts

    def test_answers_are_expected_counts_never_below_nought(self, name: str) -> None:
        solved, batch, counts = self.fitted(name)
        given = (outputs(open_session(solved.onnx), batch)[:, 0].astype(np.float64) + 1.25) * 2.0
        assert given.min() > 0
        assert given.mean() == pytest.approx(counts.mean(), rel=5e-3)
        assert np.corrcoef(given, counts)[0, 1] > 0.5

    def test_graph_answers_as_the_library_does(self, name: str) -> None:
        solved, _, _ = self.fitted(name)
        fresh = make_batch(name, 1_000, seed=7)
        given = outputs(open_session(solved.onnx), fresh)
        np.testing.assert_allclose(given, solved.outputs(fresh), rtol=1e-5, atol=1e-6)

    def test_a_logarithm_is_refused_where_the_target_is_no_count(self, name: str) -> None:
        batch = make_batch(name)
        settings = {**architecture(name).defaults(), **SETTING_OF_COUNTS[name]}
        solve_with = architecture(name).solve
        assert solve_with is not None
        with pytest.raises(UsageError, match="--loss poisson"):
            solve_with(make_signature("regress"), settings, batch, make_targets(batch, "regress"), "regress", 0)

    def test_it_is_tried_first_where_the_target_is_a_count(self, name: str) -> None:
        found = replace(make_profile(), loss="poisson")
        variants = architecture(name).variants
        assert variants is not None
        assert variants(found)[:2] == (SETTING_OF_COUNTS[name], {})


@pytest.mark.parametrize("name", REFERENCES)
class TestLabels:
    def fitted(self, name: str) -> tuple[Solved, Batch, Array]:
        """Three labels: two that the inputs tell, one that no row has."""
        batch = make_batch(name)
        if reads_pictures(name) or reads_series(name):
            quarters = make_targets(batch, "classify-4")
            told = np.stack([quarters >= 2, quarters % 3 == 0, quarters < 0], axis=1)
        else:
            high = np.nan_to_num(batch["numbers"][:, 0]) > 0.5
            told = np.stack([high, batch["codes"][:, 0] == 1, 0 * high], axis=1)
        targets = told.astype(np.float32)
        signature = Signature(make_signature("regress", inputs=tuple(batch)).inputs, 3)
        entry = architecture(name)
        return entry.solve(signature, entry.defaults(), batch, targets, "multilabel", 0), batch, targets

    def test_graph_answers_as_the_library_does(self, name: str) -> None:
        solved, _, _ = self.fitted(name)
        fresh = make_batch(name, 500, seed=7)
        given = outputs(open_session(solved.onnx), fresh)
        np.testing.assert_allclose(given, solved.outputs(fresh), rtol=1e-5, atol=1e-5)

    def test_each_label_is_answered_for_itself(self, name: str) -> None:
        solved, batch, targets = self.fitted(name)
        shares = 1 / (1 + np.exp(-outputs(open_session(solved.onnx), batch).astype(np.float64)))
        np.testing.assert_allclose(shares.mean(axis=0), targets.mean(axis=0), atol=0.02)
        right = ((shares > 0.5) == (targets > 0.5)).mean(axis=0)
        assert name == "majority" or right.min() > 0.9


class TestLinear:
    def test_logistic_regression_of_scikit_learn(self) -> None:
        from sklearn.linear_model import LogisticRegression

        batch, fresh = make_batch("linear"), make_batch("linear", seed=3)
        for case in ("classify-2", "classify-4"):
            targets = make_targets(batch, case)
            plain = LogisticRegression(max_iter=5_000).fit(one_hot(batch), targets)
            given = outputs(open_session(solve("linear", case, batch, targets).onnx), fresh)
            np.testing.assert_allclose(probabilities(given, case), plain.predict_proba(one_hot(fresh)), atol=1e-4)

    def test_ridge_regression_by_its_formula(self) -> None:
        batch, fresh = make_batch("linear"), make_batch("linear", seed=3)
        targets = make_targets(batch, "regress").astype(np.float64)
        rows = one_hot(batch)
        centred = rows - rows.mean(axis=0)
        weights = np.linalg.solve(centred.T @ centred + np.eye(rows.shape[1]), centred.T @ targets)
        expected = (one_hot(fresh) - rows.mean(axis=0)) @ weights + targets.mean()
        given = outputs(open_session(solve("linear", "regress", batch, targets.astype(np.float32)).onnx), fresh)
        np.testing.assert_allclose(given[:, 0], expected, atol=1e-5)

    def test_level_that_no_training_row_has_says_nothing(self) -> None:
        batch = make_batch("linear")
        batch["codes"][batch["codes"] == 0] = 2
        session = open_session(solve("linear", "classify-2", batch, make_targets(batch, "classify-2")).onnx)
        unseen = {"numbers": np.zeros((1, 3), np.float32), "codes": np.zeros((1, 2), np.int64)}
        mean_free = outputs(session, unseen)
        assert np.isfinite(mean_free).all()
        assert abs(probabilities(mean_free, "classify-2")[0, 0] - 0.5) < 0.45

    def test_separable_classes_settle_without_a_warning(self) -> None:
        batch = make_batch("linear")
        targets = (batch["numbers"][:, 0] > 0).astype(np.int64)
        solved = solve("linear", "classify-2", batch, targets, penalty=1e-4)
        assert (outputs(open_session(solved.onnx), batch).argmax(axis=1) == targets).mean() > 0.99


class TestTrees:
    def test_settings_are_those_of_lightgbm(self) -> None:
        from lightgbm import LGBMClassifier

        batch, fresh = make_batch("trees", 2_000), make_batch("trees", 2_000, seed=3)
        rows, new = (np.hstack([part["numbers"], part["codes"]]) for part in (batch, fresh))
        targets = make_targets(batch, "classify-2")
        ours = {"n_estimators": 300, "learning_rate": 0.05, "colsample_bytree": 0.5, "random_state": 0}
        plain = LGBMClassifier(**ours, deterministic=True, force_row_wise=True, n_jobs=1, verbosity=-1)
        plain.fit(rows, targets, categorical_feature=[3, 4])
        given = outputs(open_session(solve("trees", "classify-2", batch, targets).onnx), fresh)
        expected = plain.booster_.predict(new)
        np.testing.assert_allclose(probabilities(given, "classify-2")[:, 1], expected, atol=1e-6)

    @pytest.mark.parametrize("seed", range(4))
    def test_unseen_codes_missing_numbers_and_infinities_go_the_way_lightgbm_sends_them(self, seed: int) -> None:
        batch = make_batch("linear", 1_500, seed=seed)  # no number is missing in training
        batch["numbers"][:, 1] = np.where(batch["codes"][:, 0] > 2, np.nan, batch["numbers"][:, 1])
        batch["codes"] *= 3  # leaves codes between them that training never saw
        solved = solve("trees", "classify-2", batch, make_targets(batch, "classify-2"))
        rng = np.random.default_rng(seed)
        numbers = (rng.normal(size=(4_000, 3)) * [1.0, 1e-3, 1e30]).astype(np.float32)
        numbers[rng.random(numbers.shape) < 0.2] = np.nan
        numbers[rng.random(numbers.shape) < 0.05] = np.inf
        numbers[rng.random(numbers.shape) < 0.05] = -np.inf
        fresh = {"numbers": numbers, "codes": rng.integers(0, 200, (4_000, 2))}
        given = outputs(open_session(solved.onnx), fresh)
        np.testing.assert_allclose(given, solved.outputs(fresh).astype(np.float32), atol=1e-6)

    def test_values_next_to_a_threshold_fall_on_the_side_they_fall_in_lightgbm(self) -> None:
        values = np.linspace(1.0, 1.0 + 2e-5, 300).astype(np.float32)[:, None].repeat(3, axis=1)
        batch = {"numbers": values}
        targets = (np.arange(300) // 20 % 2).astype(np.int64)
        solved = solve("trees", "classify-2", batch, targets, min_rows=1)
        nearest = np.sort(
            np.concatenate([np.nextafter(values, np.float32(-9)), values, np.nextafter(values, np.float32(9))])
        )
        given = outputs(open_session(solved.onnx), {"numbers": nearest})
        np.testing.assert_allclose(given, solved.outputs({"numbers": nearest}).astype(np.float32), atol=1e-6)

    def test_graph_stays_small_where_a_column_has_many_levels(self) -> None:
        rng = np.random.default_rng(0)
        levels = 1_000
        codes = rng.integers(0, levels, (20_000, 1))
        targets = (rng.normal(size=levels)[codes[:, 0]] + rng.normal(size=20_000) > 0).astype(np.int64)
        entry = architecture("trees")
        signature = Signature((InputSpec("codes", "int64", 1, (levels,)),), 2)
        solved = entry.solve(signature, {**entry.defaults(), "trees": 100}, {"codes": codes}, targets, "classify", 0)
        assert len(solved.onnx) < 1_000_000
        fresh = {"codes": np.arange(levels)[:, None]}
        np.testing.assert_allclose(
            outputs(open_session(solved.onnx), fresh), solved.outputs(fresh).astype(np.float32), atol=1e-5
        )


class TestMajority:
    def test_shares_of_the_classes(self) -> None:
        batch = make_batch("linear", 10)
        solved = solve("majority", "classify-2", batch, np.array([0] * 7 + [1] * 3))
        given = probabilities(outputs(open_session(solved.onnx), batch), "classify-2")
        np.testing.assert_allclose(given, np.tile([0.7, 0.3], (10, 1)), atol=1e-6)

    def test_mean_of_the_values(self) -> None:
        batch = make_batch("linear", 4)
        solved = solve("majority", "regress", batch, np.array([0, 1, 2, 5], np.float32))
        np.testing.assert_allclose(outputs(open_session(solved.onnx), batch), 2.0)


def test_listing_the_catalogue_loads_no_heavy_library() -> None:
    code = (
        "import sys; from archwise.architectures import architectures; architectures();"
        "print([name for name in ('torch', 'sklearn', 'lightgbm', 'onnx', 'scipy', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
