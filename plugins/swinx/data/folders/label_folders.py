"""Label maps of a file, several files, a folder or a data list."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from swinx.data.case_names import case_name
from swinx.data.folders.named_paths import PathOrPaths, named_paths, volumes_in
from swinx.data.formats.file_formats import volume_suffixes
from swinx.data.lists.data_list import load_data_list
from swinx.errors import DataListError
from swinx.files import absolute_path
from swinx.labels import LabelSet
from swinx.rules import LabelFolderRules

__all__ = ["find_label_maps", "label_case_name", "label_maps_in"]

_LIST_NAME = "datalist.json"
_SEGMENTATION_SUFFIX = ".seg"
_CHANNEL_SUFFIX = "_0000"


def find_label_maps(
    source: PathOrPaths, section: str = "testing", kind: str = "label maps", label_set: LabelSet | None = None
) -> dict[str, Path]:
    """Return label maps by case name.

    In a folder, label maps are the volume files directly in it. DICOM files, records and hidden files may
    lie beside them, as ``inference_dicom.json`` leaves them.

    Args:
        source: One file; several files or folders; a glob pattern; a folder; or a data list (``.json``), or a folder
            with nothing but a ``datalist.json``: the labels of the list, its images where an entry has no label.
        section: Section of the data list.
        kind: Name of the files in messages.
        label_set: Classes whose numbers the files of a data list must have; by default the list's own.

    Returns:
        Absolute paths in the order of the case names.

    Raises:
        DataListError: If there are none, or two of them are of one case; or if a label of a list is several files, or
            has other numbers.
    """
    paths = named_paths(source)
    if len(paths) == 1 and (listed := _data_list(paths[0])) is not None:
        items = load_data_list(listed, section, must_exist=False, label_set=label_set)
        return {item["case"]: _label_of(item, listed, kind) for item in items}
    files = [file for path in paths for file in (volumes_in(path) if path.is_dir() else [path])]
    if not any(file.exists() for file in files):
        named = [source] if isinstance(source, str | os.PathLike) else list(source)
        raise DataListError(_holds_none(", ".join(os.fspath(name) for name in named) or "an empty list", kind))
    return _by_case(files, kind)


def label_maps_in(folder: Path, kind: str = "label maps") -> dict[str, Path]:
    """Return the label maps directly in a folder by case name.

    Raises:
        DataListError: If there are none, or two of them are of one case.
    """
    files = volumes_in(folder)
    if not files:
        raise DataListError(_holds_none(str(folder), kind))
    return _by_case(files, kind)


def label_case_name(path: str | os.PathLike[str]) -> str:
    """Return the case name of a label map: that of a scan, without ``.seg``.

    Examples:
        >>> label_case_name("out/CT.seg.nrrd")
        'CT'
        >>> label_case_name("labels/FLARE23Ts_0001_0000.nii.gz")
        'FLARE23Ts_0001'
    """
    name = case_name(path)
    bare = name.removesuffix(_SEGMENTATION_SUFFIX)
    return name if bare in (name, "") else bare.removesuffix(_CHANNEL_SUFFIX) or bare


def _data_list(path: Path) -> Path | None:
    if path.suffix.lower() == ".json":
        return path
    inside = path / _LIST_NAME
    return inside if path.is_dir() and inside.is_file() and not volumes_in(path) else None


def _label_of(item: Mapping[str, Any], path: Path, kind: str) -> Path:
    told = {"path": path, "case": item["case"], "kind": kind}
    if "label_map" in item:
        raise DataListError(LabelFolderRules.OTHER_NUMBERS.says(**told))
    label = item.get("label", item["image"])
    if isinstance(label, Mapping):
        raise DataListError(LabelFolderRules.NOT_ONE_FILE.says(**told))
    return Path(label)


def _by_case(files: Iterable[Path], kind: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in map(absolute_path, files):
        case = label_case_name(path)
        first = found.setdefault(case, path)
        if first != path:
            raise DataListError(LabelFolderRules.TWO_FILES.says(first=first, other=path, kind=kind, case=case))
    return {case: found[case] for case in sorted(found)}


def _holds_none(place: str, kind: str) -> str:
    return LabelFolderRules.NONE.says(folder=place, kind=kind, suffixes=", ".join(volume_suffixes()))
