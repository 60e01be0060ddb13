"""Backends: chosen by name, with the same logits."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import pytest
import torch

from support.bundles import ROOT
from support.warm_python import run_warm
from swinx.errors import ExportError
from swinx.inference import BACKENDS, OpenVINOBackend, PartLogits, TorchBackend, choose_backend
from swinx.inference.backends import kept_models, openvino_backend
from swinx.inference.backends.openvino_package import has_bfloat16_instructions
from swinx.inference.backends.window_part import WindowPart, window_part
from swinx.networks import SwinXSeg

SIZES = {"embed_dim": 12, "depths": (2, 1), "num_heads": (1, 2), "decoder_channels": 4}
"""Of all kinds of layers one or two, as OpenVINO takes seconds to compile more."""

ROI = (32, 32, 32)
LONG = (48, 32, 16)


@pytest.fixture(scope="module", params=[4, 15], ids=["scores", "features"])
def network(request) -> SwinXSeg:
    """A network with as many features as classes, or fewer: then backends return these."""
    torch.manual_seed(0)
    return SwinXSeg(out_channels=request.param, **SIZES).eval()


def logits_of(run: PartLogits, windows: torch.Tensor, part: WindowPart) -> torch.Tensor:
    found = run(windows, part)
    return found if run.output_layer is None else torch.stack([run.output_layer.logits(features) for features in found])


def part_at(*starts: int, margin: float):
    """The part of a window that begins there, in a volume of 96 voxels each way."""
    return window_part([slice(start, start + 32) for start in starts], (96, 96, 96), ROI, margin)


@pytest.mark.slow
@pytest.mark.parametrize("backend", [TorchBackend(), OpenVINOBackend()], ids=["torch", "openvino"])
def test_a_backend_computes_a_part_at_any_place_as_the_network_does(backend, network):
    run = backend(network, LONG)
    windows = torch.rand(2, 1, *LONG, generator=torch.Generator().manual_seed(1))
    size = [3 * side for side in LONG]
    with torch.no_grad():
        whole = network(windows)
    for places in ((1, 1, 1), (0, 1, 2), (2, 0, 0)):
        for margin in (0, 0.1, 0.1875, 0.25):
            extent = [slice(place * side, (place + 1) * side) for place, side in zip(places, LONG, strict=True)]
            part = window_part(extent, size, LONG, margin)
            with torch.no_grad():
                found = logits_of(run, windows, part)
            torch.testing.assert_close(found, whole[(..., *part.inside)], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("backend", [TorchBackend(), OpenVINOBackend()], ids=["torch", "openvino"])
def test_norms_over_the_window_are_those_of_the_whole_window(backend):
    torch.manual_seed(0)
    network = SwinXSeg(out_channels=4, norm="group", **SIZES).eval()
    windows = torch.rand(1, 1, *ROI) * torch.linspace(0, 1, ROI[0])[:, None, None]
    part = part_at(32, 0, 64, margin=0.25)
    with torch.no_grad():
        found = logits_of(backend(network, ROI), windows, part)
        torch.testing.assert_close(found, network(windows)[(..., *part.inside)], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_openvino_keeps_what_it_compiled_until_the_weights_change():
    torch.manual_seed(0)
    network = SwinXSeg(**SIZES).eval()
    backend = OpenVINOBackend()
    run = backend(network, ROI)
    assert backend(network, ROI) is run
    with torch.no_grad():
        network.out.conv.conv.bias[3] += 50
    part = part_at(0, 0, 0, margin=0)
    assert (logits_of(backend(network, ROI), torch.rand(1, 1, *ROI), part).argmax(dim=1) == 3).all()


class Shifted(torch.nn.Conv3d):
    """A convolution with a constant that is no weight."""

    shift = torch.linspace(0, 1, 8)

    def forward(self, image):
        """Add the constant."""
        return super().forward(image) + self.shift


def test_a_compiled_network_is_kept_for_the_next_process_and_these_weights(monkeypatch, tmp_path):
    """Conversions are counted: they are what takes the time."""
    monkeypatch.setenv("SWINX_CACHE", str(tmp_path / "cache"))
    openvino, converted = openvino_backend.import_openvino(), []
    convert = openvino.convert_model
    monkeypatch.setattr(openvino, "convert_model", lambda *a, **k: converted.append(1) or convert(*a, **k))
    torch.manual_seed(0)
    network = Shifted(1, 2, 3, padding=1).eval().requires_grad_(False)
    window = torch.rand(1, 1, 8, 8, 8)

    def found(shape=(1, 1, -1, -1, -1)):
        return openvino_backend._compile(network, False, [window], [shape])(window)

    torch.testing.assert_close(found(), network(window), rtol=1e-5, atol=1e-5)
    assert torch.equal(found(), found())
    assert len(converted) == 1
    (kept,) = (tmp_path / "cache").glob("openvino_*.bin")
    content = kept.read_bytes()
    for damaged in (b"", content[:-1], content[:-1] + bytes([content[-1] ^ 1])):
        kept.write_bytes(damaged)
        torch.testing.assert_close(found(), network(window), rtol=1e-5, atol=1e-5)
    assert len(converted) == 4, "what is damaged is made anew"
    found((1, 1, 8, 8, 8))
    network.bias += 1
    torch.testing.assert_close(found(), network(window), rtol=1e-5, atol=1e-5)
    assert len(converted) == 6
    network.shift = network.shift + 1
    torch.testing.assert_close(found(), network(window), rtol=1e-5, atol=1e-5)
    assert len(converted) == 7
    monkeypatch.setattr(kept_models, "_MOST_BYTES", 1)
    network.bias += 1
    found()
    assert not list((tmp_path / "cache").iterdir()), "no more than the limit"
    (tmp_path / "file").touch()
    for place in ("off", str(tmp_path / "file")):
        monkeypatch.setenv("SWINX_CACHE", place)
        torch.testing.assert_close(found(), network(window), rtol=1e-5, atol=1e-5)


def test_compiled_networks_are_kept_in_the_folder_of_caches_of_the_user(monkeypatch, tmp_path):
    monkeypatch.delenv("SWINX_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kept_models.cache_folder() == tmp_path / "swinx"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kept_models.cache_folder() == tmp_path / ".cache" / "swinx"


def test_each_name_is_a_backend():
    kinds = {name: type(choose_backend(name)) for name in BACKENDS}
    assert kinds == {
        "plain": type(None),
        "torch": TorchBackend,
        "openvino": OpenVINOBackend,
        "auto": OpenVINOBackend,
    }
    assert isinstance(choose_backend("auto", "cuda"), TorchBackend)


def test_without_openvino_auto_is_pytorch_and_says_why(monkeypatch, caplog):
    def missing():
        raise ExportError("OpenVINO is not installed")

    monkeypatch.setattr("swinx.inference.backends.openvino_backend.import_openvino", missing)
    caplog.set_level("INFO")
    assert isinstance(choose_backend("auto"), TorchBackend)
    assert "OpenVINO is not installed" in caplog.text
    with pytest.raises(ExportError, match="not installed"):
        choose_backend("openvino")


def test_names_and_devices_that_do_not_go_are_refused():
    with pytest.raises(ExportError, match="backend 'warp' is none of plain, torch, openvino, auto"):
        choose_backend("warp")
    with pytest.raises(ExportError, match="runs on the CPU, not on cuda:0; give --device cpu, or --backend torch"):
        choose_backend("openvino", "cuda:0")


@pytest.mark.slow
def test_bfloat16_computes_as_the_network_does_but_for_rounding(network):
    windows = torch.rand(1, 1, *ROI, generator=torch.Generator().manual_seed(2))
    part = part_at(32, 32, 32, margin=0.125)
    with torch.no_grad():
        whole = network(windows)[(..., *part.inside)]
    found = logits_of(OpenVINOBackend(bfloat16=True)(network, ROI), windows, part)
    assert found.dtype == torch.float32
    largest = float((found - whole).abs().max() / whole.abs().max())
    assert largest < 0.05
    assert found.argmax(dim=1).eq(whole.argmax(dim=1)).float().mean() > 0.9


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu amx_bf16 amx_tile", True), ("fpu avx512f avx512_bf16", True), ("fpu avx512f", False), (None, False)],
)
def test_instructions_for_bfloat16_are_found_where_linux_tells_them(flags, expected, tmp_path):
    told = tmp_path / "cpuinfo"
    if flags is not None:
        told.write_text(f"processor\t: 0\nmodel name\t: amx_bf16 of the name\nflags\t\t: {flags}\n")
    assert has_bfloat16_instructions(told) is expected


def test_bfloat16_is_automatic_where_the_cpu_is_made_for_it(monkeypatch):
    for made_for_it in (True, False):
        module = import_module("swinx.inference.backends.choose_backend")  # its function hides it as an attribute
        monkeypatch.setattr(module, "has_bfloat16_instructions", lambda made=made_for_it: made)
        assert choose_backend("openvino", bfloat16="auto").bfloat16 is made_for_it
        assert choose_backend("openvino").bfloat16 is False
    assert isinstance(choose_backend("auto", "cuda", "auto"), TorchBackend)
    assert choose_backend("plain", bfloat16="auto") is None


@pytest.mark.parametrize(("name", "device"), [("plain", "cpu"), ("torch", "cpu"), ("auto", "cuda:0")])
def test_bfloat16_without_openvino_is_refused(name, device):
    with pytest.raises(ExportError, match=f"bfloat16 is for OpenVINO on a CPU, not for backend '{name}' on {device}"):
        choose_backend(name, device, True)
    with pytest.raises(ExportError, match="bfloat16 must be true, false or auto, not 'half'"):
        choose_backend(name, device, "half")


SIGNALLED = """
import gc, os, signal
import torch
from swinx.inference import OpenVINOBackend
from swinx.networks import SwinXSeg

came = []
signal.signal(signal.SIGUSR1, lambda *_: came.append(1))
network = SwinXSeg(embed_dim=12, depths=(2,), num_heads=(1,), decoder_channels=4).eval()
first, second = OpenVINOBackend(), OpenVINOBackend()
first(network, (32, 32, 32))
second(network, (32, 32, 32))
del first
gc.collect()
del second
gc.collect()
os.kill(os.getpid(), signal.SIGUSR1)
print("came", len(came))
"""


@pytest.mark.slow
def test_a_signal_is_survived_after_networks_were_compiled_and_dropped():
    """Each compiled model brings a stack for signals along, and takes it away at its end, even if it is in use."""
    done = run_warm([sys.executable, "-c", SIGNALLED], ROOT, os.environ | {"OMP_NUM_THREADS": "1"})
    assert (done.returncode, done.stdout.strip()) == (0, "came 1"), done.stderr[-2000:]
