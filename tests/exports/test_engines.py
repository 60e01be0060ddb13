"""What runs the windows of a bundle: chosen by name, and the same scores whatever runs them."""

from __future__ import annotations

import pytest
import torch

from swinx.errors import ExportError
from swinx.exports import ENGINES, OpenVINOEngine, choose_engine
from swinx.networks import SwinXSeg, TorchEngine
from swinx.ops.window_parts import window_part

ROI = (32, 32, 32)


@pytest.fixture(scope="module")
def network() -> SwinXSeg:
    torch.manual_seed(0)
    return SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=4).eval()


def part_at(*starts: int, margin: float):
    """The part of a window that begins there, in a volume of 96 voxels each way."""
    return window_part([slice(start, start + 32) for start in starts], (96, 96, 96), ROI, margin)


@pytest.mark.slow
def test_openvino_scores_a_part_at_any_place_as_the_network_does(network):
    engine = OpenVINOEngine()
    run = engine(network, ROI)
    windows = torch.rand(2, 1, *ROI, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = network(windows)
    for starts in ((32, 32, 32), (0, 32, 64), (64, 0, 0)):
        for margin in (0, 0.25):
            part = part_at(*starts, margin=margin)
            found = run(windows, part)
            torch.testing.assert_close(found, whole[(..., *part.inside)], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_openvino_keeps_what_it_compiled_until_the_weights_change():
    torch.manual_seed(0)
    network = SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=4).eval()
    engine = OpenVINOEngine()
    run = engine(network, ROI)
    assert engine(network, ROI) is run
    with torch.no_grad():
        network.out.conv.conv.bias[3] += 50
    part = part_at(0, 0, 0, margin=0)
    assert (engine(network, ROI)(torch.rand(1, 1, *ROI), part).argmax(dim=1) == 3).all()


def test_each_name_is_an_engine():
    kinds = {name: type(choose_engine(name)) for name in ENGINES}
    assert kinds == {
        "plain": type(None),
        "torch": TorchEngine,
        "openvino": OpenVINOEngine,
        "auto": OpenVINOEngine,
    }
    assert isinstance(choose_engine("auto", "cuda"), TorchEngine)


def test_without_openvino_auto_is_pytorch_and_says_why(monkeypatch, caplog):
    def missing():
        raise ExportError("OpenVINO is not installed")

    monkeypatch.setattr("swinx.exports.openvino_engine.import_openvino", missing)
    caplog.set_level("INFO")
    assert isinstance(choose_engine("auto"), TorchEngine)
    assert "OpenVINO is not installed" in caplog.text
    with pytest.raises(ExportError, match="not installed"):
        choose_engine("openvino")


def test_names_and_devices_that_do_not_go_are_refused():
    with pytest.raises(ExportError, match="engine 'warp' is none of plain, torch, openvino, auto"):
        choose_engine("warp")
    with pytest.raises(ExportError, match="runs on the CPU, not on cuda:0; give --device cpu, or --engine torch"):
        choose_engine("openvino", "cuda:0")
