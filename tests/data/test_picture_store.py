"""The store of pictures: decoded once, kept for later fits, whole after a kill, safe among several, and bounded."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from archwise.data import picture_cache, picture_store
from archwise.data.picture import encode_array, picture_pixels
from archwise.data.picture_cache import cache_folder, locked, make_room, most_bytes
from archwise.data.picture_store import group_of, keep_pictures, take_pictures
from archwise.data.picture_twin import find_alike
from archwise.errors import DataError, ModelError, UsageError
from archwise.records import ImageNeed

NEED, OTHER = ImageNeed(8), ImageNeed(12, 1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARCHWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ARCHWISE_CACHE_GB", raising=False)
    return tmp_path / "cache" / "pictures"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every picture that is decoded."""
    counted: list[int] = []
    decode = picture_store.decode

    def counting(content: bytes) -> Image.Image:
        counted.append(len(content))
        return decode(content)

    monkeypatch.setattr(picture_store, "decode", counting)
    return counted


def make_photos(folder: Path, n: int = 5, *, seed: int = 0) -> pl.Series:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    paths = []
    for place in range(n):
        fields = Image.fromarray(rng.integers(0, 256, (9, 9, 3)).astype(np.uint8))
        path = folder / f"{place:03}.png"
        fields.resize((40, 30), Image.Resampling.BICUBIC).save(path)
        paths.append(str(path))
    return pl.Series("image", paths)


def keep(cells: pl.Series, run: Path, *needs: ImageNeed, group: str = "g") -> list[str | None]:
    return [one.name or None for one in keep_pictures(cells, needs or (NEED,), run, group=group).kept]


def test_the_store_holds_what_decoding_gives(tmp_path: Path) -> None:
    cells = make_photos(tmp_path / "photos", 70)
    names = pl.Series(keep(cells, tmp_path / "run", NEED, OTHER))
    for need in (NEED, OTHER):
        taken = take_pictures(names, need, tmp_path / "run")
        assert np.array_equal(taken[:], np.stack([picture_pixels(path, need) for path in cells]))


def test_a_second_fit_decodes_nothing(tmp_path: Path, decoded: list[int]) -> None:
    cells = make_photos(tmp_path / "photos", 40)
    first = keep(cells, tmp_path / "one")
    assert len(decoded) == 40
    assert keep(cells, tmp_path / "two") == first
    assert len(decoded) == 40
    taken = [take_pictures(pl.Series(first), NEED, tmp_path / run)[:] for run in ("one", "two")]
    assert np.array_equal(*taken)


def test_only_what_is_new_or_asked_for_anew_is_decoded(tmp_path: Path, decoded: list[int]) -> None:
    cells = make_photos(tmp_path / "photos", 10)
    keep(cells[:6], tmp_path / "one")
    keep(cells, tmp_path / "two")
    assert len(decoded) == 10
    keep(cells, tmp_path / "three", NEED, OTHER)
    assert len(decoded) == 20


def test_copies_have_one_name_and_one_row(tmp_path: Path) -> None:
    cells = make_photos(tmp_path / "photos", 3)
    copy = tmp_path / "photos" / "copy.png"
    copy.write_bytes(Path(cells[0]).read_bytes())
    names = keep(pl.Series([*cells, str(copy)]), tmp_path / "run")
    assert names[3] == names[0]
    assert len(np.load(tmp_path / "run" / f"{NEED.key}.npy")) == 1 + 3  # row 0 stands for a missing picture


def test_missing_pictures_are_grey_and_broken_ones_are_told(tmp_path: Path) -> None:
    good = encode_array(np.full((8, 8), 7, np.uint8))
    kept = keep_pictures(pl.Series([good, None, b"junk", b""]), (NEED,), tmp_path / "run", group="g").kept
    assert [one.why for one in kept] == ["", "", "it is not a picture", "it is empty"]
    taken = take_pictures(pl.Series([kept[0].name, None]), NEED, tmp_path / "run")[:]
    assert (taken[0] == 7).all()
    assert (taken[1] == 128).all()


