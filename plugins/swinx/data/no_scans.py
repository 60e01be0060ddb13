"""Volumes in a folder of scans that are none: segmentations beside them, and what earlier runs wrote."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import nibabel as nib

from swinx.case_names import record_path
from swinx.data.file_kinds import NIFTI_SUFFIXES, case_name, volume_suffix
from swinx.data.itk_geometry import sitk
from swinx.data.volume_files import read_volume
from swinx.files import read_json
from swinx.ops.volume_checks import looks_like_labels
from swinx.paths import real_path

__all__ = ["holds_labels", "is_label_folder", "is_named_as_mask", "made_by_swinx"]

_MASK = re.compile(r".*[._-](?:seg|segmentations?|labels?|masks?)", re.IGNORECASE)
_LABEL_FOLDERS = ("labels", "segmentations", "masks")
_OF_A_RUN = ("_original", "_masked", "_reconstruction", "_source", "_selected", "")
_BYTE = 8
_ANY_LABEL = 1 << 16
_DETACHED = (".mhd", ".nhdr")
_SMALL = 0.05
"""Largest size of a compressed label map as a share of its voxels: those of CT have noise."""


def is_label_folder(folder: Path) -> bool:
    """Say whether a folder is named as one of label maps, such as ``labelsTr`` and ``segmentations``."""
    return folder.name.lower().startswith(_LABEL_FOLDERS)


def is_named_as_mask(path: Path) -> bool:
    """Say whether a file is named as a segmentation.

    Examples:
        >>> [is_named_as_mask(Path(name)) for name in ("a.seg.nrrd", "a-label.nrrd", "a_mask.nii.gz", "mask.nii.gz")]
        [True, True, True, False]
    """
    return _MASK.fullmatch(path.name[: len(path.name) - len(volume_suffix(path))]) is not None


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


def holds_labels(path: Path) -> bool:
    """Say whether a volume holds labels and no HU.

    The voxels are looked at only where a cheap sign speaks for labels: 8 bits a voxel, or a compressed file that is far
    smaller than its voxels. Of 8 bits, one that is 0 everywhere counts, too. A file that cannot be read is left to its
    reader.
    """
    suffix = volume_suffix(path)
    try:
        bits, voxels = _nifti_layout(path) if suffix in NIFTI_SUFFIXES else _itk_layout(path)
        if bits != _BYTE and (suffix in _DETACHED or path.stat().st_size >= _SMALL * voxels * bits / 8):
            return False
        array = read_volume(path, "label", allow_empty=True, allow_unknown=True, num_classes=_ANY_LABEL).array
    except Exception:  # decoders raise whatever the bytes lead them into
        return False
    return looks_like_labels(array) or (bits == _BYTE and not array.any())


def _nifti_layout(path: Path) -> tuple[int, int]:
    image: Any = nib.load(path)
    return 8 * image.get_data_dtype().itemsize, math.prod(image.shape)


def _itk_layout(path: Path) -> tuple[int, int]:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    kind = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    return int((re.findall(r"\d+", kind) or ["0"])[0]), math.prod(reader.GetSize())


def _outputs(record: Path, case: str, path: Path) -> set[str]:
    """Return the names of the volumes that a record tells of; none if it is no record of ours, or has path as image."""
    try:
        content = read_json(record)
    except (OSError, ValueError):
        return set()
    if not isinstance(content, dict) or "case" not in content:
        return set()
    if isinstance(outputs := content.get("outputs"), dict):
        return {*map(str, outputs), f"{case}_selected.nii.gz"}
    prediction = content.get("prediction")
    image = content.get("image")
    if not isinstance(prediction, str) or not isinstance(image, str) or real_path(image) == real_path(path):
        return set()
    name = Path(prediction).name
    beside = ("_original", "_masked") if name == f"{case}_reconstruction.nii.gz" else ()
    return {name, *(f"{case}{end}.nii.gz" for end in beside)}
