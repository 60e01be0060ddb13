"""DICOM structure sets (RTSTRUCT): the regions that people drew as contours on the slices of a series.

Source: DICOM PS3.3, C.8.8.5 (Structure Set Module) and C.8.8.6 (ROI Contour Module).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swinx.data.dicom.dicom_folder import is_dicom_file, read_dicom_folder
from swinx.data.dicom.dicom_headers import read_header, require_pydicom
from swinx.data.dicom.dicom_series import SliceStack, stack_slices
from swinx.errors import CaseError, reason_of
from swinx.files import open_regular
from swinx.rules import StructureSetRules as Rule

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Region", "StructureSet", "find_structure_set", "read_structure_set", "series_of_structures"]

_MODALITY = "RTSTRUCT"
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_CONTOUR_DATA = 0x30060050


@dataclass(frozen=True)
class Region:
    """One region of a structure set (ROI).

    Attributes:
        name: As the person called it.
        contours: Closed polygons ``(N, 3)`` in LPS mm; a voxel in an even number of those of its slice is outside.
        left_out: Number of contours that enclose no area: open ones, and points.
    """

    name: str
    contours: tuple[NDArray[np.float64], ...]
    left_out: int = 0


@dataclass(frozen=True)
class StructureSet:
    """A structure set.

    Attributes:
        path: The file.
        series: Series Instance UID of the images on which it was drawn; empty if it does not say.
        frame_of_reference: UID of their coordinate system; empty if it does not say.
        regions: The regions, in the order of the file.
    """

    path: Path
    series: str
    frame_of_reference: str
    regions: tuple[Region, ...]


def find_structure_set(place: Path) -> Path | None:
    """Return the structure set that a path means: a file, or the only one directly in a folder; None if it is none.

    Raises:
        CaseError: If a folder holds several.
    """
    if place.is_dir():
        found = [Path(header.path) for header in read_dicom_folder(place).others if header.modality == _MODALITY]
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise CaseError(place, Rule.SEVERAL.says(count=len(found), names=names))
        return found[0] if found else None
    if not is_dicom_file(place) or read_header(str(place)).modality != _MODALITY:
        return None
    return place


def read_structure_set(path: Path) -> StructureSet:
    """Read a structure set.

    Raises:
        CaseError: If it is damaged.
        ImportError: If pydicom is not installed.
    """
    require_pydicom()
    from pydicom import dcmread

    try:
        with open_regular(path) as stream:
            dataset = dcmread(stream, force=True)
            series, frame = _references(dataset)
            return StructureSet(path, series, frame, tuple(_regions(dataset)))
    except Exception as error:  # pydicom raises whatever the bytes lead it into
        raise CaseError(path, Rule.DAMAGED.says(detail=reason_of(error))) from error


def series_of_structures(structures: StructureSet, image: Path | None = None) -> SliceStack:
    """Return the slices on which a structure set was drawn, from its own folder or that of the scan.

    Args:
        structures: The structure set.
        image: The scan of the case: a folder of slices, or one of them.

    Raises:
        CaseError: If they are not there, make no volume, or have another frame of reference.
    """
    places = [structures.path.parent]
    if image is not None:
        places.append(image if image.is_dir() else image.parent)
    for folder in places:
        series = read_dicom_folder(folder).series if folder.is_dir() else {}
        if structures.series in series or (series and not structures.series):
            stack = stack_slices(folder, structures.series or None, hu=None)
            break
    else:
        raise CaseError(structures.path, Rule.NO_SERIES.says(series=structures.series or "(not stated)"))
    own, other = structures.frame_of_reference, stack.headers[0].frame_of_reference
    if own and other and own != other:
        raise CaseError(structures.path, Rule.OTHER_FRAME.says(own=own, other=other))
    return stack


def _references(dataset: Dataset) -> tuple[str, str]:
    """Return the UIDs of the first series to which a structure set refers, and of its frame of reference."""
    for frame in dataset.get("ReferencedFrameOfReferenceSequence", ()):
        for study in frame.get("RTReferencedStudySequence", ()):
            for series in study.get("RTReferencedSeriesSequence", ()):
                return str(series.SeriesInstanceUID), str(frame.get("FrameOfReferenceUID", ""))
    frames = [str(region.get("ReferencedFrameOfReferenceUID", "")) for region in dataset.StructureSetROISequence]
    return "", next(iter(frames), "")


def _regions(dataset: Dataset) -> Iterator[Region]:
    drawn = {int(item.ReferencedROINumber): item for item in dataset.get("ROIContourSequence", ())}
    for region in dataset.StructureSetROISequence:
        contours = drawn[int(region.ROINumber)].get("ContourSequence", ()) if int(region.ROINumber) in drawn else ()
        closed = [_points(contour) for contour in contours if str(contour.ContourGeometricType) in _CLOSED]
        kept = tuple(points for points in closed if len(points) > 2)
        yield Region(str(region.ROIName).strip(), kept, len(contours) - len(kept))


def _points(contour: Dataset) -> NDArray[np.float64]:
    """Return the points of a contour ``(N, 3)`` from the stored text; pydicom's numbers take twenty times as long."""
    stored: Any = contour.get_item(_CONTOUR_DATA)
    value = stored.value
    texts = value.decode("ascii").strip("\0 ").split("\\") if isinstance(value, bytes) else list(value)
    points = np.array(texts, dtype=np.float64).reshape(-1, 3)
    if not np.isfinite(points).all():
        raise ValueError(Rule.NO_NUMBER.says())
    return points