def test_a_run_needs_neither_the_cache_nor_the_photos(tmp_path: Path, cache: Path) -> None:
    cells = make_photos(tmp_path / "photos")
    names = pl.Series(keep(cells, tmp_path / "run"))
    wanted = take_pictures(names, NEED, tmp_path / "run")[:]
    for path in [*cache.rglob("*.*"), *(tmp_path / "photos").iterdir()]:
        path.unlink()
    keep(make_photos(tmp_path / "other", seed=1), tmp_path / "later")  # begins the cache anew
    assert np.array_equal(take_pictures(names, NEED, tmp_path / "run")[:], wanted)


def test_a_lost_picture_is_named(tmp_path: Path) -> None:
    keep(make_photos(tmp_path / "photos"), tmp_path / "run")
    with pytest.raises(ModelError, match="the store lacks the picture abc; fit again"):
        take_pictures(pl.Series(["abc"]), NEED, tmp_path / "run")


class TestKill:
    def spoil(self, cache: Path, *, extra: bytes) -> None:
        """What a kill leaves: rows behind the last index, and a header that does not count them."""
        with next(cache.rglob(f"{NEED.key}.npy")).open("ab") as file:
            file.write(extra)

    def test_rows_behind_the_index_are_written_anew(self, tmp_path: Path, cache: Path, decoded: list[int]) -> None:
        cells = make_photos(tmp_path / "photos", 12)
        keep(cells[:5], tmp_path / "one")
        self.spoil(cache, extra=b"\1" * 1_000)
        names = keep(cells, tmp_path / "two")
        assert len(decoded) == 12
        taken = take_pictures(pl.Series(names), NEED, tmp_path / "two")[:]
        assert np.array_equal(taken, np.stack([picture_pixels(path, NEED) for path in cells]))

    @pytest.mark.parametrize("lost", [".npy", ".index"])
    def test_half_of_a_pair_of_files_is_begun_anew(self, tmp_path: Path, cache: Path, lost: str) -> None:
        cells = make_photos(tmp_path / "photos")
        first = keep(cells, tmp_path / "one")
        wanted = take_pictures(pl.Series(first), NEED, tmp_path / "one")[:]
        next(cache.rglob(f"{NEED.key}{lost}")).unlink()
        assert keep(cells, tmp_path / "two") == first
        for run in ("one", "two"):  # the file that the first run is linked to is left as it was
            assert np.array_equal(take_pictures(pl.Series(first), NEED, tmp_path / run)[:], wanted)

    def test_a_file_cut_in_its_header_is_begun_anew(self, tmp_path: Path, cache: Path) -> None:
        cells = make_photos(tmp_path / "photos")
        first = keep(cells, tmp_path / "one")
        path = next(cache.rglob(f"{NEED.key}.npy"))
        content = path.read_bytes()[:40]
        path.unlink()
        path.write_bytes(content)
        assert keep(cells, tmp_path / "two") == first
        assert len(take_pictures(pl.Series(first), NEED, tmp_path / "two")) == 5

    def test_what_was_decoded_before_an_interruption_is_kept(self, tmp_path: Path, decoded: list[int]) -> None:
        cells = make_photos(tmp_path / "photos", 200)

        def stop(n_done: int, n_all: int) -> None:
            if n_done >= 100:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            keep_pictures(cells, (NEED,), tmp_path / "one", group="g", tell=stop)
        n_before = len(decoded)
        keep(cells, tmp_path / "two")
        assert len(decoded) - n_before <= 100

    def test_what_was_saved_before_a_kill_is_kept(self, tmp_path: Path, decoded: list[int]) -> None:
        cells = make_photos(tmp_path / "photos", 200)
        dying = multiprocessing.get_context("spawn").Process(target=keep_until_killed, args=(tmp_path, cells.to_list()))
        dying.start()
        dying.join()
        assert dying.exitcode == -signal.SIGKILL
        names = keep(cells, tmp_path / "two")
        assert len(decoded) <= 150
        taken = take_pictures(pl.Series(names), NEED, tmp_path / "two")[:]
        assert np.array_equal(taken, np.stack([picture_pixels(path, NEED) for path in cells]))


