"""The official FLARE-23 download as a data list.

Images are named ``<case>_0000.nii.gz`` and labels ``<case>.nii.gz``:

- ``imagesTr2200`` with ``labelsTr2200``: some classes annotated, others in each case;
- ``unlabeledTr1800``: no labels;
- ``imagesVal`` with labels for half of the cases, in a folder whose name varies;
- ``imagesTs``, which a cohort of one's own may have, with or without ``labelsTs``.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tqdm.contrib.concurrent import thread_map

from swinx.data.case_names import case_name, name_fault
from swinx.data.formats.file_formats import is_volume_file
from swinx.data.label_files import read_label
from swinx.data.lists.annotated_manifest import load_annotated_manifest, look_up_annotated, manifest_notes
from swinx.data.lists.written_list import write_data_list
from swinx.errors import CaseError, DataListError
from swinx.files import absolute_path, expanded
from swinx.geometry import label_values
from swinx.labels import FLARE23, UNKNOWN, LabelMapping, LabelSet
from swinx.visible_text import visible

__all__ = ["flare_data_list", "flare_sections", "is_flare_layout", "with_annotated"]

_logger = logging.getLogger(__name__)

_TRAINING, _UNLABELED, _VALIDATION, _TESTING = "imagesTr", "unlabel", "imagesVal", "imagesTs"
_TRAINING_LABELS = re.compile(r"^labels?Tr\d*$", re.IGNORECASE)
_TESTING_LABELS = re.compile(r"^labels?Ts\d*$", re.IGNORECASE)
_VALIDATION_LABELS = re.compile(r"(labels?.*val|val.*labels?)", re.IGNORECASE)


def flare_data_list(
    dataset_dir: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    annotated: str | os.PathLike[str] = "inferred",
    workers: int = 2,
) -> Path:
    """Write the data list of a FLARE-23 download.

    Args:
        dataset_dir: Folder with ``imagesTr2200`` and so on.
        out: The list; by default ``dataset_dir/datalist.json``. Its paths are relative to ``dataset_dir``.
        annotated: ``"inferred"`` takes the classes that occur in a label as those annotated in it. Or a
            manifest (CSV or JSON, see :mod:`swinx.data.lists.annotated_manifest`) that knows better, since a class may
            have been annotated and be absent; cases it does not cover are inferred.
        workers: Labels read at a time.

    Returns:
        Path of the list. Each labelled entry has ``annotated`` and ``annotated_source`` (``"inferred"`` or
        ``"manifest"``). Cases whose label cannot be read, or whose name cannot name a file, are under ``left_out``,
        with the reason.

    Raises:
        DataListError: If the folder has none of the FLARE folders, or the manifest is unusable.
        OSError: If the list cannot be written.
    """
    base = absolute_path(dataset_dir)
    manifest = None if os.fspath(annotated) == "inferred" else load_annotated_manifest(annotated, FLARE23)
    sections = flare_sections(base)
    left_out: list[dict[str, str]] = []
    for section, items in list(sections.items()):
        left_out += [{"case": item["case"], "reason": item["fault"]} for item in items if "fault" in item]
        items = sections[section] = [item for item in items if "fault" not in item]
        if not any("label" in item for item in items):
            continue
        look = partial(with_annotated, manifest=manifest, label_set=FLARE23)
        found = thread_map(look, items, max_workers=workers, desc=f"{section} labels", unit="case")
        sections[section] = [item for item in found if "reason" not in item]
        left_out += [{"case": item["case"], "reason": item["reason"]} for item in found if "reason" in item]
    for item in left_out:
        _logger.error("left out %s: %s", visible(item["case"]), visible(item["reason"]))
    if manifest is not None:
        cases = [item for items in sections.values() for item in items]
        labelled = [item["case"] for item in cases if "label" in item]
        told = manifest_notes(annotated, manifest, [item["case"] for item in cases], labelled, infer=True)
        for note in told:
            _logger.warning("%s", note)
    target = base / "datalist.json" if out is None else expanded(out)
    origin = "FLARE-23, abdominal organs and tumours on partially labelled CT"
    extra = {"left_out": left_out}
    write_data_list(target, sections, base, name="FLARE23", description=origin, extra=extra, label_set=FLARE23)
    return target


def is_flare_layout(folder: str | os.PathLike[str]) -> bool:
    """Return whether ``folder`` has an image folder of the FLARE download."""
    return any(_folders(Path(folder), prefix) for prefix in (_TRAINING, _UNLABELED, _VALIDATION))


def flare_sections(dataset_dir: str | os.PathLike[str]) -> dict[str, list[dict[str, Any]]]:
    """Pair images with labels by folder and name; no file is opened.

    Returns:
        Section name -> entries with absolute paths. A training image without a label is unlabelled; a
        validation image without one is for testing. A case whose name cannot name a file has the reason as ``fault``.

    Raises:
        DataListError: If none of the FLARE folders is there.
    """
    base = absolute_path(dataset_dir)
    if not is_flare_layout(base):
        raise DataListError(f"{base}: none of imagesTr2200, unlabeledTr1800 or imagesVal is in this folder")
    training, without = _pair(_files(base, _TRAINING), _labels(base, _TRAINING_LABELS))
    validation, testing = _pair(_files(base, _VALIDATION), _labels(base, _VALIDATION_LABELS))
    drawn_tests, tests = _pair(_files(base, _TESTING), _labels(base, _TESTING_LABELS))
    if without:
        _logger.warning("%d training images have no label and count as unlabelled", len(without))
    sections = {
        "training": training,
        "validation": validation,
        "unlabeled": _entries({**without, **_files(base, _UNLABELED)}),
        "testing": drawn_tests + _entries({**testing, **tests}),
    }
    for item in (item for items in sections.values() for item in items):
        if fault := name_fault(item["case"]):
            item["fault"] = f"{visible(item['image'])}: {fault}"
    return sections


def with_annotated(
    item: Mapping[str, Any],
    manifest: Mapping[str, list[int]] | None,
    label_set: LabelSet,
    infer: bool = True,
    label_map: LabelMapping | None = None,
) -> dict[str, Any]:
    """Return an entry with its annotated classes; one whose label cannot be read has the reason instead.

    Args:
        item: Entry of a data list.
        manifest: Classes by case, which outrank what occurs.
        label_set: The classes.
        infer: Take the classes that occur in a label as those annotated in it, where the manifest has none.
        label_map: Meaning of the numbers in label files; by default those of the label set.
    """
    if "label" not in item:
        return dict(item)
    listed = None if manifest is None else look_up_annotated(manifest, item["case"])
    if listed is not None:
        return {**item, "annotated": listed, "annotated_source": "manifest"}
    if not infer:
        return dict(item)
    try:
        label = read_label(item["label"], label_set, label_map, allow_empty=True, allow_unknown=label_map is not None)
        values = label_values(label.array)
    except CaseError as error:
        return {"case": item["case"], "reason": str(error)}
    return {
        **item,
        "annotated": [int(value) for value in values if value not in (0, UNKNOWN)],
        "annotated_source": "inferred",
    }


def _pair(images: Mapping[str, Path], labels: Mapping[str, Path]) -> tuple[list[dict[str, Any]], dict[str, Path]]:
    if orphans := sorted(set(labels) - set(images)):
        _logger.warning("%d labels have no image, the first is %s", len(orphans), labels[orphans[0]])
    pairs = [
        {"case": case, "image": str(images[case]), "label": str(labels[case])}
        for case in sorted(images)
        if case in labels
    ]
    return pairs, {case: image for case, image in images.items() if case not in labels}


def _entries(images: Mapping[str, Path]) -> list[dict[str, Any]]:
    return [{"case": case, "image": str(images[case])} for case in sorted(images)]


def _files(base: Path, prefix: str) -> dict[str, Path]:
    return _volumes(_folders(base, prefix))


def _labels(base: Path, pattern: re.Pattern[str]) -> dict[str, Path]:
    named = [path for path in sorted(base.iterdir()) if path.is_dir() and pattern.search(path.name)]
    return _volumes([path for path in named if not path.name.lower().startswith(("images", "unlabel"))])


def _folders(base: Path, prefix: str) -> list[Path]:
    if not base.is_dir():
        return []
    return [path for path in sorted(base.iterdir()) if path.is_dir() and path.name.lower().startswith(prefix.lower())]


def _volumes(folders: list[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if is_volume_file(path) and not path.name.startswith("."):
                other = found.setdefault(case_name(path), path)
                if other != path:
                    raise DataListError(f"{other} and {path} are both the case {case_name(path)!r}")
    return found
