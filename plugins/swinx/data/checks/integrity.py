"""Integrity check of all cases, before a training starts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.contrib.concurrent import thread_map

from swinx.data.checks.check_report import CheckReport, Finding, probe_folder, write_report
from swinx.data.checks.collection_facts import CheckedLabel, collection_lines
from swinx.data.folders.case_files import name_scans
from swinx.data.formats.file_formats import is_volume_file
from swinx.data.label_facts import LabelFacts, exchanged_sides, implausible, label_facts, sides_text, volumes_text
from swinx.data.label_files import label_path, names_left_out, read_label
from swinx.data.lists.case_facts import unlisted_note
from swinx.data.lists.data_list import data_list_sections, scan_data_list
from swinx.data.lists.flare_layout import flare_sections, is_flare_layout
from swinx.data.lists.list_labels import list_label_set
from swinx.data.numbering_notes import contradicting_labels, numbering_fault
from swinx.data.volume_files import ANY_NUMBERS, Volume, read_volume
from swinx.errors import CaseError, DataListError
from swinx.files import absolute_path
from swinx.geometry import compare_grids, label_values
from swinx.labels import FLARE23, UNKNOWN, LabelSet, class_numbers
from swinx.rules import LabelRules, ListRules
from swinx.visible_text import visible

__all__ = ["check_data"]

_LABELLED_SECTIONS = ("training", "validation")
_OUTSIDE = [rule.value.message.partition("{")[0] for rule in (LabelRules.OUTSIDE, LabelRules.OUTSIDE_SET)]
"""Beginnings of the faults of labels with numbers that are no class."""


def check_data(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out_dir: str | os.PathLike[str] | None = None,
    workers: int = 2,
    base_dir: str | os.PathLike[str] | None = None,
    label_set: LabelSet | None = None,
    hu: bool = True,
) -> CheckReport:
    """Read every image and label and report all faults; a bad case does not stop it.

    Args:
        source: A data list, a folder in the FLARE layout or with a ``datalist.json``, or anything else
            that :func:`swinx.data.find_cases` takes.
        out_dir: Folder for ``check.json`` and ``check.csv``.
        workers: Cases read at a time; each holds one scan and its label in memory.
        base_dir: Data directory of the data list; by default the folder that the list is in.
        label_set: Classes to check the labels for; by default those of the data list, and of FLARE-23 without one.
        hu: The scans are CT in HU; False for MR and others.

    Returns:
        The report; ``report.ok`` is true if every case can be used.

    Raises:
        DataListError: If there is nothing to check or the data list as a whole cannot be read.
        OSError: If ``out_dir`` cannot be written to; found out before the first case is read.
    """
    if out_dir is not None:
        probe_folder(out_dir)
    label_set = label_set or _listed_label_set(source, base_dir)
    items, findings = _collect(source, base_dir, label_set, hu)
    num_cases = len({item["case"] for item in items} | {finding.case for finding in findings})
    labels: list[CheckedLabel] = []
    check = partial(_check_case, label_set=label_set, hu=hu)
    for found, label in thread_map(check, items, max_workers=workers, desc="checking", unit="case"):
        findings += found
        labels += [] if label is None else [label]
    numberings = contradicting_labels({label.case: label.facts for label in labels if label.facts}, label_set)
    files = {item["case"]: label_path(item["label"]) for item in items if "label" in item}
    findings += [
        Finding("fault", case, files[case], numbering_fault(group, label_set))
        for group in numberings
        for case in group.cases
    ]
    complete = [item["case"] for item in items if {"section", "label"} <= item.keys() and "annotated" not in item]
    report = CheckReport(
        num_cases,
        tuple(sorted(findings, key=lambda finding: (finding.case, finding.severity))),
        collection_lines(labels, label_set, complete, numberings),
    )
    if out_dir is not None:
        write_report(report, out_dir)
    return report


def _listed_label_set(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], base_dir: str | os.PathLike[str] | None
) -> LabelSet:
    if isinstance(source, str | os.PathLike):
        listed = Path(source) if Path(source).suffix.lower() == ".json" else Path(source) / "datalist.json"
        if Path(source).suffix.lower() == ".json" or listed.is_file():
            return list_label_set(listed, base_dir)
    return FLARE23


def _collect(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    base_dir: str | os.PathLike[str] | None,
    label_set: LabelSet,
    hu: bool,
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Return the cases to read, and the faults that are known before reading."""
    if isinstance(source, str | os.PathLike):
        if Path(source).suffix.lower() == ".json":
            return _collect_listed(source, base_dir, label_set)
        listed = Path(source) / "datalist.json"
        items, findings = _collect_listed(listed, base_dir, label_set) if listed.is_file() else ([], [])
        if is_flare_layout(source):  # what lies there counts as well as what is listed
            known = {str(absolute_path(item["image"])) for item in items}
            there = [item for section in flare_sections(source).values() for item in section]
            items += [item for item in there if str(absolute_path(item["image"])) not in known]
        if items or findings:
            return _without_faults(items, findings)
    return _without_faults(name_scans(source, hu=hu), [])


