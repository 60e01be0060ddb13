"""DICOM structure sets (RTSTRUCT) as treatment planning systems write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from support.ct_series import FRAME, ROOT_UID, STUDY, series_uid

Contours = Sequence[tuple[str, NDArray[np.float64]]]


def in_slice(affine: NDArray[np.float64], index: int, corners: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """Corners in pixels of a slice as points of a contour in LPS mm, ``(N, 3)``."""
    voxels = np.column_stack([np.array(corners, float), np.full(len(corners), index), np.ones(len(corners))])
    return (voxels @ affine.T)[:, :3] * (-1, -1, 1)


def write_structure_set(
    path: Path, regions: Mapping[str, Contours], series: str = series_uid(), frame: str = FRAME
) -> Path:
    """Write a structure set.

    Args:
        path: The file.
        regions: Names, with the geometric type and the points ``(N, 3)`` of each contour.
        series: Series Instance UID of the images; empty if they are not referred to.
        frame: UID of the frame of reference.
    """
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{ROOT_UID}.9.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = STUDY, f"{ROOT_UID}.9", "RTSTRUCT"
    if series:
        study, images = Dataset(), Dataset()
        images.SeriesInstanceUID = series
        study.RTReferencedSeriesSequence = Items([images])
        reference = Dataset()
        reference.FrameOfReferenceUID, reference.RTReferencedStudySequence = frame, Items([study])
        ds.ReferencedFrameOfReferenceSequence = Items([reference])
    ds.StructureSetROISequence, ds.ROIContourSequence = Items(), Items()
    for number, (name, contours) in enumerate(regions.items(), start=1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, frame
        drawn.ReferencedROINumber = number
        drawn.ContourSequence = Items(_contour(kind, points) for kind, points in contours)
        ds.StructureSetROISequence.append(roi)
        ds.ROIContourSequence.append(drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def _contour(kind: str, points: NDArray[np.float64]) -> Dataset:
    contour = Dataset()
    contour.ContourGeometricType, contour.NumberOfContourPoints = kind, len(points)
    contour.ContourData = [f"{value:.4f}" for value in np.ravel(points)]
    return contour
