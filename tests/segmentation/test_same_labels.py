"""Scans of every kind get the labels that MONAI's own run gives, back in their own kind and on their own grid."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
import torch
from monai.data import MetaTensor

import swinx
from support.segmentation import CLASSES, some_scan
from swinx.cli import main
from swinx.errors import RunError
from swinx.files import file_sha256
from swinx.labels import read_label_set
from swinx.scoring import one_result_set
from swinx.segmentation import class_statistics, segment_folder


def as_meta_tensor(hu, affine, with_channel=True):
    tensor = torch.from_numpy(hu.astype(np.float32))
    return MetaTensor(tensor[None] if with_channel else tensor, affine=torch.from_numpy(affine))


def in_memory(kind: str, scans):
    """The scan of the folder as a user may have it in memory."""
    hu, affine = some_scan()
    return {
        "nibabel": lambda: nib.load(scans / "nifti_0000.nii.gz"),
        "nibabel, scaled": lambda: scaled(hu, affine),
        "SimpleITK": lambda: SimpleITK.ReadImage(str(scans / "nifti_0000.nii.gz")),
        "MetaTensor": lambda: as_meta_tensor(hu, affine),
        "MetaTensor without a channel": lambda: as_meta_tensor(hu, affine, with_channel=False),
        "array": lambda: (hu, affine),
        "tensor": lambda: (torch.from_numpy(hu), torch.from_numpy(affine)),
    }[kind]()


def scaled(hu, affine):
    image = nib.Nifti1Image(hu + 1024, affine)
    stored = nib.Nifti1Image.from_bytes(image.to_bytes())
    stored.dataobj._slope, stored.dataobj._inter = 1.0, -1024.0
    return stored


def voxels(image) -> np.ndarray:
    """Labels in the order of the axes of the scan, whatever the kind of the image."""
    if isinstance(image, tuple):
        return np.asarray(image[0])
    if isinstance(image, SimpleITK.Image):
        return SimpleITK.GetArrayFromImage(image).T
    return np.asarray(image.dataobj) if hasattr(image, "dataobj") else image.as_tensor().numpy()


@pytest.mark.parametrize(("name", "case"), [("nifti_0000.nii.gz", "nifti"), ("nrrd.nrrd", "nrrd"), ("dicom", "dicom")])
def test_a_path_gets_the_labels_of_a_run_of_monai(model, scans, by_monai, tmp_path, name, case):
    found = model.segment(scans / name, tmp_path / "a.nii.gz", progress=False)
    assert np.array_equal(voxels(found.image), by_monai[case])
    assert np.array_equal(np.asarray(nib.load(tmp_path / "a.nii.gz").dataobj), by_monai[case])
    assert set(np.unique(by_monai[case])) == set(CLASSES.values())  # else the test would tell little


@pytest.mark.parametrize(
    "kind",
    ["nibabel", "nibabel, scaled", "SimpleITK", "MetaTensor", "MetaTensor without a channel", "array", "tensor"],
)
def test_a_scan_in_memory_gets_the_labels_of_a_run_of_monai(model, scans, by_monai, kind):
    image = in_memory(kind, scans)
    found = model.segment(image, progress=False).image
    assert type(found) is type(image)
    assert np.array_equal(voxels(found).squeeze(), by_monai["nifti"])
    if isinstance(image, tuple):
        assert type(found[0]) is type(image[0])
        assert found[1] is image[1]
    elif isinstance(image, SimpleITK.Image):
        assert [found.GetOrigin(), found.GetSpacing(), found.GetDirection()] == [
            image.GetOrigin(),
            image.GetSpacing(),
            image.GetDirection(),
        ]
    else:
        assert found.shape == image.shape
        assert np.array_equal(np.asarray(found.affine), np.asarray(image.affine))


def test_a_tensor_in_the_world_of_itk_is_taken_for_what_it_says(model, by_monai):
    hu, affine = some_scan()
    image = as_meta_tensor(hu, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)
    image.meta["space"] = "LPS"
    assert np.array_equal(voxels(model.segment(image, progress=False).image)[0], by_monai["nifti"])


def test_a_folder_gets_the_labels_of_a_run_of_monai(model, scans, by_monai, tmp_path):
    batch = segment_folder(scans, tmp_path, model, progress=False)
    assert batch.ok
    assert sorted(record["case"] for record in batch.done) == sorted(by_monai)
    for case, labels in by_monai.items():
        assert np.array_equal(np.asarray(nib.load(tmp_path / f"{case}.nii.gz").dataobj), labels)


def test_records_are_those_of_a_run_of_monai(model, scans, monai_output, tmp_path):
    """Scores and reports take results of both for one set, and find out which files were changed."""
    segment_folder(scans, tmp_path, model, progress=False)
    expected, summary = (json.loads((folder / "cases.json").read_text()) for folder in (monai_output, tmp_path))
    assert summary["results"] == expected["results"]
    assert summary["labels"] == expected["labels"] == model.label_set.as_json()
    assert "labels" not in summary["done"][0]
    model.segment(scans / "nrrd.nrrd", tmp_path / "nrrd.nii.gz", progress=False)
    for case in ("nifti", "nrrd", "dicom"):
        found, by_run = (json.loads((folder / f"{case}.json").read_text()) for folder in (tmp_path, monai_output))
        assert found["labels"] == by_run["labels"]
        assert found["results"] == by_run["results"]
        assert found["prediction_sha256"] == file_sha256(tmp_path / f"{case}.nii.gz")
    paths = [folder / "nifti.nii.gz" for folder in (tmp_path, monai_output)]
    assert one_result_set(paths) == summary["results"]["id"]
    model.segment(scans / "nrrd.nrrd", tmp_path / "nrrd.nii.gz", progress=False, classes=["spleen"])
    with pytest.raises(RunError, match="holds results of 2 runs"):
        one_result_set([*paths, tmp_path / "nrrd.nii.gz"])


def test_training_mode_of_the_network_changes_no_label(model, by_monai):
    model._network.train()
    assert np.array_equal(voxels(model.segment(some_scan(), progress=False).image), by_monai["nifti"])


def test_the_input_stays_as_it_is(model):
    hu, affine = some_scan()
    image = as_meta_tensor(hu, affine)
    model.segment(image, progress=False)
    assert np.array_equal(image.as_tensor().numpy()[0], hu)
    assert np.array_equal(image.affine.numpy(), affine)


def test_volumes_are_those_of_the_labels_and_chosen_classes_alone_are_kept(model):
    hu, affine = some_scan()
    found = model.segment((hu, affine), progress=False, classes=["spleen"], statistics=True)
    labels = found.image[0]
    voxel_ml = abs(np.linalg.det(affine[:3, :3])) / 1000
    assert set(np.unique(labels)) == {0, CLASSES["spleen"]}
    assert found.volumes_ml == pytest.approx({"spleen": (labels > 0).sum() * voxel_ml}, abs=1e-3)
    row = found.statistics.iloc[0]
    assert (row["class"], row["mean"]) == ("spleen", pytest.approx(hu[labels > 0].mean(), abs=0.01))


def test_statistics_have_a_row_for_a_class_without_a_voxel():
    scan, affine = np.full((4, 5, 6), 30.0), np.diag([2.0, 2.0, 5.0, 1.0])
    label_set = read_label_set(CLASSES)
    ids = np.zeros(scan.shape, np.uint8)
    table = class_statistics("anna", scan, ids, affine, label_set)
    assert table["class"].tolist() == ["liver", "spleen", "left kidney"]
    assert (table["volume_ml"] == 0).all()
    assert table[["mean", "standard_deviation", "median"]].isna().all(axis=None)
    assert not table["cut_by_border"].any()
    ids[1:3, 1:3, 1:3] = 2
    table = class_statistics("anna", scan, ids, affine, label_set, [2, 3]).set_index("class")
    assert table.index.tolist() == ["spleen", "left kidney"]
    assert table.loc["spleen", ["volume_ml", "mean"]].tolist() == [0.16, 30.0]


def test_probabilities_are_of_the_classes_that_are_kept(model, scans, tmp_path):
    scan = scans / "nifti_0000.nii.gz"
    model.segment(scan, tmp_path / "a.nii.gz", probabilities=True, classes="liver", progress=False)
    assert [path.name for path in (tmp_path / "a_probabilities").iterdir()] == ["liver.nii.gz"]


def test_probabilities_are_of_all_classes_and_the_largest_is_the_label(model, scans, tmp_path):
    found = model.segment(scans / "nifti_0000.nii.gz", tmp_path / "a.nii.gz", progress=False, probabilities=True)
    kept = found.probabilities
    assert kept.shape == (len(CLASSES), *found.class_ids.shape)
    assert np.abs(kept.astype(int).sum(axis=0) - 255).max() <= len(CLASSES)  # rounding of each class
    of_label = np.take_along_axis(kept, found.class_ids[None].astype(int), axis=0)[0]
    assert (of_label == kept.max(axis=0)).all()
    assert np.unique(kept).size > 2  # interpolated to the voxels of the scan
    for name, each in zip(found.label_set.names, kept, strict=True):
        image = nib.load(tmp_path / "a_probabilities" / f"{name}.nii.gz")
        assert np.allclose(image.get_fdata(), each / 255, atol=1e-6)
        assert image.get_data_dtype() == np.uint8
        assert np.allclose(image.affine, found.affine, atol=1e-4)
    assert model.segment(some_scan(), progress=False).probabilities is None


@pytest.mark.parametrize("many", [False, True])
def test_files_beside_the_labels_that_cannot_be_written_cost_no_label(model, scans, by_monai, tmp_path, caplog, many):
    """A NIfTI has no DICOM Segmentation, and folders stand where the other files would be."""
    for name in ("nifti.png", "nifti_statistics.csv"):
        (tmp_path / "out" / name).mkdir(parents=True)
    (tmp_path / "out" / "nifti_probabilities").touch()
    source, out = scans / "nifti_0000.nii.gz", tmp_path / "out"
    wanted = dict.fromkeys(("statistics", "probabilities", "preview", "dicom_seg"), True)
    with caplog.at_level("WARNING"):
        if many:
            batch = segment_folder(source, out, model, progress=False, **wanted)
            lacks = [lack["reason"] for lack in batch.incomplete]
            summary = json.loads((out / "cases.json").read_text())
            assert (summary["failed"], summary["incomplete"]) == ([], batch.incomplete)
        else:
            lacks = model.segment(source, out / "nifti.nii.gz", progress=False, **wanted).record["unwritten"]
    assert np.array_equal(np.asarray(nib.load(out / "nifti.nii.gz").dataobj), by_monai["nifti"])
    for part in ("no statistics", "no probabilities", "no picture", "no DICOM Segmentation"):
        assert sum(part in lack for lack in lacks) == 1
    assert json.loads((out / "nifti.json").read_text())["unwritten"] == lacks
    told = [record.getMessage() for record in caplog.records]
    assert "there will be no DICOM Segmentation" in told[0]


def test_the_record_tells_seconds_memory_backend_and_warnings(model):
    hu, affine = some_scan()
    record = model.segment((hu + 2000, affine), progress=False).record
    assert record["seconds"]["total"] >= record["seconds"]["network"] > 0
    assert record["peak_memory"]["rss_mb"] > 0
    assert (record["device"], record["windows"]["backend"]) == ("cpu", "torch")
    assert "not plausible HU" in record["warnings"][0]


def test_no_operation_of_the_network_or_the_windows_is_in_double_precision(model, monkeypatch):
    from torch.utils._python_dispatch import TorchDispatchMode

    doubles = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor) and result.dtype == torch.float64:
                doubles.append(str(func))
            return result

    run = model._run

    def watched(image, *rest):
        with Watch():
            return run(image, *rest)

    monkeypatch.setattr(model, "_run", watched)
    model.segment(some_scan(), progress=False)
    on_the_host = {"aten.eye.default", "aten.detach.default", "aten.lift_fresh.default"}  # affines and NumPy arrays
    assert set(doubles) <= on_the_host


def test_the_package_and_the_command_offer_the_same(model, weights, scans, by_monai, monkeypatch, capsys, tmp_path):
    import sys

    found = swinx.segment(str(scans / "nrrd.nrrd"), model=model, progress=False)
    assert isinstance(found, swinx.Segmentation)
    assert np.array_equal(voxels(found.image), by_monai["nrrd"])
    words = ["swinx", "segment", scans / "dicom", tmp_path / "out", "--model", weights, "--dicom-seg", "--preview"]
    monkeypatch.setattr(sys, "argv", [*map(str, words), "--statistics", "--progress", "False", "--backend", "torch"])
    main()
    assert "liver" in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")}
    assert names == {
        "dicom.nii.gz", "dicom.json", "dicom.dcm", "dicom.png", "dicom_statistics.csv", "cases.json", "statistics.csv"
    }  # fmt: skip
