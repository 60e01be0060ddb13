"""The outcome of a refinement: a table of cases, a data list to train from, a manifest of what it was made of."""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from swinx import __version__
from swinx.data import absolute_path, data_list_roots, data_list_sections, load_cases, read_volume, write_data_list
from swinx.errors import DataListError
from swinx.files import read_object, write_json, write_table
from swinx.labels import CLASS_NAMES, NUM_CLASSES, UNKNOWN
from swinx.nifti import write_nifti
from swinx.refinement.implausible_organs import implausible_as_text, tell_implausible
from swinx.refinement.policies.fusion import Fusion, drop_classes
from swinx.refinement.policies.selection import PredictedSomewhere, SelectionRule, Verdict, select_cases
from swinx.refinement.refinement_cases import is_refined, record_path
from swinx.refinement.refinement_record_settings import RefinementSettings, describe

__all__ = ["RefinedData", "assemble_refined"]

_logger = logging.getLogger(__name__)

_FOLDS = 5


@dataclass(frozen=True)
class RefinedData:
    """What :func:`assemble_refined` wrote.

    Attributes:
        data_list: The data list.
        refined: Cases with a refined label.
        selected: Those of them to train on.
        text: A sentence or two for the terminal.
    """

    data_list: Path
    refined: int
    selected: int
    text: str


def assemble_refined(
    items: Sequence[Mapping[str, Any]],
    output_dir: str | os.PathLike[str],
    source_list: str | os.PathLike[str],
    settings: RefinementSettings,
    rules: Sequence[SelectionRule] = (),
    failures: Sequence[Mapping[str, str]] = (),
    base_dir: str | os.PathLike[str] | None = None,
) -> RefinedData:
    """Select among the refined cases and write ``cases.csv``, ``datalist.json`` and ``manifest.json``.

    The same cases, settings and rules make the same bytes. A selected case of which a rule drops classes that it has
    gets a label of its own, ``<case>_selected.nii.gz``, in which their pseudo voxels are 255.

    Args:
        items: All cases, as :func:`swinx.refinement.load_refinement_cases` lists them.
        output_dir: Folder of the refined labels and their records.
        source_list: The data list that the cases came from; its other sections are taken over.
        settings: Of this refinement; cases with a record of other settings do not count as refined.
        rules: Selection rules; without any, all refined cases of which something is known are selected.
        failures: ``{"case", "reason"}`` of the cases that failed.
        base_dir: Data directory of ``source_list``; by default its folder.

    Raises:
        ValueError: If a rule cannot judge the cases.
        OSError: If a file cannot be written.
    """
    folder = absolute_path(output_dir)
    why = {failure["case"]: failure["reason"] for failure in failures}
    records = {}
    for item in items:
        if item["case"] not in why and is_refined(item, folder, settings.fingerprint):
            records[item["case"]] = read_object(record_path(folder, item["case"]), finite=False)
    reports = {case: record["refinement"] for case, record in records.items()}
    verdicts = select_cases(reports, rules)
    for rule in rules:
        if isinstance(rule, PredictedSomewhere):
            for reason in sorted({verdict.reason for verdict in rule(reports).values()}):
                _logger.warning("%s; nothing is known of it where it was not drawn", reason)
    verdicts = {case: _with_something_known(verdict, records[case]) for case, verdict in verdicts.items()}
    labels = {case: _selected_label(folder, case, v, records[case]) for case, v in verdicts.items()}
    training = [
        _entry(item, folder, labels[item["case"]], records[item["case"]], verdicts[item["case"]].drop_classes)
        for item in items
        if item["case"] in records and not verdicts[item["case"]].drop_case
    ]
    _write_table(folder / "cases.csv", items, records, verdicts, why)
    _write_list(folder / "datalist.json", training, items, source_list, base_dir)
    hashes = {
        case: {key: _without_stamp(record[key]) for key in ("image", "label", "outputs")}
        for case, record in records.items()
    }
    write_json(
        folder / "manifest.json",
        {
            "swinx": __version__,
            "settings": settings.content,
            "fingerprint": settings.fingerprint,
            "selection": [describe(rule) for rule in rules],
            "selected": [entry["case"] for entry in training],
            "failed": {case: why[case] for case in sorted(why)},
            "cases": hashes,
        },
    )
    told = tell_implausible(reports)
    if told:
        _logger.warning(told)
    text = (
        f"{len(records)} of {len(items)} cases refined, {len(training)} selected for training: "
        f"{folder / 'datalist.json'}"
    )
    return RefinedData(folder / "datalist.json", len(records), len(training), f"{text}\n{told}" if told else text)


