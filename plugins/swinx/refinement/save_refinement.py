"""Refined label and its provenance map as two NIfTI files."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from numpy.typing import NDArray

from swinx.errors import CaseError
from swinx.files import write_json
from swinx.labels import FLARE23, LabelSet, file_numbers
from swinx.nifti import write_nifti
from swinx.refinement.refinement_cases import SAVED_ENDS, record_path

__all__ = ["SaveRefinementd"]


class SaveRefinementd(MapTransform):
    """Transform that writes ``<case>.nii.gz`` and ``<case>_source.nii.gz``: uint8, on the grid of the scan.

    Each is written atomically, after a record that names both, by which a run that is killed meanwhile can be repeated.
    The refined label has the numbers of the label set in its file, and 255.

    Args:
        keys: The refined label, ``(1, X, Y, Z)``, class ids and 255.
        output_dir: Folder of the files; made when the first one is written.
        label_set: The classes.

    Raises:
        ValueError: If there is more than one key, since each would replace the files of the one before.
    """

    def __init__(self, keys: KeysCollection, output_dir: str | os.PathLike[str], label_set: LabelSet = FLARE23) -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"one refined label makes one pair of files per case; got the keys {self.keys}")
        self.output_dir = Path(output_dir)
        self.label_set = label_set

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Write the files and return a shallow copy of ``data`` with their names as ``saved``.

        Raises:
            CaseError: If a file cannot be written.
            ValueError: If a map has another shape than the scan, or values outside 0..255.
        """
        out = dict(data)
        case, scan = str(out["case"]), out["image"]
        affine = scan.affine.cpu().numpy().astype(np.float64)
        out["saved"] = [f"{case}{end}" for end in SAVED_ENDS]
        shape = tuple(scan.shape)
        label = file_numbers(self.label_set, _as_uint8(out[self.keys[0]], shape, out["saved"][0]))
        source = _as_uint8(out["source"], shape, out["saved"][1])
        name = out["saved"][0]
        try:
            write_json(record_path(self.output_dir, case), {"case": case, "files": dict.fromkeys(out["saved"])})
            for name, volume in zip(out["saved"], (label, source), strict=True):
                write_nifti(self.output_dir / name, volume, affine)
        except OSError as error:
            raise CaseError(self.output_dir / name, f"the refined label cannot be written: {error}") from error
        return out


def _as_uint8(value: Any, shape: tuple[int, ...], name: str) -> NDArray[np.uint8]:
    labels = torch.as_tensor(value).cpu().numpy()
    if labels.shape != shape:
        raise ValueError(f"{name}: a map {labels.shape} is not on the grid of the scan {shape}")
    narrow: NDArray[np.uint8] = labels[0].astype(np.uint8)
    if labels.dtype != np.uint8 and not np.array_equal(narrow, labels[0]):
        raise ValueError(f"{name} holds {labels.min()} to {labels.max()}; a label map holds whole values 0..255")
    return narrow
