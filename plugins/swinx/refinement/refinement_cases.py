"""Cases of a refinement: their annotated classes, and those that are refined already."""

from __future__ import annotations

import logging
import os
from collections.abc import Container, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm.contrib.concurrent import thread_map

from swinx.data import (
    case_name,
    data_list_sections,
    has_cases,
    load_annotated_manifest,
    load_cases,
    look_up_annotated,
    manifest_notes,
    masks_found,
    warn_of_numberings,
)
from swinx.errors import CaseError, DataListError, LabelSetError
from swinx.files import absolute_path, file_sha256, read_object, real_path
from swinx.geometry import label_values
from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.refinement.label_of_case import has_recorded_content, places_of, read_case_label
from swinx.rules import EntryRules
from swinx.runs import check_own
from swinx.visible_text import visible

__all__ = [
    "CASE_FILE_ENDS",
    "SAVED_ENDS",
    "finished_records",
    "is_refined",
    "load_refinement_cases",
    "pending_cases",
    "record_path",
    "refinement_case",
]

_logger = logging.getLogger(__name__)

_SECTIONS = ("training", "unlabeled")
SAVED_ENDS = (".nii.gz", "_source.nii.gz")
CASE_FILE_ENDS = (*SAVED_ENDS, "_selected.nii.gz")
"""Ends of the names of a case's files: refined label, provenance map, label with dropped classes."""


