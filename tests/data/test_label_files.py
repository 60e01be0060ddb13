"""read_label and LoadLabeld: every form of a label gives the class ids at their places."""

from __future__ import annotations

import logging

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.transforms import LoadImaged

from support.geometry import oblique_affine
from swinx.data import CTReader, LoadLabeld, label_path, masks_found, read_label, read_volume
from swinx.errors import CaseError, find_case_error
from swinx.labels import FLARE23, class_numbers, file_numbers, read_label_set

SHAPE = (8, 6, 5)
LUNG = read_label_set(
    {
        "labels": {"background": 0, "left lung lobe": 1, "right lung lobe": 2, "nodule": 3},
        "classes": {"nodule": {"inside": ["left lung lobe", "right lung lobe"], "aliases": ["GTV-1"]}},
    }
)
GAPS = read_label_set({"name": "gaps", "labels": {"background": 0, "spleen": 3, "liver": 40, "colon": 200}})
SETS = {"flare23": FLARE23, "lung": LUNG, "gaps": GAPS, "totalsegmentator": read_label_set("totalsegmentator")}


def some_ids(label_set, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, label_set.num_classes, SHAPE).astype(np.uint8)


def save(path, array, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, oblique_affine() if affine is None else affine), path)
    return path


def save_masks(folder, ids, label_set, affine=None, suffix=".nii.gz"):
    for label in label_set.foreground:
        name = label_set.names[label].replace(" ", "_")
        save(folder / f"{name}{suffix}", (ids == label).astype(np.uint8), affine)
    return folder


@pytest.mark.parametrize("name", SETS)
def test_a_label_map_with_the_numbers_of_its_set_is_read_as_class_ids(tmp_path, oblique, name):
    ids = some_ids(SETS[name])
    path = save(tmp_path / "label.nii.gz", file_numbers(SETS[name], ids), oblique)
    volume = read_label(path, SETS[name])
    np.testing.assert_array_equal(volume.array, ids)
    np.testing.assert_allclose(volume.affine, oblique, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64, np.uint16])
def test_the_dtype_of_the_file_does_not_change_the_class_ids(tmp_path, dtype):
    ids = some_ids(GAPS)
    path = save(tmp_path / "label.nii.gz", file_numbers(GAPS, ids).astype(dtype))
    np.testing.assert_array_equal(read_label(path, GAPS).array, ids)


def test_a_label_map_says_what_the_numbers_of_other_files_mean(tmp_path):
    numbers = np.random.default_rng(0).choice([0, 1, 2, 70, 255], SHAPE).astype(np.uint8)
    path = save(tmp_path / "label.nii.gz", numbers)
    label_map = {"1": "nodule", "2": "background", "70": "right lung lobe", "255": "unknown"}
    expected = np.select([numbers == 1, numbers == 70, numbers == 255], [3, 2, 255])
    np.testing.assert_array_equal(read_label(path, LUNG, label_map).array, expected)
    np.testing.assert_array_equal(read_label(path, LUNG, class_numbers(LUNG, label_map)).array, expected)
    with pytest.raises(CaseError, match=r"ids outside 0\.\.2, 70: 255"):
        read_label(path, LUNG, label_map, allow_unknown=False)


def test_what_means_unknown_is_refused_where_unknown_is_whatever_its_number(tmp_path):
    path = save(tmp_path / "label.nii.gz", np.random.default_rng(0).choice([0, 1, 9], SHAPE).astype(np.uint8))
    label_map = {"1": "nodule", "9": "unknown"}
    assert set(np.unique(read_label(path, LUNG, label_map).array)) == {0, 3, 255}
    with pytest.raises(CaseError, match="9"):
        read_label(path, LUNG, label_map, allow_unknown=False)


def test_a_number_without_a_class_is_named_with_the_label_set(tmp_path):
    path = save(tmp_path / "label.nii.gz", np.random.default_rng(0).choice([0, 3, 41], SHAPE).astype(np.uint8))
    with pytest.raises(CaseError, match=r"ids outside 0, 3, 40, 200: 41 \(label set gaps\)"):
        read_label(path, GAPS)


def test_a_label_map_of_numbers_without_a_class_is_empty(tmp_path):
    path = save(tmp_path / "label.nii.gz", np.random.default_rng(0).choice([0, 9], SHAPE).astype(np.uint8))
    with pytest.raises(CaseError, match="empty label"):
        read_label(path, LUNG, {"1": "nodule", "9": "background"})


