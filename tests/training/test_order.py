"""The order of the rows in an epoch: every row once, near rows together where there are many."""

from __future__ import annotations

import pytest
import torch

from archwise.training.order import BLOCK, WINDOW, Order

MANY = 3 * WINDOW + 5 * BLOCK + 17


@pytest.mark.parametrize("n_rows", [1, 300, WINDOW, WINDOW + 1, MANY])
def test_an_epoch_has_every_row_once_whatever_the_batch(n_rows: int) -> None:
    order, batch = Order(n_rows, seed=3), 300_001
    parts = [order.rows(2, start, min(start + batch, n_rows))[0] for start in range(0, n_rows, batch)]
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(n_rows))


def test_few_rows_stand_in_the_order_of_one_permutation() -> None:
    generator = torch.Generator().manual_seed(3 * 1_000_003 + 2)
    assert torch.equal(Order(300, seed=3).rows(2, 0, 300)[0], torch.randperm(300, generator=generator))


@pytest.mark.parametrize("n_rows", [300, MANY])
def test_a_place_in_an_epoch_has_the_same_rows_after_a_pause(n_rows: int) -> None:
    order = Order(n_rows, seed=0)
    order.rows(0, 0, 100)
    assert torch.equal(order.rows(1, n_rows - 200, n_rows)[0], Order(n_rows, seed=0).rows(1, n_rows - 200, n_rows)[0])


def test_a_window_of_many_rows_comes_from_everywhere_but_from_few_blocks() -> None:
    rows, is_new = Order(MANY, seed=0).rows(0, 0, WINDOW)
    assert is_new
    assert len(torch.unique(rows // BLOCK)) == WINDOW // BLOCK
    assert abs(float(rows.double().mean()) / MANY - 0.5) < 0.1
    assert not torch.equal(rows, rows.sort().values)


def test_another_epoch_and_another_seed_give_another_order() -> None:
    first = Order(MANY, seed=0).rows(0, 0, 1_000)[0]
    assert not torch.equal(first, Order(MANY, seed=0).rows(1, 0, 1_000)[0])
    assert not torch.equal(first, Order(MANY, seed=1).rows(0, 0, 1_000)[0])


def lengths_of(n_rows: int) -> torch.Tensor:
    return torch.randint(1, 60, (n_rows,), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("n_rows", [1, 63, 6_920, WINDOW + 70])
def test_every_row_comes_once_where_rows_of_like_length_come_together(n_rows: int) -> None:
    order = Order(n_rows, seed=3, lengths=lengths_of(n_rows), batch=64)
    parts = [order.rows(2, start, min(start + 64, n_rows))[0] for start in range(0, n_rows, 64)]
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(n_rows))


def test_the_rows_of_a_batch_are_of_like_length_and_those_of_an_epoch_are_not() -> None:
    lengths = lengths_of(6_920)
    grouped, plain = Order(6_920, seed=3, lengths=lengths, batch=64), Order(6_920, seed=3)
    batches = [lengths[grouped.rows(0, start, start + 64)[0]] for start in range(0, 6_912, 64)]
    others = [lengths[plain.rows(0, start, start + 64)[0]] for start in range(0, 6_912, 64)]
    steps, kept = (sum(float(batch.max()) for batch in each) for each in (others, batches))
    assert kept < 0.6 * steps
    means = torch.tensor([float(batch.double().mean()) for batch in batches])
    assert abs(float(means[:50].mean() - means[50:].mean())) < 8.0


def test_rows_that_fill_no_batch_are_others_in_each_epoch() -> None:
    lengths = lengths_of(100)
    left = {tuple(Order(100, 0, lengths=lengths, batch=64).rows(epoch, 64, 100)[0].tolist()) for epoch in range(4)}
    assert len(left) == 4
