"""Results of one segmentation, as the network gives them and as the user gets them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from swinx.labels import LabelSet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Prediction", "Segmentation"]


class Prediction(NamedTuple):
    """Labels of a scan, and what they were made of.

    Attributes:
        class_ids: ``(X, Y, Z)``, uint8, on the grid of the scan.
        affine: Voxels of the scan to RAS millimetres.
        voxels: Values of the scan, ``(X, Y, Z)``, single precision.
        record: Seconds, memory, windows and warnings.
        probabilities: Of all classes, in 255ths, uint8, ``(classes, X, Y, Z)``; None unless they are asked for.
    """

    class_ids: NDArray[np.uint8]
    affine: NDArray[np.float64]
    voxels: NDArray[np.float32]
    record: dict[str, Any]
    probabilities: NDArray[np.uint8] | None = None


@dataclass(frozen=True, repr=False)
class Segmentation:
    """Labels of one scan.

    Attributes:
        case: Name of the scan.
        image: The labels in the type and on the grid of the scan that was given: a nibabel image for a path or a
            nibabel image, a SimpleITK image, a ``MetaTensor``, or ``(array, affine)``. It holds the numbers that the
            label set has in files.
        class_ids: Class ids ``(X, Y, Z)``, uint8, in the order of ``label_set``.
        affine: Voxels to RAS millimetres, ``(4, 4)``.
        label_set: The classes.
        volumes_ml: Volume of each class that may occur, in ml, by its name; 0 for one without a voxel.
        record: Seconds of each step, peak memory, device, windows, warnings: the content of ``<case>.json``.
        path: The file of the labels; None if none was written.
        statistics: Table of the classes with volume and intensity; None if it was not asked for.
        probabilities: Of all classes in class order, in 255ths, uint8, ``(classes, X, Y, Z)``; None if not asked for.
    """

    case: str
    image: Any
    class_ids: NDArray[np.uint8]
    affine: NDArray[np.float64]
    label_set: LabelSet
    volumes_ml: dict[str, float]
    record: dict[str, Any]
    path: Path | None = None
    statistics: pd.DataFrame | None = None
    probabilities: NDArray[np.uint8] | None = None

    @property
    def warnings(self) -> list[str]:
        """Oddities of the scan, a sentence each."""
        return list(self.record.get("warnings", ()))

    def __repr__(self) -> str:
        """Return a few words: the case and the volumes of what was found."""
        found = {name: round(volume, 1) for name, volume in self.volumes_ml.items() if volume > 0}
        return f"Segmentation({self.case!r}, {found} ml)"
