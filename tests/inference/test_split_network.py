"""The network in three parts gives what the network gives, for a window and for a part of it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from monai.networks.nets import UNet
from torch import nn

from swinx.inference import MergedUpBlock, SplitNetwork
from swinx.inference.backends.split_network import merge_upsampling


@pytest.fixture
def trained(build, image):
    """A network whose batch norms have statistics of their own, scales and shifts included."""
    network = build(decoder_channels=(3, 5, 4, 6, 7)).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -1, 1)
    with torch.no_grad():
        network(image)
    return network.eval()


@pytest.mark.parametrize("side", [1, 3, 5])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 4)])
def test_two_convolutions_are_one_at_the_borders_too(side, shape):
    generator = torch.Generator().manual_seed(0)
    coarse, transposed, kernel = (
        torch.randn(sizes, generator=generator, dtype=torch.float64)
        for sizes in ((2, 3, *shape), (3, 4, 2, 2, 2), (5, 4, side, side, side))
    )
    expected = functional.conv3d(functional.conv_transpose3d(coarse, transposed, stride=2), kernel, padding=side // 2)
    merged = functional.conv_transpose3d(coarse, merge_upsampling(transposed, kernel), stride=2, padding=side // 2)
    torch.testing.assert_close(merged, expected)


def test_the_merged_block_equals_the_block(trained):
    block = trained.up_blocks[1]
    coarse, skip = torch.randn(2, 4, 3, 4, 5), torch.randn(2, 5, 6, 8, 10)
    with torch.no_grad():
        torch.testing.assert_close(MergedUpBlock(block)(coarse, skip), block(coarse, skip), rtol=1e-4, atol=1e-5)


def test_all_parts_together_equal_the_network(trained, image):
    with torch.no_grad():
        expected = trained(image)
        torch.testing.assert_close(SplitNetwork(trained)(image), expected, rtol=1e-4, atol=1e-5 * expected.abs().max())


def test_a_network_in_training_mode_is_split_as_in_evaluation_and_left_in_training(trained, image):
    trained.train()
    with torch.no_grad():
        split = SplitNetwork(trained)(image)
        assert trained.training
        torch.testing.assert_close(split, trained.eval()(image), rtol=1e-4, atol=1e-4)


def test_a_part_with_its_halo_equals_that_part_of_the_whole(trained, image):
    split = SplitNetwork(trained)
    with torch.no_grad():
        whole = split(image)
        features = split.middle(*split.features(image))
        # Along the first axis from the border, along the second in between, along the third the whole.
        part = split.head(image[:, :, :16, 8:28], features[:, :, :7, 4:13])
    torch.testing.assert_close(part[:, :, :12, 4:-2], whole[:, :, :12, 12:24], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(part[:, :, :12, 0], whole[:, :, :12, 8], atol=1e-3), "the halo is needed"


def test_features_of_a_part_with_its_halo_equal_that_part_of_all_features(trained):
    split = SplitNetwork(trained)
    window = torch.randn(1, 1, 64, 64, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        skip, coarse = split.features(window)
        whole = split.middle(skip, coarse)
        part = split.middle(skip[:, :, :16, 8:28], coarse[:, :, :7, 4:13])
    torch.testing.assert_close(part[:, :, :12, 4:-2], whole[:, :, :12, 12:24], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(part[:, :, :12, 0], whole[:, :, :12, 8], atol=1e-3), "the halo is needed"


def test_the_parts_are_copies(trained, image):
    split = SplitNetwork(trained)
    with torch.no_grad():
        before = split(image)
        for parameter in trained.parameters():
            parameter.add_(1)
        torch.testing.assert_close(split(image), before)


def test_other_networks_are_refused_by_name():
    with pytest.raises(TypeError, match="only SwinXSeg can be split, not UNet"):
        SplitNetwork(UNet(3, 1, 2, (4, 8), (2,)))
