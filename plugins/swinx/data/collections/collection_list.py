"""Data lists of collections in any layout, without copying a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm.contrib.concurrent import thread_map

from swinx.data.case_names import case_name
from swinx.data.collections.collection_classes import with_classes
from swinx.data.collections.found_collection import FoundCollection, pair_by_case
from swinx.data.collections.given_label_map import GivenMap, lost_maps, read_label_map, sources_named
from swinx.data.collections.known_layouts import FLARE, LAYOUTS, find_known_layout
from swinx.data.collections.path_patterns import PathPattern, paths_below
from swinx.data.collections.patient_folds import folds_of, part_of, patients_named
from swinx.data.formats.file_formats import bare_name, is_volume_file, volume_suffix
from swinx.data.lists.annotated_manifest import load_annotated_manifest, manifest_notes
from swinx.data.lists.flare_layout import with_annotated
from swinx.data.lists.written_list import write_data_list
from swinx.errors import DataListError
from swinx.files import absolute_path
from swinx.labels import LabelSet
from swinx.rules import CollectionListRules as Rule
from swinx.visible_text import visible

__all__ = ["ListedCollection", "find_collection", "list_collection"]

_TRAINING, _VALIDATION, _UNLABELED = "training", "validation", "unlabeled"


@dataclass(frozen=True)
class ListedCollection:
    """Data lists that were written of a collection.

    Attributes:
        paths: The lists: one, or one for each fold.
        found: The collection.
        label_set: Its classes.
        counts: Number of cases in each section of the first list.
        notes: What the user should know of it.
    """

    paths: tuple[Path, ...]
    found: FoundCollection
    label_set: LabelSet
    counts: dict[str, int]
    notes: tuple[str, ...]


def list_collection(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    image: str | None = None,
    label: str | None = None,
    label_set: LabelSet | None = None,
    roots: Sequence[str | os.PathLike[str]] = (),
    patient: str | None = None,
    annotated: str | os.PathLike[str] | None = None,
    label_map: str | Mapping[str, Any] | None = None,
    source: str | None = None,
    validation: float = 0.2,
    folds: int = 0,
    seed: int = 0,
    workers: int = 2,
) -> ListedCollection:
    """Write the data list of a collection, or one for each fold of a cross-validation.

    Args:
        folder: The collection, see :func:`find_collection`.
        out: The list; those of folds are called ``<out>_fold0.json`` and so on.
        image: Pattern of the scans.
        label: Pattern of the labels.
        label_set: Its classes; by default those that the collection names, and FLARE-23's where it names none.
        roots: Further folders in which its files lie.
        patient: Regular expression that finds the patient in the name of a case.
        annotated: Manifest of annotated classes, or ``"inferred"`` for those that occur in a label; by default nothing
            is recorded, but for the FLARE download, where they are inferred.
        label_map: Meaning of the numbers in the label files, or that of each source, see
            :func:`swinx.data.collections.given_label_map.read_label_map`; by default that of the collection.
        source: Regular expression that finds the source in the path of a scan.
        validation: Part of the patients to hold out for validation, where the collection names no validation cases.
        folds: Folds of a cross-validation, instead of ``validation``; 0 for none.
        seed: Of the split.
        workers: Labels read at a time.

    Raises:
        DataListError: If no case is found, an argument is unusable, or label maps of a list at this place would be
            lost; the message says which.
        OSError: If the list cannot be written.
    """
    found = find_collection(folder, image, label, roots)
    found, classes, told = with_classes(found, absolute_path(folder), label_set)
    notes = [*found.notes, *told]
    items = [(case.section, case.entry()) for case in found.cases]
    if patient is not None:
        notes += _add_patients([item for _, item in items], patient)
    maps = GivenMap(found.label_map) if label_map is None else read_label_map(label_map, classes)
    notes += _add_sources([item for _, item in items], source, maps, absolute_path(folder))
    extra = {"split": {"seed": seed}, **maps.as_listed()}
    targets = [_target(Path(out), number if folds else None) for number in range(folds or 1)]
    for target in targets if label_map is None else ():
        if lost := lost_maps(target, extra):
            raise DataListError(Rule.LOST_MAPS.says(path=visible(target), maps=", ".join(lost)))
    if annotated is None and found.layout == FLARE:
        annotated = "inferred"
    if annotated is not None:
        items, left_out, odd = _with_annotated(items, annotated, classes, maps, workers)
        found = replace(found, left_out=(*found.left_out, *left_out))
        notes += odd
    sections, more = _sections(items, validation if folds == 0 else 0, seed)
    lists = _folds(sections, folds, seed) if folds else [sections]
    for target, one in zip(targets, lists, strict=True):
        _write(target, one, folder, roots, found, classes, extra)
    counts = {section: len(entries) for section, entries in lists[0].items()}
    return ListedCollection(tuple(targets), found, classes, counts, (*notes, *more))


def find_collection(
    folder: str | os.PathLike[str],
    image: str | None = None,
    label: str | None = None,
    roots: Sequence[str | os.PathLike[str]] = (),
) -> FoundCollection:
    """Return the cases of a folder; no scan is opened.

    Args:
        folder: A folder in a layout of :data:`swinx.data.collections.known_layouts.LAYOUTS`, or any with patterns.
        image: Pattern of the scans relative to the folder: ``*`` and ``?`` within a name, ``**/`` for folders in any
            depth, ``{case}`` for the name of the case; without it that is the name of the file, without ``_0000``.
        label: Pattern of the labels: files, or folders with a mask for each class.
        roots: Further folders in which the patterns are looked for.

    Raises:
        DataListError: If the layout is none of these and no pattern is given, a pattern is unusable, or nothing is
            found.
    """
    base = absolute_path(folder)
    if not base.is_dir():
        raise DataListError(Rule.NO_FOLDER.says(folder=visible(base)))
    if image is None:
        found = find_known_layout(base)
        if found is None:
            raise DataListError(Rule.NO_LAYOUT.says(folder=visible(base), layouts="; ".join(LAYOUTS)))
    else:
        found = _matching(
            list(dict.fromkeys([base, *map(absolute_path, roots)])), PathPattern(image), label and PathPattern(label)
        )
    found = found.checked()
    if not found.cases:
        reason = f": {found.left_out[0][0]}: {found.left_out[0][1]}" if found.left_out else ""
        raise DataListError(Rule.NO_CASE.says(folder=visible(base), layout=found.layout, reason=reason))
    return found


def _matching(folders: Sequence[Path], image: PathPattern, label: PathPattern | str | None) -> FoundCollection:
    images: list[tuple[str, Path]] = []
    labels: list[tuple[str, Path]] = []
    for path, relative in paths_below(folders):
        if isinstance(label, PathPattern) and label.matches(relative):
            labels.append((_case(label, path, relative), path))
        elif image.matches(relative) and (path.is_dir() or volume_suffix(path)):
            images.append((_case(image, path, relative), path))
    if isinstance(label, PathPattern) and not labels:
        raise DataListError(Rule.NO_LABEL.says(pattern=visible(label.text), folder=visible(folders[0])))
    cases, left_out = pair_by_case(images, labels)
    return FoundCollection("patterns", tuple(cases), left_out=tuple(left_out))


def _case(pattern: PathPattern, path: Path, relative: str) -> str:
    """Return the name of the case of a path that matches a pattern."""
    named = pattern.case_of(relative)
    if named is None:
        return case_name(path)
    return bare_name(named) if is_volume_file(named) else named


def _add_patients(items: Sequence[dict[str, Any]], pattern: str) -> list[str]:
    patients = patients_named([item["case"] for item in items], pattern)
    for item in items:
        if item["case"] in patients:
            item["patient"] = patients[item["case"]]
    if missing := len(items) - len(patients):
        return [Rule.NO_PATIENT.says(count=missing, total=len(items), pattern=visible(pattern))]
    return []


def _add_sources(items: Sequence[dict[str, Any]], pattern: str | None, maps: GivenMap, base: Path) -> list[str]:
    """Give the entries their source, and return what is to be said of those without one.

    Raises:
        DataListError: If there are maps by source, and no expression, or one that leaves a scan without a map.
    """
    if pattern is None:
        if maps.by_source:
            raise DataListError(Rule.NO_SOURCE.says(sources=visible(", ".join(maps.by_source))))
        return []
    paths = [Path(os.path.relpath(item["image"], base)).as_posix() for item in items]
    found = sources_named(paths, pattern)
    for item, source in zip(items, found, strict=True):
        if source is not None:
            item["source"] = source
    if others := sorted({one for one in found if one is not None} - maps.by_source.keys() if maps.by_source else ()):
        told = {"source": visible(others[0]), "sources": visible(", ".join(maps.by_source))}
        raise DataListError(Rule.OTHER_SOURCE.says(**told))
    missing = found.count(None)
    if missing and maps.by_source:
        first = visible(paths[found.index(None)])
        words = {"count": missing, "total": len(items), "pattern": visible(pattern), "path": first}
        raise DataListError(Rule.WITHOUT_MAP.says(**words))
    return [Rule.WITHOUT_SOURCE.says(count=missing, total=len(items), pattern=visible(pattern))] if missing else []


def _with_annotated(
    items: Sequence[tuple[str | None, dict[str, Any]]],
    annotated: str | os.PathLike[str],
    label_set: LabelSet,
    maps: GivenMap,
    workers: int,
) -> tuple[list[tuple[str | None, dict[str, Any]]], list[tuple[str, str]], tuple[str, ...]]:
    manifest = None if os.fspath(annotated) == "inferred" else load_annotated_manifest(annotated, label_set)
    options: dict[str, Any] = {"label_set": label_set, "infer": manifest is None, "manifest": manifest}

    def look(item: dict[str, Any]) -> dict[str, Any]:
        return with_annotated(item, label_map=maps.of(item), **options)

    told = thread_map(look, [item for _, item in items], max_workers=workers, desc="labels", unit="case")
    kept = [(section, item) for (section, _), item in zip(items, told, strict=True) if "reason" not in item]
    notes: tuple[str, ...] = ()
    if manifest is not None:
        cases, labelled = [item["case"] for _, item in items], [item["case"] for _, item in items if "label" in item]
        notes = manifest_notes(annotated, manifest, cases, labelled)
    return kept, [(item["case"], item["reason"]) for item in told if "reason" in item], notes


def _sections(
    items: Sequence[tuple[str | None, dict[str, Any]]], fraction: float, seed: int
) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Return the entries of each section, and what is to be said of the split."""
    sections: dict[str, list[dict[str, Any]]] = {_TRAINING: [], _VALIDATION: [], _UNLABELED: [], "testing": []}
    for section, item in items:
        labelled = "label" in item
        place = section or _TRAINING
        sections[place if labelled or place not in (_TRAINING, _VALIDATION) else _UNLABELED].append(item)
    chosen = part_of(sections[_TRAINING], fraction, seed)
    if sections[_VALIDATION] or not chosen:
        return sections, []
    sections[_VALIDATION] = [item for item in sections[_TRAINING] if item["case"] in chosen]
    sections[_TRAINING] = [item for item in sections[_TRAINING] if item["case"] not in chosen]
    return sections, [Rule.HELD_OUT.says(count=len(chosen), seed=seed)]


