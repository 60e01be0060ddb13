"""DICOM objects directly in a folder."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from swinx.data.dicom.dicom_headers import SliceHeader, has_dicom_magic, read_header
from swinx.data.formats.file_formats import DICOM_SUFFIXES, is_volume_file, volume_suffix
from swinx.errors import CaseError

__all__ = ["DicomFolder", "is_dicom_file", "read_dicom_folder"]

_SLOW_SECONDS = 3.0

Slices = tuple[SliceHeader, ...]


@dataclass(frozen=True)
class DicomFolder:
    """Headers of the DICOM files directly in a folder.

    Attributes:
        series: Images by Series Instance UID, each in name order.
        others: Objects without pixels, such as structure sets and directories.
        faults: What is wrong with each file that should be DICOM and cannot be read.
    """

    series: dict[str, Slices]
    others: Slices
    faults: dict[Path, str]


def read_dicom_folder(folder: Path, progress: bool = False) -> DicomFolder:
    """Read the headers of all DICOM files that lie directly in a folder.

    A file counts if it begins as a DICOM file does, or has the extension of one.

    Args:
        folder: The folder.
        progress: Show a bar where it takes long.
    """
    series: dict[str, list[SliceHeader]] = defaultdict(list)
    others: list[SliceHeader] = []
    faults: dict[Path, str] = {}
    files = tqdm(sorted(folder.iterdir()), "DICOM headers", delay=_SLOW_SECONDS, leave=False, disable=not progress)
    for path in files:
        if not is_dicom_file(path):
            continue
        try:
            header = read_header(str(path))
        except CaseError as error:
            faults[path] = error.reason
            continue
        if header.is_image:
            series[header.series].append(header)
        else:
            others.append(header)
    return DicomFolder({uid: tuple(slices) for uid, slices in series.items()}, tuple(others), faults)


def is_dicom_file(path: Path) -> bool:
    """Return whether a file has the first bytes or the extension of DICOM; hidden files do not count."""
    if path.name.startswith(".") or not path.is_file() or is_volume_file(path):
        return False
    return volume_suffix(path) in DICOM_SUFFIXES or has_dicom_magic(path)
