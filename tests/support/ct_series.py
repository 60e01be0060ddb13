"""DICOM CT series as scanners write them, on any grid, with any fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

ROOT_UID = "1.2.826.0.1.3680043.8.498.77"
STUDY, FRAME = f"{ROOT_UID}.1", f"{ROOT_UID}.2"


def series_uid(series: int = 1) -> str:
    """The UID of the n-th series that :func:`write_ct_series` writes."""
    return f"{ROOT_UID}.3.{series}"


def some_hu(shape=(9, 8, 6), seed: int = 0) -> NDArray[np.int16]:
    """Whole HU that tell every voxel from its neighbours, air included."""
    return np.random.default_rng(seed).integers(-1024, 900, shape).astype(np.int16)


def ct_slice(hu: NDArray[np.int16], affine: NDArray[np.float64], index: int, series: int = 1) -> Dataset:
    """Slice ``index`` of a volume ``(x, y, z)`` with a RAS affine whose third axis may not be sheared."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(lps[:3, :2], axis=0)
    cosines = lps[:3, :2] / spacing
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{series_uid(series)}.{index + 1}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = STUDY, series_uid(series), FRAME
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Doe^Jane", "P-17", "19700102", "F"
    ds.StudyID, ds.AccessionNumber, ds.StudyDate, ds.StudyTime = "S-4", "A-9", "20240305", "101112"
    ds.ReferringPhysicianName = ""
    ds.Modality, ds.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SeriesNumber, ds.InstanceNumber, ds.SeriesDescription = series, index + 1, f"series {series}"
    ds.ImagePositionPatient = [f"{value:.6f}" for value in lps[:3, 3] + index * lps[:3, 2]]
    ds.ImageOrientationPatient = [f"{value:.9f}" for value in (*cosines[:, 0], *cosines[:, 1])]
    ds.PixelSpacing = [f"{spacing[1]:.6f}", f"{spacing[0]:.6f}"]  # rows first: the distance along y
    ds.SliceThickness = f"{np.linalg.norm(lps[:3, 2]):.6f}"
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = "1", "-1024", "HU"
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.Columns, ds.Rows = hu.shape[:2]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds.PixelData = (hu[:, :, index].T.astype(np.int32) + 1024).astype("<u2").tobytes()
    return ds


def write_ct_series(
    folder: Path,
    hu: NDArray[np.int16] | None = None,
    affine: NDArray[np.float64] | None = None,
    series: int = 1,
    skip: tuple[int, ...] = (),
    change: Callable[[Dataset, int], None] | None = None,
) -> Path:
    """Write a series; the names of its files run against its slices, some by chance.

    Args:
        folder: Where the slices go.
        hu: Volume ``(x, y, z)`` in HU, at least -1024.
        affine: Voxel to RAS.
        series: Number of the series; one study may have several.
        skip: Slices to leave out.
        change: Called with each slice and its index before it is written.
    """
    hu = some_hu() if hu is None else hu
    affine = np.diag([-1.6, -1.8, 2.5, 1.0]) if affine is None else affine
    folder.mkdir(parents=True, exist_ok=True)
    names = np.random.default_rng(series).permutation(hu.shape[2])
    for index in sorted(set(range(hu.shape[2])) - set(skip)):
        ds = ct_slice(hu, affine, index, series)
        if change:
            change(ds, index)
        ds.save_as(folder / f"{series}_{names[index]:03d}.dcm", enforce_file_format=True)
    return folder