def keep_until_killed(folder: Path, paths: list[str]) -> None:
    os.environ["ARCHWISE_CACHE"] = str(folder / "cache")
    picture_store.SAVED_S = 0.0

    def kill(n_done: int, n_all: int) -> None:
        if n_done >= 100:
            os.kill(os.getpid(), signal.SIGKILL)

    keep_pictures(pl.Series("image", paths), (NEED,), folder / "one", group="g", tell=kill)


def keep_in_a_process(folder: Path, paths: list[str], run: str) -> None:
    os.environ["ARCHWISE_CACHE"] = str(folder / "cache")
    keep_pictures(pl.Series("image", paths), (NEED,), folder / run, group="g")


def test_several_fits_at_once_leave_one_whole_store(tmp_path: Path) -> None:
    cells = make_photos(tmp_path / "photos", 60)
    spawn = multiprocessing.get_context("spawn")
    runs = {f"run-{place}": cells[20 * place : 20 * place + 20].to_list() for place in range(3)}
    runs["all"] = cells.to_list()
    started = [spawn.Process(target=keep_in_a_process, args=(tmp_path, paths, run)) for run, paths in runs.items()]
    for process in started:
        process.start()
    for process in started:
        process.join()
        assert process.exitcode == 0
    for run, paths in runs.items():
        names = pl.Series(keep(pl.Series(paths), tmp_path / "again"))
        taken = take_pictures(names, NEED, tmp_path / run)[:]
        assert np.array_equal(taken, np.stack([picture_pixels(path, NEED) for path in paths]))


