"""Folder of predictions as teacher."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from monai.data import MetaTensor
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import affine_transform
from torch import Tensor

from swinx.data import ANY_NUMBERS, files_read, label_maps_in, read_volume, volume_suffixes
from swinx.errors import CaseError, DataListError, TeacherError
from swinx.files import expanded, real_path
from swinx.geometry import compare_grids, restore_nearest
from swinx.labels import FLARE23, LabelMapping, LabelSet
from swinx.refinement.teachers.class_maps import predicted_classes, read_class_map, relabel, unknown_ids
from swinx.refinement.teachers.teacher import Prediction, check_scan, fingerprint_of
from swinx.rules import PredictionRules

__all__ = ["MAX_OVERHANG_VOXELS", "PredictionFolderTeacher", "overhang_voxels", "transfer_labels"]


MAX_OVERHANG_VOXELS = 1.0
"""Centres of a scan's voxels may lie this many voxels of the prediction outside it: what rounding of sizes causes."""


class PredictionFolderTeacher:
    """A folder with one predicted label map for each case, ``<case>.nii.gz`` or another kind of volume.

    :func:`swinx.data.find_label_maps` chooses the files of a folder and the case of each.

    A prediction on another grid than its scan is resampled to the nearest voxel by world coordinates, which is
    noted. The case is refused if voxels of the scan lie farther outside the prediction than
    :data:`MAX_OVERHANG_VOXELS`.

    Args:
        folder: Folder of the files; subfolders are not searched.
        label_map: What the numbers in the files mean, see :func:`swinx.refinement.teachers.class_maps.read_class_map`:
            a dictionary of numbers and classes, with 0 for background, or the name or file of a label set that the
            files follow, such as ``"totalsegmentator"``. By default they hold the numbers of the label set.
        name: What reports call it; by default the name of the folder.
        label_set: The classes.

    Raises:
        TeacherError: If the folder is missing, has no volumes or two for one case, or the label map is unusable.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        label_map: LabelMapping | None = None,
        name: str | None = None,
        label_set: LabelSet = FLARE23,
    ) -> None:
        self.folder = expanded(folder)
        self._files = _find_predictions(self.folder)
        source = str(self.folder)
        self.label_set = label_set
        self._ids = read_class_map(label_map, label_set, source)
        self._map_name = label_set.name if label_map is None else label_map if isinstance(label_map, str) else "given"
        self.name = name or real_path(self.folder).name
        self.classes = predicted_classes(self._ids)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all files that are read and the label map; computed once, at the first call."""
        files = [file for path in self._files.values() for file in files_read(path)]
        return fingerprint_of(self.folder, files, {"ids": sorted(self._ids.items())})

    def predict(self, case: str, image: MetaTensor) -> Prediction:
        """Return the prediction of ``case``, on the grid of ``image``.

        Args:
            case: Name of the case.
            image: The scan ``(1, X, Y, Z)``; only its grid is used.

        Raises:
            CaseError: If there is no prediction, it cannot be read, holds ids that the label map does not know, or
                does not cover the scan.
        """
        scan = check_scan(case, image)
        if case not in self._files:
            suffixes = ", ".join(volume_suffixes()[1:])
            raise CaseError(case, PredictionRules.NONE.says(case=case, suffixes=suffixes, folder=self.folder))
        path = self._files[case]
        volume = read_volume(path, "label", allow_empty=True, allow_unknown=True, numbers=ANY_NUMBERS)
        if strange := unknown_ids(volume.array, self._ids):
            raise CaseError(path, PredictionRules.NOT_IN_MAP.says(ids=strange, label_map=self._map_name))
        labels = torch.from_numpy(np.ascontiguousarray(relabel(volume.array, self._ids)))
        affine, shape = scan.affine.cpu().numpy().astype(np.float64), tuple(scan.shape[1:])
        apart, notes = compare_grids(affine, shape, volume.affine, volume.array.shape)
        if apart:
            overhang = overhang_voxels(volume.affine, volume.array.shape, affine, shape)
            if overhang > MAX_OVERHANG_VOXELS:
                raise CaseError(
                    path,
                    PredictionRules.OVERHANG.says(
                        case=case, overhang=overhang, shape=volume.array.shape, allowed=MAX_OVERHANG_VOXELS
                    ),
                )
            labels = transfer_labels(labels, volume.affine, affine, shape)
            notes = [PredictionRules.OTHER_GRID.says(detail="; ".join(apart))]
        return Prediction(labels[None], [*volume.notes, *notes])


def _find_predictions(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise TeacherError(PredictionRules.NO_FOLDER.says(folder=folder))
    try:
        return label_maps_in(folder, "predictions")
    except DataListError as error:
        raise TeacherError(str(error)) from error


def overhang_voxels(
    source_affine: ArrayLike, source_shape: Sequence[int], target_affine: ArrayLike, target_shape: Sequence[int]
) -> float:
    """Return the overhang of a target grid over a source grid, in voxels of the source.

    A voxel counts by its centre; the source ends at the outer faces of its outermost voxels. Because both grids are
    boxes, the corner of the target that lies farthest out decides.

    Args:
        source_affine: Voxel to world matrix of the grid that is read, ``(4, 4)``, mm.
        source_shape: Its shape ``(X, Y, Z)``.
        target_affine: Voxel to world matrix of the grid to be filled, ``(4, 4)``, mm.
        target_shape: Its shape.

    Returns:
        The overhang along the source axis where it is largest; 0 if every target voxel lies in a source voxel.

    Examples:
        >>> overhang_voxels(np.eye(4), (10, 10, 10), np.eye(4), (10, 10, 14))
        3.5
    """
    to_source = _to_source(source_affine, target_affine)
    corners = np.array(list(itertools.product(*[(0, side - 1) for side in target_shape])), dtype=np.float64)
    reached = corners @ to_source[:3, :3].T + to_source[:3, 3]
    below = -0.5 - reached
    above = reached - (np.asarray(source_shape, dtype=np.float64) - 0.5)
    return float(max(0.0, below.max(), above.max()))


def transfer_labels(
    labels: Tensor, source_affine: ArrayLike, target_affine: ArrayLike, target_shape: Sequence[int]
) -> Tensor:
    """Give each voxel of a target grid the label of the source voxel that it lies in.

    Args:
        labels: Label map, ``(X, Y, Z)``, any integer dtype, on the CPU.
        source_affine: Voxel to world matrix of ``labels``, ``(4, 4)``, mm.
        target_affine: Voxel to world matrix of the result, ``(4, 4)``, mm; it may be turned against the source.
        target_shape: Shape of the result.

    Returns:
        A tensor of shape ``target_shape`` and the dtype of ``labels``; 0 outside the source grid.
    """
    try:
        return restore_nearest(labels, source_affine, target_affine, target_shape)
    except ValueError:  # turned against each other: no axis can be done on its own
        to_source = _to_source(source_affine, target_affine)
    moved = affine_transform(
        labels.numpy(),
        to_source[:3, :3],
        to_source[:3, 3],
        output_shape=tuple(target_shape),
        order=0,
        mode="grid-constant",  # "constant" would cut off the outer half of the outermost voxels
        cval=0,
    )
    return torch.from_numpy(moved)


def _to_source(source_affine: ArrayLike, target_affine: ArrayLike) -> NDArray[np.float64]:
    inverse = np.linalg.inv(np.asarray(source_affine, dtype=np.float64))
    return np.asarray(inverse @ np.asarray(target_affine, dtype=np.float64), dtype=np.float64)
