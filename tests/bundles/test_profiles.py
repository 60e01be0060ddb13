"""The profiles of inference: overlays that save time and memory, and limits that are kept."""

from __future__ import annotations

import json
import sys

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser

from support.bundles import CONFIGS, ROOT, SMALL, run, run_bundle, write_case
from support.geometry import oblique_affine
from swinx.errors import reason_of
from swinx.networks import SwinXSeg, save_weights

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """An oblique, anisotropic scan of more than one window along each axis."""
    folder = tmp_path_factory.mktemp("scan")
    image, _ = write_case(folder, "anna", 0, oblique_affine("LAI", spacing_mm=(4.0, 4.0, 5.0)))
    return image


def segment(trained, scan, out, *overlays: str, **settings):
    sizes = {name: value for name, value in SMALL.items() if name in inference()}
    places = {"dataset_dir": scan, "output_dir": out, "checkpoint": trained}
    return run_bundle("inference", ["inference", *overlays], **(sizes | places | settings))


def inference() -> dict:
    return json.loads((ROOT / CONFIGS / "inference.json").read_text())


def labels_in(folder):
    (path,) = folder.glob("anna*.nii.gz")
    return np.asanyarray(nib.load(path).dataobj)


@pytest.fixture(scope="module")
def standard(trained, scan, tmp_path_factory):
    out = tmp_path_factory.mktemp("standard")
    done = segment(trained, scan, out)
    assert done.returncode == 0, done.stderr[-3000:]
    return labels_in(out)


@pytest.fixture(scope="module")
def undecided(tmp_path_factory):
    """Weights of a network to which many classes are about as likely, so that labels change from voxel to voxel."""
    torch.manual_seed(0)
    sizes = {name: SMALL[name] for name in ("embed_dim", "num_heads", "decoder_channels")}
    network = SwinXSeg(**sizes).eval()
    with torch.no_grad():
        scores = network(torch.rand(1, 1, 64, 64, 64))
        network.out.conv.conv.bias -= scores.mean(dim=(0, 2, 3, 4))
    path = tmp_path_factory.mktemp("undecided") / "model.pt"
    save_weights(network, path)
    return path


def test_labels_are_those_of_monais_reference_pipeline(undecided, scan, tmp_path):
    """Windows of the whole crop, probabilities of all classes back on the scan's grid, then their argmax.

    Nothing is cropped: exactly one voxel beyond the crop, where zeros begin, rounding decides on MONAI's labels.
    """
    grid = {"pixdim": [3.7, 3.8, 4.1], "body_crop": False}
    sizes = {name: value for name, value in SMALL.items() if name in inference()} | grid
    words = [str(scan), str(tmp_path / "peer"), "--checkpoint", str(undecided), "--settings", json.dumps(sizes)]
    program = ROOT / "benchmarks" / "reference_pipeline.py"
    reference = run([sys.executable, str(program), *words])
    assert reference.returncode == 0, reference.stderr[-3000:]
    peer = labels_in(tmp_path / "peer")
    done = segment(undecided, scan, tmp_path / "ours", backend="auto", **grid)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(np.unique(peer)) > 5
    assert (labels_in(tmp_path / "ours") == peer).mean() >= 0.9999


@pytest.mark.parametrize("profile", ["fast", "lowmem"])
def test_a_profile_labels_trained_weights_as_the_standard(profile, trained, scan, standard, tmp_path):
    done = segment(trained, scan, tmp_path, profile)
    assert done.returncode == 0, done.stderr[-3000:]
    assert standard.any()
    assert (labels_in(tmp_path) == standard).mean() >= 0.999


def test_the_budget_is_estimated_logged_and_kept(trained, scan, tmp_path):
    done = segment(trained, scan, tmp_path, backend="auto", max_seconds=100, max_ram_mb=6000)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "MB of RAM predicted with overlap 0.5, margin 0, 1 windows at once" in done.stdout + done.stderr
    (record,) = json.loads((tmp_path / "cases.json").read_text())["done"]
    assert record["seconds"]["total"] < 100
    assert record["peak_memory"]["rss_mb"] < 6000
    tiling = record["windows"]
    assert tiling["backend"] == "openvino"
    assert tiling["limits"] == {"max_seconds": 100, "max_ram_mb": 6000}
    assert (tiling["overlap"], tiling["margin"], tiling["sw_batch_size"], tiling["half_logits"]) == (0.5, 0, 1, False)
    assert tiling["count"] == tiling["predicted"]["windows"] > 1
    assert record["seconds"]["total"] / 10 < tiling["predicted"]["seconds"] < 100
    assert 100 < tiling["predicted"]["ram_mb"] < 6000


def test_a_budget_that_cannot_be_kept_is_refused_and_the_case_named(trained, scan, tmp_path):
    done = segment(trained, scan, tmp_path, max_ram_mb=100)
    assert done.returncode == 1
    (failed,) = json.loads((tmp_path / "cases.json").read_text())["failed"]
    assert "anna" in failed["reason"]
    assert "are allowed or free" in failed["reason"], "the scan alone is too much"
    assert not (tmp_path / "anna.nii.gz").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backend": "warp"}, "backend 'warp' is none of plain, torch, openvino, auto"),
        ({"max_seconds": 0}, "max_seconds must be a number above 0, or null for no limit, not 0"),
        ({"max_seconds": True}, "max_seconds must be a number above 0, or null for no limit, not True"),
        ({"half_logits": "maybe"}, "half_logits must be true or false, not 'maybe'"),
        ({"skip_air": "no"}, "skip_air must be true or false, not 'no'"),
        ({"overlap": 1}, "overlap must be in [0, 1), not 1"),
        ({"overlap": "half"}, "overlap must be in [0, 1), not 'half'"),
        ({"margin": 0.3}, "margin must be from 0 to 0.25, half of the overlap, not 0.3"),
        ({"sw_batch_size": 0}, "sw_batch_size must be 1 or more, not 0"),
        ({"sw_batch_size": 1.5}, "sw_batch_size must be 1 or more, not 1.5"),
        ({"roi_size": 96}, "roi_size must be whole numbers above 0, one for each axis, not 96"),
        ({"roi_size": [96, 0, 96]}, "roi_size must be whole numbers above 0, one for each axis, not [96, 0, 96]"),
    ],
)
def test_wrong_settings_are_told_by_name(settings, message):
    parser = ConfigParser(inference())
    for name, value in {"bundle_root": str(ROOT / CONFIGS), **settings}.items():
        parser[name] = value
    with pytest.raises(RuntimeError, match="Failed to") as caught:
        parser.get_parsed_content("inferer")
    assert message in reason_of(caught.value)
