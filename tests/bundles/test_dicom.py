"""The overlay inference_dicom.json: a DICOM series in, a DICOM Segmentation out, beside the NIfTI."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch

from support.bundles import SMALL, run_bundle, spheres, write_case
from support.ct_series import series_uid, write_ct_series
from support.dicom_seg import read_by_highdicom, read_by_pydicom
from support.geometry import oblique_affine
from swinx.networks import SwinXSeg

pytestmark = pytest.mark.slow

AFFINE = oblique_affine("LAI", spacing_mm=(4.0, 4.0, 5.0))


@pytest.fixture
def checkpoint(tmp_path):
    """Weights as they are before training, with a bias under which they find all kinds of classes."""
    torch.manual_seed(0)
    sizes = {name: SMALL[name] for name in ("embed_dim", "num_heads", "decoder_channels")}
    network = SwinXSeg(in_channels=1, out_channels=15, **sizes).eval()
    weights = network.state_dict()
    with torch.no_grad():
        weights["out.conv.conv.bias"] -= network(torch.rand(1, 1, 32, 32, 32)).mean((0, 2, 3, 4))
    torch.save({"model": weights}, tmp_path / "model.pt")
    return tmp_path / "model.pt"


def segment(checkpoint, places, out, **settings):
    return run_bundle(
        "inference",
        ["inference", "inference_dicom"],
        dataset_dir=[str(place) for place in places],
        output_dir=out,
        checkpoint=checkpoint,
        **(SMALL | settings),
    )


@pytest.mark.parametrize("seg_type", ["BINARY", "LABELMAP"])
def test_the_segmentation_is_the_nifti_in_patient_coordinates(checkpoint, tmp_path, seg_type):
    for series in (1, 2):
        place = write_ct_series(tmp_path / "anna", spheres(series)[0].clip(-1024), AFFINE, series=series)
    finished = segment(checkpoint, [place], tmp_path / "out", series=series_uid(2), seg_type=seg_type)
    assert finished.returncode == 0, finished.stderr[-3000:]
    labels = nib.load(tmp_path / "out" / "anna.nii.gz")
    expected = np.asarray(labels.dataobj)
    assert len(np.unique(expected)) > 2, "the test needs several classes"
    for reader in (read_by_highdicom, read_by_pydicom):
        np.testing.assert_array_equal(reader(tmp_path / "out" / "anna.dcm", labels.affine, labels.shape), expected)
    seg = pydicom.dcmread(tmp_path / "out" / "anna.dcm")
    assert seg.SegmentationType == seg_type
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == series_uid(2)
    assert seg.SegmentSequence[-1].SegmentAlgorithmName == "swinx_seg"


def test_a_segmentation_that_cannot_be_written_costs_neither_the_nifti_nor_the_record(checkpoint, tmp_path):
    """A folder as inference_dicom.json leaves it, which is read as scans again, with a NIfTI and a series."""
    scans, out = tmp_path / "scans", tmp_path / "scans" / "out"
    image, _ = write_case(scans, "bert", 0, AFFINE)
    write_ct_series(scans / "anna", spheres(1)[0].clip(-1024), AFFINE)
    out.mkdir()
    stray = write_ct_series(out / "old", spheres(2)[0].clip(-1024), AFFINE, series=2)
    for _ in range(2):  # the second run finds what the first one left
        finished = segment(checkpoint, [scans], out)
        assert finished.returncode == 1
        summary = json.loads((out / "cases.json").read_text())
        assert [record["case"] for record in summary["done"]] == ["anna", "bert"]
        assert summary["failed"] == []
        (lack,) = summary["incomplete"]
        assert lack["case"] == "bert"
        assert "no DICOM Segmentation: " in lack["reason"]
        assert json.loads((out / "bert.json").read_text())["warnings"][-1] == lack["reason"]
        assert lack["reason"] not in json.loads((out / "anna.json").read_text()).get("warnings", [])
        assert {path.name for path in out.iterdir() if path.suffix in (".gz", ".dcm")} == {
            *("anna.nii.gz", "bert.nii.gz", "anna.dcm")
        }
        log = (out / "inference.log").read_text()
        assert log.index("bert: there will be no DICOM Segmentation: ") < log.index("[1/2] anna")
        assert f"incomplete: bert: {lack['reason']}" in log
        assert ": 2 (1 NIfTI, 1 DICOM series); skipped 2: labels (a folder of labels), out (the " in log
    assert stray.is_dir()
    assert image.is_file()
