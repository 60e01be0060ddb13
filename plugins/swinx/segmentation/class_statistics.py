"""Volumes and intensities of the classes in a segmentation."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swinx.geometry import voxel_volume_mm3
from swinx.labels import LabelSet, plausible_volumes
from swinx.rules import ScanInputRules as Rule

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["class_statistics", "implausible_volumes", "volumes_ml"]


def volumes_ml(
    class_ids: NDArray[np.uint8],
    affine: NDArray[np.float64],
    label_set: LabelSet,
    chosen: Collection[int] | None = None,
) -> dict[str, float]:
    """Return the volume of each class in ml, by its name.

    Args:
        class_ids: Class ids ``(X, Y, Z)``.
        affine: Voxels to RAS millimetres.
        label_set: The classes.
        chosen: Ids of the classes that are listed; by default all.
    """
    counts = np.bincount(class_ids.ravel(order="K"), minlength=label_set.num_classes)
    voxel_ml = float(voxel_volume_mm3(affine)) / 1000
    ids = label_set.foreground if chosen is None else sorted(chosen)
    return {label_set.names[label]: round(float(counts[label]) * voxel_ml, 3) for label in ids}


def implausible_volumes(volumes: Mapping[str, float], class_ids: NDArray[np.uint8], label_set: LabelSet) -> list[str]:
    """Return a sentence for each class whose volume does not fit an adult; cut by the border, it may be too small.

    Args:
        volumes: Volume of each class in ml, by its name.
        class_ids: Class ids ``(X, Y, Z)``.
        label_set: The classes, of which some have a range.
    """
    found = {label_set.names.index(name): volume for name, volume in volumes.items()}
    border = {label for label in found if found[label] and _touches_border(class_ids, label)}
    plausible = plausible_volumes(label_set=label_set)
    return [
        Rule.VOLUME.says(
            organ=label_set.names[label],
            found=f"{volume:.0f}" if volume >= 10 else f"{volume:.2g}",
            low=plausible.ranges_ml[label][0],
            high=plausible.ranges_ml[label][1],
        )
        for label, volume in plausible.outside(found, border, found).items()
    ]


def class_statistics(
    case: str,
    scan: NDArray[Any],
    class_ids: NDArray[np.uint8],
    affine: NDArray[np.float64],
    label_set: LabelSet,
    chosen: Collection[int] | None = None,
) -> pd.DataFrame:
    """Return a table with a row for each class: volume, and mean, deviation and median of the scan.

    A class without a voxel has 0 ml, and no intensity.

    Args:
        case: Name of the scan, in the first column.
        scan: Values ``(X, Y, Z)``, in HU for a CT.
        class_ids: Class ids of the same shape.
        affine: Voxels to RAS millimetres.
        label_set: The classes.
        chosen: Ids of the classes that are listed; by default all.
    """
    import pandas as pd  # here, since most segmentations need no table

    rows = []
    for name, volume in volumes_ml(class_ids, affine, label_set, chosen).items():
        values = scan[class_ids == label_set.names.index(name)].astype(np.float64)
        facts = dict.fromkeys(("mean", "standard_deviation", "median"), math.nan)
        if values.size:
            facts = {"mean": values.mean(), "standard_deviation": values.std(), "median": float(np.median(values))}
        touches = _touches_border(class_ids, label_set.names.index(name))
        rows.append(
            {"case": case, "class": name, "volume_ml": volume}
            | {key: round(float(value), 2) for key, value in facts.items()}
            | {"cut_by_border": touches}
        )
    return pd.DataFrame(
        rows, columns=["case", "class", "volume_ml", "mean", "standard_deviation", "median", "cut_by_border"]
    )


def _touches_border(class_ids: NDArray[np.uint8], label: int) -> bool:
    """Return whether a class reaches the border of the scan, so that its volume is a lower bound."""
    return any(bool((class_ids.take(end, axis=axis) == label).any()) for axis in range(3) for end in (0, -1))