def test_a_faulty_label_map_is_a_fault_of_the_case(tmp_path):
    path = save(tmp_path / "label.nii.gz", some_ids(LUNG))
    with pytest.raises(CaseError, match=r"label\.nii\.gz: .*kidney"):
        read_label(path, LUNG, {"1": "kidney"})


@pytest.mark.parametrize(("name", "suffix"), [*((name, ".nii.gz") for name in SETS), ("gaps", ".nii")])
def test_a_folder_of_masks_is_read_as_the_label_map(tmp_path, oblique, name, suffix):
    ids = some_ids(SETS[name])
    folder = save_masks(tmp_path / "masks", ids, SETS[name], oblique, suffix)
    volume = read_label(folder, SETS[name])
    np.testing.assert_array_equal(volume.array, ids)
    np.testing.assert_allclose(volume.affine, oblique, atol=1e-4)
    assert volume.notes == ()
    assert masks_found(folder, SETS[name]) == list(SETS[name].foreground)


def test_masks_by_name_are_read_as_the_folder_is(tmp_path):
    ids = some_ids(LUNG)
    folder = save_masks(tmp_path / "masks", ids, LUNG)
    by_name = {"lobe (left lung)": str(folder / "left_lung_lobe.nii.gz"), "gtv 1": folder / "nodule.nii.gz"}
    volume = read_label(by_name, LUNG)
    np.testing.assert_array_equal(volume.array, np.where(ids == 2, 0, ids))
    assert volume.notes == ("no mask of right lung lobe: not annotated here",)
    assert masks_found(by_name, LUNG) == [1, 3]
    assert label_path(by_name) == str(folder / "left_lung_lobe.nii.gz")


def test_masks_of_another_program_are_matched_by_their_names(tmp_path):
    total = SETS["totalsegmentator"]
    ids = some_ids(total)
    folder = save_masks(tmp_path / "segmentations", ids, total)
    assert masks_found(folder) == list(range(1, 14))
    np.testing.assert_array_equal(read_label(folder).array, class_numbers(FLARE23, "totalsegmentator").to_ids(ids))


def test_masks_of_other_classes_are_left_out_and_told_once(tmp_path, caplog):
    ids = some_ids(FLARE23)
    folder = save_masks(tmp_path / "masks", ids, FLARE23)
    for number in range(30):
        save(folder / f"vertebra_{number:02}.nii.gz", np.ones(SHAPE, np.uint8))
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            np.testing.assert_array_equal(read_label(folder).array, ids)
    shown = ", ".join(f"vertebra_{number:02}" for number in range(10))
    assert [record.message for record in caplog.records if "vertebra" in record.message] == [
        f"30 masks are of no class of the label set flare23: {shown} and 20 more"
    ]


def test_classes_without_a_mask_are_not_taken_for_annotated(tmp_path):
    folder = save_masks(tmp_path / "masks", some_ids(FLARE23), FLARE23)
    (folder / "tumor.nii.gz").unlink()
    assert masks_found(folder) == list(range(1, 14))
    assert read_label(folder).notes == ("no mask of tumor: not annotated here",)


def test_a_label_map_does_not_say_which_classes_were_looked_for(tmp_path):
    assert masks_found(save(tmp_path / "label.nii.gz", some_ids(LUNG)), LUNG) is None


def test_two_masks_of_one_class_are_refused(tmp_path):
    folder = save_masks(tmp_path / "masks", some_ids(LUNG), LUNG)
    save(folder / "lobe_lung_left.nii", np.ones(SHAPE, np.uint8))
    for action in (read_label, masks_found):
        with pytest.raises(CaseError, match="left_lung_lobe and lobe_lung_left are both masks of left lung lobe"):
            action(folder, LUNG)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0, 1, 2], "holds the numbers 0, 1, 2; a mask has 0 and one other"),
        ([0, 0.25, 1], "values that are not integers: 0.25"),
        ([0, -1], "-1"),
    ],
)
def test_what_is_no_mask_is_refused_by_its_file(tmp_path, values, reason):
    folder = save_masks(tmp_path / "masks", some_ids(LUNG), LUNG)
    save(folder / "nodule.nii.gz", np.random.default_rng(0).choice(values, SHAPE).astype(np.float32))
    with pytest.raises(CaseError) as caught:
        read_label(folder, LUNG)
    assert caught.value.path == str(folder / "nodule.nii.gz")
    assert reason in caught.value.reason


