"""Files of the scored cases: scan, reference and prediction, found by name and read on one grid."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from swinx.data import Volume, find_cases, find_label_maps, read_label, read_volume
from swinx.errors import DataListError
from swinx.geometry import compare_grids, voxel_sizes_mm
from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.scoring import listed_pair, read_reference

__all__ = ["PREDICTION", "REFERENCE", "CaseFiles", "CaseVoxels"]

REFERENCE, PREDICTION = "Reference", "Prediction"
"""Titles of the two label maps of a case."""

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class CaseVoxels:
    """Scan and label maps of a case on one grid.

    Attributes:
        scan_hu: CT in HU, ``(X, Y, Z)``.
        maps: Title to class ids of the same shape; what is unknown in a reference is background.
        affine: Voxel indices to RAS millimetres, ``(4, 4)``.
    """

    scan_hu: npt.NDArray[Any]
    maps: dict[str, npt.NDArray[np.uint8]]
    affine: npt.NDArray[np.float64]


class CaseFiles:
    """Scans and label maps by case.

    Args:
        images: Scans, as :func:`swinx.data.find_cases` takes them.
        section: Section of the data list, where ``images`` is one.
        reference: Folder of reference labels; by default the labels of the data list.
        prediction: Folder of predicted labels.
        label_set: The classes.

    Raises:
        DataListError: If there are no scans or predictions.
    """

    def __init__(
        self,
        images: PathLike,
        section: str,
        reference: PathLike | None,
        prediction: PathLike,
        label_set: LabelSet = FLARE23,
    ) -> None:
        self.images = images
        self.label_set = label_set
        self.scans = {str(item["case"]): item for item in find_cases(images, section=section, label_set=label_set)}
        found = find_label_maps(prediction, label_set=label_set)
        self.predictions = {case: str(path) for case, path in found.items()}
        self.truths: dict[str, Mapping[str, Any]] = {c: item for c, item in self.scans.items() if "label" in item}
        if reference is not None:
            listed = find_label_maps(reference, label_set=label_set)
            self.truths |= {case: {"case": case, "label": path} for case, path in listed.items()}

    def read_maps(self, case: str) -> dict[str, tuple[object, Volume]]:
        """Return title to file and class ids of the label maps that a case has, 255 where a class is unknown.

        Raises:
            OSError: If a file cannot be read.
            ValueError: If it is no label map of these classes.
        """
        maps: dict[str, tuple[object, Volume]] = {}
        if (truth := self.truths.get(case)) is not None:
            pair = listed_pair(truth, None, self.label_set)
            maps[REFERENCE] = pair.reference, read_reference(pair, self.label_set)
        if (path := self.predictions.get(case)) is not None:
            maps[PREDICTION] = path, read_label(path, self.label_set, allow_empty=True, allow_unknown=False)
        return maps

    def read(self, case: str) -> CaseVoxels:
        """Return the voxels of a case.

        Raises:
            DataListError: If there is no scan of that name, or a label map is on another grid.
            OSError: If a file cannot be read.
            ValueError: If it is none of its kind.
        """
        if case not in self.scans:
            raise DataListError(f"is scored, but not among the scans in {self.images}")
        if "fault" in self.scans[case]:
            raise DataListError(str(self.scans[case]["fault"]))
        scan = read_volume(self.scans[case]["image"])
        maps = {}
        for title, (path, volume) in self.read_maps(case).items():
            apart, _ = compare_grids(scan.affine, scan.array.shape, volume.affine, volume.array.shape)
            if apart:
                raise DataListError(f"{path}: not on the grid of the scan: {'; '.join(apart)}")
            maps[title] = np.where(volume.array == UNKNOWN, 0, volume.array).astype(np.uint8)
        return CaseVoxels(scan.array, maps, scan.affine)

    def volumes_ml(self, case: str) -> dict[str, npt.NDArray[np.float64]]:
        """Return title to the volume of each class, ``(classes,)``, in ml.

        Raises:
            OSError: If a file cannot be read.
            ValueError: If it is none of its kind.
        """
        return {
            title: class_volumes_ml(volume.array, volume.affine, self.label_set)
            for title, (_, volume) in self.read_maps(case).items()
        }


def class_volumes_ml(
    labels: npt.NDArray[np.integer], affine: npt.NDArray[np.float64], label_set: LabelSet = FLARE23
) -> npt.NDArray[np.float64]:
    """Return the volume of each class, ``(classes,)``, in ml; what is unknown belongs to none.

    Examples:
        >>> class_volumes_ml(np.array([[[1, 1, 255]]], np.uint8), np.diag([10.0, 10.0, 5.0, 1.0]))[1].item()
        1.0
    """
    counts = np.zeros(256, dtype=np.int64)
    for index in range(labels.shape[-1]):  # slice by slice: counting takes 8 bytes a voxel
        counts += np.bincount(labels[..., index].ravel(), minlength=256)
    volumes: npt.NDArray[np.float64] = counts[: label_set.num_classes] * float(np.prod(voxel_sizes_mm(affine))) / 1000
    return volumes
