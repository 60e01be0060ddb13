"""Dice and surface Dice of one case, by the rule of the FLARE-23 challenge or without its quirks."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.metrics.protocols import Protocol, fitting_protocol, tubular_classes
from swinx.metrics.surface import dice, surface_dice

__all__ = ["CaseScores", "score_case"]

LabelMap = npt.NDArray[np.uint8]
Box = tuple[slice, ...]

CaseScores = dict[str, dict[str, float]]
"""Class name to ``{"dsc": ..., "nsd": ...}``, in class order."""

_DSC_WITH_NSD = 0.2
"""Below this Dice the surface Dice is set to 0."""


def score_case(
    reference: npt.ArrayLike | torch.Tensor,
    prediction: npt.ArrayLike | torch.Tensor,
    spacing_mm: Sequence[float],
    protocol: str = "auto",
    axial_axis: int = 2,
    annotated: Collection[int] | None = None,
    label_set: LabelSet = FLARE23,
) -> CaseScores:
    """Score one predicted label map against its reference.

    Common to both protocols: Dice (DSC) and surface Dice (NSD) at the tolerances of the label set (``flare23``: those
    of the challenge); NSD is 0 where DSC is below 0.2; both are rounded to 4 decimals; aorta, inferior vena cava and
    esophagus, in any label set that has them, are scored only between the first and the last slice that the reference
    labels. Voxels that are 255 in the reference count for neither map, in Dice and in surface distances,
    and a class that was not annotated has nan: both are left open by the challenge, whose references are complete.
    They differ in the following:

    ===========================  ==============================  ===================================
    case                         ``flare23``                     ``standard``
    ===========================  ==============================  ===================================
    last labelled slice          left out                        included
    slices lie along             the third array axis            ``axial_axis``
    empty in both                1 and 1                         nan and nan
    empty in the reference only  0 and 0                         nan and nan
    empty in the prediction only 0 and 0                         0 and 0
    ===========================  ==============================  ===================================

    ``flare23`` tests for emptiness before it cuts slices, as the script does. So a tubular class that the
    prediction has only outside the reference's slices scores 0, and a tubular class that the reference
    labels in one single slice leaves no slice to score: the script fails there, this returns nan.

    Reference:
        The evaluation script of MICCAI FLARE 2023, https://github.com/JunMa11/FLARE.

    Args:
        reference: Label map of class ids, shape ``(X, Y, Z)``, and 255 where the class is unknown.
        prediction: Label map of class ids, same shape.
        spacing_mm: Voxel size along the three array axes, in mm.
        protocol: ``"flare23"``, ``"standard"``, or ``"auto"``: the first for the classes of FLARE-23, which alone it
            is for, and the second for all others.
        axial_axis: Array axis that runs from foot to head; only ``standard`` looks at it.
        annotated: Ids of the classes whose annotation is complete in the reference; by default all of them.
        label_set: The classes and their tolerances.

    Returns:
        Class name to ``{"dsc": ..., "nsd": ...}`` in class order, each in 0..1 or nan as described above.

    Raises:
        LabelSetError: If ``flare23`` is asked for other classes than those of FLARE-23.
        ValueError: If the maps are not integer, not 3D, of different shape or hold other ids than the classes' (and 255
            in the reference), or if spacing, protocol or axis are not valid.

    Examples:
        >>> labels = np.zeros((4, 4, 4), dtype=np.uint8)
        >>> labels[1:3, 1:3, 1:3] = FLARE23.id_of("liver", "example")
        >>> score_case(labels, labels, (1.0, 1.0, 2.5))["liver"]
        {'dsc': 1.0, 'nsd': 1.0}
    """
    truth, guess = (
        _checked_label_map(labels, name, label_set.num_classes)
        for labels, name in ((reference, "reference"), (prediction, "prediction"))
    )
    if truth.shape != guess.shape:
        raise ValueError(f"reference {truth.shape} and prediction {guess.shape} differ in shape")
    rule = fitting_protocol(protocol, label_set)
    if axial_axis not in (0, 1, 2):
        raise ValueError(f"axial_axis {axial_axis} is not 0, 1 or 2")
    if len(spacing_mm) != 3 or not all(math.isfinite(size) and size > 0 for size in spacing_mm):
        raise ValueError(f"spacing_mm {tuple(spacing_mm)} is not three positive numbers")
    unknown = truth == UNKNOWN
    hidden = unknown if unknown.any() else None
    if hidden is not None:
        truth, guess = (np.where(hidden, 0, labels).astype(np.uint8) for labels in (truth, guess))
    slice_axis = 2 if rule == "flare23" else axial_axis
    boxes = zip(_boxes(truth, len(label_set)), _boxes(guess, len(label_set)), strict=True)
    tolerances_mm = (FLARE23 if rule == "flare23" else label_set).tolerances_mm
    tubular = tubular_classes(label_set)
    cut = {label: slice_axis if label in tubular else None for label in label_set.foreground}
    return {
        label_set.names[label]: _score_class(
            truth, guess, label, in_truth, in_guess, spacing_mm, tolerances_mm[label], rule, cut[label], hidden
        )
        if annotated is None or label in annotated
        else {"dsc": math.nan, "nsd": math.nan}
        for label, (in_truth, in_guess) in enumerate(boxes, start=1)
    }


def _score_class(
    truth: LabelMap,
    guess: LabelMap,
    label: int,
    in_truth: Box | None,
    in_guess: Box | None,
    spacing_mm: Sequence[float],
    tolerance_mm: float,
    protocol: Protocol,
    slice_axis: int | None,
    unknown: npt.NDArray[np.bool_] | None,
) -> dict[str, float]:
    """Return the scores of one class; ``slice_axis`` is None for one that is scored on all slices."""
    if in_truth is None and protocol == "standard":
        return {"dsc": math.nan, "nsd": math.nan}
    if in_truth is None or in_guess is None:
        score = float(in_truth is in_guess)
        return {"dsc": score, "nsd": score}
    box = [slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(in_truth, in_guess, strict=True)]
    if slice_axis is not None:
        first, stop = in_truth[slice_axis].start, in_truth[slice_axis].stop
        box[slice_axis] = slice(first, stop - 1 if protocol == "flare23" else stop)
    if unknown is not None:  # a neighbour beyond the box may be unknown
        sides = zip(box, truth.shape, strict=True)
        wide = [slice(max(side.start - 1, 0), min(side.stop + 1, size)) for side, size in sides]
        box = [box[axis] if axis == slice_axis else side for axis, side in enumerate(wide)]
    reference, prediction = truth[tuple(box)] == label, guess[tuple(box)] == label
    dsc = dice(reference, prediction)
    if math.isnan(dsc):
        nsd = math.nan
    elif dsc < _DSC_WITH_NSD:
        nsd = 0.0
    else:
        hidden = None if unknown is None else unknown[tuple(box)]
        nsd = surface_dice(reference, prediction, spacing_mm, tolerance_mm, hidden)
    # NumPy's rounding, not Python's: the script rounds NumPy scalars, and the two differ at ties.
    return {"dsc": float(np.round(dsc, 4)), "nsd": float(np.round(nsd, 4))}


def _boxes(labels: LabelMap, classes: int) -> list[Box | None]:
    """Return the bounding box of each class 1..``classes``, None where the class is absent."""
    found: list[Box | None] = ndimage.find_objects(labels, max_label=classes)
    return found


def _checked_label_map(labels: npt.ArrayLike | torch.Tensor, name: str, num_classes: int) -> LabelMap:
    array: npt.NDArray[Any] = labels.detach().cpu().numpy() if isinstance(labels, torch.Tensor) else np.asarray(labels)
    if array.ndim != 3 or array.size == 0:
        raise ValueError(f"{name} must be a 3D label map with voxels in it, got shape {array.shape}")
    if array.dtype != np.bool_ and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must hold integers, got {array.dtype}")
    low, high = int(array.min()), int(array.max())
    if high == UNKNOWN and name == "reference":
        high = int(array.max(initial=low, where=array != UNKNOWN)) if low != UNKNOWN else 0
    if low < 0 or high >= num_classes:
        raise ValueError(f"{name} holds ids {low}..{high}; class ids are 0..{num_classes - 1}")
    return array.astype(np.uint8, copy=False)
