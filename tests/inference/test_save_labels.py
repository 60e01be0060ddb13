"""SaveLabelsd: the file is the label map, on its grid, or there is no file."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import SaveImaged

from support.disks import nearly_full_disk
from swinx.data import read_label
from swinx.errors import CaseError
from swinx.inference import SaveLabelsd
from swinx.labels import read_label_set
from swinx.nifti import write_nifti

SHAPE = (1, 7, 5, 4)


def label_map(affine: np.ndarray, dtype=torch.uint8) -> MetaTensor:
    labels = torch.randint(0, 15, SHAPE, generator=torch.Generator().manual_seed(0))
    return MetaTensor(labels.to(dtype), affine=torch.as_tensor(affine))


def test_grid_and_values_are_those_of_the_map(tmp_path, oblique):
    labels = label_map(oblique)
    out = SaveLabelsd("pred", tmp_path / "new")({"case": "a.b_1", "pred": labels})
    assert out["saved_to"] == str(tmp_path / "new" / "a.b_1.nii.gz")
    file = nib.load(out["saved_to"])
    assert file.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(file.dataobj), labels[0].numpy())
    np.testing.assert_array_equal(file.affine, oblique.astype(np.float32), "exact to what the format can hold")
    np.testing.assert_allclose(file.get_qform(), oblique, atol=1e-4)
    assert (int(file.header["sform_code"]), int(file.header["qform_code"])) == (1, 1)
    assert file.header.get_xyzt_units()[0] == "mm"


GAPS = read_label_set({"name": "gaps", "labels": {"background": 0, "liver": 4, "left lung": 60, "right lung": 200}})


def test_the_file_has_the_numbers_of_the_label_set_and_is_read_back_as_class_ids(tmp_path, oblique):
    ids = (label_map(oblique) % 4).to(torch.uint8)
    ids[0, 0, 0] = 255
    path = SaveLabelsd("pred", tmp_path, label_set=GAPS)({"case": "a", "pred": ids})["saved_to"]
    assert set(np.unique(np.asarray(nib.load(path).dataobj))) == {0, 4, 60, 200, 255}
    np.testing.assert_array_equal(read_label(path, GAPS).array, ids[0].numpy())


@pytest.mark.parametrize("name", ["flare23", "totalsegmentator"])
def test_without_gaps_in_the_numbers_the_file_is_that_of_the_class_ids(tmp_path, oblique, name):
    labels = label_map(oblique)
    write_nifti(tmp_path / "expected.nii.gz", labels[0].numpy(), oblique)
    SaveLabelsd("pred", tmp_path, label_set=read_label_set(name))({"case": "a", "pred": labels})
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "expected.nii.gz").read_bytes()


def test_an_id_without_a_class_does_not_become_the_number_of_another(tmp_path, oblique):
    labels = label_map(oblique)
    labels[:] = 4
    with pytest.raises(ValueError, match=r"pred holds the class ids \[4\]; its label set has 0\.\.3"):
        SaveLabelsd("pred", tmp_path, label_set=GAPS)({"case": "a", "pred": labels})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32, torch.int16])
def test_whole_values_of_any_dtype_become_uint8(tmp_path, oblique, dtype):
    labels = label_map(oblique, dtype)
    out = SaveLabelsd("pred", tmp_path)({"case": "a", "pred": labels})
    np.testing.assert_array_equal(np.asarray(nib.load(out["saved_to"]).dataobj), labels[0].numpy())


@pytest.mark.parametrize("value", [-1, 256, 0.5])
def test_values_that_are_no_labels_are_refused_not_wrapped(tmp_path, oblique, value):
    labels = label_map(oblique, torch.float32)
    labels[0, 1, 1, 1] = value
    with pytest.raises(ValueError, match=r"pred holds .*0\.\.255"):
        SaveLabelsd("pred", tmp_path)({"case": "a", "pred": labels})
    assert list(tmp_path.iterdir()) == []


def test_class_scores_are_refused(tmp_path, oblique):
    scores = MetaTensor(torch.zeros(15, 3, 3, 3), affine=torch.as_tensor(oblique))
    with pytest.raises(ValueError, match=r"pred \(15, 3, 3, 3\) must be one label map"):
        SaveLabelsd("pred", tmp_path)({"case": "a", "pred": scores})


def test_the_input_item_is_not_changed(tmp_path, oblique):
    item = {"case": "a", "pred": label_map(oblique)}
    SaveLabelsd("pred", tmp_path)(item)
    assert set(item) == {"case", "pred"}


def test_the_folder_is_made_when_the_first_file_is_written(tmp_path, oblique):
    save = SaveLabelsd("pred", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    save({"case": "a", "pred": label_map(oblique)})
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.nii.gz"]


def test_a_full_disk_is_a_fault_of_the_case_and_leaves_the_former_file(tmp_path, oblique):
    save = SaveLabelsd("pred", tmp_path)
    path = tmp_path / "a.nii.gz"
    save({"case": "a", "pred": label_map(oblique)})
    before = path.read_bytes()
    with nearly_full_disk(100), pytest.raises(CaseError, match=f"{path}: the prediction cannot be written: ") as caught:
        save({"case": "a", "pred": label_map(oblique, torch.int64)})
    assert caught.value.path == str(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_key_is_an_error(tmp_path):
    with pytest.raises(KeyError, match="pred"):
        SaveLabelsd("pred", tmp_path)({"case": "a"})


def test_two_maps_cannot_be_one_file(tmp_path):
    with pytest.raises(ValueError, match="one label map makes one file"):
        SaveLabelsd(["pred", "other"], tmp_path)


def test_tools_that_bring_their_own_writer_recognise_it(tmp_path):
    assert isinstance(SaveLabelsd("pred", tmp_path), SaveImaged)