def _without_faults(
    items: Sequence[dict[str, Any]], findings: Sequence[Finding]
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Return the items without faults, and the findings about the others."""
    faults = [
        Finding("fault", item["case"], item["image"], item["fault"].removeprefix(f"{visible(item['image'])}: "))
        for item in items
        if "fault" in item
    ]
    return [item for item in items if "fault" not in item], [*findings, *faults]


def _collect_listed(
    path: str | os.PathLike[str], base_dir: str | os.PathLike[str] | None, label_set: LabelSet
) -> tuple[list[dict[str, Any]], list[Finding]]:
    sections = data_list_sections(path)
    items: dict[str, dict[str, Any]] = {}
    findings: list[Finding] = []
    for section in sections:
        labelled = section in _LABELLED_SECTIONS
        good, faults = scan_data_list(path, section, base_dir, labelled, must_exist=False, label_set=label_set)
        findings += [
            Finding("fault", fault.case, fault.file, f"{section}[{fault.number}]: {fault.reason}") for fault in faults
        ]
        for item in good:
            first = items.setdefault(item["image"], {**item, "section": section})
            if first["section"] != section:  # read it once, and say that training and validation may overlap
                text = ListRules.TWO_SECTIONS.says(first=first["section"], other=section)
                findings.append(Finding("note", item["case"], item["image"], text))
    if not items and not findings:
        raise DataListError(ListRules.NOTHING.says(path=path, sections=", ".join(sections) or "none"))
    return list(items.values()), findings


def _check_case(item: dict[str, Any], label_set: LabelSet, hu: bool) -> tuple[list[Finding], CheckedLabel | None]:
    findings: list[Finding] = []
    image = _image(item, findings, hu)
    if "label" not in item:
        return findings, None
    file = label_path(item["label"])
    try:
        label = _label(item, label_set)
    except CaseError as error:
        findings.append(Finding("fault", item["case"], error.path, error.reason))
        is_outside = any(part in error.reason for part in _OUTSIDE)
        numbers, strange = _numbers(item, label_set) if is_outside else (None, ())
        return findings, CheckedLabel(item["case"], numbers=numbers, is_outside=is_outside, strange=strange)
    array = label.array.astype(np.uint8, copy=False)
    facts = label_facts(array, label.affine)
    unknown = 100 * np.count_nonzero(array == UNKNOWN) / array.size
    unlisted = unlisted_note(facts.volumes_ml.keys(), item, label_set)
    texts = [*label.notes, *_values_told(item, facts, unknown, unlisted, label_set)]
    findings += [Finding("note", item["case"], file, text) for text in texts]
    if image is not None:
        faults, notes = compare_grids(image.affine, image.array.shape, label.affine, array.shape)
        findings += [Finding("fault", item["case"], file, text) for text in faults]
        findings += [Finding("note", item["case"], file, text) for text in notes]
    numbers = facts.renamed(dict(enumerate(label_set.values))) if _has_plain_numbers(item) else None
    left_out = tuple(names_left_out(item["label"], label_set))
    return findings, CheckedLabel(item["case"], facts, unknown, numbers, unlisted=bool(unlisted), left_out=left_out)


def _has_plain_numbers(item: dict[str, Any]) -> bool:
    """Return whether a label file is meant to have the numbers of the label set."""
    label = item["label"]
    return isinstance(label, str) and "label_map" not in item and is_volume_file(label)


def _numbers(item: dict[str, Any], label_set: LabelSet) -> tuple[LabelFacts | None, tuple[int, ...]]:
    """Return the measures of a label by number, if they are to be those of the label set; and numbers of no class."""
    try:
        label = read_volume(item["label"], "label", allow_empty=True, allow_unknown=True, numbers=ANY_NUMBERS)
    except CaseError:  # of another fault, which is reported
        return None, ()
    strange = class_numbers(label_set, item.get("label_map")).strange(label_values(label.array))
    found = tuple(int(number) for number in strange if number != UNKNOWN)
    if not _has_plain_numbers(item) or label.array.max() > UNKNOWN:
        return None, found
    return label_facts(label.array.astype(np.uint8), label.affine), found


def _image(item: dict[str, Any], findings: list[Finding], hu: bool) -> Volume | None:
    try:
        volume = read_volume(item["image"], hu=hu)
    except CaseError as error:
        findings.append(Finding("fault", item["case"], error.path, error.reason))
        return None
    findings += [Finding("note", item["case"], item["image"], note) for note in volume.notes]
    return volume


def _label(item: dict[str, Any], label_set: LabelSet) -> Volume:
    allow_empty = label_set.may_be_empty(item.get("annotated"))
    facts = {"image": item["image"], "annotated": item.get("annotated")}
    return read_label(item["label"], label_set, item.get("label_map"), allow_empty=allow_empty, **facts)


def _values_told(
    item: dict[str, Any], facts: LabelFacts, unknown: float, unlisted: str, label_set: LabelSet
) -> list[str]:
    texts = []
    if unknown:
        texts.append(LabelRules.UNKNOWN_SHARE.says(percent=unknown, unknown=UNKNOWN))
    if not facts.volumes_ml:
        texts.append(LabelRules.NONE_FOUND.says(names=label_set.numbered(sorted(item["annotated"]))))
    if unlisted:
        texts.append(unlisted)
    if odd := implausible(facts, label_set):
        texts.append(volumes_text(odd, label_set))
    if pairs := exchanged_sides(facts, label_set):
        texts.append(sides_text(pairs, label_set))
    return texts
