"""A network that somebody scripts is traced for the window that it is told, and refuses others."""

from __future__ import annotations

import pytest
import torch

from swinx.networks import SwinXSeg, window_sides


def scripted(network: SwinXSeg, path) -> torch.jit.ScriptModule:
    """The network as ``ckpt_export`` without ``--use_trace`` writes it, read again."""
    with pytest.warns(UserWarning, match="is traced, not scripted: the result takes windows of"):
        torch.jit.save(torch.jit.script(network), path)
    return torch.jit.load(path)


@pytest.mark.slow
def test_a_scripted_network_gives_the_same_for_windows_of_96_and_can_be_saved(tmp_path):
    torch.manual_seed(0)
    network = SwinXSeg(1, 15, embed_dim=12, num_heads=[1, 2, 4, 8], decoder_channels=4).eval()
    saved = scripted(network, tmp_path / "model.ts")
    image = torch.rand(1, 1, 96, 96, 96)
    with torch.no_grad():
        assert torch.equal(saved(image), network(image))
    assert network.training is False


def test_a_scripted_network_takes_the_windows_it_was_told_in_any_batch_and_no_others(tmp_path):
    torch.manual_seed(0)
    sizes = {"embed_dim": 12, "depths": (2,), "num_heads": (1,), "decoder_channels": 4}
    network = SwinXSeg(1, 15, script_window=(32, 32, 16), **sizes).eval()
    saved = scripted(network, tmp_path / "model.ts")
    image = torch.rand(2, 1, 32, 32, 16)
    with torch.no_grad():
        torch.testing.assert_close(saved(image), network(image), rtol=0, atol=1e-6)
        for shape in ((1, 1, 16, 32, 16), (1, 1, 32, 32, 32), (1, 2, 32, 32, 16), (1, 32, 32, 16)):
            with pytest.raises(torch.jit.Error, match=r"exported for windows of \[1, 32, 32, 16\] .*#script_window"):
                saved(torch.rand(shape))


@pytest.mark.parametrize("value", [40, [96, 96], [96, 96, 0], "96", [96.0, 96, 96], [True, 96, 96]])
def test_a_window_that_has_not_three_sides_is_refused(value):
    with pytest.raises(ValueError, match=r"must be three sides of a window in voxels, such as \[96, 96, 96\]"):
        window_sides(value)
