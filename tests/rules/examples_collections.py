"""Collections of which no data list can be made, or only one of a part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rules.examples import example
from swinx.data import find_collection, list_collection
from swinx.errors import DataListError
from swinx.files import write_json
from swinx.labels import read_label_set
from swinx.rules import CollectionListRules as Rule


def touch(folder: Path, *names: str) -> None:
    """Make empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def refused(folder: Path, **options: Any) -> str:
    """The message with which a collection is refused."""
    with pytest.raises(DataListError) as caught:
        list_collection(folder, folder / "datalist.json", **options)
    return str(caught.value)


def notes(folder: Path, **options: Any) -> str:
    """What the user is told of a collection that is listed."""
    return "\n".join(list_collection(folder, folder / "datalist.json", **options).notes)


def left_out(folder: Path, **options: Any) -> str:
    """What is left out of a collection, and why."""
    return "\n".join(reason for _, reason in find_collection(folder, **options).left_out)


def nnunet(folder: Path, **more: Any) -> Path:
    """A data set of nnU-Net with one case."""
    touch(folder, "imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz", "labelsTr/a.nii.gz")
    content = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}, "file_ending": ".nii.gz"}
    write_json(folder / "dataset.json", content | more)
    return folder


@example(Rule.NO_FOLDER)
def a_folder_that_is_not_there(folder: Path) -> str:
    return refused(folder / "gone")


@example(Rule.NO_LAYOUT)
def a_folder_of_no_known_layout(folder: Path) -> str:
    return refused(folder)


@example(Rule.NO_CASE)
def a_pattern_that_matches_no_scan(folder: Path) -> str:
    return refused(folder, image="*.nii.gz")


@example(Rule.NO_LABEL)
def a_pattern_that_matches_no_label(folder: Path) -> str:
    touch(folder, "a.nii.gz")
    return refused(folder, image="*.nii.gz", label="*.nrrd")


@example(Rule.PATTERN)
def a_pattern_with_another_name(folder: Path) -> str:
    return refused(folder, image="{subject}.nii.gz")


@example(Rule.LABELS)
def regions_in_place_of_classes(folder: Path) -> str:
    return refused(nnunet(folder, labels={"background": 0, "abdomen": [1, 2]}))


@example(Rule.DATASET)
def a_task_with_a_case_without_files(folder: Path) -> str:
    return refused(nnunet(folder, training=["a.nii.gz"]))


@example(Rule.TABLE)
def a_table_that_is_no_text(folder: Path) -> str:
    touch(folder, "s1/ct.nii.gz", "s1/segmentations/liver.nii.gz")
    (folder / "meta.csv").write_bytes(b"\xff\xfe\xff")
    return refused(folder)


@example(Rule.FRACTION)
def more_than_all_cases_for_validation(folder: Path) -> str:
    return refused(nnunet(folder), validation=2.0)


@example(Rule.FOLDS)
def more_folds_than_patients(folder: Path) -> str:
    return refused(nnunet(folder), folds=5)


@example(Rule.EXPRESSION)
def a_patient_by_half_an_expression(folder: Path) -> str:
    return refused(nnunet(folder), patient="(a")


@example(Rule.TWICE)
def two_scans_of_one_name(folder: Path) -> str:
    touch(folder, "x/a.nii.gz", "y/a.nii.gz")
    return left_out(folder, image="*/{case}.nii.gz")


@example(Rule.TWO_LABELS)
def two_labels_of_one_scan(folder: Path) -> str:
    touch(folder, "b.nii.gz", "a.nii.gz", "x/a.nii.gz", "y/a.nii.gz")
    return left_out(folder, image="{case}.nii.gz", label="*/{case}.nii.gz")


@example(Rule.NO_IMAGE)
def a_label_without_a_scan(folder: Path) -> str:
    touch(nnunet(folder), "labelsTr/b.nii.gz")
    return left_out(folder)


@example(Rule.MISSING)
def a_task_that_names_a_file_that_is_gone(folder: Path) -> str:
    task = [{"image": "imagesTr/a.nii.gz", "label": "labelsTr/a.nii.gz"}]
    return left_out(nnunet(folder, training=[*task, {"image": "b.nii.gz", "label": "b.nii.gz"}]))


@example(Rule.CHANNELS)
def scans_of_two_channels(folder: Path) -> str:
    return notes(nnunet(folder))


@example(Rule.SPLIT_OF)
def a_table_with_a_split(folder: Path) -> str:
    touch(folder, "s1/ct.nii.gz", "s1/segmentations/liver.nii.gz")
    (folder / "meta.csv").write_text("image_id;split\ns1;train\n")
    return notes(folder)


@example(Rule.NO_LABELS)
def a_collection_that_names_no_classes(folder: Path) -> str:
    touch(folder, "a.nii.gz")
    return notes(folder, image="*.nii.gz")


@example(Rule.NO_PATIENT)
def names_that_tell_no_patient(folder: Path) -> str:
    return notes(nnunet(folder), patient=r"p\d+")


@example(Rule.HELD_OUT)
def a_collection_without_validation_cases(folder: Path) -> str:
    touch(folder, "imagesTr/b_0000.nii.gz", "labelsTr/b.nii.gz")
    return notes(nnunet(folder))


@example(Rule.BY_NAME)
def a_label_set_with_other_numbers(folder: Path) -> str:
    return notes(nnunet(folder), label_set=read_label_set({"background": 0, "spleen": 1, "liver": 2}))


@example(Rule.RENAMED)
def a_label_set_with_other_names(folder: Path) -> str:
    return notes(nnunet(folder), label_set=read_label_set({"background": 0, "organ": 1}))


def mapped(folder: Path, label_map: Any, **options: Any) -> str:
    touch(folder, "site_A/a.nii.gz", "site_B/b.nii.gz")
    return refused(folder, image="**/{case}.nii.gz", label_map=label_map, **options)


@example(Rule.LABEL_MAP)
def a_label_map_of_numbers_alone(folder: Path) -> str:
    return mapped(folder, '{"liver": 1}')


@example(Rule.SOURCE)
def a_source_by_half_an_expression(folder: Path) -> str:
    return mapped(folder, {"site_A": "btcv"}, source="(a")


@example(Rule.NO_SOURCE)
def maps_of_sources_that_are_not_told(folder: Path) -> str:
    return mapped(folder, {"site_A": "btcv"})


@example(Rule.OTHER_SOURCE)
def a_source_without_a_map(folder: Path) -> str:
    return mapped(folder, {"site_A": "btcv"}, source="site_.")


@example(Rule.WITHOUT_MAP)
def a_scan_without_a_source_beside_maps_by_source(folder: Path) -> str:
    return mapped(folder, {"site_A": "btcv"}, source="site_A")


@example(Rule.WITHOUT_SOURCE)
def a_scan_whose_path_names_no_source(folder: Path) -> str:
    touch(folder, "site_A/a.nii.gz", "site_B/b.nii.gz")
    return notes(folder, image="**/{case}.nii.gz", source="site_A")


@example(Rule.LOST_MAPS)
def a_list_with_a_map_by_hand(folder: Path) -> str:
    write_json(folder / "datalist.json", {"label_map": {"7": "liver"}, "training": []})
    return refused(nnunet(folder))
