"""Two readers of DICOM Segmentations that share no code: highdicom's volume, and frames by pydicom alone."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import pydicom
from numpy.typing import NDArray

from swinx.labels import FLARE23, LabelSet


def class_of(item, label_set: LabelSet) -> int:
    """The class that the label of a segment names."""
    return label_set.names.index(str(item.SegmentLabel))


def read_by_highdicom(path: Path, affine: NDArray, shape: tuple[int, ...], label_set: LabelSet = FLARE23) -> NDArray:
    """The label map on a grid, painted by patient coordinates from highdicom's volume."""
    seg = highdicom.seg.segread(path)
    volume = seg.get_volume(combine_segments=True, allow_missing_positions=True)
    index = np.indices(volume.array.shape).reshape(3, -1)
    lps = volume.affine[:3, :3] @ index + volume.affine[:3, 3:]
    names = {int(item.SegmentNumber): class_of(item, label_set) for item in seg.SegmentSequence if item.SegmentNumber}
    labels = np.array([names.get(int(value), 0) for value in volume.array.ravel()])
    return paint(lps, labels, affine, shape)


def read_by_pydicom(path: Path, affine: NDArray, shape: tuple[int, ...], label_set: LabelSet = FLARE23) -> NDArray:
    """The same from single frames and DICOM's equation C.7.6.2.1-1."""
    seg = pydicom.dcmread(path)
    shared = seg.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
    down, right = np.array(shared.PixelMeasuresSequence[0].PixelSpacing, float)
    names = {int(item.SegmentNumber): class_of(item, label_set) for item in seg.SegmentSequence if item.SegmentNumber}
    frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    out = np.zeros(shape, int)
    for frame, place in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        position = np.array(place.PlanePositionSequence[0].ImagePositionPatient, float)
        rows, columns = np.nonzero(frame)
        lps = position[:, None] + cosines[0][:, None] * right * columns + cosines[1][:, None] * down * rows
        if seg.SegmentationType == "LABELMAP":
            labels = np.array([names[int(value)] for value in frame[rows, columns]], int)
        else:
            number = int(place.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
            labels = np.full(len(rows), names[number])
        out += paint(lps, labels, affine, shape)
    return out


def paint(lps: NDArray, labels: NDArray, affine: NDArray, shape: tuple[int, ...]) -> NDArray:
    """Put labels at LPS points into the voxels whose centres they are, 1/100 of a voxel at most away."""
    ras = lps * np.array([[-1.0], [-1.0], [1.0]])
    index = np.linalg.inv(affine)[:3] @ np.vstack([ras, np.ones(ras.shape[1])])
    assert np.abs(index - index.round()).max(initial=0) < 0.01
    out = np.zeros(shape, int)
    out[tuple(index.round().astype(int))] = labels
    return out
