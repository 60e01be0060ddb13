"""What a format's file says is what the network says; a file that says something else is not kept."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from support.exports import WINDOW, Noisy, Pointwise, small_network
from swinx.errors import ExportError
from swinx.export import FORMATS, export_network, measure_agreement, probe_windows
from swinx.inference import OpenVINONetwork
from swinx.tracking import artefact_hash, read_sidecar


@pytest.mark.slow
@pytest.mark.parametrize("to", ["torchscript", "torch_export", "onnx", "openvino"])
def test_the_file_agrees_with_the_network_for_any_batch(to, tmp_path):
    network, out = small_network(), tmp_path / f"model{FORMATS[to].suffix}"
    agreement = export_network(network, WINDOW, to, out, tolerance=1e-5, facts={"bundle": "b"})
    assert agreement.max_difference <= 1e-5 < agreement.largest_score
    assert agreement.same_labels >= 0.9999
    image = torch.rand(3, *WINDOW, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(FORMATS[to].load(out)(image), network(image), rtol=0, atol=1e-5)
    record = read_sidecar(out)
    assert record["sha256"] == artefact_hash(out)
    assert (record["format"], record["window"], record["bundle"]) == (to, list(WINDOW), "b")
    assert record["max_difference"] == agreement.max_difference
    companions = {out.with_suffix(".bin").name} if to == "openvino" else set()
    assert {path.name for path in tmp_path.iterdir()} == {out.name, f"{out.name}.json"} | companions


def test_torchscript_refuses_windows_it_was_not_exported_for(tmp_path):
    export_network(Pointwise(), WINDOW, "torchscript", tmp_path / "model.ts")
    saved = FORMATS["torchscript"].load(tmp_path / "model.ts")
    assert saved(torch.rand(2, *WINDOW)).shape == (2, 15, 32, 32, 32)
    with pytest.raises(torch.jit.Error, match=r"was exported for windows of \[1, 32, 32, 32\]"):
        saved(torch.rand(1, 1, 64, 32, 32))


@pytest.mark.parametrize(("size", "found"), [(1.0, "max difference"), (1e-6, "same class in [0-9]{2}")])
def test_a_file_that_differs_is_not_kept_and_an_earlier_one_is(size, found, tmp_path):
    out = tmp_path / "model.ts"
    out.write_text("earlier")
    with pytest.raises(ExportError, match=rf"model.ts: differs from PyTorch: .*{found}.* nothing was written"):
        export_network(Noisy(size), WINDOW, "torchscript", out)
    assert out.read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["model.ts"]


def test_a_network_that_an_exporter_cannot_follow_is_an_error_and_leaves_nothing(tmp_path):
    class Deciding(nn.Module):
        def forward(self, image):
            return image if image.mean() > 0 else -image

    with pytest.raises(ExportError, match=r"model.pt2: cannot be exported to torch_export: \w+"):
        export_network(Deciding(), WINDOW, "torch_export", tmp_path / "model.pt2")
    assert not list(tmp_path.iterdir())


def test_a_failed_export_makes_no_folder_and_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ExportError, match="differs from PyTorch"):
        export_network(Noisy(1.0), WINDOW, "torchscript", tmp_path / "new" / "model.ts")
    assert not list(tmp_path.iterdir())
    with pytest.raises(OSError, match=r"cannot write /proc/x/model\.ts: .*; choose another output folder"):
        export_network(Pointwise(), WINDOW, "torchscript", "/proc/x/model.ts")


@pytest.mark.parametrize(
    ("to", "name", "tolerance", "message"),
    [
        ("onyx", "model.onnx", 1e-3, "cannot export to 'onyx'; known are torchscript, onnx"),
        ("onnx", "model.xml", 1e-3, "model.xml: the name of a file for onnx must end in .onnx"),
        ("onnx", "model.onnx", 0.0, "tolerance 0.0 must be a number above 0"),
        ("onnx", "model.onnx", float("nan"), "tolerance nan must be a number above 0"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(to, name, tolerance, message, tmp_path):
    with pytest.raises(ExportError, match=message):
        export_network(Pointwise(), WINDOW, to, tmp_path / name, tolerance)


@pytest.mark.parametrize(("to", "package"), [("onnx", "onnxscript"), ("openvino", "openvino")])
def test_a_missing_package_is_named_with_its_installation(to, package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ExportError, match=rf"{package}.*: pip install [-a-z ]+$"):
        export_network(Pointwise(), WINDOW, to, tmp_path / f"model{FORMATS[to].suffix}")
    assert not list(tmp_path.iterdir())


def test_scores_that_are_no_numbers_are_refused():
    inputs = probe_windows((1, 8, 8, 8))
    with pytest.raises(ExportError, match="the exported network gives NaN"):
        measure_agreement(Pointwise(), lambda image: Pointwise()(image) / 0 * 0, inputs)
    with pytest.raises(ExportError, match=r"gives \(1, 2, 8, 8, 8\) for .*, PyTorch \(1, 15, 8, 8, 8\)"):
        measure_agreement(Pointwise(), Pointwise(2), inputs)


def test_the_inputs_are_repeatable_differ_and_look_like_preprocessed_ct():
    first, again = probe_windows((2, 16, 24, 32)), probe_windows((2, 16, 24, 32))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert [tuple(image.shape) for image in first] == [(1, 2, 16, 24, 32)] * 3 + [(2, 2, 16, 24, 32)]
    assert all(image.min() >= 0 and image.max() <= 1 for image in first)
    smooth = first[1]
    assert smooth.min() == 0
    assert smooth[smooth > 0].unique().numel() > 100


@pytest.fixture(scope="module")
def openvino_file(tmp_path_factory):
    """A file that takes 1 x 32 x 32 x 32 and returns 15 classes."""
    out = tmp_path_factory.mktemp("openvino") / "model.xml"
    export_network(Pointwise(), WINDOW, "openvino", out)
    return out


def test_openvino_is_kept_from_reporting_its_use(openvino_file):
    assert OpenVINONetwork(openvino_file)
    assert sys.modules["openvino.tools.ovc.telemetry_utils"].tm.__name__ == "openvino.tools.ovc.telemetry_stub"


def test_a_network_for_other_windows_or_classes_is_refused(openvino_file):
    assert OpenVINONetwork(openvino_file, roi_size=(32, 32, 32))(torch.rand(2, *WINDOW)).shape == (2, 15, 32, 32, 32)
    with pytest.raises(ExportError, match=r"model.xml: was exported for windows of 1 x 32 .* 1 x 64 x 32 x 32;"):
        OpenVINONetwork(openvino_file, roi_size=(64, 32, 32))
    with pytest.raises(ExportError, match=r"model.xml: was exported for .* this workflow's are 2 x 32 x 32 x 32"):
        OpenVINONetwork(openvino_file, roi_size=(32, 32, 32), in_channels=2)
    with pytest.raises(ExportError, match=r"model.xml: returns 15 x 32 x 32 x 32 .* needs 4 x 32 x 32 x 32"):
        OpenVINONetwork(openvino_file, roi_size=(32, 32, 32), out_channels=4)


def test_a_file_that_openvino_cannot_read_is_refused_by_name(openvino_file, tmp_path):
    (tmp_path / "foreign.xml").write_text("no model")
    torch.save({"model": torch.zeros(1)}, tmp_path / "weights.pt")
    (tmp_path / "alone.xml").write_bytes(openvino_file.read_bytes())
    for name in ("foreign.xml", "weights.pt", "alone.xml"):
        with pytest.raises(ExportError, match=rf"{name}: not a network that OpenVINO can read \(.+\); write it with"):
            OpenVINONetwork(tmp_path / name, roi_size=(32, 32, 32))


def test_a_missing_file_is_refused_with_the_way_to_make_it(tmp_path):
    with pytest.raises(ExportError, match=r"model.xml: no such file; write it with swinx export --to"):
        OpenVINONetwork(tmp_path / "model.xml", roi_size=(32, 32, 32))
