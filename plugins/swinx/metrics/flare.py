"""The scorer of the FLARE-23 challenge, with its quirks and without them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from swinx.labels import CLASS_NAMES, NSD_TOLERANCE_MM, NUM_CLASSES, FlareLabel
from swinx.metrics.overlap import dice
from swinx.metrics.surface import surface_dice

__all__ = ["PROTOCOLS", "TUBULAR", "CaseScores", "Protocol", "score_case"]

Protocol = Literal["flare23", "fixed"]
"""``flare23`` reproduces the organisers' script, ``fixed`` removes its quirks; see :func:`score_case`."""

PROTOCOLS: tuple[Protocol, ...] = ("flare23", "fixed")
"""Both protocols, the organisers' first."""

LabelMap = npt.NDArray[np.uint8]
Box = tuple[slice, ...]

CaseScores = dict[str, dict[str, float]]
"""Class name to ``{"dsc": ..., "nsd": ...}``, in class order, tumour last."""

TUBULAR: frozenset[FlareLabel] = frozenset({FlareLabel.AORTA, FlareLabel.INFERIOR_VENA_CAVA, FlareLabel.ESOPHAGUS})
"""Classes that run on beyond any annotation and are scored on annotated slices only."""

_DSC_WITH_NSD = 0.2
"""Below this Dice the surface Dice is set to 0."""


def score_case(
    reference: npt.ArrayLike | torch.Tensor,
    prediction: npt.ArrayLike | torch.Tensor,
    spacing_mm: Sequence[float],
    protocol: Protocol = "flare23",
    axial_axis: int = 2,
) -> CaseScores:
    """Score one predicted label map against its reference.

    Common to both protocols: Dice (DSC) and surface Dice (NSD) at the tolerances of
    :data:`swinx.labels.NSD_TOLERANCE_MM`; NSD is 0 where DSC is below 0.2; both are rounded to 4 decimals;
    aorta, inferior vena cava and esophagus are scored only between the first and the last slice that the
    reference labels. They differ in the following:

    ===========================  ==============================  ===================================
    case                         ``flare23``                     ``fixed``
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
        reference: Integer label map, shape ``(X, Y, Z)``, ids 0..14.
        prediction: Integer label map, same shape.
        spacing_mm: Voxel size along the three array axes, in mm.
        protocol: ``"flare23"`` or ``"fixed"``.
        axial_axis: Array axis that runs from foot to head; only ``fixed`` looks at it.

    Returns:
        Class name to ``{"dsc": ..., "nsd": ...}`` in class order, each in 0..1 or nan as described above.

    Raises:
        ValueError: If the maps are not integer, not 3D, of different shape or hold other ids than 0..14, or
            if spacing, protocol or axis are not valid.

    Examples:
        >>> labels = np.zeros((4, 4, 4), dtype=np.uint8)
        >>> labels[1:3, 1:3, 1:3] = FlareLabel.LIVER
        >>> score_case(labels, labels, (1.0, 1.0, 2.5))["liver"]
        {'dsc': 1.0, 'nsd': 1.0}
    """
    truth, guess = _checked_label_map(reference, "reference"), _checked_label_map(prediction, "prediction")
    if truth.shape != guess.shape:
        raise ValueError(f"reference {truth.shape} and prediction {guess.shape} differ in shape")
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol {protocol!r} is not one of {PROTOCOLS}")
    if axial_axis not in (0, 1, 2):
        raise ValueError(f"axial_axis {axial_axis} is not 0, 1 or 2")
    if len(spacing_mm) != 3 or not all(math.isfinite(size) and size > 0 for size in spacing_mm):
        raise ValueError(f"spacing_mm {tuple(spacing_mm)} is not three positive numbers")
    slice_axis = 2 if protocol == "flare23" else axial_axis
    boxes = zip(_boxes(truth), _boxes(guess), strict=True)
    return {
        CLASS_NAMES[label]: _score_class(
            truth, guess, FlareLabel(label), in_truth, in_guess, spacing_mm, protocol, slice_axis
        )
        for label, (in_truth, in_guess) in enumerate(boxes, start=1)
    }


def _score_class(
    truth: LabelMap,
    guess: LabelMap,
    label: FlareLabel,
    in_truth: Box | None,
    in_guess: Box | None,
    spacing_mm: Sequence[float],
    protocol: Protocol,
    slice_axis: int,
) -> dict[str, float]:
    if in_truth is None and protocol == "fixed":
        return {"dsc": math.nan, "nsd": math.nan}
    if in_truth is None or in_guess is None:
        score = float(in_truth is in_guess)
        return {"dsc": score, "nsd": score}
    box = [slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(in_truth, in_guess, strict=True)]
    if label in TUBULAR:
        first, stop = in_truth[slice_axis].start, in_truth[slice_axis].stop
        box[slice_axis] = slice(first, stop - 1 if protocol == "flare23" else stop)
    reference, prediction = truth[tuple(box)] == label, guess[tuple(box)] == label
    dsc = dice(reference, prediction)
    if math.isnan(dsc):
        nsd = math.nan
    elif dsc < _DSC_WITH_NSD:
        nsd = 0.0
    else:
        nsd = surface_dice(reference, prediction, spacing_mm, NSD_TOLERANCE_MM[label])
    # NumPy's rounding, not Python's: the script rounds NumPy scalars, and the two differ at ties.
    return {"dsc": float(np.round(dsc, 4)), "nsd": float(np.round(nsd, 4))}


def _boxes(labels: LabelMap) -> list[Box | None]:
    """Return the bounding box of each class 1..14, None where the class is absent."""
    found: list[Box | None] = ndimage.find_objects(labels, max_label=NUM_CLASSES - 1)
    return found


def _checked_label_map(labels: npt.ArrayLike | torch.Tensor, name: str) -> LabelMap:
    array: npt.NDArray[Any] = labels.detach().cpu().numpy() if isinstance(labels, torch.Tensor) else np.asarray(labels)
    if array.ndim != 3 or array.size == 0:
        raise ValueError(f"{name} must be a 3D label map with voxels in it, got shape {array.shape}")
    if array.dtype != np.bool_ and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must hold integers, got {array.dtype}")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= NUM_CLASSES:
        raise ValueError(f"{name} holds ids {low}..{high}; FLARE ids are 0..{NUM_CLASSES - 1}")
    return array.astype(np.uint8, copy=False)
