"""The published window order: another permutation of the same tokens, kept on record."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.networks.nets.swin_unetr import SwinTransformerBlock, compute_mask, window_partition, window_reverse

from swinx.networks.window_order import PublishedOrderBlock, reassemble_published

sides = st.tuples(*[st.integers(1, 3)] * 3)


@given(counts=sides, window=sides, batch=st.integers(1, 2))
def test_published_order_permutes_the_tokens_of_each_scan(counts, window, batch):
    grid = [count * extent for count, extent in zip(counts, window, strict=True)]
    tokens = torch.arange(batch * grid[0] * grid[1] * grid[2]).reshape(batch, *grid, 1)
    windows = window_partition(tokens, window)
    published = reassemble_published(windows, window, grid)
    assert published.shape == tokens.shape
    for before, after in zip(tokens, published, strict=True):
        assert torch.equal(after.flatten().sort().values, before.flatten())
    assert torch.equal(window_reverse(windows, window, (batch, *grid)), tokens), "MONAI's order is the inverse"


def test_published_order_transposes_a_window_and_moves_whole_windows_elsewhere():
    window = torch.arange(64).reshape(1, 4, 4, 4, 1)
    alone = reassemble_published(window_partition(window, (4, 4, 4)), (4, 4, 4), (4, 4, 4))
    assert torch.equal(alone, window.transpose(1, 2))

    left_and_right = torch.cat([torch.zeros_like(window), torch.ones_like(window)], dim=3)
    moved = reassemble_published(window_partition(left_and_right, (4, 4, 4)), (4, 4, 4), (4, 4, 8))
    assert (moved[:, :2] == 0).all(), "the left window now lies across the first axis"
    assert (moved[:, 2:] == 1).all()


def test_blocks_differ_by_the_order_alone(monkeypatch):
    """With MONAI's inverse put back, the published block is MONAI's, padding and shift included."""
    published = PublishedOrderBlock(8, 2, (4, 4, 4), (2, 2, 2)).eval()
    standard = SwinTransformerBlock(8, 2, (4, 4, 4), (2, 2, 2)).eval()
    standard.load_state_dict(published.state_dict())
    tokens = torch.rand(2, 6, 5, 9, 8, generator=torch.Generator().manual_seed(0))
    mask = compute_mask([8, 8, 12], (4, 4, 4), (2, 2, 2), tokens.device)
    with torch.no_grad():
        expected = standard(tokens, mask)
        assert (published(tokens, mask) - expected).abs().max() > 1e-2
        monkeypatch.setattr(
            "swinx.networks.window_order.reassemble_published",
            lambda windows, window, grid: window_reverse(windows, window, (2, *grid)),
        )
        torch.testing.assert_close(published(tokens, mask), expected)


def test_orders_give_different_outputs_from_the_same_weights(build, image):
    standard, published = build(published_window_order=False), build(published_window_order=True)
    with torch.no_grad():
        assert not torch.allclose(standard(image), published(image), atol=1e-3)


@pytest.mark.parametrize("order", [False, True])
def test_loading_a_state_never_changes_the_order_and_warns_if_it_differs(build, order):
    network, other = build(published_window_order=order), build(published_window_order=not order)
    with pytest.warns(UserWarning, match=f"published_window_order={not order}, this network was built with {order}"):
        network.load_state_dict(other.state_dict())
    assert network.encoder.published_window_order is order
    assert bool(network.state_dict()["encoder._extra_state"]) is order


def test_own_states_load_without_a_word(build):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(seed=1).load_state_dict(copy.deepcopy(build(seed=2).state_dict()))
