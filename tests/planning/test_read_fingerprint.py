"""Reading of a collection: what headers and voxels say, whatever the orientation, and without its bad cases."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from swinx.errors import DataListError
from swinx.labels import read_label_set
from swinx.planning import Machine, read_fingerprint

MACHINE = Machine(memory_mb=16000, cores=4)
LUNGS = read_label_set(
    {
        "labels": {"background": 0, "left lung lobe": 1, "right lung lobe": 2, "nodule": 3},
        "classes": {"nodule": {"inside": ["left lung lobe", "right lung lobe"]}},
    }
)
SPACING = (1.0, 2.0, 4.0)
SHAPE = (120, 60, 30)
BODY = (slice(20, 100), slice(10, 50), slice(0, 30))


def volumes(seed=0, scale=1.0):
    """A body of 80 x 80 x 120 mm in air, with lungs of 200 and 400 and a nodule of 600 in its classes' intensities."""
    rng = np.random.default_rng(seed)
    hu = np.full(SHAPE, -1000.0)
    hu[BODY] = 40.0
    label = np.zeros(SHAPE, dtype=np.uint8)
    for number, box, value in (
        (1, (slice(30, 50), slice(15, 45), slice(5, 25)), 200.0),
        (2, (slice(60, 80), slice(15, 45), slice(5, 25)), 400.0),
        (3, (slice(65, 71), slice(20, 24), slice(8, 10)), 600.0),
    ):
        label[box], hu[box] = number, value
    return (hu * scale + rng.normal(0, 2, SHAPE)).astype(np.float32), label


def oriented(array, axcodes, oblique=False):
    """The volume and its affine with the axes in another order and direction."""
    affine = np.diag([*SPACING, 1.0])
    image = nib.Nifti1Image(array, affine)
    ornt = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(axcodes))
    turned = image.as_reoriented(ornt)
    matrix = turned.affine.copy()
    if oblique:
        angle = np.deg2rad(12)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        matrix[:3] = turn @ matrix[:3]
    return np.asarray(turned.dataobj), matrix


def write_list(folder, cases, **sections):
    content = {"labels": {"background": 0, "left lung lobe": 1, "right lung lobe": 2, "nodule": 3}}
    (folder / "datalist.json").write_text(json.dumps(content | {"training": cases, **sections}))
    return folder / "datalist.json"


def write_case(folder, case, axcodes="RAS", oblique=False, suffix=".nii.gz", numbers=None, **how):
    hu, label = volumes(**how)
    if numbers:
        label = np.asarray(numbers, dtype=np.uint8)[label]
    for kind, array in (("image", hu), ("label", label)):
        turned, affine = oriented(array, axcodes, oblique)
        path = folder / f"{case}_{kind}{suffix}"
        if suffix == ".nii.gz":
            nib.save(nib.Nifti1Image(turned, affine), path)
            continue
        image = SimpleITK.GetImageFromArray(np.ascontiguousarray(turned.T))
        flip = np.diag([-1.0, -1.0, 1.0])
        sizes = np.linalg.norm(affine[:3, :3], axis=0)
        image.SetSpacing(sizes.tolist())
        image.SetDirection((flip @ affine[:3, :3] / sizes).ravel().tolist())
        image.SetOrigin((flip @ affine[:3, 3]).tolist())
        SimpleITK.WriteImage(image, str(path))
    return {"case": case, "image": f"{case}_image{suffix}", "label": f"{case}_label{suffix}"}


def read(path, **how):
    return read_fingerprint(path, how.pop("label_set", LUNGS), machine=MACHINE, progress=False, **how)


@pytest.mark.parametrize(
    ("axcodes", "oblique", "suffix"),
    [
        ("RAS", False, ".nii.gz"),
        ("LPS", True, ".nii.gz"),
        ("SAL", False, ".nii.gz"),
        ("PIR", True, ".nii.gz"),
        ("ASL", True, ".nrrd"),
    ],
)
def test_spacing_shape_body_and_extents_do_not_depend_on_the_order_of_axes(tmp_path, axcodes, oblique, suffix):
    found = read(write_list(tmp_path, [write_case(tmp_path, "a", axcodes, oblique, suffix)]))
    assert found.spacing_mm == pytest.approx(SPACING, rel=1e-4)
    assert found.shape == SHAPE
    assert found.body_mm == pytest.approx((100, 100, 120), abs=8)  # 80 mm and a margin of 10 on both sides
    assert found.extents_mm == pytest.approx({"left lung lobe": 20, "nodule": 6, "right lung lobe": 20}, rel=1e-3)
    assert found.smallest_class == ("nodule", pytest.approx(6, rel=1e-3))
    assert (found.num_classes, found.looks_like_hu) == (4, True)


