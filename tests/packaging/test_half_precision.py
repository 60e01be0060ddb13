"""Weights in half precision: half the size, the same labels, a record without this machine, values out of range."""

from __future__ import annotations

import json

import pytest
import torch

from swinx.errors import WeightsError
from swinx.networks import SwinXSeg, load_weights, save_weights
from swinx.packaging import write_half_precision
from swinx.tracking import read_sidecar, trained_settings, write_sidecar


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SwinXSeg(out_channels=4, embed_dim=12, num_heads=(1, 2, 3, 4), decoder_channels=12).eval()


def test_labels_stay_and_the_size_is_halved(network, tmp_path):
    weights = tmp_path / "model.pt"
    norm = network.bottleneck_reduction.norm1
    norm.running_var.fill_(1.5e6)  # as after a real training; out of float16's range
    save_weights(network, weights)
    write_sidecar(
        weights,
        {
            "run_id": "abc",
            "settings": {"pixdim": [2.0, 2.0, 2.0], "dataset_dir": "/home/me", "split": "/home/me/split.json"},
        },
    )
    target = write_half_precision(weights, tmp_path / "shipped" / "small.pt", "for tests alone")
    assert target.stat().st_size < 0.6 * weights.stat().st_size
    again = SwinXSeg(out_channels=4, embed_dim=12, num_heads=(1, 2, 3, 4), decoder_channels=12).eval()
    load_weights(again, target)
    assert next(again.parameters()).dtype == torch.float32
    torch.testing.assert_close(again.bottleneck_reduction.norm1.running_var, norm.running_var, rtol=0, atol=0)
    image = torch.rand(1, 1, 32, 32, 32)
    with torch.no_grad():
        same = (network(image).argmax(1) == again(image).argmax(1)).float().mean()
    assert float(same) > 0.995
    record = read_sidecar(target)
    assert record["about"] == "for tests alone"
    assert "/home/me" not in json.dumps(record)
    assert "run_id" not in record
    assert trained_settings(target) == {"pixdim": [2.0, 2.0, 2.0]}


def test_a_value_out_of_range_is_refused(network, tmp_path):
    with torch.no_grad():
        next(network.parameters()).fill_(1e6)
    save_weights(network, tmp_path / "model.pt")
    with pytest.raises(WeightsError, match="half precision ends at 65504"):
        write_half_precision(tmp_path / "model.pt", tmp_path / "small.pt")
    assert not (tmp_path / "small.pt").exists()
