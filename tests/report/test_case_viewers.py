"""Cases in the viewer: as fine as the page allows, at their place in the world, with volumes and named classes."""

from __future__ import annotations

import base64
import gzip
import json
import re

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from support.geometry import oblique_affine
from swinx.labels import read_label_set
from swinx.metrics import score_columns
from swinx.report.case_viewers import view_cases
from swinx.report.case_voxels import CaseFiles
from swinx.report.viewer_volumes import GREY_STEP_HU, encode_volumes

HOSTILE = "</script><img src=x onerror=alert(1)>"
CLASSES = read_label_set({"background": 0, "a": 1, HOSTILE: 2})
SHAPE = (48, 40, 20)
LARGE = (96, 80, 40)


def decoded(text: str) -> nib.Nifti1Image:
    """Return the volume of a page."""
    return nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(text)))


def body(shape=SHAPE) -> np.ndarray:
    """Return noise in a box of tissue, in air."""
    hu = np.full(shape, -1000, np.int16)
    inner = tuple(slice(size // 6, size - size // 6) for size in shape)
    hu[inner] = np.random.default_rng(0).normal(40, 60, [side.stop - side.start for side in inner])
    return hu


@pytest.mark.parametrize("codes", ["LPS", "RAS", "PSR", "IAR"])
def test_volumes_keep_their_values_and_their_place_in_the_world(codes):
    affine = oblique_affine(codes)
    hu = body()
    label = np.zeros(SHAPE, np.uint8)
    label[20:24, 15:18, 9:12] = 2
    found = encode_volumes(hu, {"Reference": label}, affine)
    scan, drawn = decoded(found.scan), decoded(found.maps["Reference"])
    assert not found.is_coarser
    assert scan.get_data_dtype() == drawn.get_data_dtype() == np.uint8
    assert np.allclose(scan.affine, drawn.affine)
    assert "".join(nib.aff2axcodes(scan.affine)) == "RAS"
    index = np.argwhere(np.asarray(drawn.dataobj) == 2)
    expected = np.argwhere(label == 2) @ affine[:3, :3].T + affine[:3, 3]
    there = index @ drawn.affine[:3, :3].T + drawn.affine[:3, 3]
    assert np.allclose(np.sort(there.round(2), axis=0), np.sort(expected.round(2), axis=0), atol=0.02)
    back = np.rint((expected - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T).astype(int)
    nearest = np.rint((expected - scan.affine[:3, 3]) @ np.linalg.inv(scan.affine[:3, :3]).T).astype(int)
    shown = scan.get_fdata()[tuple(nearest.T)]
    assert np.abs(shown - hu[tuple(back.T)]).max() <= GREY_STEP_HU / 2 + 0.01


def test_air_around_the_body_is_cut_off_but_no_label():
    affine = np.diag([-4.0, 4.0, 5.0, 1.0])
    label = np.zeros(SHAPE, np.uint8)
    small = decoded(encode_volumes(body(), {"Reference": label}, affine).scan)
    assert np.prod(small.shape) < 0.75 * np.prod(SHAPE)
    label[0, 0, 0] = 1  # in the air
    whole = decoded(encode_volumes(body(), {"Reference": label}, affine).maps["Reference"])
    assert whole.get_fdata().sum() == 1


def test_a_scan_without_a_body_is_shown_as_it_is():
    found = encode_volumes(np.full(SHAPE, -1000, np.int16), {}, np.eye(4))
    assert decoded(found.scan).shape == SHAPE


@pytest.mark.parametrize("limit", [60_000, 20_000, 4_000])
def test_a_case_is_made_coarser_until_it_fits_the_finest_axes_first(limit):
    affine = np.diag([-1.0, -1.0, 3.0, 1.0])
    shape = (80, 70, 30)
    label = np.zeros(shape, np.uint8)
    label[30:60, 20:50, 10:20] = 1
    found = encode_volumes(body(shape), {"Reference": label}, affine, limit)
    assert limit / 4 < found.size <= limit
    assert found.is_coarser
    assert found.spacing_mm[2] == pytest.approx(3.0, rel=0.1) or min(found.spacing_mm) > 2.5
    drawn = decoded(found.maps["Reference"])
    voxel_ml = np.prod(nib.affines.voxel_sizes(drawn.affine)) / 1000
    assert (np.asarray(drawn.dataobj) == 1).sum() * voxel_ml == pytest.approx(27.0, rel=0.35)
    centre = drawn.affine[:3, :3] @ np.argwhere(np.asarray(drawn.dataobj)).mean(axis=0) + drawn.affine[:3, 3]
    truth = affine[:3, :3] @ np.argwhere(label).mean(axis=0)
    assert np.abs(centre - truth).max() < max(found.spacing_mm)


def test_a_limit_below_any_volume_is_told():
    with pytest.raises(ValueError, match="too few"):
        encode_volumes(body(), {}, np.eye(4), 50)


@pytest.fixture
def cases(tmp_path):
    """Five cases whose last class has a hostile name, with their scores."""
    affine = oblique_affine("LPS")
    for folder in ("images", "labels", "out"):
        (tmp_path / folder).mkdir()
    names = [f"c{number}" for number in range(5)]
    for number, case in enumerate(names):
        label = np.zeros(LARGE, np.uint8)
        label[20:26, 15:20, 8:12], label[20:26, 20:22, 8:12] = 1, 2
        guess = np.where(label == 2, 0, label) if number == 0 else label
        for folder, array in (("images", body(LARGE)), ("labels", label), ("out", guess)):
            name = f"{case}_0000.nii.gz" if folder == "images" else f"{case}.nii.gz"
            nib.save(nib.Nifti1Image(array, affine), tmp_path / folder / name)
    scores = np.linspace(0.1, 0.9, 5)[:, None].repeat(4, axis=1)
    table = pd.DataFrame(scores, index=pd.Index(names, name="case"), columns=list(score_columns(CLASSES)))
    files = CaseFiles(tmp_path / "images", "validation", tmp_path / "labels", tmp_path / "out", CLASSES)
    return table, files


def contents(viewers) -> list[dict]:
    found = re.findall(r'<script type="application/json" class="case" data-case="[^"]*">(.*?)</script>', viewers.data)
    return [json.loads(text) for text in found]


def test_the_best_and_the_worst_are_there_with_volumes_scores_and_a_place_in_each_class(cases):
    faults: list[str] = []
    viewers = view_cases(*cases, count=1, max_slices=3, faults=faults)
    assert faults == []
    worst, best = contents(viewers)
    assert viewers.opened == {"c0": 0, "c4": 1}
    assert "the 2 best and worst are in the viewer" in viewers.html
    assert [facts["id"] for facts in worst["classes"]] == [1, 2]
    voxel_ml = 1.6 * 1.8 * 2.5 / 1000
    assert worst["classes"][1]["ml"] == {"Reference": pytest.approx(48 * voxel_ml, abs=1e-3), "Prediction": 0.0}
    assert best["classes"][0]["dsc"] == 0.9
    for facts in best["classes"]:
        drawn = decoded(best["maps"]["Reference"])
        index = np.rint(np.linalg.inv(drawn.affine) @ [*facts["at"], 1])[:3].astype(int)
        assert np.asarray(drawn.dataobj)[tuple(index)] == facts["id"]


def test_names_of_classes_cannot_leave_their_data(cases):
    viewers = view_cases(*cases, count=1, max_slices=3, faults=[])
    assert "<img" not in viewers.data.replace("<script", "")
    assert viewers.data.count("</script>") == 3
    (classes,) = re.findall(r'id="classes">(.*?)</script>', viewers.data)
    assert json.loads(classes)[1]["name"] == HOSTILE


def test_no_case_is_larger_than_its_limit_and_the_page_says_what_is_coarser(cases):
    fine = view_cases(*cases, count=9, max_slices=3, faults=[])
    size = max(len(json.dumps(content)) for content in contents(fine))
    assert len(fine.opened) == 5
    coarse = view_cases(*cases, count=9, max_slices=3, faults=[], case_limit=size // 2)
    assert len(coarse.opened) == 5
    assert all(len(json.dumps(content)) <= size // 2 for content in contents(coarse))
    assert all("coarser than the scan's 1.6 x 1.8 x 2.5 mm" in content["note"] for content in contents(coarse))
    assert all("as the scan" in content["note"] for content in contents(fine))


def test_a_page_that_would_be_too_large_has_coarser_cases_then_fewer_and_names_those_left_out(cases, monkeypatch):
    fine = view_cases(*cases, count=9, max_slices=1, faults=[])
    limit = len(fine.data) // 2
    monkeypatch.setattr("swinx.report.case_viewers._LEAST", 1)
    coarse = view_cases(*cases, count=9, max_slices=1, faults=[], limit=limit)
    assert len(coarse.opened) == 5
    assert len(coarse.data) <= limit
    monkeypatch.setattr("swinx.report.case_viewers._LEAST", limit // 3)
    fewer = view_cases(*cases, count=9, max_slices=1, faults=[], limit=limit)
    left_out = sorted(set(coarse.opened) - set(fewer.opened))
    assert 0 < len(left_out) < 5
    assert len(fewer.data) <= limit
    assert f"{len(left_out)} cases are not shown, since the page would have more than" in fewer.html
    assert all(case in fewer.html for case in left_out)
