"""Labels back on the grid of the scan they were predicted from."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from swinx.geometry import restore_nearest
from swinx.inference.label_votes import LABEL_SAMPLE

__all__ = ["ON_SCAN_GRID", "RestoreLabelsd"]

ON_SCAN_GRID = "on_scan_grid"
"""Key in the metadata of a label map: it is on the grid of the scan already."""


class RestoreLabelsd(MapTransform):
    """Undo :class:`swinx.preprocessing.CTPreprocessingd` on a label map.

    Labels are restored, never class probabilities: at the full size of a scan only one
    uint8 volume exists. Voxels outside the body crop are background. Labels that the inferer has put on
    the scan's grid itself, and that say so by ``ON_SCAN_GRID`` in their metadata, stay as they are.

    Args:
        keys: Label maps in model space, each ``(1, X, Y, Z)``; class scores ``(C, X, Y, Z)``
            are reduced to labels by argmax first.
        ref_key: The preprocessed image, whose metadata tell both grids.
        allow_missing_keys: Skip an absent key instead of raising ``KeyError``.
    """

    def __init__(self, keys: KeysCollection, ref_key: str = "image", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.ref_key = ref_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with uint8 labels, ``(1, X, Y, Z)``, on the original grid.

        The time it took is added as ``seconds_restore``.

        Raises:
            ValueError: If the labels and the preprocessed image differ in shape.
        """
        started = time.perf_counter()
        out = dict(data)
        image = out[self.ref_key]
        original_affine = np.asarray(image.meta["original_affine"], dtype=np.float64).reshape(4, 4)
        original_shape = [int(n) for n in np.asarray(image.meta["spatial_shape"]).ravel()]
        for key in self.key_iterator(out):
            is_sample = isinstance(out[key], MetaTensor) and out[key].meta.get(LABEL_SAMPLE, False)
            labels = out[key].as_tensor() if isinstance(out[key], MetaTensor) else out[key]
            meta = {k: v for k, v in image.meta.items() if k != "affine"} | ({LABEL_SAMPLE: True} if is_sample else {})
            if isinstance(out[key], MetaTensor) and out[key].meta.get(ON_SCAN_GRID, False):
                out[key] = MetaTensor(labels.cpu(), affine=torch.as_tensor(original_affine), meta=meta)
                continue
            if labels.shape[1:] != image.shape[1:]:
                raise ValueError(
                    f"{key} {tuple(labels.shape)} and {self.ref_key} {tuple(image.shape)} differ in shape; "
                    "restore the labels before anything else changes their grid"
                )
            labels = labels.argmax(dim=0) if labels.shape[0] > 1 else labels[0]
            restored = restore_nearest(
                labels.to(device="cpu", dtype=torch.uint8),
                image.affine.cpu().numpy().astype(np.float64),
                original_affine,
                original_shape,
            )
            out[key] = MetaTensor(restored[None], affine=torch.as_tensor(original_affine), meta=meta)
        out["seconds_restore"] = time.perf_counter() - started
        return out