class TestBounds:
    def test_the_longest_unused_goes_first_and_the_present_stays(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for place, group in enumerate(("old", "older", "new")):
            keep(make_photos(tmp_path / group, seed=place), tmp_path / "runs" / group, group=group)
        for group, when in (("older", 1_000), ("old", 2_000)):
            os.utime(cache_folder() / f"{group}.lock", (when, when))
        assert make_room(cache_folder(), spare="new") == []
        monkeypatch.setenv("ARCHWISE_CACHE_GB", "0.000003")
        assert make_room(cache_folder(), spare="new") == ["older"]
        monkeypatch.setenv("ARCHWISE_CACHE_GB", "0")
        assert make_room(cache_folder(), spare="new") == ["old"]
        assert (cache_folder() / "new").is_dir()
        assert (tmp_path / "runs" / "old" / f"{NEED.key}.npy").exists()

    def test_what_a_fit_writes_to_is_not_removed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        keep(make_photos(tmp_path / "photos"), tmp_path / "run", group="busy")
        monkeypatch.setenv("ARCHWISE_CACHE_GB", "0")
        with locked(cache_folder() / "busy"):
            assert make_room(cache_folder(), spare="") == []
        assert make_room(cache_folder(), spare="") == ["busy"]

    def test_pictures_that_change_do_not_fill_their_place_without_end(
        self, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def n_rows() -> int:
            return len(np.load(cache / "g" / f"{NEED.key}.npy", mmap_mode="r"))

        for day in range(4):
            keep(make_photos(tmp_path / "photos", seed=day), tmp_path / str(day))
        assert n_rows() == 1 + 20
        monkeypatch.setenv("ARCHWISE_CACHE_GB", "0")
        keep(make_photos(tmp_path / "photos", seed=3), tmp_path / "last")
        assert n_rows() == 1 + 5
        keep(make_photos(tmp_path / "photos", seed=3), tmp_path / "again")
        assert n_rows() == 1 + 5

    def test_the_size_is_read_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert most_bytes() == picture_cache.MOST_GB * 1e9
        monkeypatch.setenv("ARCHWISE_CACHE_GB", "1.5")
        assert most_bytes() == 1.5e9
        for wrong in ("much", "-1", "nan"):
            monkeypatch.setenv("ARCHWISE_CACHE_GB", wrong)
            with pytest.raises(UsageError, match=f"ARCHWISE_CACHE_GB={wrong}: expected a size in GB"):
                most_bytes()

    def test_pixels_wait_for_no_long_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Pictures are read a few batches ahead of the writing, however many there are."""
        reads: list[int] = []
        ahead: list[int] = []
        read_cell = picture_store.read_cell

        def counting(cell: str | bytes) -> bytes:
            reads.append(1)
            return read_cell(cell)

        monkeypatch.setattr(picture_store, "read_cell", counting)
        cells = make_photos(tmp_path / "photos", 3)
        many = pl.concat([cells] * 700)
        keep_pictures(many, (NEED,), tmp_path / "run", group="g", tell=lambda done, of: ahead.append(len(reads) - done))
        assert max(ahead) <= picture_store.BATCH * ((os.cpu_count() or 1) + 2)

    def test_a_cache_that_cannot_be_written_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").write_text("x")
        monkeypatch.setenv("ARCHWISE_CACHE", str(tmp_path / "file"))
        with pytest.raises(DataError, match=r"cannot be written .*ARCHWISE_CACHE"):
            keep(make_photos(tmp_path / "photos"), tmp_path / "run")


def test_how_far_it_is_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def tell(n_done: int, n_all: int) -> None:
        told.append((n_done, n_all))

    keep_pictures(make_photos(tmp_path / "photos", 70), (NEED,), tmp_path / "run", group="g", tell=tell)
    assert told == [(32, 70), (64, 70), (70, 70)]


def test_pictures_of_one_source_have_one_place(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    make_photos(folder)
    (folder / "labels.csv").write_text("x")
    assert group_of(str(folder), "a.png") == group_of(str(folder / "labels.csv"), "b.png")
    assert group_of("the array", b"one") != group_of("the array", b"two")


def scaled(image: Image.Image) -> Image.Image:
    return image.resize((90, 70))


def brighter(image: Image.Image) -> Image.Image:
    return image.point(lambda level: level * 0.95 + 8)


def compressed(image: Image.Image) -> Image.Image:
    return image


class TestNearCopies:
    def find(self, tmp_path: Path, change: Callable[[Image.Image], Image.Image], kind: str = "PNG") -> list[list[int]]:
        cells = make_photos(tmp_path / "train", 30)
        changed = tmp_path / "test" / f"changed.{kind.lower()}"
        others = make_photos(tmp_path / "test", 4, seed=1)
        change(Image.open(cells[17])).convert("RGB").save(changed, kind)
        names = pl.Series(keep(pl.concat([cells, others, pl.Series([str(changed)])]), tmp_path / "run", ImageNeed(24)))
        return find_alike(names[30:], names[:30], tmp_path / "run").tolist()

    @pytest.mark.parametrize("change", [scaled, brighter, compressed])
    def test_a_changed_copy_is_found_and_no_other(
        self, tmp_path: Path, change: Callable[[Image.Image], Image.Image]
    ) -> None:
        assert self.find(tmp_path, change, "JPEG") == [[4, 17]]

    def test_another_picture_and_an_exact_copy_are_none(self, tmp_path: Path) -> None:
        assert self.find(tmp_path, lambda image: image.rotate(180)) == []
        assert self.find(tmp_path, lambda image: image) == []

    def test_a_shape_that_many_have_is_no_copy(self, tmp_path: Path) -> None:
        stroke = np.zeros((25, 16, 16), np.uint8)
        stroke[:, 3:13, 7:9] = 255 - np.arange(25, dtype=np.uint8)[:, None, None]  # as ones are written
        cells = pl.Series([encode_array(pixels) for pixels in stroke])
        names = pl.Series(keep(cells, tmp_path / "run", ImageNeed(16, 1)))
        assert find_alike(names[:1], names[1:], tmp_path / "run").tolist() == []
        assert find_alike(names[:1], names[1:9], tmp_path / "run").tolist() != []

    def test_without_pictures_nothing_is_found(self, tmp_path: Path) -> None:
        empty = pl.Series([None], dtype=pl.String)
        assert find_alike(empty, empty, tmp_path).shape == (0, 2)
        names = pl.Series(keep(make_photos(tmp_path / "photos"), tmp_path / "run"))
        assert find_alike(empty, names, tmp_path / "run").shape == (0, 2)
