"""Models and scans that ``swinx.segment`` refuses."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from rules.examples import example
from support.bundles import ROOT
from support.segmentation import CLASSES, some_scan, some_weights, write_scan
from swinx.data import record_path
from swinx.errors import BundleError, CaseError, DataListError, LabelSetError, reason_of
from swinx.labels import read_label_set
from swinx.packaging import write_zip
from swinx.rules import ModelRules, ScanInputRules
from swinx.segmentation import LoadedModel, load_model, model_files, segment, segment_folder
from swinx.segmentation.class_statistics import implausible_volumes
from swinx.segmentation.one_scan import kept_classes


def refusal(function, *arguments, **options) -> str:
    with pytest.raises((BundleError, CaseError, DataListError, LabelSetError)) as told:
        function(*arguments, **options)
    text = reason_of(told.value)
    assert "\n" not in text
    return text


def model_of_ct() -> LoadedModel:
    """Return a model without a network, for what is refused before the network runs."""
    model = object.__new__(LoadedModel)
    model.hu = True
    model.label_set = read_label_set(CLASSES)
    return model


def bundle(folder: Path) -> Path:
    shutil.copytree(ROOT / "bundles" / "swinx_seg" / "configs", folder / "own" / "configs")
    return folder / "own"


@example(ModelRules.NOT_SHIPPED)
def no_weights_of_the_package(folder: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_files, "own_weights", lambda _: folder / "model.pt")
        patch.setattr(model_files, "bundle_folder", lambda _: folder)
        told = [refusal(load_model, model) for model in (None, "swinx_seg", "swinx_abdomen_small")]
        assert len(set(told)) == 1
        assert "swinx data synthetic DATA" in told[0]
        return told[0]


@example(ModelRules.UNKNOWN)
def a_model_that_is_nowhere(folder: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_files, "own_weights", lambda _: folder / "models" / "swinx_abdomen_small.pt")
        patch.setattr(model_files, "bundle_folder", lambda _: folder)
        assert refusal(load_model, "nowhere").endswith("such as models:/swinx_seg/1"), "no name of what is not there"
        (folder / "models").mkdir()
        (folder / "models" / "swinx_abdomen_small.pt").touch()
        assert refusal(load_model, "nowhere").endswith(", or the name swinx_seg or swinx_abdomen_small")
    return refusal(load_model, folder / "nowhere")


@example(ModelRules.NO_BUNDLE)
def zips_and_folders_of_something_else(folder: Path) -> str:
    write_zip(folder / "other.zip", {"a/readme.txt": b"no bundle"})
    (folder / "text.zip").write_text("no zip")
    told = [refusal(load_model, place) for place in (folder / "other.zip", folder / "text.zip", folder)]
    assert all("is no bundle" in text for text in told)
    return told[0]


@example(ModelRules.WITHOUT_WEIGHTS)
def a_bundle_that_was_not_trained(folder: Path) -> str:
    return refusal(load_model, bundle(folder))


@example(ModelRules.NOT_LOADED)
def a_model_that_mlflow_does_not_have(_folder: Path) -> str:
    def fail(address: str, _place: str) -> Path:
        raise RuntimeError(f"{address} not found\nin the registry")

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "mlflow", None)
        assert refusal(load_model, "models:/swinx_seg/7").endswith('pip install "mlflow>=3,<4"')
        patch.setattr(model_files, "download_model", fail)
        return refusal(load_model, "models:/swinx_seg/7")


@example(ModelRules.NOT_BUILT)
def a_configuration_that_names_what_is_not_there(folder: Path) -> str:
    config = bundle(folder) / "configs" / "inference.json"
    config.write_text(config.read_text().replace("swinx.inference.WindowBudget", "swinx.inference.WindowBugdet"))
    (folder / "own" / "models").mkdir()
    shutil.copyfile(some_weights(folder), folder / "own" / "models" / "model.pt")
    shutil.copyfile(folder / "tiny.json", folder / "own" / "models" / "model.json")
    return refusal(load_model, folder / "own")


@example(ModelRules.PROFILE)
def a_misspelt_profile(folder: Path) -> str:
    (bundle(folder) / "models").mkdir()
    (folder / "own" / "models" / "model.pt").write_bytes(b"")
    text = refusal(load_model, folder / "own", profile="fasst")
    assert "did you mean fast?" in text
    assert text.endswith("the bundle has standard, fast, inference_openvino, lowmem")
    assert refusal(load_model, folder / "own", profile=["fast", "fasst"]) == text
    return text


@example(ModelRules.OTHER_STEP)
def overlays_of_a_training_and_of_an_evaluation(folder: Path) -> str:
    (bundle(folder) / "models").mkdir()
    (folder / "own" / "models" / "model.pt").write_bytes(b"")
    told = [refusal(load_model, folder / "own", profile=name) for name in ("evaluate", "pretrained", "demo", "strong")]
    told += [refusal(load_model, folder / "own", profile=name) for name in ("multi_gpu_inference", "inference_dicom")]
    assert all("is an overlay of another step" in text for text in told)
    return told[0]


@example(ModelRules.KIND)
def numbers_and_nothing_as_a_model(_folder: Path) -> str:
    assert "a model cannot be ''" in refusal(load_model, "")
    return refusal(load_model, 5)


@example(ModelRules.DEVICE_NAME)
def a_device_that_no_machine_has(folder: Path) -> str:
    return refusal(load_model, folder, device="gpu")


@example(ModelRules.DEVICE)
def a_device_that_is_not_there(folder: Path) -> str:
    return refusal(load_model, folder, device="cuda:97")


@example(ScanInputRules.KIND)
def a_number(_folder: Path) -> str:
    return refusal(segment, 3)


@example(ScanInputRules.NO_AFFINE)
def an_array_alone(_folder: Path) -> str:
    return refusal(segment, some_scan()[0])


@example(ScanInputRules.SEVERAL)
def a_folder_of_two_scans(folder: Path) -> str:
    for name in "ab":
        write_scan(folder / f"{name}.nii.gz")
    return refusal(segment, folder, model=model_of_ct())


@example(ScanInputRules.OUTPUT)
def labels_as_nrrd(folder: Path) -> str:
    scan = write_scan(folder / "a.nii.gz")
    told = [refusal(segment, scan, folder / f"labels.{kind}", model=model_of_ct()) for kind in ("nrrd", "png")]
    told.append(refusal(segment_folder, scan, folder / "labels.png", model_of_ct()))
    assert not list(folder.glob("labels*"))
    assert all("labels are written as .nii.gz or .nii" in text for text in told)
    return told[0]


@example(ScanInputRules.NO_CLASSES)
def an_empty_list_of_classes(folder: Path) -> str:
    model, scan = model_of_ct(), write_scan(folder / "a.nii.gz")
    assert kept_classes(model.label_set, "spleen") == [2]
    assert kept_classes(model.label_set, None) is None
    assert refusal(segment_folder, scan, folder / "out", model, classes=[]) == refusal(
        segment, scan, model=model, classes=()
    )
    return refusal(segment, scan, model=model, classes=[])


@example(ScanInputRules.VOLUME)
def a_spleen_of_many_litres(_folder: Path) -> str:
    label_set = read_label_set(CLASSES)
    ids = np.zeros((6, 5, 4), np.uint8)
    ids[2, 2, 2] = 3  # a kidney of a thimble within the scan
    ids[0, 0, 0] = 1  # a liver that the border cuts
    told = implausible_volumes({"liver": 8.0, "spleen": 33180.0, "left kidney": 8.0}, ids, label_set)
    assert [text.partition(" measures")[0] for text in told] == ["spleen", "left kidney"]
    return told[0]


@example(ScanInputRules.OVER_SCAN)
def labels_over_the_scan(folder: Path) -> str:
    scan = write_scan(folder / "a.nii.gz")
    text = refusal(segment, scan, folder)
    assert refusal(segment, scan, scan) == text
    assert scan.stat().st_size > 1000
    return text


@example(ScanInputRules.NOT_OURS)
def labels_over_another_scan(folder: Path) -> str:
    scan, other = write_scan(folder / "a.nii.gz"), write_scan(folder / "out" / "a.nii.gz")
    before = other.read_bytes()
    told = [refusal(segment, scan, place, model=model_of_ct()) for place in (other, other.parent)]
    told.append(refusal(segment_folder, scan, other.parent, model_of_ct()))
    record_path(other.parent, "a").write_text('{"prediction": "a.nii.gz", "prediction_sha256": "of labels before"}')
    told.append(refusal(segment, scan, other, model=model_of_ct()))
    assert len(set(told)) == 1
    assert other.read_bytes() == before
    other.unlink()
    record_path(other.parent, "a").write_text('{"SliceThickness": 5}')
    assert str(record_path(other.parent, "a")) in refusal(segment, scan, other, model=model_of_ct())
    record_path(other.parent, "a").unlink()
    for name, wanted in {
        "a.png": "preview",
        "a_statistics.csv": "statistics",
        "a_probabilities/x.nii.gz": "probabilities",
    }.items():
        beside = other.parent / name
        beside.parent.mkdir(exist_ok=True)
        beside.write_text("of others")
        for call, place in ((segment, other), (segment_folder, other.parent)):
            assert str(beside) in refusal(call, scan, place, model=model_of_ct(), **{wanted: True})
        assert beside.read_text() == "of others"
    for name in ("cases.json", "statistics.csv"):
        (other.parent / name).write_text("of others")
        (other.parent / "a_statistics.csv").unlink(missing_ok=True)
        assert name in refusal(segment_folder, scan, other.parent, model_of_ct(), statistics=True)
        (other.parent / name).unlink()
    return told[0]


@example(ScanInputRules.NOT_A_FOLDER)
def a_file_for_the_labels_of_a_folder(folder: Path) -> str:
    write_scan(folder / "scans" / "a.nii.gz")
    (folder / "labels").write_text("a file")
    return refusal(segment_folder, folder / "scans", folder / "labels", model_of_ct())


@example(ScanInputRules.NO_OUTPUT)
def a_picture_without_a_place(_folder: Path) -> str:
    return refusal(segment, (np.zeros((4, 4, 4)), np.eye(4)), preview=True)
