"""A network that somebody scripts is traced for the window of the paper."""

from __future__ import annotations

import pytest
import torch

from swinx.networks import SwinXSeg


@pytest.mark.slow
def test_a_scripted_network_gives_the_same_for_windows_of_96_and_can_be_saved(tmp_path):
    torch.manual_seed(0)
    network = SwinXSeg(1, 15, embed_dim=12, num_heads=[1, 2, 4, 8], decoder_channels=4).eval()
    with pytest.warns(UserWarning, match="takes windows of 96 x 96 x 96 alone"):
        torch.jit.save(torch.jit.script(network), tmp_path / "model.ts")
    image = torch.rand(1, 1, 96, 96, 96)
    with torch.no_grad():
        assert torch.equal(torch.jit.load(tmp_path / "model.ts")(image), network(image))
    assert network.training is False
