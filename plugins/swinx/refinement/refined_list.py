"""Data list of refined labels to train from, and manifest of what it was made of."""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from swinx import __version__
from swinx.data import (
    ANY_NUMBERS,
    data_list_roots,
    data_list_sections,
    has_cases,
    load_cases,
    read_volume,
    write_data_list,
)
from swinx.errors import DataListError
from swinx.files import write_json
from swinx.labels import FLARE23, LabelSet, class_numbers, file_numbers
from swinx.nifti import write_nifti
from swinx.refinement.policies.fusion import Fusion, drop_classes
from swinx.refinement.policies.selection import Verdict
from swinx.refinement.refinement_record_settings import RefinementSettings, describe

__all__ = ["write_manifest", "write_refined_list"]

_logger = logging.getLogger(__name__)

_FOLDS = 5


def write_refined_list(
    folder: Path,
    items: Sequence[Mapping[str, Any]],
    records: Mapping[str, Mapping[str, Any]],
    verdicts: Mapping[str, Verdict],
    source_list: str | os.PathLike[str],
    base_dir: str | os.PathLike[str] | None = None,
    label_set: LabelSet = FLARE23,
) -> list[dict[str, Any]]:
    """Write ``datalist.json``; return the entries of its section ``training``, the selected cases.

    A selected case of which a rule drops classes that it has gets a label of its own, ``<case>_selected.nii.gz``, in
    which their pseudo voxels are 255.

    Args:
        folder: Folder of the refined labels.
        items: All cases, as :func:`swinx.refinement.load_refinement_cases` lists them.
        records: Record of each refined case.
        verdicts: Verdict on each refined case.
        source_list: The data list that the cases came from; its other sections are taken over.
        base_dir: Data directory of ``source_list``; by default its folder.
        label_set: The classes; the list and its label files have its numbers.
    """
    labels = {
        case: _selected_label(folder, case, verdict, records[case], label_set) for case, verdict in verdicts.items()
    }
    training = [
        _entry(item, folder, labels[item["case"]], records[item["case"]], verdicts[item["case"]].drop_classes)
        for item in items
        if item["case"] in records and not verdicts[item["case"]].drop_case
    ]
    sections = {"training": training, **_taken_over(items, source_list, base_dir, label_set)}
    roots = data_list_roots(source_list, base_dir)
    description = "Partial truth and pseudo labels"
    path = folder / "datalist.json"
    write_data_list(path, sections, name="refined", description=description, roots=roots, label_set=label_set)
    return training


def write_manifest(
    path: Path,
    settings: RefinementSettings,
    rules: Sequence[object],
    selected: Sequence[str],
    records: Mapping[str, Mapping[str, Any]],
    failures: Mapping[str, str],
) -> None:
    """Write the settings, the rules, the outcome of each case and the hashes of its files.

    Args:
        path: The JSON file.
        settings: Teacher, policy and filters.
        rules: Selection rules.
        selected: Names of the cases to train on.
        records: Record of each refined case.
        failures: Reason of each case that failed.
    """
    hashes = {
        case: {key: _without_stamp(record[key]) for key in ("image", "label", "files")}
        for case, record in records.items()
    }
    write_json(
        path,
        {
            "swinx": __version__,
            "settings": settings.content,
            "fingerprint": settings.fingerprint,
            "selection": [describe(rule) for rule in rules],
            "selected": list(selected),
            "failed": dict(sorted(failures.items())),
            "cases": hashes,
        },
    )


def _without_stamp(content: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the content record of a file without its stamp, which differs on other disks."""
    return None if content is None else {key: value for key, value in content.items() if key != "stamp"}


def _selected_label(folder: Path, case: str, verdict: Verdict, record: Mapping[str, Any], label_set: LabelSet) -> str:
    """Return the file to train on; write or remove the case's ``_selected`` label as needed."""
    name = f"{case}_selected.nii.gz"
    there = {value for value in verdict.drop_classes if record["refinement"]["after_ml"].get(str(value))}
    if verdict.drop_case or not there:
        (folder / name).unlink(missing_ok=True)
        return f"{case}.nii.gz"
    label, source = (
        read_volume(folder / file, "label", allow_empty=True, allow_unknown=True, numbers=numbers)
        for file, numbers in ((f"{case}.nii.gz", class_numbers(label_set)), (f"{case}_source.nii.gz", ANY_NUMBERS))
    )
    known = tuple(record["refinement"]["known"])
    fusion = Fusion(label.array.astype(np.uint8), source.array.astype(np.uint8), known)
    fusion = drop_classes(fusion, verdict.drop_classes)
    write_nifti(folder / name, file_numbers(label_set, fusion.label), label.affine)
    return name


def _entry(
    item: Mapping[str, Any], folder: Path, label: str, record: Mapping[str, Any], dropped: Sequence[int]
) -> dict[str, Any]:
    report = record["refinement"]
    return {
        "case": item["case"],
        "image": item["image"],
        "label": str(folder / label),
        "annotated": [value for value in report["known"] if value not in dropped],
        "pseudo": [value for value in report["pseudo"] if value not in dropped],
        "annotated_source": item["annotated_source"],
        "source": f"{item['case']}_source.nii.gz",
        "fold": zlib.crc32(item["case"].encode()) % _FOLDS,
    }


def _taken_over(
    items: Sequence[Mapping[str, Any]],
    source_list: str | os.PathLike[str],
    base_dir: str | os.PathLike[str] | None,
    label_set: LabelSet,
) -> dict[str, list[dict[str, Any]]]:
    """Return the usable entries of the sections that were not refined."""
    refined = {item["section"] for item in items} | {"training"}
    sections = {}
    for section in data_list_sections(source_list):
        if section in refined or not has_cases(source_list, section):
            continue
        try:
            listed = load_cases(source_list, section, base_dir, label_set=label_set)
        except DataListError as error:
            _logger.warning("section %s is not taken over: %s", section, error)
            continue
        sections[section] = [item for item in listed if "fault" not in item]
        for item in listed:
            if "fault" in item:
                _logger.warning("not taken over: %s", item["fault"])
    return sections