@pytest.mark.parametrize("inside", [1, 255, 7])
def test_any_number_may_mean_inside(tmp_path, inside):
    mask = np.random.default_rng(0).choice([0, inside], SHAPE).astype(np.uint8)
    volume = read_label({"nodule": save(tmp_path / "a.nii.gz", mask)}, LUNG)
    np.testing.assert_array_equal(volume.array, 3 * (mask > 0))


def test_masks_need_one_grid_up_to_rounding(tmp_path):
    folder = save_masks(tmp_path / "masks", some_ids(LUNG), LUNG)
    shifted = oblique_affine()
    shifted[:3, 3] += 1e-4
    save(folder / "nodule.nii.gz", (some_ids(LUNG) == 3).astype(np.uint8), shifted)
    read_label(folder, LUNG)
    shifted[:3, 3] += 1.0
    save(folder / "nodule.nii.gz", (some_ids(LUNG) == 3).astype(np.uint8), shifted)
    with pytest.raises(CaseError, match=r"a grid 1\.73 mm from that of left_lung_lobe\.nii\.gz; all masks"):
        read_label(folder, LUNG)


def test_masks_that_overlap_are_a_fault_of_the_case(tmp_path):
    folder = save_masks(tmp_path / "masks", some_ids(LUNG), LUNG)
    save(folder / "right_lung_lobe.nii.gz", np.ones(SHAPE, np.uint8))
    with pytest.raises(CaseError, match="left lung lobe and right lung lobe share") as caught:
        read_label(folder, LUNG)
    assert caught.value.path == str(folder)


def test_empty_masks_are_a_label_only_where_it_may_be_empty(tmp_path):
    folder = save_masks(tmp_path / "masks", np.zeros(SHAPE, np.uint8), LUNG)
    with pytest.raises(CaseError, match="empty label"):
        read_label(folder, LUNG)
    assert not read_label(folder, LUNG, allow_empty=True).array.any()


def test_a_folder_without_a_mask_of_any_class_is_refused(tmp_path):
    folder = save_masks(tmp_path / "masks", some_ids(LUNG), LUNG)
    with pytest.raises(CaseError, match="none of 3 masks is named as a class of the label set gaps: left_lung_lobe, "):
        read_label(folder, GAPS)


def loaded_today(path, **options):
    reader = CTReader(kind="label", **options)
    return LoadImaged("label", reader=reader, ensure_channel_first=True, image_only=True)({"label": str(path)})["label"]


@pytest.mark.parametrize("name", ["flare23", "gaps"])
def test_the_tensor_is_that_of_load_imaged(tmp_path, oblique, name):
    ids = some_ids(SETS[name])
    path = save(tmp_path / "case_1.nii.gz", file_numbers(SETS[name], ids), oblique)
    expected = loaded_today(path, label_set=SETS[name])
    found = LoadLabeld("label", SETS[name])({"label": str(path)})["label"]
    assert type(found) is type(expected)
    assert (found.dtype, found.shape, found.stride()) == (expected.dtype, expected.shape, expected.stride())
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found[0], ids)
    assert list(found.meta) == list(expected.meta)
    for key, value in expected.meta.items():
        assert type(found.meta[key]) is type(value), key
        np.testing.assert_array_equal(found.meta[key], value, err_msg=key)
    assert found.applied_operations == expected.applied_operations


def test_the_tensor_of_masks_is_that_of_the_label_map(tmp_path, oblique):
    ids = some_ids(LUNG)
    folder = save_masks(tmp_path / "masks", ids, LUNG, oblique)
    label_map = loaded_today(save(tmp_path / "label.nii.gz", ids, oblique), label_set=LUNG)
    for label in (folder, {name: str(folder / f"{name.replace(' ', '_')}.nii.gz") for name in LUNG.names[1:]}):
        found = LoadLabeld("label", LUNG)({"label": label})["label"]
        assert found.dtype == label_map.dtype
        np.testing.assert_array_equal(found, label_map)
        np.testing.assert_array_equal(found.affine, label_map.affine)
        assert found.meta["filename_or_obj"] == label_path(label)


