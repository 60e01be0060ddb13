"""Pictures of a case: the CT with the reference beside the prediction."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from swinx.figures import Box, choose_slices, crop_to_labels, to_canonical, write_figure
from swinx.geometry import voxel_sizes_mm
from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.metrics import dice_per_class
from swinx.report.overlay_figure import CaseView, draw_case

__all__ = ["ABDOMEN_WINDOW_HU", "write_overlay"]

ABDOMEN_WINDOW_HU = (-160.0, 240.0)
"""Grey scale for soft tissue: width 400, level 40."""

_MARGIN_MM = 40.0


def write_overlay(
    image: npt.ArrayLike,
    reference: npt.ArrayLike | None,
    prediction: npt.ArrayLike | None,
    affine: npt.ArrayLike,
    path: str | os.PathLike[str],
    case: str | None = None,
    window_hu: tuple[float, float] = ABDOMEN_WINDOW_HU,
    dpi: int = 150,
    annotated: Collection[int] | None = None,
    label_set: LabelSet = FLARE23,
) -> None:
    """Write a PNG with axial, coronal and sagittal slices of one case.

    The slices go through what the reference labels (without it: the prediction), in radiological convention from
    any orientation and in true proportions. The field of view is the labelled region with a margin. The legend
    names the classes that occur, with their plain Dice over the whole volume if both maps are given. Voxels that are
    255 in the reference are not shown and do not count, and a class that was not annotated has no Dice.

    Args:
        image: CT in HU, shape ``(X, Y, Z)``.
        reference: Class ids, and 255 where the class is unknown, of the same shape, or None.
        prediction: Class ids of the same shape, or None.
        affine: Voxel indices to RAS millimetres, ``(4, 4)``.
        path: The PNG file, written atomically.
        case: Headline; by default the file name.
        window_hu: Lowest and highest HU of the grey scale.
        dpi: Pixels per inch; the page is about 13 inches wide, or more with a long legend.
        annotated: Ids of the classes whose annotation is complete in the reference; by default all.
        label_set: The classes.

    Raises:
        ValueError: If an array is not 3D, the shapes differ, an id is no class, or the window is empty.
        OSError: If the file cannot be written.
    """
    scan = np.asarray(image)
    drawn, unknown = _split_unknown(reference)
    maps = {
        name: _checked(np.asarray(labels), name, scan, label_set)
        for name, labels in (("Reference", drawn), ("Prediction", prediction))
        if labels is not None
    }
    if not window_hu[0] < window_hu[1]:
        raise ValueError(f"window_hu {window_hu} must be a lower and a higher value")
    title = Path(path).stem if case is None else case
    scores = {}
    if len(maps) == 2:
        guess = maps["Prediction"] if unknown is None else np.where(unknown, 0, maps["Prediction"]).astype(np.uint8)
        found = dice_per_class(maps["Reference"], guess, label_set)
        known = label_set.names if annotated is None else {label_set.names[label] for label in annotated}
        scores = {name: score for name, score in found.items() if name in known}
    view = _case_view(scan, maps, np.asarray(affine, dtype=np.float64))
    figure = draw_case(view, title, window_hu, scores, label_set)
    write_figure(figure, path, dpi)


def _split_unknown(
    reference: npt.ArrayLike | None,
) -> tuple[npt.NDArray[Any] | None, npt.NDArray[np.bool_] | None]:
    """Return a reference with 255 as background, and a mask of its 255 if there are any."""
    if reference is None:
        return None, None
    labels = np.asarray(reference)
    unknown = labels == UNKNOWN
    return (np.where(unknown, 0, labels).astype(labels.dtype), unknown) if unknown.any() else (labels, None)


def _case_view(
    scan: npt.NDArray[Any], maps: dict[str, npt.NDArray[np.uint8]], affine: npt.NDArray[np.float64]
) -> CaseView:
    upright, upright_affine = to_canonical(scan, affine)
    labels = {name: to_canonical(array, affine)[0] for name, array in maps.items()}
    shown = next((array for array in labels.values() if array.any()), np.zeros(upright.shape, np.uint8))
    slices = choose_slices(shown)
    box: Box = crop_to_labels(_any_label(list(labels.values()), upright.shape), upright_affine, _MARGIN_MM)
    centre = np.array([(side.start + side.stop - 1) / 2 for side in box])
    positions = []
    for axis, index in enumerate(slices):
        point = centre.copy()
        point[axis] = index
        positions.append(float(upright_affine[axis, :3] @ point + upright_affine[axis, 3]))
    x, y, z = (index - side.start for index, side in zip(slices, box, strict=True))
    spacing = voxel_sizes_mm(upright_affine).tolist()
    return CaseView(
        image=upright[box],
        labels={name: array[box] for name, array in labels.items()},
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
        slices=(x, y, z),
        positions_mm=(positions[0], positions[1], positions[2]),
    )


def _any_label(maps: list[npt.NDArray[np.uint8]], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    union = np.zeros(shape, dtype=np.uint8)
    for array in maps:
        np.maximum(union, array, out=union)
    return union


def _checked(labels: npt.NDArray[Any], name: str, scan: npt.NDArray[Any], label_set: LabelSet) -> npt.NDArray[np.uint8]:
    if scan.ndim != 3 or labels.shape != scan.shape:
        raise ValueError(f"image {scan.shape} and {name.lower()} {labels.shape} must be 3D and of one shape")
    if labels.min() < 0 or labels.max() >= label_set.num_classes:
        found = f"{name.lower()} holds ids {labels.min()}..{labels.max()}"
        raise ValueError(f"{found}; class ids are 0..{len(label_set)}")
    return labels.astype(np.uint8, copy=False)
