"""Convolution blocks and residual stages: the shapes they give, and what they leave as it is."""

from __future__ import annotations

import pytest
import torch

from archwise.architectures import architecture
from archwise.blocks.convolution import BlockForm, ConvolutionBlocks
from archwise.blocks.residual_map import ResidualBlock, ResidualStages
from archwise.records import InputSpec, Signature


@pytest.mark.parametrize("pooling", ["max", "average", "none"])
def test_blocks_halve_the_maps_and_double_the_filters(pooling: str) -> None:
    blocks = ConvolutionBlocks(3, 3, form=BlockForm(filters=8, convolutions=2, pooling=pooling))
    assert blocks(torch.zeros(2, 3, 32, 32)).shape == (2, 32, 4, 4)
    assert blocks.channels == 32


def test_the_first_block_has_convolutions_of_its_own() -> None:
    blocks = ConvolutionBlocks(3, 2, form=BlockForm(filters=8, convolutions=3, first=1))
    widths = [layer.out_channels for layer in blocks.layers if isinstance(layer, torch.nn.Conv2d)]
    assert widths == [8, 16, 16, 16]


@pytest.mark.parametrize("is_first_bent", [False, True])
@pytest.mark.parametrize("is_halved", [False, True])
def test_stages_halve_the_maps_twice_and_double_them(is_first_bent: bool, is_halved: bool) -> None:
    stages = ResidualStages(3, 8, n_blocks=2, is_first_bent=is_first_bent, is_halved=is_halved)
    side = 4 if is_halved else 8
    assert stages(torch.zeros(2, 3, 32, 32)).shape == (2, 32, side, side)


def test_three_blocks_of_16_maps_are_resnet_20() -> None:
    stages = ResidualStages(3, 16, n_blocks=3, is_first_bent=False, is_halved=False)
    head = 64 * 10 + 10
    n_weights = sum(parameter.numel() for parameter in stages.parameters()) + head
    assert n_weights == 269_722  # 0.27 million in table 6 of He et al. 2016; option A has no weights of its own
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in stages.modules()) + 1 == 20


def test_a_block_whose_convolutions_are_nought_leaves_the_maps_as_they_are() -> None:
    block = ResidualBlock(4, 4, stride=1, is_first_bent=True).eval()
    torch.nn.init.zeros_(block.second.weight)
    maps = torch.randn(2, 4, 6, 6)
    assert torch.equal(block(maps), maps)


def test_where_maps_are_halved_every_second_pixel_stays_and_new_maps_are_nought() -> None:
    block = ResidualBlock(4, 8, stride=2, is_first_bent=True).eval()
    torch.nn.init.zeros_(block.second.weight)
    maps = torch.randn(2, 4, 6, 6)
    found = block(maps)
    assert torch.equal(found[:, :4], maps[:, :, ::2, ::2])
    assert not found[:, 4:].any()


@pytest.mark.parametrize("name", ["cnn", "resnet", "pixels"])
def test_columns_of_a_table_are_joined_to_the_picture(name: str) -> None:
    entry = architecture(name)
    image = InputSpec("image", "uint8", 16 * 16, shape=(16, 16, 1))
    numbers = InputSpec("numbers", "float32", 2)
    assert entry.build is not None
    alone = entry.build(Signature((image,), 3), entry.defaults())
    joined = entry.build(Signature((numbers, image), 3), entry.defaults()).eval()
    assert joined.width > alone.width
    batch = {"image": torch.zeros(2, 16, 16, 1, dtype=torch.uint8), "numbers": torch.tensor([[0.0, 0.0], [1.0, -1.0]])}
    features = joined(batch)
    assert not torch.equal(features[0], features[1])
