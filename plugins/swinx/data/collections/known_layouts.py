"""Collections in a known layout: nnU-Net's raw data, tasks of the Decathlon, TotalSegmentator's data set, FLARE's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from swinx.data.case_names import case_name
from swinx.data.collections.found_collection import FoundCase, FoundCollection, pair_by_case
from swinx.data.formats.file_formats import bare_name, is_volume_file
from swinx.data.lists.flare_layout import flare_sections, is_flare_layout
from swinx.errors import DataListError, RecordError
from swinx.files import absolute_path, read_object, shown
from swinx.rules import CollectionListRules as Rule

__all__ = ["FLARE", "LAYOUTS", "find_known_layout"]

NNUNET = "nnU-Net's raw data"
DECATHLON = "a task of the Decathlon"
TOTALSEGMENTATOR = "TotalSegmentator's data set"
FLARE = "the FLARE download"
LAYOUTS = (
    f"{NNUNET} (dataset.json, imagesTr)",
    f"{DECATHLON} (dataset.json with training)",
    f"{TOTALSEGMENTATOR} (<subject>/ct.nii.gz, <subject>/segmentations)",
    f"{FLARE} (imagesTr2200)",
)
"""Layouts that are recognised, by their signs."""

_CHANNEL = re.compile(r"_(\d{4})$")
_SCANS = ("ct.nii.gz", "mri.nii.gz")
_MASKS = "segmentations"
_SECTIONS = {"train": "training", "val": "validation", "test": "testing"}
_IGNORE, _UNKNOWN = "ignore", "unknown"


def find_known_layout(folder: Path) -> FoundCollection | None:
    """Return the cases of a folder whose layout is known; None if it is not.

    Raises:
        DataListError: If its ``dataset.json`` or ``meta.csv`` cannot be read.
    """
    try:
        content = read_object(folder / "dataset.json") if (folder / "dataset.json").is_file() else None
    except (RecordError, OSError) as error:
        raise DataListError(str(error)) from error
    if content is not None and isinstance(content.get("training"), list):
        return _decathlon(folder, content)
    if content is not None and (isinstance(content.get("dataset"), dict) or (folder / "imagesTr").is_dir()):
        return _nnunet(folder, content)
    if subjects := [place for place in sorted(folder.glob("*/" + _MASKS)) if place.is_dir()]:
        return _totalsegmentator(folder, subjects)
    return _flare(folder) if is_flare_layout(folder) else None


def _nnunet(folder: Path, content: Mapping[str, Any]) -> FoundCollection:
    notes: list[str] = []
    cases: list[FoundCase] = []
    left_out: list[tuple[str, str]] = []
    if isinstance(listed := content.get("dataset"), dict):
        cases = _listed_cases(folder, listed)
    else:
        ending = str(content.get("file_ending", ""))
        for part, section in (("Tr", None), ("Ts", "testing")):
            images, others = _first_channels(folder / f"images{part}", ending)
            labels = [(bare_name(path), path) for path in _volumes(folder / f"labels{part}", ending)]
            found, unused = pair_by_case(images, labels, section)
            cases, left_out = [*cases, *found], [*left_out, *unused]
            notes += [Rule.CHANNELS.says(count=others, folder=f"images{part}")] if others else []
    labels, label_map = _labels(content)
    return FoundCollection(NNUNET, tuple(cases), labels, label_map, tuple(left_out), tuple(notes))


def _listed_cases(folder: Path, listed: Mapping[str, Any]) -> list[FoundCase]:
    """Return the cases of nnU-Net's ``dataset``, which gives the files of each."""
    cases = []
    for case, files in listed.items():
        images = files.get("images") if isinstance(files, dict) else None
        if not isinstance(images, list) or not images or not isinstance(files.get("label", ""), str):
            raise DataListError(Rule.DATASET.says(path=folder / "dataset.json", entry=shown(files)))
        label = absolute_path(folder / files["label"]) if "label" in files else None
        cases.append(FoundCase(case, absolute_path(folder / str(images[0])), label))
    return cases


def _first_channels(folder: Path, ending: str) -> tuple[list[tuple[str, Path]], int]:
    """Return the scans of the first channel by case name, and the number of files of other channels."""
    images, others = [], 0
    for path in _volumes(folder, ending):
        channel = _CHANNEL.search(bare_name(path))
        if channel is None or int(channel[1]) == 0:
            images.append((_CHANNEL.sub("", bare_name(path)), path))
        else:
            others += 1
    return images, others