def _without_stamp(content: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what is the same on another disk."""
    return None if content is None else {key: value for key, value in content.items() if key != "stamp"}


def _with_something_known(verdict: Verdict, record: Mapping[str, Any]) -> Verdict:
    report = record["refinement"]
    if not any(int(value) < NUM_CLASSES for value in report["after_ml"]):
        missing = "its refined label is empty"
    elif not set(report["known"]) - set(verdict.drop_classes):
        missing = "no class is known in it"
    else:
        return verdict
    reasons = [verdict.reason, missing]
    return Verdict(True, verdict.drop_classes, "; ".join(reason for reason in reasons if reason))


def _selected_label(folder: Path, case: str, verdict: Verdict, record: Mapping[str, Any]) -> str:
    """Return the file to train on; write or remove the case's ``_selected`` label as needed."""
    name = f"{case}_selected.nii.gz"
    there = {value for value in verdict.drop_classes if record["refinement"]["after_ml"].get(str(value))}
    if verdict.drop_case or not there:
        (folder / name).unlink(missing_ok=True)
        return f"{case}.nii.gz"
    label, source = (
        read_volume(folder / file, "label", allow_empty=True, allow_unknown=True)
        for file in (f"{case}.nii.gz", f"{case}_source.nii.gz")
    )
    known = tuple(record["refinement"]["known"])
    fusion = Fusion(label.array.astype(np.uint8), source.array.astype(np.uint8), known)
    fusion = drop_classes(fusion, verdict.drop_classes)
    write_nifti(folder / name, fusion.label, label.affine)
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


def _write_list(
    path: Path,
    training: Sequence[Mapping[str, Any]],
    items: Sequence[Mapping[str, Any]],
    source_list: str | os.PathLike[str],
    base_dir: str | os.PathLike[str] | None,
) -> None:
    refined = {item["section"] for item in items} | {"training"}
    sections: dict[str, list[Mapping[str, Any]]] = {"training": list(training)}
    for section in data_list_sections(source_list):
        if section not in refined:
            try:
                listed = load_cases(source_list, section, base_dir)
            except DataListError as error:
                _logger.warning("section %s is not taken over: %s", section, error)
                continue
            sections[section] = [item for item in listed if "fault" not in item]
            for item in listed:
                if "fault" in item:
                    _logger.warning("not taken over: %s", item["fault"])
    roots = data_list_roots(source_list, base_dir)
    write_data_list(path, sections, name="refined", description="Partial truth and pseudo labels", roots=roots)


def _write_table(
    path: Path,
    items: Sequence[Mapping[str, Any]],
    records: Mapping[str, Mapping[str, Any]],
    verdicts: Mapping[str, Verdict],
    failures: Mapping[str, str],
) -> None:
    rows = []
    for item in items:
        case = item["case"]
        row: dict[str, Any] = {"case": case, "section": item["section"], "refined": case in records}
        if case in records:
            row |= _facts(records[case], verdicts[case])
        else:
            row |= {"selected": False, "reason": failures.get(case, "not refined yet")}
        rows.append(row)
    write_table(path, pd.DataFrame(rows))


def _facts(record: Mapping[str, Any], verdict: Verdict) -> dict[str, Any]:
    report = record["refinement"]
    removed = sum(c["removed_ml"] for step in report["filters"] for c in step["classes"].values())
    facts = {
        "selected": not verdict.drop_case,
        "reason": verdict.reason,
        "annotated_source": record["annotated_source"],
        **{name: " ".join(map(str, report[name])) for name in ("annotated", "pseudo", "known")},
        "dropped": " ".join(map(str, verdict.drop_classes)),
        "implausible": implausible_as_text(report),
        "disagreement": report["disagreement"],
        "confidence": report["confidence"],
        "conflict_ml": round(_conflict_ml(report["conflicts_ml"]), 3),
        "filtered_ml": round(removed, 3),
        "unknown_ml": report["after_ml"].get(str(UNKNOWN), 0.0),
        "notes": "; ".join(record["notes"]),
    }
    for value in range(1, NUM_CLASSES):
        name = CLASS_NAMES[value].replace(" ", "_")
        facts |= {f"{name}_{when}_ml": report[f"{when}_ml"].get(str(value), 0.0) for when in ("before", "after")}
    return facts


def _conflict_ml(table: Mapping[str, Mapping[str, float]]) -> float:
    """Return the volume in which a drawn class met another pseudo class."""
    none = ("0", str(UNKNOWN))
    return sum(
        ml
        for drawn, row in table.items()
        if drawn not in none
        for other, ml in row.items()
        if other not in (drawn, *none)
    )
