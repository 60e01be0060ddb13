"""Integrity check of all cases, before a training starts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.contrib.concurrent import thread_map

from swinx.data.check_report import CheckReport, Finding, probe_folder, write_report
from swinx.data.file_kinds import absolute_path
from swinx.data.folders.case_files import name_scans
from swinx.data.lists.data_list import data_list_sections, scan_data_list
from swinx.data.lists.flare_layout import flare_sections, is_flare_layout
from swinx.data.volume_files import Volume, VolumeKind, read_volume
from swinx.errors import CaseError, DataListError
from swinx.geometry import compare_grids, label_values
from swinx.labels import UNKNOWN, may_be_empty
from swinx.rules import LabelRules, ListRules
from swinx.visible_text import visible

__all__ = ["check_data"]

_LABELLED_SECTIONS = ("training", "validation")


def check_data(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out_dir: str | os.PathLike[str] | None = None,
    workers: int = 2,
    base_dir: str | os.PathLike[str] | None = None,
) -> CheckReport:
    """Read every image and label and report all faults; a bad case does not stop it.

    Args:
        source: A data list, a folder in the FLARE layout or with a ``datalist.json``, or anything else
            that :func:`swinx.data.find_cases` takes.
        out_dir: Folder for ``check.json`` and ``check.csv``.
        workers: Cases read at a time; each holds one scan and its label in memory.
        base_dir: Data directory of the data list; by default the folder that the list is in.

    Returns:
        The report; ``report.ok`` is true if every case can be used.

    Raises:
        DataListError: If there is nothing to check or the data list as a whole cannot be read.
        OSError: If ``out_dir`` cannot be written to; found out before the first case is read.
    """
    if out_dir is not None:
        probe_folder(out_dir)
    items, findings = _collect(source, base_dir)
    num_cases = len({item["case"] for item in items} | {finding.case for finding in findings})
    for found in thread_map(_check_case, items, max_workers=workers, desc="checking", unit="case"):
        findings += found
    report = CheckReport(num_cases, tuple(sorted(findings, key=lambda finding: (finding.case, finding.severity))))
    if out_dir is not None:
        write_report(report, out_dir)
    return report


def _collect(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], base_dir: str | os.PathLike[str] | None
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Return the cases to read, and the faults that are known before reading."""
    if isinstance(source, str | os.PathLike):
        if Path(source).suffix.lower() == ".json":
            return _collect_listed(source, base_dir)
        listed = Path(source) / "datalist.json"
        items, findings = _collect_listed(listed, base_dir) if listed.is_file() else ([], [])
        if is_flare_layout(source):  # what lies there counts as well as what is listed
            known = {str(absolute_path(item["image"])) for item in items}
            there = [item for section in flare_sections(source).values() for item in section]
            items += [item for item in there if str(absolute_path(item["image"])) not in known]
        if items or findings:
            return _without_faults(items, findings)
    return _without_faults(name_scans(source), [])


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
    path: str | os.PathLike[str], base_dir: str | os.PathLike[str] | None
) -> tuple[list[dict[str, Any]], list[Finding]]:
    sections = data_list_sections(path)
    items: dict[str, dict[str, Any]] = {}
    findings: list[Finding] = []
    for section in sections:
        labelled = section in _LABELLED_SECTIONS
        good, faults = scan_data_list(path, section, base_dir, need_label=labelled, must_exist=False)
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


def _check_case(item: dict[str, Any]) -> list[Finding]:
    findings: list[Finding] = []
    image = _read(item, "image", findings)
    label = _read(item, "label", findings) if "label" in item else None
    if label is not None:
        findings += _check_values(item, label)
    if image is not None and label is not None:
        faults, notes = compare_grids(image.affine, image.array.shape, label.affine, label.array.shape)
        findings += [Finding("fault", item["case"], item["label"], text) for text in faults]
        findings += [Finding("note", item["case"], item["label"], text) for text in notes]
    return findings


def _read(item: dict[str, Any], kind: VolumeKind, findings: list[Finding]) -> Volume | None:
    try:
        volume = read_volume(item[kind], kind, allow_empty=may_be_empty(item.get("annotated")), allow_unknown=True)
    except CaseError as error:
        findings.append(Finding("fault", item["case"], error.path, error.reason))
        return None
    findings += [Finding("note", item["case"], item[kind], note) for note in volume.notes]
    return volume


def _check_values(item: dict[str, Any], label: Volume) -> list[Finding]:
    texts = []
    found = {int(value) for value in label_values(label.array)}
    if UNKNOWN in found:
        share = 100 * np.count_nonzero(label.array == UNKNOWN) / label.array.size
        texts.append(LabelRules.UNKNOWN_SHARE.says(percent=share, unknown=UNKNOWN))
    drawn = found - {0, UNKNOWN}
    if not drawn:
        texts.append(LabelRules.NONE_FOUND.says(annotated=sorted(item["annotated"])))
    if "annotated" in item and (unlisted := sorted(drawn - {*item["annotated"], *item.get("pseudo", [])})):
        texts.append(LabelRules.UNLISTED.says(ids=unlisted))
    return [Finding("note", item["case"], item["label"], text) for text in texts]
