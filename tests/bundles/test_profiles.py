"""The profiles of inference: overlays that save time and memory, and limits that are kept."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
from monai.bundle import ConfigParser

from support.bundles import CONFIGS, ROOT, SMALL, run_bundle, write_case
from support.geometry import oblique_affine
from swinx.errors import reason_of

pytestmark = pytest.mark.slow

PROFILES = ["exact", "fast", "lowmem"]


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """An oblique, anisotropic scan of more than one window along each axis."""
    folder = tmp_path_factory.mktemp("scan")
    image, _ = write_case(folder, "anna", 0, oblique_affine("LAI", spacing_mm=(4.0, 4.0, 5.0)))
    return image


def segment(trained, scan, out, *overlays: str, **knobs):
    sizes = {name: value for name, value in SMALL.items() if name in inference()}
    places = {"dataset_dir": scan, "output_dir": out, "checkpoint": trained}
    return run_bundle("inference", ["inference", *overlays], **(sizes | places | knobs))


def inference() -> dict:
    return json.loads((ROOT / CONFIGS / "inference.json").read_text())


def labels_in(folder):
    return np.asanyarray(nib.load(folder / "anna.nii.gz").dataobj)


@pytest.fixture(scope="module")
def ordinary(trained, scan, tmp_path_factory):
    out = tmp_path_factory.mktemp("ordinary")
    done = segment(trained, scan, out)
    assert done.returncode == 0, done.stderr[-3000:]
    return labels_in(out)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_labels_as_the_ordinary_inference(profile, trained, scan, ordinary, tmp_path):
    done = segment(trained, scan, tmp_path, profile)
    assert done.returncode == 0, done.stderr[-3000:]
    assert ordinary.any()
    assert (labels_in(tmp_path) == ordinary).mean() >= (0.9995 if profile == "exact" else 0.999)


def test_the_budget_is_planned_said_and_kept(trained, scan, tmp_path):
    done = segment(trained, scan, tmp_path, "exact", max_seconds=100, max_ram_mb=6000)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "MB of RAM predicted with overlap 0.5, margin 0.125" in done.stdout + done.stderr
    (record,) = json.loads((tmp_path / "cases.json").read_text())["done"]
    assert record["seconds"]["total"] < 100
    assert record["peak_memory"]["rss_mb"] < 6000


def test_a_budget_that_cannot_be_kept_is_refused_and_the_case_named(trained, scan, tmp_path):
    done = segment(trained, scan, tmp_path, max_ram_mb=100)
    assert done.returncode == 1
    (failed,) = json.loads((tmp_path / "cases.json").read_text())["failed"]
    assert "anna" in failed["reason"]
    assert "over the budget: max_ram_mb 100 (needs about" in failed["reason"]
    assert not (tmp_path / "anna.nii.gz").exists()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"engine": "warp"}, "engine 'warp' is none of plain, torch, openvino, auto"),
        ({"max_seconds": 0}, "max_seconds must be a number above 0, or null for no limit, not 0"),
    ],
)
@pytest.mark.parametrize("config", ["inference", "evaluate"])
def test_wrong_settings_are_told_by_name(config, knobs, message):
    parser = ConfigParser(json.loads((ROOT / CONFIGS / f"{config}.json").read_text()))
    for name, value in {"bundle_root": str(ROOT / CONFIGS), **knobs}.items():
        parser[name] = value
    with pytest.raises(RuntimeError, match="Failed to") as caught:
        parser.get_parsed_content("inferer")
    assert message in reason_of(caught.value)
