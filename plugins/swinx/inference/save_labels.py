"""Label maps as NIfTI files, written atomically."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import SaveImaged
from numpy.typing import NDArray

from swinx.errors import CaseError
from swinx.labels import FLARE23, UNKNOWN, LabelSet, file_numbers
from swinx.nifti import write_nifti

__all__ = ["SaveLabelsd"]


class SaveLabelsd(SaveImaged):
    """Transform that writes label maps as ``<output_dir>/<case>.nii.gz``: uint8, with the affine of the map.

    The file holds the numbers that the label set gives to its classes.
    It is a ``SaveImaged``, so that tools which bring their own writer (MONAI Label) find
    and remove it. MONAI's own writes in place and reports a full disk as a missing writer.

    Args:
        keys: The label map on the original grid, a ``MetaTensor`` ``(1, X, Y, Z)``: class ids, whole values 0..255.
        output_dir: Folder of the files; made when the first one is written.
        label_set: The classes, whose numbers the file gets; 255, unknown, stays 255.

    Raises:
        ValueError: If there is more than one key, since each would replace the file of the one before.
    """

    def __init__(self, keys: KeysCollection, output_dir: str | os.PathLike[str], label_set: LabelSet = FLARE23) -> None:
        super().__init__(keys, output_dir=str(output_dir), print_log=False)
        if len(self.keys) != 1:
            raise ValueError(f"one label map makes one file per case; got the keys {self.keys}")
        self.output_dir = Path(output_dir)
        self.label_set = label_set

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Write the label map and return a shallow copy of ``data`` with the path as ``saved_to``.

        Raises:
            CaseError: If the file cannot be written.
            ValueError: If the map has more than one channel or holds other values than 0..255, or ids that are no
                class of a label set with other numbers than ids.
        """
        out = dict(data)
        key = self.keys[0]
        path = self.output_dir / f"{out['case']}.nii.gz"
        labels = self._numbered(_as_uint8(out[key].as_tensor().cpu().numpy(), str(key)), str(key))
        try:
            write_nifti(path, labels, out[key].affine.cpu().numpy())
        except OSError as error:
            raise CaseError(path, f"the prediction cannot be written: {error}") from error
        out["saved_to"] = str(path)
        return out

    def _numbered(self, labels: NDArray[np.uint8], key: str) -> NDArray[np.uint8]:
        """Return the numbers of class ids; an id without a class would become the number of another."""
        classes = self.label_set.num_classes
        if self.label_set.has_gaps and (strange := set(np.unique(labels).tolist()) - {*range(classes), UNKNOWN}):
            raise ValueError(f"{key} holds the class ids {sorted(strange)}; its label set has 0..{classes - 1}")
        return file_numbers(self.label_set, labels)


def _as_uint8(labels: NDArray[Any], key: str) -> NDArray[np.uint8]:
    if labels.ndim != 4 or len(labels) != 1:
        raise ValueError(f"{key} {labels.shape} must be one label map (1, X, Y, Z)")
    narrow: NDArray[np.uint8] = labels[0].astype(np.uint8)
    if labels.dtype != np.uint8 and not np.array_equal(narrow, labels[0]):
        raise ValueError(f"{key} holds {labels.min()} to {labels.max()}; a label map holds whole values 0..255")
    return narrow