def test_percentiles_are_of_the_voxels_inside_classes_alone(tmp_path):
    found = read(write_list(tmp_path, [write_case(tmp_path, "a")]))
    assert found.percentiles[0] == pytest.approx(200, abs=15)
    assert found.percentiles[3] == pytest.approx(400, abs=15)


def test_numbers_in_files_become_classes_of_the_set(tmp_path):
    gaps = read_label_set({"background": 0, "left lung lobe": 7, "right lung lobe": 40, "nodule": 200})
    case = write_case(tmp_path, "a", numbers=[0, 7, 40, 200])
    (tmp_path / "datalist.json").write_text(
        json.dumps(
            {"labels": {"background": 0, "left lung lobe": 7, "right lung lobe": 40, "nodule": 200}, "training": [case]}
        )
    )
    assert read(tmp_path / "datalist.json", label_set=gaps).extents_mm == pytest.approx(
        {"left lung lobe": 20, "nodule": 6, "right lung lobe": 20}, rel=1e-3
    )


def test_values_that_are_no_hu_are_seen(tmp_path):
    hu, label = volumes()
    affine = np.diag([*SPACING, 1.0])
    nib.save(nib.Nifti1Image((np.abs(hu) % 700).astype(np.int16), affine), tmp_path / "i.nii.gz")
    nib.save(nib.Nifti1Image(label, affine), tmp_path / "l.nii.gz")
    found = read(write_list(tmp_path, [{"case": "mr", "image": "i.nii.gz", "label": "l.nii.gz"}]))
    assert not found.looks_like_hu


def test_bad_cases_are_named_left_out_and_not_counted(tmp_path, caplog):
    good = [write_case(tmp_path, f"good{number}") for number in range(2)]
    other_grid = write_case(tmp_path, "shifted")
    hu, _ = volumes()
    nib.save(nib.Nifti1Image(hu[:-4], np.diag([*SPACING, 1.0])), tmp_path / other_grid["image"])
    (tmp_path / "torn_image.nii.gz").write_bytes(b"\x1f\x8b and no more")
    torn = write_case(tmp_path, "torn2") | {"case": "torn", "image": "torn_image.nii.gz"}
    absent = {"case": "absent", "image": "nowhere.nii.gz", "label": good[0]["label"]}
    unlabelled = {"case": "bare", "image": good[0]["image"]}
    with caplog.at_level(logging.WARNING):
        found = read(
            write_list(tmp_path, [*good, other_grid, torn, absent, unlabelled], unlabeled=[{"image": "u.nii.gz"}])
        )
    assert (found.labelled, found.unlabelled, len(found.spacings_mm)) == (2, 1, 2)
    for case in ("shifted", "torn", "absent", "bare"):
        assert any(line.startswith(f"{case}: ") for line in found.left_out), case
        assert any(record.getMessage().startswith(f"{case}: left out") for record in caplog.records), case


def test_a_list_whose_cases_are_all_bad_is_refused_by_name(tmp_path):
    listed = write_list(tmp_path, [{"case": "a", "image": "a.nii.gz", "label": "b.nii.gz"}])
    with pytest.raises(DataListError, match=r"datalist\.json: none of 1 labelled cases"):
        read(listed)


def test_labels_without_a_voxel_of_a_class_are_refused(tmp_path):
    case = write_case(tmp_path, "a", numbers=[0, 0, 0, 0])
    with pytest.raises(DataListError, match="no voxel of a class"):
        read(write_list(tmp_path, [case]))


def test_headers_are_read_of_all_cases_and_voxels_of_a_seeded_sample(tmp_path):
    cases = [write_case(tmp_path, f"c{number}", seed=number, scale=1 + number / 50) for number in range(5)]
    path = write_list(tmp_path, cases[:4], validation=cases[4:])
    few = [read(path, sample=2, seed=seed) for seed in (3, 3, 4)]
    assert (few[0].labelled, len(few[0].spacings_mm), len(few[0].bodies_mm)) == (5, 5, 2)
    assert few[0] == few[1] != few[2]
    assert few[0].patients == 5


def test_patients_are_counted_once(tmp_path):
    cases = [write_case(tmp_path, f"c{number}") | {"patient": "anna"} for number in range(2)]
    assert read(write_list(tmp_path, cases)).patients == 1


def test_the_machine_is_taken_as_given(tmp_path):
    path = write_list(tmp_path, [write_case(tmp_path, "a")])
    found = read_fingerprint(Path(path), LUNGS, machine=Machine(1234, 3, 8.0), progress=False)
    assert (found.memory_mb, found.cores, found.gpu_gb) == (1234, 3, 8.0)
