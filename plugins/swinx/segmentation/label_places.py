"""Files of labels: their names, and the files of others that they never replace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from swinx.data import case_name, volume_suffix
from swinx.errors import CaseError
from swinx.files import real_path
from swinx.nifti import NIFTI_SUFFIXES
from swinx.rules import ScanInputRules as Rule
from swinx.runs import check_own, require_writable
from swinx.segmentation.scan_input import Scan
from swinx.segmentation.side_files import SideFiles

__all__ = ["check_folder_name", "check_places", "label_place"]

_OF_FILES = (".csv", ".dcm", ".gz", ".jpeg", ".jpg", ".json", ".npy", ".npz", ".pdf", ".png", ".pt", ".txt", ".zip")


def label_place(output: str, scan: Scan, wanted: SideFiles) -> Path:
    """Return the file of the labels of a scan, after finding out that it can be written there.

    Args:
        output: A name in ``.nii.gz`` or ``.nii``, or a folder.
        scan: The scan.
        wanted: Files beside the labels.

    Raises:
        CaseError: If the name is of another kind of file, or the file is a scan or of others.
        OSError: If it cannot be written.
    """
    path = Path(output)
    if not output.lower().endswith(NIFTI_SUFFIXES):
        check_folder_name(path)
        path = path / f"{scan.case}.nii.gz"
    check_places([path], [scan], wanted, None)
    require_writable(str(path))
    return path


def check_folder_name(folder: Path) -> None:
    """Refuse to make a folder with the name of a picture, of a scan or of another kind of file.

    Raises:
        CaseError: If it has such a name and is not there.
    """
    if (volume_suffix(folder) or folder.suffix.lower() in _OF_FILES) and not folder.is_dir():
        raise CaseError(folder, Rule.OUTPUT.says())


def check_places(
    targets: Sequence[Path], scans: Sequence[Scan], wanted: SideFiles, of_batch: Sequence[Path] | None
) -> dict[str, list[Path]]:
    """Refuse to write labels, and what is wanted beside them, over a scan or over files of others.

    Args:
        targets: Files of labels, in one folder.
        scans: The scans that they are of.
        wanted: Files beside the labels.
        of_batch: Files of all scans together, and the rest as :func:`swinx.runs.check_own` takes and returns it.

    Raises:
        CaseError: If there is such a file, which is named.
    """
    sources = {real_path(scan.path) for scan in scans if scan.path is not None}
    for target in targets:
        if real_path(target) in sources:
            raise CaseError(target, Rule.OVER_SCAN.says())
    files = {case_name(target): [target, *wanted.paths(target)] for target in targets}
    return check_own(targets[0].parent, files, of_batch)
