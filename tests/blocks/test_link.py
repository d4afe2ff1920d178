"""The links: positive answers, quantiles in order, shares of ordered classes; each against its formula in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archwise.blocks.head import LinearHead, MemberHeads
from archwise.blocks.link import LogLink, OrderedLink, QuantileLink

SCORES = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 3)) * 2)


def test_answers_through_a_logarithm_lie_above_nought() -> None:
    link = LogLink(-0.7, most=3.0, is_smeared=False).eval()
    expected = np.exp(SCORES[:, :1].numpy()) - 0.7
    np.testing.assert_allclose(link(SCORES[:, :1]).numpy(), np.minimum(expected, np.exp(3.0) - 0.7), rtol=1e-12)


def test_in_training_a_score_stays_a_logarithm() -> None:
    link = LogLink(-0.7, most=3.0, is_smeared=False).train()
    torch.testing.assert_close(link(SCORES[:, :1]), SCORES[:, :1])


def test_only_the_lift_learns_from_the_lifted_score() -> None:
    link = LogLink(0.0, most=3.0, is_smeared=True).train()
    scores = SCORES[:, :1].float().requires_grad_()
    link(scores)[:, 1].sum().backward()
    assert scores.grad is None or not scores.grad.any()
    assert link.shift.grad is not None
    assert link.shift.grad.item() == 40.0


def test_quantiles_never_cross() -> None:
    middle, low, high = QuantileLink()(SCORES).unbind(dim=1)
    assert (low < middle).all()
    assert (middle < high).all()


def test_ordered_classes_are_climbed_one_by_one() -> None:
    go_on = 1 / (1 + np.exp(-SCORES.numpy()))
    reached = np.cumprod(np.concatenate([np.ones((40, 1)), go_on], axis=1), axis=1)
    expected = reached * np.concatenate([1 - go_on, np.ones((40, 1))], axis=1)
    found = OrderedLink()(SCORES).exp().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("n_members", [2, 3])
def test_members_answer_through_the_link_before_they_are_joined(n_members: int) -> None:
    def head() -> LinearHead:
        return LinearHead(4, (0.1,), link=LogLink(-0.5, most=9.0, is_smeared=False))

    heads = MemberHeads([head() for _ in range(n_members)], join=None).eval()
    features = torch.randn(5, n_members, 4, generator=torch.Generator().manual_seed(0))
    raw = torch.einsum("bmd,mdk->bmk", features, heads.weight) + heads.bias
    torch.testing.assert_close(heads(features), (raw.exp() - 0.5).mean(dim=1))
