"""Files of labels: their names, and the files of others that they never replace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swinx.data import case_name, record_path, volume_suffix
from swinx.errors import CaseError
from swinx.files import file_sha256, read_object, real_path
from swinx.nifti import NIFTI_SUFFIXES
from swinx.rules import ScanInputRules as Rule
from swinx.runs import require_writable
from swinx.segmentation.scan_input import Scan

__all__ = ["check_folder_name", "check_places", "label_place"]

_OF_FILES = (".csv", ".dcm", ".gz", ".jpeg", ".jpg", ".json", ".npy", ".npz", ".pdf", ".png", ".pt", ".txt", ".zip")


def label_place(output: str, scan: Scan) -> Path:
    """Return the file of the labels of a scan, after finding out that it can be written there.

    Args:
        output: A name in ``.nii.gz`` or ``.nii``, or a folder.
        scan: The scan.

    Raises:
        CaseError: If the name is of another kind of file, or the file is a scan or of others.
        OSError: If it cannot be written.
    """
    path = Path(output)
    if not output.lower().endswith(NIFTI_SUFFIXES):
        check_folder_name(path)
        path = path / f"{scan.case}.nii.gz"
    check_places([path], [scan])
    require_writable(str(path))
    return path


def check_folder_name(folder: Path) -> None:
    """Refuse to make a folder with the name of a picture, of a scan or of another kind of file.

    Raises:
        CaseError: If it has such a name and is not there.
    """
    if (volume_suffix(folder) or folder.suffix.lower() in _OF_FILES) and not folder.is_dir():
        raise CaseError(folder, Rule.OUTPUT.says())


def check_places(targets: Sequence[Path], scans: Sequence[Scan]) -> None:
    """Refuse to write labels over a scan, or over a file that no run of swinx wrote as it is now.

    Each record holds the SHA-256 of its labels: labels that were corrected by hand are of others, too.

    Args:
        targets: Files of labels.
        scans: The scans that they are of.

    Raises:
        CaseError: If there is such a file, which is named.
    """
    sources = {real_path(scan.path) for scan in scans if scan.path is not None}
    for target in targets:
        if real_path(target) in sources:
            raise CaseError(target, Rule.OVER_SCAN.says())
        place = record_path(target.parent, case_name(target))
        record = _record(place)
        if target.exists() and not (target.is_file() and record.get("prediction_sha256") == file_sha256(target)):
            raise CaseError(target, Rule.NOT_OURS.says())
        if place.exists() and "prediction" not in record:
            raise CaseError(place, Rule.NOT_OURS.says())


def _record(place: Path) -> dict[str, Any]:
    """Return the record of labels; empty if there is none that can be read."""
    try:
        return read_object(place, finite=False) if place.is_file() else {}
    except (OSError, ValueError):
        return {}
