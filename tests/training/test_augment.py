"""Augmentation: bytes stay bytes, the same numbers give the same pictures, and each change does what it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from archwise.config import AUGMENTATIONS, parse_augmentations, write_augmentations
from archwise.errors import UsageError
from archwise.training.augment import CHANGES, Mixed, augment, flip, mixup, rotate, shift

SHAPES = [(8, 28, 28, 1), (8, 32, 32, 3), (3, 9, 14, 3)]
over_all = pytest.mark.parametrize("name", AUGMENTATIONS)
over_shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


def pictures(shape: tuple[int, ...] = (8, 32, 32, 3), seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def seeded(change: Callable[[], torch.Tensor], seed: int = 0) -> torch.Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return change()


def test_every_name_that_may_be_given_is_made() -> None:
    assert {*CHANGES, "mixup"} == set(AUGMENTATIONS)


@over_all
@over_shapes
def test_pictures_keep_their_shape_and_stay_bytes(name: str, shape: tuple[int, ...]) -> None:
    before = pictures(shape)
    kept = before.clone()
    changed, _ = augment(before, name)
    assert (changed.shape, changed.dtype) == (before.shape, torch.uint8)
    assert torch.equal(before, kept)


@over_all
def test_the_same_random_numbers_give_the_same_pictures(name: str) -> None:
    one, other, another = (seeded(lambda: augment(pictures(), name)[0], seed) for seed in (3, 3, 4))
    assert torch.equal(one, other)
    assert not torch.equal(one, another)


@over_all
def test_pictures_of_one_colour_stay_near_it(name: str) -> None:
    plain = torch.full((6, 16, 16, 3), 100, dtype=torch.uint8)
    changed, _ = augment(plain, name)
    most = 33 if name == "colour" else 1
    assert (changed.int() - 100).abs().max() <= most


def test_none_changes_nothing() -> None:
    before = pictures()
    changed, mixed = augment(before, "none")
    assert changed is before
    assert mixed is None


def test_flip_mirrors_about_half_and_leaves_the_rest() -> None:
    before = pictures((400, 4, 6, 3))
    after = seeded(lambda: flip(before))
    is_mirrored = (after == before.flip(2)).flatten(1).all(1)
    assert torch.equal(after[~is_mirrored], before[~is_mirrored])
    assert 160 < int(is_mirrored.sum()) < 240


def test_a_shifted_picture_holds_what_was_moved_in_place() -> None:
    before = pictures((64, 16, 24, 1))
    after = seeded(lambda: shift(before))
    found = 0
    for down in range(-2, 3):
        for across in range(-3, 4):
            moved = torch.roll(before, (-down, -across), (1, 2))[:, 2:14, 3:21]
            found += int((after[:, 2:14, 3:21] == moved).flatten(1).all(1).sum())
    assert found == 64


def test_what_was_moved_away_from_is_filled_by_reflection() -> None:
    ramp = torch.arange(16, dtype=torch.uint8).view(1, 1, 16, 1).expand(50, 16, 16, 1)
    for row in seeded(lambda: shift(ramp))[:, 0, :, 0].int():
        steps = row.diff().abs()
        assert (steps == 1).all()


def test_a_turned_picture_keeps_its_middle_and_moves_its_rim() -> None:
    before = torch.zeros(32, 33, 33, 1, dtype=torch.uint8)
    before[:, 14:19, 14:19] = 200
    before[:, 15:18, 29:32] = 200
    after = seeded(lambda: rotate(before))
    assert (after[:, 15:18, 15:18].float().mean((1, 2, 3)) > 180).all()
    assert not torch.equal(after[:, :, 29:32], before[:, :, 29:32])


def test_cutout_fills_one_square_of_a_quarter_of_the_side() -> None:
    before = pictures((20, 32, 32, 3))
    after = augment(before, "cutout")[0]
    rows = (after != before).any(3).any(2).sum(1)
    columns = (after != before).any(3).any(1).sum(1)
    assert rows.tolist() == columns.tolist() == [8] * 20


def test_mixup_mixes_in_the_shares_that_weigh_the_loss() -> None:
    before = pictures((16, 8, 8, 3))
    after, mixed = mixup(before)
    share = mixed.share[:, None, None, None]
    expected = share * before.float() + (1 - share) * before[mixed.partner].float()
    assert (after.float() - expected).abs().max() <= 0.5 + 1e-3
    assert ((mixed.share >= 0) & (mixed.share <= 1)).all()
    assert sorted(mixed.partner.tolist()) == list(range(16))


@pytest.mark.parametrize("n_members", [1, 3])
def test_the_loss_of_two_targets_is_their_weighted_sum(n_members: int) -> None:
    mixed = Mixed(torch.tensor([1, 0]), torch.tensor([0.75, 0.5]))
    targets = torch.tensor([2.0, 10.0])
    losses = mixed.loss(lambda of: of.repeat_interleave(n_members), targets)
    assert losses.tolist() == [0.75 * 2 + 0.25 * 10] * n_members + [0.5 * 10 + 0.5 * 2] * n_members


def test_names_are_read_in_one_order() -> None:
    assert parse_augmentations("cutout+flip") == ("flip", "cutout")
    assert write_augmentations(["cutout", "flip"]) == "flip+cutout"
    assert parse_augmentations("none") == ()
    assert write_augmentations([]) == "none"


@pytest.mark.parametrize(
    ("text", "told"),
    [("flop+shift", r"there is no augmentation 'flop'\. Did you mean 'flip'\?"), ("flip+flip", "names one twice")],
)
def test_what_does_not_exist_is_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_augmentations(text)