def test_an_item_says_what_the_numbers_in_its_file_mean(tmp_path):
    ids = some_ids(LUNG)
    path = save(tmp_path / "label.nii.gz", (ids * 10).astype(np.uint8))
    label_map = {"10": "left lung lobe", "20": "right lung lobe", "30": "nodule"}
    load = LoadLabeld("label", LUNG)
    np.testing.assert_array_equal(load({"label": path, "label_map": label_map})["label"][0], ids)
    with pytest.raises(CaseError, match=r"ids outside 0\.\.3: 10, 20, 30"):
        load({"label": path})


def test_unknown_and_empty_are_refused_unless_allowed_and_a_missing_key_unless_allowed(tmp_path):
    ids = some_ids(LUNG)
    ids[0] = 255
    path = save(tmp_path / "label.nii.gz", ids)
    with pytest.raises(CaseError, match="255"):
        LoadLabeld("label", LUNG)({"label": path})
    assert (LoadLabeld("label", LUNG, allow_unknown=True)({"label": path})["label"] == 255).sum() == 30
    empty = save(tmp_path / "empty.nii.gz", ids * 0)
    with pytest.raises(CaseError, match="empty"):
        LoadLabeld("label", LUNG)({"label": empty})
    assert not torch.any(LoadLabeld("label", LUNG, allow_empty=True)({"label": empty})["label"])
    with pytest.raises(KeyError):
        LoadLabeld("label", LUNG)({})
    assert LoadLabeld("label", LUNG, allow_missing_keys=True)({}) == {}


def test_the_fault_reaches_the_user_through_a_composed_transform(tmp_path):
    from monai.transforms import Compose

    with pytest.raises(Exception) as caught:  # noqa: PT011 - MONAI wraps it as it likes
        Compose([LoadLabeld("label", LUNG)])({"label": str(tmp_path / "no.nii.gz")})
    assert "no such file" in str(find_case_error(caught.value))


def test_notes_are_logged_once_but_for_absent_masks(tmp_path, caplog):
    ids = np.zeros(SHAPE, np.uint8)
    folder = save_masks(tmp_path / "masks", ids, LUNG)
    left, right = (ids.copy() for _ in range(2))
    left[:4], right[4:] = 1, 1
    right[3, 0, 0] = 1
    label = {"left lung lobe": save(folder / "left.nii", left), "right lung lobe": save(folder / "right.nii", right)}
    load = LoadLabeld("label", LUNG)
    for _ in range(2):
        assert "no mask of nodule" in load({"label": label})["label"].meta["reader_notes"]
    assert sum("share 1 voxels" in record.message for record in caplog.records) == 1
    assert "no mask of nodule" not in caplog.text


def test_a_reader_of_images_does_not_mind_a_label_set(tmp_path):
    path = save(tmp_path / "scan.nii.gz", np.random.default_rng(0).integers(-900, 900, SHAPE).astype(np.int16))
    assert read_volume(path).array.min() < -500
    assert CTReader(label_set=GAPS).get_data((str(path),))[0].min() < -500


def test_a_class_that_is_annotated_and_has_no_mask_is_told_as_a_contradiction(tmp_path, caplog):
    ids = some_ids(LUNG)
    folder = save_masks(tmp_path / "masks", ids, LUNG)
    (folder / "nodule.nii.gz").unlink()
    (note,) = read_label(folder, LUNG, annotated=[1, 3]).notes
    assert note.startswith("annotated lists nodule, of which there is no mask")
    assert read_label(folder, LUNG, annotated=[1]).notes == ("no mask of nodule: not annotated here",)
    with caplog.at_level(logging.WARNING):
        LoadLabeld("label", LUNG)({"label": str(folder), "annotated": [1, 2, 3]})
    assert "annotated lists nodule" in caplog.text


def test_notes_on_many_absent_masks_are_short(tmp_path):
    total = read_label_set("totalsegmentator")
    folder = save_masks(tmp_path / "masks", np.ones(SHAPE, np.uint8), read_label_set({"background": 0, "spleen": 1}))
    (note,) = read_label(folder, total).notes
    assert note == "no mask of 116 classes (kidney_right, kidney_left, gallbladder ...): not annotated here"


def test_masks_of_other_shapes_are_told_by_their_shapes(tmp_path):
    folder = save_masks(tmp_path / "masks", some_ids(LUNG), LUNG)
    save(folder / "nodule.nii.gz", np.ones((8, 6, 4), np.uint8))
    with pytest.raises(CaseError, match=r"shape 8 x 6 x 4, and left_lung_lobe\.nii\.gz has 8 x 6 x 5; all masks"):
        read_label(folder, LUNG)