def _decathlon(folder: Path, content: Mapping[str, Any]) -> FoundCollection:
    cases, left_out = [], []
    for number, entry in enumerate(content["training"]):
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("image", "label")):
            raise DataListError(Rule.DATASET.says(path=folder / "dataset.json", entry=shown(entry)))
        image, label = _image(folder, entry["image"]), absolute_path(folder / entry["label"])
        if missing := [path for path in (image, label) if not path.is_file()]:
            left_out.append((f"training[{number}]", Rule.MISSING.says(path=missing[0])))
        else:
            cases.append(FoundCase(case_name(image), image, label))
    tests = content.get("test", content.get("testing", []))
    for entry in tests if isinstance(tests, list) else []:
        image = _image(folder, str(entry.get("image", "") if isinstance(entry, dict) else entry))
        if image.is_file():
            cases.append(FoundCase(case_name(image), image, None, "testing"))
        else:
            left_out.append((image.name, Rule.MISSING.says(path=image)))
    labels, label_map = _labels(content)
    return FoundCollection(DECATHLON, tuple(cases), labels, label_map, tuple(left_out))


def _image(folder: Path, named: str) -> Path:
    """Return a scan of the Decathlon; in nnU-Net's copies it has the number of its channel."""
    place = absolute_path(folder / named)
    numbered = place.with_name(f"{bare_name(place)}_0000{place.name[len(bare_name(place)) :]}")
    return numbered if not place.is_file() and numbered.is_file() else place


def _labels(content: Mapping[str, Any]) -> tuple[Any, dict[str, Any] | None]:
    """Return the label set of a ``dataset.json``; and a label map if a number means that the class is not known."""
    labels = content.get("labels")
    if not isinstance(labels, dict) or type(ignored := labels.get(_IGNORE)) is not int:
        return labels, None
    kept = {name: value for name, value in labels.items() if name != _IGNORE}
    return kept, {**{str(value): name for name, value in kept.items()}, str(ignored): _UNKNOWN}


def _totalsegmentator(folder: Path, masks: list[Path]) -> FoundCollection:
    sections = _splits(folder / "meta.csv")
    cases, left_out = [], []
    for place in masks:
        subject = place.parent
        image = next((subject / name for name in _SCANS if (subject / name).is_file()), None)
        if image is None:
            left_out.append((subject.name, Rule.MISSING.says(path=subject / _SCANS[0])))
        else:
            cases.append(FoundCase(subject.name, image, place, sections.get(subject.name)))
    notes = [Rule.SPLIT_OF.says(path=folder / "meta.csv")] if sections else []
    return FoundCollection(TOTALSEGMENTATOR, tuple(cases), "totalsegmentator", None, tuple(left_out), tuple(notes))


def _splits(path: Path) -> dict[str, str]:
    """Return the section of each subject, as the table of the data set tells it."""
    if not path.is_file():
        return {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise DataListError(Rule.TABLE.says(path=path, detail=shown(str(error), quoted=False))) from error
    mark = ";" if lines and ";" in lines[0] else ","
    rows = [[cell.strip().strip('"') for cell in line.split(mark)] for line in lines]
    if not rows or "split" not in rows[0]:
        return {}
    column = rows[0].index("split")
    return {row[0]: _SECTIONS[row[column]] for row in rows[1:] if len(row) > column and row[column] in _SECTIONS}


def _flare(folder: Path) -> FoundCollection:
    cases, left_out = [], []
    for section, items in flare_sections(folder).items():
        for item in items:
            label = Path(item["label"]) if "label" in item else None
            kept = None if section == "training" else section
            if "fault" in item:
                left_out.append((item["case"], item["fault"]))
            else:
                cases.append(FoundCase(item["case"], Path(item["image"]), label, kept))
    return FoundCollection(FLARE, tuple(cases), "flare23", None, tuple(left_out))


def _volumes(folder: Path, ending: str) -> Iterator[Path]:
    """Yield the volumes in a folder in name order, those of an ending if it is given."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.name.startswith(".") and is_volume_file(path) and path.name.endswith(ending):
            yield path
