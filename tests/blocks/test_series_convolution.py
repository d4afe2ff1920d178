"""Convolutions over series: padding has no part in any statistic, and in no answer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwise.blocks.series_convolution import ConvolutionStep, InceptionModule, MaskedNorm, Shortcut

B, C, T = 5, 3, 12


def padded() -> tuple[torch.Tensor, torch.Tensor]:
    """Values (B, C, T), nought in the padding, and the mask (B, 1, T)."""
    torch.manual_seed(0)
    lengths = torch.tensor([T, 1, 4, 7, 12])
    mask = (torch.arange(T) < lengths[:, None]).float()[:, None]
    return (torch.randn(B, C, T) * 3 + 1) * mask, mask


def test_without_padding_it_is_torchs_normalisation() -> None:
    ours, torchs = MaskedNorm(C), nn.BatchNorm1d(C)
    values = torch.randn(B, C, T) * 2 + 1
    mask = torch.ones(B, 1, T)
    torch.testing.assert_close(ours(values, mask), torchs(values))
    torch.testing.assert_close(ours.norm.running_mean, torchs.running_mean)
    torch.testing.assert_close(ours.norm.running_var, torchs.running_var)
    torch.testing.assert_close(ours.eval()(values, mask), torchs.eval()(values))


def test_statistics_are_those_of_the_steps_alone() -> None:
    values, mask = padded()
    norm = MaskedNorm(C)
    found = norm(values, mask)
    steps = values.transpose(1, 2)[mask[:, 0] > 0]  # (steps of all rows, C)
    expected = (steps - steps.mean(dim=0)) / (steps.var(dim=0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(found.transpose(1, 2)[mask[:, 0] > 0], expected)
    assert (found * (1 - mask) == 0.0).all()
    torch.testing.assert_close(norm.norm.running_mean, 0.1 * steps.mean(dim=0))
    torch.testing.assert_close(norm.norm.running_var, 0.9 + 0.1 * steps.var(dim=0))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["step", "inception", "shortcut"])
def test_more_padding_changes_nothing(name: str, training: bool) -> None:
    torch.manual_seed(1)
    layers: dict[str, nn.Module] = {
        "step": ConvolutionStep(C, 8, 7),
        "inception": InceptionModule(C, 8, (9, 5, 3)),
        "shortcut": Shortcut(C, [InceptionModule(C, 8, (9, 5, 3)), InceptionModule(32, 8, (9, 5, 3))]),
    }
    layer = layers[name].train(training)
    values, mask = padded()
    longer, longer_mask = nn.functional.pad(values, (0, 9)), nn.functional.pad(mask, (0, 9))
    short, long = layer(values, mask), layer(longer, longer_mask)
    assert short.shape == (B, layer.width, T)
    torch.testing.assert_close(long[:, :, :T], short)
    assert (long[:, :, T:] == 0.0).all()


def test_negative_series_keep_their_maximum_at_the_end() -> None:
    """The maximum beside the padding is that of the series, not the nought that stands in the padding."""
    module = InceptionModule(C, 4, (3, 3, 3)).eval()
    values = -1.0 - torch.rand(1, C, 6)
    alone = module(values, torch.ones(1, 1, 6))
    mask = (torch.arange(10) < 6).float()[None, None]
    among = module(nn.functional.pad(values, (0, 4)), mask)
    torch.testing.assert_close(among[:, :, :6], alone)
