"""Files with the name of a scan that are none: segmentations, pipes and outputs of earlier runs."""

from __future__ import annotations

import re
from pathlib import Path

from swinx.data.case_names import case_name, record_path
from swinx.data.formats.file_formats import bare_name, is_volume_file, volume_suffix
from swinx.files import check_regular, read_json, real_path

__all__ = ["is_label_folder", "is_named_as_mask", "made_by_swinx", "no_files_in"]

_MASK = re.compile(r".*[._-](?:seg|segmentations?|labels?|masks?)", re.IGNORECASE)
_LABEL_FOLDER = re.compile(
    r"(?i:labels|segmentations|masks)(?:(?<=s)(?=[A-Z])|(?i:tr|ts|va|val|train|test)?(?![^\W\d_])).*", re.DOTALL
)
"""The word alone, or before a new word, a section, a digit or a sign: a patient may be called Masksova."""

_OF_A_RUN = ("_original", "_masked", "_reconstruction", "_source", "_selected", "")


def is_label_folder(folder: Path) -> bool:
    """Return whether a folder has the name of a folder of label maps.

    Examples:
        >>> [is_label_folder(Path(name)) for name in ("labelsTr", "Masks", "labels_final", "masks-2", "Masksova")]
        [True, True, True, True, False]
    """
    return _LABEL_FOLDER.fullmatch(folder.name) is not None


def is_named_as_mask(path: Path) -> bool:
    """Return whether a file has the name of a segmentation.

    Examples:
        >>> [is_named_as_mask(Path(name)) for name in ("a.seg.nrrd", "a-label.nrrd", "a_mask.nii.gz", "mask.nii.gz")]
        [True, True, True, False]
    """
    return _MASK.fullmatch(bare_name(path)) is not None


def no_files_in(folder: Path) -> list[tuple[Path, str]]:
    """Return the entries of a folder that have the name of a scan but are no files, with the reason.

    These are pipes, sockets and devices, and slices that are links to nothing. Folders are searched, and links to
    nothing that are called as a volume are left to its reader.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not volume_suffix(path) or path.is_dir():
            continue
        if path.is_symlink() and is_volume_file(path):
            continue
        try:
            check_regular(path)
        except OSError as error:
            found.append((path, error.strerror or str(error).removeprefix(f"{path}: ")))
    return found


def made_by_swinx(path: Path) -> Path | None:
    """Return the record of the run that wrote a volume, if there is one.

    Predictions and reconstructions have ``<case>.json`` beside them, refined labels ``records/<case>.json``; it names
    the volume.
    """
    name = case_name(path)
    cases = [name.removesuffix(end) for end in _OF_A_RUN if name.endswith(end)]
    for case in dict.fromkeys(cases):
        for folder in (path.parent, path.parent / "records"):
            record = record_path(folder, case)
            if record.is_file() and path.name in _outputs(record, case, path):
                return record
    return None


def _outputs(record: Path, case: str, path: Path) -> set[str]:
    """Return the volumes that a record names; none if swinx did not write it, or if ``path`` is its image."""
    try:
        content = read_json(record)
    except (OSError, ValueError):
        return set()
    if not isinstance(content, dict) or "case" not in content:
        return set()
    prediction, files = content.get("prediction"), content.get("files")
    if prediction is None and isinstance(files, dict):
        return {*map(str, files), f"{case}_selected.nii.gz"}
    image = content.get("image")
    if not isinstance(prediction, str) or not isinstance(image, str) or real_path(image) == real_path(path):
        return set()
    name = Path(prediction).name
    beside = ("_original", "_masked") if name == f"{case}_reconstruction.nii.gz" else ()
    return {name, *(f"{case}{end}.nii.gz" for end in beside)}