def _folds(sections: dict[str, list[dict[str, Any]]], folds: int, seed: int) -> list[dict[str, list[dict[str, Any]]]]:
    items = [*sections[_TRAINING], *sections[_VALIDATION]]
    return [
        sections
        | {
            _TRAINING: [item for item in items if item["case"] not in chosen],
            _VALIDATION: [item for item in items if item["case"] in chosen],
        }
        for chosen in folds_of(items, folds, seed)
    ]


def _target(out: Path, fold: int | None) -> Path:
    return out if fold is None else out.with_name(f"{out.stem}_fold{fold}{out.suffix or '.json'}")


def _write(
    target: Path,
    sections: dict[str, list[dict[str, Any]]],
    folder: str | os.PathLike[str],
    roots: Sequence[str | os.PathLike[str]],
    found: FoundCollection,
    label_set: LabelSet,
    extra: Mapping[str, Any],
) -> None:
    base = absolute_path(folder)
    is_inside = base.is_relative_to(absolute_path(target).parent)
    left_out = [{"case": case, "reason": reason} for case, reason in found.left_out]
    write_data_list(
        target,
        sections,
        name=base.name,
        description=found.layout,
        extra={**extra, "left_out": left_out},
        roots=[*([] if is_inside else [base]), *roots],
        label_set=label_set,
    )
