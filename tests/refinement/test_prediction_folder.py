"""PredictionFolderTeacher: what others predicted, on the grid of the scan or not at all."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import torch

from support.geometry import oblique_affine
from swinx.errors import CaseError, TeacherError
from swinx.labels import read_label_set
from swinx.refinement import PredictionFolderTeacher, Teacher


def write(path: Path, labels: np.ndarray, affine: np.ndarray) -> Path:
    path.parent.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(labels, affine), path)
    return path


def draw(scan, ids=(0, 1, 3, 14)) -> np.ndarray:
    return np.random.default_rng(1).choice(ids, scan.shape[1:]).astype(np.uint8)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "predictions"


def test_a_prediction_on_the_grid_of_the_scan_is_returned_as_it_is(scan, folder):
    labels = draw(scan)
    write(folder / "anna.nii.gz", labels, scan.affine.numpy())
    teacher = PredictionFolderTeacher(folder)
    prediction = teacher.predict("anna", scan)
    assert isinstance(teacher, Teacher)
    np.testing.assert_array_equal(prediction.labels[0], labels)
    assert (prediction.labels.dtype, prediction.notes, teacher.classes) == (torch.uint8, [], tuple(range(1, 15)))


def test_ids_of_totalsegmentator_become_those_of_flare(scan, folder):
    labels = draw(scan, (0, 1, 2, 5, 90, 117))
    write(folder / "anna.nii.gz", labels, scan.affine.numpy())
    teacher = PredictionFolderTeacher(folder, "totalsegmentator")
    expected = np.select([labels == 1, labels == 2, labels == 5], [3, 2, 1])
    np.testing.assert_array_equal(teacher.predict("anna", scan).labels[0], expected)
    assert teacher.classes == tuple(range(1, 14))


def test_a_given_map_reads_ids_beyond_a_byte(scan, folder):
    labels = draw(scan, (0, 1)).astype(np.int16) * 500
    write(folder / "anna.nii.gz", labels, scan.affine.numpy())
    teacher = PredictionFolderTeacher(folder, {500: "spleen"}, name="elsewhere")
    np.testing.assert_array_equal(teacher.predict("anna", scan).labels[0], labels // 500 * 3)
    assert (teacher.classes, teacher.name) == ((3,), "elsewhere")


OWN = read_label_set({"background": 0, "liver": 1, "left lung": 6, "right lung": 200})
"""Ids 1, 2 and 3."""


def test_numbers_of_an_own_label_set_become_its_ids(scan, folder):
    labels = draw(scan, OWN.values)
    write(folder / "anna.nii.gz", labels, scan.affine.numpy())
    teacher = PredictionFolderTeacher(folder, label_set=OWN)
    expected = np.select([labels == value for value in OWN.values], range(4))
    np.testing.assert_array_equal(teacher.predict("anna", scan).labels[0], expected)
    assert teacher.classes == (1, 2, 3)


def test_several_classes_of_a_teacher_become_one_and_it_knows_no_others(scan, folder):
    labels = draw(scan, (0, 5, 10, 11, 60))
    write(folder / "anna.nii.gz", labels, scan.affine.numpy())
    given = {5: 1, "10": "left lung", 11: "Lung, left", 60: "unknown"}
    teacher = PredictionFolderTeacher(folder, given, label_set=OWN)
    expected = np.select([labels == 5, labels == 60, labels > 0], [1, 255, 2])
    np.testing.assert_array_equal(teacher.predict("anna", scan).labels[0], expected)
    assert teacher.classes == (1, 2)


def test_the_numbers_of_another_label_set_mean_its_classes_by_name(scan, folder):
    labels = draw(scan, (0, 5, 6, 117))
    write(folder / "anna.nii.gz", labels, scan.affine.numpy())
    teacher = PredictionFolderTeacher(folder, "totalsegmentator", label_set=OWN)
    np.testing.assert_array_equal(teacher.predict("anna", scan).labels[0], (labels == 5).astype(int))
    assert teacher.classes == (1,)
    with pytest.raises(
        TeacherError, match=r"predictions: 'heart' is no class of the label set; it has 1 liver, 6 left"
    ):
        PredictionFolderTeacher(folder, {5: "heart"}, label_set=OWN)


def test_unknown_voxels_of_a_teacher_that_does_not_speak_of_them_are_named(scan, folder):
    write(folder / "anna.nii.gz", draw(scan, (0, 1, 255)), scan.affine.numpy())
    with pytest.raises(CaseError, match=r"label ids \[255\] are not in the label map"):
        PredictionFolderTeacher(folder, label_set=OWN).predict("anna", scan)


def test_a_map_that_is_background_everywhere_is_a_prediction_too(scan, folder):
    write(folder / "anna.nii.gz", np.zeros(scan.shape[1:], dtype=np.uint8), scan.affine.numpy())
    assert not PredictionFolderTeacher(folder).predict("anna", scan).labels.any()


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha"])
def test_other_kinds_of_volume_are_found(scan, folder, suffix):
    source = write(folder / "anna.nii", draw(scan), scan.affine.numpy())
    expected = PredictionFolderTeacher(folder).predict("anna", scan)
    if suffix != ".nii":
        SimpleITK.WriteImage(SimpleITK.ReadImage(str(source)), str(folder / f"anna{suffix}"))
        source.unlink()
    assert torch.equal(PredictionFolderTeacher(folder).predict("anna", scan).labels, expected.labels)


def test_a_prediction_with_its_axes_in_another_order_comes_back_in_the_scans(scan, folder):
    labels, affine = draw(scan), scan.affine.numpy()
    turned = labels.transpose(1, 2, 0)[:, :, ::-1]  # index (j, k, last - i)
    to_scan = np.array([[0, 0, -1, labels.shape[0] - 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    write(folder / "anna.nii.gz", np.ascontiguousarray(turned), affine @ to_scan)
    prediction = PredictionFolderTeacher(folder).predict("anna", scan)
    np.testing.assert_array_equal(prediction.labels[0], labels)
    assert "carried to the nearest voxel from another grid" in prediction.notes[0]


def test_a_turned_prediction_that_covers_the_scan_is_carried_over(scan, folder):
    affine = oblique_affine("RAS", (1.0, 1.0, 1.0), degrees=25.0)
    centre = (scan.affine.numpy() @ [*(np.array(scan.shape[1:]) / 2), 1])[:3]
    affine[:3, 3] = centre - affine[:3, :3] @ np.full(3, 35)
    labels = np.full((70, 70, 70), 9, dtype=np.uint8)
    write(folder / "anna.nii.gz", labels, affine)
    prediction = PredictionFolderTeacher(folder).predict("anna", scan)
    assert prediction.labels.unique().tolist() == [9]
    assert prediction.labels.shape == scan.shape


def test_less_than_a_voxel_of_overhang_is_rounding_and_more_is_refused(scan, folder):
    labels, affine = draw(scan), scan.affine.numpy()
    write(folder / "anna.nii.gz", labels[..., :-1], affine)
    assert not PredictionFolderTeacher(folder).predict("anna", scan).labels[..., -1].any()
    write(folder / "anna.nii.gz", labels[..., :-2], affine)
    with pytest.raises(CaseError, match=r"anna\.nii\.gz: the scan of case anna reaches 1\.5 voxels beyond"):
        PredictionFolderTeacher(folder).predict("anna", scan)


def test_a_case_without_a_prediction_is_named(scan, folder):
    write(folder / "bert.nii.gz", draw(scan), scan.affine.numpy())
    with pytest.raises(CaseError, match=r"^anna: no prediction anna\.nii\.gz .* in .*predictions"):
        PredictionFolderTeacher(folder).predict("anna", scan)


def test_ids_that_the_map_does_not_know_are_named(scan, folder):
    write(folder / "anna.nii.gz", draw(scan, (0, 15, 118)), scan.affine.numpy())
    with pytest.raises(CaseError, match=r"label ids \[15, 118\] are not in the label map 'flare23'"):
        PredictionFolderTeacher(folder).predict("anna", scan)
    with pytest.raises(CaseError, match=r"label ids \[118\] are not in the label map 'totalsegmentator'"):
        PredictionFolderTeacher(folder, "totalsegmentator").predict("anna", scan)


def test_probabilities_are_no_prediction(scan, folder):
    write(folder / "anna.nii.gz", np.full(scan.shape[1:], 0.5, dtype=np.float32), scan.affine.numpy())
    with pytest.raises(CaseError, match="not integers"):
        PredictionFolderTeacher(folder).predict("anna", scan)


def test_two_files_for_one_case_are_refused(scan, folder):
    write(folder / "anna.nii.gz", draw(scan), scan.affine.numpy())
    write(folder / "anna_0000.nii", draw(scan), scan.affine.numpy())
    with pytest.raises(TeacherError, match="both predictions of case 'anna'"):
        PredictionFolderTeacher(folder)


def test_a_folder_without_predictions_is_refused(tmp_path):
    with pytest.raises(TeacherError, match="no such folder"):
        PredictionFolderTeacher(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(TeacherError, match="holds no predictions"):
        PredictionFolderTeacher(tmp_path)


def test_a_tensor_without_a_grid_is_refused(scan, folder):
    write(folder / "anna.nii.gz", draw(scan), scan.affine.numpy())
    with pytest.raises(CaseError, match="anna: the scan has no affine"):
        PredictionFolderTeacher(folder).predict("anna", scan.as_tensor())


def test_the_fingerprint_follows_contents_and_map_and_not_the_place(scan, folder):
    path = write(folder / "anna.nii.gz", draw(scan), scan.affine.numpy())
    first = PredictionFolderTeacher(folder).fingerprint
    assert PredictionFolderTeacher(folder, {1: 1}).fingerprint != first
    moved = folder.rename(folder.with_name("moved"))
    assert PredictionFolderTeacher(moved).fingerprint == first
    write(moved / path.name, draw(scan, (0, 2)), scan.affine.numpy())
    assert PredictionFolderTeacher(moved).fingerprint != first