def load_refinement_cases(
    data_list: str | os.PathLike[str],
    sections: str | Sequence[str] = _SECTIONS,
    base_dir: str | os.PathLike[str] | None = None,
    annotated: str | os.PathLike[str] | None = None,
    workers: int = 2,
    label_set: LabelSet = FLARE23,
) -> list[dict[str, Any]]:
    """List the cases of a data list with what is annotated in each, and how that is known.

    Args:
        data_list: The JSON file.
        sections: Sections to take, if the list has them.
        base_dir: Data directory that paths are relative to; by default the folder of the list.
        annotated: A manifest (CSV or JSON, see :mod:`swinx.data.lists.annotated_manifest`) that outranks the list; or
            ``"inferred"``, to take the classes that occur in each label instead of those in the list.
        workers: Labels read at a time, where classes are inferred.
        label_set: The classes.

    Returns:
        Items ``{"case", "section", "image", "annotated", "annotated_source"}``, with ``"label"`` where there is one,
        and ``"label_map"`` (number in the file to number of the label set) where the two differ. The source is
        ``"manifest"``, ``"data list"``, ``"inferred"``, ``"no label"``, or ``"unusable"`` for an entry that cannot be
        used, which has a ``"fault"``. A label that cannot be read leaves ``annotated`` empty: the reader of the case
        will report it.

    Raises:
        DataListError: If the list or the manifest cannot be used, a case is in two sections or has pseudo labels
            already, or there is none.
    """
    sections = [sections] if isinstance(sections, str) else list(sections)
    infer = annotated is not None and os.fspath(annotated) == "inferred"
    manifest = load_annotated_manifest(annotated, label_set=label_set) if annotated is not None and not infer else {}
    present = data_list_sections(data_list)
    items: list[dict[str, Any]] = []
    for section in sections:
        if has_cases(data_list, section):
            found = load_cases(data_list, section, base_dir, label_set=label_set)
            items += [{**item, "section": section, "number": number} for number, item in enumerate(found)]
    if done := [item["case"] for item in items if item.get("pseudo")]:
        raise DataListError(
            f"{data_list}: is the outcome of a refinement ({len(done)} cases have pseudo labels, the first is "
            f"{done[0]}); refine the annotated labels again, so that no pseudo label passes for an annotation"
        )
    names = [item["case"] for item in items]
    if not items:
        raise DataListError(f"{data_list}: no cases in {', '.join(sections)}; it has {', '.join(present) or 'nothing'}")
    if twice := sorted({name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()):
        raise DataListError(f"{data_list}: case {twice[0]!r} is in two of the sections {', '.join(sections)}")
    items = _with_names_apart(items, data_list)
    warn_of_numberings(items, label_set)
    if manifest and annotated is not None:
        silent = [item["case"] for item in items if "label" in item and (infer or "annotated" not in item)]
        for note in manifest_notes(annotated, manifest, names, silent, infer=True):
            _logger.warning("%s", note)
    look = partial(_with_annotated, manifest=manifest, infer=infer, label_set=label_set)
    return list(thread_map(look, items, max_workers=workers, desc="annotated classes", unit="case", leave=False))


def refinement_case(
    image: str | os.PathLike[str],
    label: str | os.PathLike[str] | None = None,
    annotated: Sequence[int | str] | None = None,
    output_dir: str | os.PathLike[str] | None = None,
    label_set: LabelSet = FLARE23,
) -> dict[str, Any]:
    """Return one case as :func:`load_refinement_cases` lists it.

    Args:
        image: The scan.
        label: Its partial truth, if there is one.
        annotated: Classes annotated in it, by name or by number in label files; by default those that occur in the
            label.
        output_dir: Folder of the refined label, which must not replace the scan or the label.
        label_set: The classes.

    Raises:
        DataListError: If a file is missing or would be replaced, or an annotated class is none.
    """
    for place in (image, *([label] if label is not None else ())):
        if not os.path.exists(absolute_path(place)):  # noqa: PTH110 - pathlib raises for names that are too long
            raise DataListError(f"{place}: no such file")
    try:
        ids = None if annotated is None else label_set.ids_of([_plain(value) for value in annotated], "annotated")
    except LabelSetError as error:
        raise DataListError(str(error)) from error
    item: dict[str, Any] = {"case": case_name(image), "section": "given", "image": str(absolute_path(image))}
    if label is not None:
        item["label"] = str(absolute_path(label))
    if output_dir is not None:
        _refuse_overwriting([item], output_dir)
    manifest = {} if ids is None else {item["case"]: ids}
    return _with_annotated(item, manifest, infer=ids is None, label_set=label_set)


def pending_cases(
    items: Sequence[dict[str, Any]], output_dir: str | os.PathLike[str], settings: str, rank: int = 0, world: int = 1
) -> list[dict[str, Any]]:
    """Return those of this process's cases that are not refined yet.

    Cases are dealt to processes in list order, before looking at what is done, so that processes which look at
    different times still share no case.

    Refuses to write over a scan or a label. A case has a fault, and ``kept``, if its refined label is no
    longer as a run left it, such as one corrected by hand.

    Args:
        items: All cases.
        output_dir: Folder of the refined labels.
        settings: Fingerprint of teacher, policy and filters.
        rank: Number of this process.
        world: Number of processes.

    Raises:
        DataListError: If a refined label would replace the scan or the label of a case.
    """
    _refuse_overwriting(items, output_dir)
    pending = [item for item in items[rank::world] if not is_refined(item, output_dir, settings)]
    return [_with_kept(item, Path(output_dir)) for item in pending]


def _with_kept(item: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a case, with a fault if files of it are there that no run wrote as they are now."""
    try:
        files = {item["case"]: [folder / f"{item['case']}{end}" for end in SAVED_ENDS]}
        check_own(folder, files, None, record_path, key="files")
    except CaseError as error:
        return {**item, "fault": f"{error}, or list it as a label of its own", "kept": True}
    return item


def _refuse_overwriting(items: Sequence[dict[str, Any]], output_dir: str | os.PathLike[str]) -> None:
    """Refuse to replace a scan or a label by a refined label."""
    written = {real_path(Path(output_dir) / f"{item['case']}{end}") for item in items for end in CASE_FILE_ENDS}
    for item in items:
        for place in [item[key] for key in ("image",) if key in item] + places_of(item.get("label")):
            if real_path(place) in written:
                raise DataListError(f"{place} would be overwritten by a refined label; choose another output_dir")


def is_refined(item: Mapping[str, Any], output_dir: str | os.PathLike[str], settings: str) -> bool:
    """Return True if a case was refined from the current files with these settings, and its results are complete.

    Scans and labels are compared by the hashes of all that is read for them, those that have their former stamp
    without being read again; results by their hashes.
    """
    record_file = record_path(output_dir, item["case"])
    try:
        record = read_object(record_file, finite=False)
        if record["settings"] != settings or record["annotated"] != list(item["annotated"]):
            return False
        if record["annotated_source"] != item["annotated_source"] or record.get("label_map") != item.get("label_map"):
            return False
        for key in ("image", "label"):
            if (record[key] is None) != (item.get(key) is None):
                return False
            if record[key] is not None and not has_recorded_content(item[key], record[key]):
                return False
        if not set(record["files"]) <= {f"{item['case']}{end}" for end in CASE_FILE_ENDS}:
            return False  # a record may come from others, and no other files are read
        return all(file_sha256(Path(output_dir) / name) == sha256 for name, sha256 in record["files"].items())
    except (OSError, ValueError, KeyError, TypeError):  # what is missing or damaged is done again
        return False


def finished_records(
    items: Sequence[Mapping[str, Any]],
    output_dir: str | os.PathLike[str],
    settings: str,
    failures: Container[str] = (),
) -> dict[str, dict[str, Any]]:
    """Return the records of the cases that are refined, by name.

    Args:
        items: All cases.
        output_dir: Folder of the refined labels.
        settings: Fingerprint of teacher, policy and filters.
        failures: Names of the cases that failed.
    """
    return {
        item["case"]: read_object(record_path(output_dir, item["case"]), finite=False)
        for item in items
        if item["case"] not in failures and is_refined(item, output_dir, settings)
    }


def record_path(output_dir: str | os.PathLike[str], case: str) -> Path:
    """Return where the record of a case stands."""
    return Path(output_dir) / "records" / f"{case}.json"


def _with_names_apart(items: Sequence[dict[str, Any]], data_list: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return the items; a case whose label would have the name of another's second file has a fault.

    It goes by its place in the list: what is removed when a case fails must not be the other's file.
    """
    names = {item["case"] for item in items if "fault" not in item}
    apart = []
    for item in items:
        name = item["case"]
        first = next((name.removesuffix(end) for end in ("_source", "_selected") if name.endswith(end)), name)
        if first != name and first in names and name in names:
            place = f"{item['section']}[{item['number']}]"
            fault = EntryRules.SHARED_FILE.says(path=visible(data_list), place=place, first=first, other=name)
            item = {**item, "case": _free(place, names), "fault": fault}
        apart.append(item)
    return apart


def _free(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "'"
    return name


def _with_annotated(
    item: Mapping[str, Any], manifest: Mapping[str, list[int]], infer: bool, label_set: LabelSet
) -> dict[str, Any]:
    kept = ("case", "section", "image", "label", "label_map", "fault")
    known = {key: item[key] for key in kept if key in item}
    if "fault" in item:
        return {**known, "annotated": [], "annotated_source": "unusable"}
    if "label" not in item:
        return {**known, "annotated": [], "annotated_source": "no label"}
    if (listed := look_up_annotated(manifest, item["case"])) is not None:
        return {**known, "annotated": listed, "annotated_source": "manifest"}
    if "annotated" in item and not infer:
        return {**known, "annotated": sorted(set(item["annotated"])), "annotated_source": "data list"}
    try:
        if (found := masks_found(item["label"], label_set=label_set)) is None:
            labels = read_case_label(item, label_set).array
            found = [int(value) for value in label_values(labels) if value not in (0, UNKNOWN)]
    except CaseError:
        found = []
    return {**known, "annotated": found, "annotated_source": "inferred"}


def _plain(value: Any) -> Any:
    """Return a number of a tensor or an array as a plain one."""
    return value if isinstance(value, str) else int(value)
