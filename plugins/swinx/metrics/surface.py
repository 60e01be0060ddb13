"""Dice and surface Dice of two masks, and the Dice of two label maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from monai.metrics.utils import get_code_to_measure_table
from scipy.spatial import KDTree

from swinx.labels import FLARE23, LabelSet

__all__ = ["dice", "dice_per_class", "surface_dice"]


def dice(reference: npt.NDArray[np.bool_], prediction: npt.NDArray[np.bool_]) -> float:
    """Return twice the overlap of two masks over the sum of their sizes; nan if both are empty.

    Examples:
        >>> dice(np.array([True, True, False]), np.array([True, False, False]))
        0.6666666666666666
    """
    total = int(np.count_nonzero(reference)) + int(np.count_nonzero(prediction))
    return 2 * int(np.count_nonzero(reference & prediction)) / total if total else float("nan")


def dice_per_class(
    reference: npt.NDArray[np.integer], prediction: npt.NDArray[np.integer], label_set: LabelSet = FLARE23
) -> dict[str, float]:
    """Return the Dice of every class over the whole volume, in one pass.

    This is plain overlap, for pictures and progress; :func:`swinx.metrics.score_case` has the challenge's rules.

    Args:
        reference: Class ids, shape ``(X, Y, Z)``.
        prediction: Class ids, same shape.
        label_set: The classes.

    Returns:
        Class name to Dice in class order, nan where neither map has the class.

    Raises:
        ValueError: If the shapes differ.

    Examples:
        >>> dice_per_class(np.array([[[1, 1, 3]]]), np.array([[[1, 0, 3]]]))["spleen"]
        1.0
    """
    if reference.shape != prediction.shape:
        raise ValueError(f"reference {reference.shape} and prediction {prediction.shape} differ in shape")
    classes = label_set.num_classes
    counts = np.zeros((classes, classes), dtype=np.int64)
    for index in range(reference.shape[-1]):  # slice by slice: pairs of a whole scan would need 8 bytes a voxel
        pairs = reference[..., index].astype(np.intp) * classes + prediction[..., index]
        counts += np.bincount(pairs.ravel(), minlength=classes**2).reshape(counts.shape)
    sizes = counts.sum(axis=0) + counts.sum(axis=1)
    with np.errstate(invalid="ignore"):
        scores = 2 * counts.diagonal() / sizes
    return {name: float(score) for name, score in zip(label_set.names[1:], scores[1:], strict=True)}


BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


def surface_dice(
    reference: BoolArray,
    prediction: BoolArray,
    spacing_mm: Sequence[float],
    tolerance_mm: float,
    unknown: BoolArray | None = None,
) -> float:
    r"""Return the share of both surfaces that lies within a tolerance of the other one.

    .. math::
        \frac{\sum_{s \in S_r,\, d(s, S_p) \le \tau} a_s + \sum_{s \in S_p,\, d(s, S_r) \le \tau} a_s}
             {\sum_{s \in S_r} a_s + \sum_{s \in S_p} a_s}

    Surface elements and their areas :math:`a_s` in mm² come from the 2x2x2 neighbourhoods of the masks
    (marching cubes; MONAI's table of areas), so voxels at the border of the array have a surface there, too.
    Both masks are cropped to their joint bounding box first, which changes nothing.

    Reference:
        Nikolov et al., "Deep learning to achieve clinically applicable segmentation of head and neck anatomy
        for radiotherapy", 2018, https://arxiv.org/abs/1809.04430.

    Note:
        :func:`monai.metrics.compute_surface_dice` with ``use_subvoxels=True`` is the same sum, but it holds the
        distances in float32. A spacing of 0.6 mm read from a float32 header makes five voxels 3.0000001 mm:
        beyond a tolerance of 3 mm in float64, as in the challenge's script, but within it in float32, and
        then a whole surface changes sides. Distances here are float64.

    Args:
        reference: Mask, shape ``(X, Y, Z)``.
        prediction: Mask, same shape.
        spacing_mm: Voxel size along the three axes, in mm.
        tolerance_mm: Distance up to which a surface element counts as found, in mm.
        unknown: Voxels of unknown class, same shape; False in both masks. A surface element that
            touches one is not counted, since the border there is that of what is known; another one may still be
            found at it.

    Returns:
        A number in 0..1; 0 if exactly one mask is empty, nan if both are or no surface element counts.

    Raises:
        ValueError: If the masks are not boolean, not 3D or differ in shape.

    Examples:
        >>> mask = np.ones((2, 3, 4), dtype=bool)
        >>> surface_dice(mask, mask, (0.8, 0.8, 5.0), tolerance_mm=1.0)
        1.0
    """
    if reference.dtype != np.bool_ or prediction.dtype != np.bool_:
        raise ValueError(f"masks must be boolean, got {reference.dtype} and {prediction.dtype}")
    if reference.ndim != 3 or reference.shape != prediction.shape:
        raise ValueError(f"masks must be 3D and of one shape, got {reference.shape} and {prediction.shape}")
    if not reference.any() or not prediction.any():
        return 0.0 if reference.any() or prediction.any() else float("nan")
    box = _bounding_box(reference | prediction)
    spacing = tuple(float(size) for size in spacing_mm)
    points_reference, areas_reference = _surface(reference[box], spacing)
    points_prediction, areas_prediction = _surface(prediction[box], spacing)
    if unknown is not None:
        touched = _touched(unknown, box)
        areas_reference[touched[tuple(points_reference.T)]] = 0
        areas_prediction[touched[tuple(points_prediction.T)]] = 0
    found_reference = areas_reference[_within(points_reference, points_prediction, spacing, tolerance_mm)].sum()
    found_prediction = areas_prediction[_within(points_prediction, points_reference, spacing, tolerance_mm)].sum()
    counted = areas_reference.sum() + areas_prediction.sum()
    return float((found_reference + found_prediction) / counted) if counted else float("nan")


def _bounding_box(mask: BoolArray) -> tuple[slice, slice, slice]:
    x, y, z = (np.flatnonzero(mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1)))
    return slice(x[0], x[-1] + 1), slice(y[0], y[-1] + 1), slice(z[0], z[-1] + 1)


def _touched(unknown: BoolArray, box: tuple[slice, ...]) -> BoolArray:
    """Return whether each 2x2x2 neighbourhood in a box has an unknown voxel."""
    # Neighbourhoods at the faces of the box reach one voxel beyond it.
    padded = np.pad(unknown, 1)[tuple(slice(side.start, side.stop + 2) for side in box)]
    touched = np.zeros([size - 1 for size in padded.shape], dtype=np.bool_)
    for corner in np.ndindex(2, 2, 2):
        touched |= padded[tuple(slice(at, at + size) for at, size in zip(corner, touched.shape, strict=True))]
    return touched


def _surface(mask: BoolArray, spacing_mm: tuple[float, ...]) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Return positions in voxels, ``(N, 3)``, and areas in mm², ``(N,)``, of the surface elements of a mask."""
    areas_mm2, weights = get_code_to_measure_table(spacing_mm)  # type: ignore[no-untyped-call]  # MONAI's
    # One voxel of background all around gives the outermost voxels their outer surface.
    padded = np.pad(mask, 1).view(np.uint8)
    # The code of a 2x2x2 neighbourhood fits a byte. MONAI convolves in float32, which on a whole CT takes
    # many times the time and memory of these eight passes.
    code = np.zeros([size - 1 for size in padded.shape], dtype=np.uint8)
    for corner, weight in np.ndenumerate(weights.numpy()[0, 0].astype(np.uint8)):
        window = tuple(slice(start, start + size) for start, size in zip(corner, code.shape, strict=True))
        code += padded[window] * weight
    is_surface = (code != 0) & (code != np.iinfo(np.uint8).max)
    return np.argwhere(is_surface), areas_mm2.numpy()[code[is_surface]].astype(np.float64)


def _within(
    points: npt.NDArray[np.intp], targets: npt.NDArray[np.intp], spacing_mm: tuple[float, ...], tolerance_mm: float
) -> BoolArray:
    """Return whether each point has a target within the tolerance; both are positions in voxels."""
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    # Nobody asks how far beyond the tolerance a point is, and a bounded search is much faster.
    bound = tolerance_mm + 1e-3
    nearest = KDTree(targets * spacing, leafsize=32).query(points * spacing, distance_upper_bound=bound)[1]
    near = nearest < len(targets)
    # Scale whole voxel offsets, not positions: the difference of two rounded positions is not the rounded
    # difference, and a last bit decides between within and beyond.
    offsets = (points[near] - targets[nearest[near]]) * spacing
    within = np.zeros(len(points), dtype=np.bool_)
    within[near] = np.sqrt((offsets**2).sum(axis=1)) <= tolerance_mm
    return within
