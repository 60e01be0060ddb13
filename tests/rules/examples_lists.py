"""Data lists and manifests that break the rules of lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rules.examples import example
from rules.examples_folders import _log
from rules.examples_names import _refusal
from rules.examples_scans import HU, nifti
from swinx.data import (
    check_data,
    flare_data_list,
    format_report,
    list_collection,
    load_annotated_manifest,
    load_data_list,
    write_data_list,
)
from swinx.errors import DataListError
from swinx.files import write_json
from swinx.labels import read_label_set
from swinx.rules import ListRules, ManifestRules
from swinx.training import take_as_absent


def said(action) -> str:
    with pytest.raises(DataListError) as caught:
        action()
    return str(caught.value)


@example(ListRules.UNREADABLE)
def a_folder_called_as_a_list(folder: Path) -> str:
    (folder / "list.json").mkdir()
    return said(lambda: load_data_list(folder / "list.json", "training"))


@example(ListRules.NO_OBJECT)
def a_list_of_entries_without_sections(folder: Path) -> str:
    return _refusal(folder, "[]")


@example(ListRules.NO_SECTION)
def a_list_without_training(folder: Path) -> str:
    return _refusal(folder, {"testing": []})


@example(ListRules.SECTION_KIND)
def a_section_that_is_a_text(folder: Path) -> str:
    return _refusal(folder, {"training": "a.nii.gz"})


@example(ListRules.EMPTY_SECTION)
def a_section_without_entries(folder: Path) -> str:
    return _refusal(folder, {"training": []})


@example(ListRules.FAULTS)
def an_entry_without_its_file(folder: Path) -> str:
    return _refusal(folder, {"training": [{"image": "a.nii.gz"}]})


@example(ListRules.TWO_SECTIONS)
def a_scan_in_two_sections(folder: Path) -> str:
    nifti(folder / "a.nii.gz")
    sections = {section: [{"image": "a.nii.gz"}] for section in ("unlabeled", "testing")}
    write_json(folder / "list.json", sections)
    return format_report(check_data(folder / "list.json"))


@example(ListRules.NOTHING)
def a_list_with_nothing_to_check(folder: Path) -> str:
    write_json(folder / "list.json", {"testing": []})
    return said(lambda: check_data(folder / "list.json"))


@example(ListRules.ABSENT)
def a_class_that_nobody_annotated(_: Path) -> str:
    with _log() as lines:
        take_as_absent([{"case": "a", "annotated": [1]}])
    return "\n".join(lines)


@example(ListRules.UNKNOWN_SECTIONS)
def a_section_of_another_name(folder: Path) -> str:
    return said(lambda: write_data_list(folder / "list.json", {"test": []}))


@example(ListRules.OUTSIDE)
def a_written_entry_outside_of_the_folder(folder: Path) -> str:
    sections = {"testing": [{"image": "/elsewhere/a.nii.gz"}]}
    return said(lambda: write_data_list(folder / "list.json", sections))


def listed_by(folder: Path, manifest: str) -> str:
    """What is told of a manifest when a collection of the cases a and b is listed."""
    for name in ("images/a.nii.gz", "images/b.nii.gz", "labels/a.nii.gz", "labels/b.nii.gz"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (folder / "annotated.csv").write_text(manifest)
    patterns = {"image": "images/*.nii.gz", "label": "labels/*.nii.gz"}
    listed = list_collection(folder, folder / "list.json", annotated=folder / "annotated.csv", **patterns)
    return "\n".join(listed.notes)


@example(ManifestRules.UNUSED)
def a_manifest_with_a_row_of_no_case(folder: Path) -> str:
    return listed_by(folder, "case,annotated\n*,1\nanna,1\n")


@example(ManifestRules.UNCOVERED)
def a_manifest_without_a_row_of_a_case(folder: Path) -> str:
    return listed_by(folder, "case,annotated\na,1\n")


@example(ManifestRules.INFERRED)
def a_download_with_a_manifest_without_a_row_of_a_case(folder: Path) -> str:
    for name, array in (("imagesTr2200/a_0000.nii.gz", HU), ("labelsTr2200/a.nii.gz", (HU > 0).astype(np.uint8))):
        (folder / name).parent.mkdir()
        nifti(folder / name, array)
    (folder / "annotated.csv").write_text("case,annotated\nb,1\n")
    with _log() as told:
        flare_data_list(folder, annotated=folder / "annotated.csv")
    return "\n".join(told)


@example(ListRules.LEFT_OUT)
def a_list_of_classes_that_are_not_asked_for(folder: Path) -> str:
    nifti(folder / "a.nii.gz")
    write_json(folder / "list.json", {"labels": "flare22", "training": [{"image": "a.nii.gz"}]})
    with _log() as told:
        load_data_list(folder / "list.json", "training", label_set=read_label_set("flare21"))
    return "\n".join(told)


def of_manifest(folder: Path, name: str, content: str) -> str:
    """The message with which a manifest is refused."""
    (folder / name).write_text(content)
    return said(lambda: load_annotated_manifest(folder / name))


@example(ManifestRules.UNREADABLE)
def a_manifest_that_is_not_there(folder: Path) -> str:
    return said(lambda: load_annotated_manifest(folder / "annotated.csv"))


@example(ManifestRules.NO_OBJECT)
def a_manifest_that_is_a_list(folder: Path) -> str:
    return of_manifest(folder, "annotated.json", "[1, 2]")


@example(ManifestRules.COLUMNS)
def a_manifest_with_other_columns(folder: Path) -> str:
    return of_manifest(folder, "annotated.csv", "name,classes\na,1\n")


@example(ManifestRules.TWICE)
def a_manifest_with_one_case_twice(folder: Path) -> str:
    return of_manifest(folder, "annotated.csv", "case,annotated\na,1\na,2\n")


@example(ManifestRules.CLASS_IDS)
def a_manifest_with_a_class_that_does_not_exist(folder: Path) -> str:
    return of_manifest(folder, "annotated.csv", "case,annotated\na,99\n")


@example(ManifestRules.NO_ID)
def a_manifest_with_a_name_of_no_class(folder: Path) -> str:
    return of_manifest(folder, "annotated.csv", "case,annotated\na,1 and 2\n")
