"""Preprocessing of a CT into the network's input, as one deterministic transform."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from numpy.typing import NDArray

from swinx.errors import CaseError
from swinx.geometry import compare_grids, resample_linear, resample_nearest
from swinx.preprocessing.body import body_box_mm
from swinx.preprocessing.intensity import INTENSITIES, Intensity, body_threshold, scale_intensities
from swinx.preprocessing.model_grid import canonical_grid, crop_to_box

__all__ = ["CTPreprocessingd", "as_volume", "file_of"]

_BODY_SEARCH_MM = 3.0

_logger = logging.getLogger(__name__)


class CTPreprocessingd(MapTransform):
    """Transform that orients to RAS, resamples, maps a window of HU to [0, 1] and crops to the body.

    The first key is the image and decides on the grid; the other keys are label maps on
    the image's own grid, taken along to the nearest voxel. Image and labels are read from
    their original voxels once: no full-size volume at the model's spacing is made on the
    way. An oblique scan keeps its direction cosines. The original grid stays in the
    metadata (``original_affine``, ``spatial_shape``) for
    :class:`swinx.inference.SlidingWindowLabelInferer`.

    Reference:
        Preprocessing of the FLARE-23 Swin-X Seg paper: 1 mm, HU -250 to 250, body crop.

    Args:
        keys: The image, then any label maps; each a ``MetaTensor`` ``(1, X, Y, Z)`` with an affine.
        pixdim: Voxel size in mm along right, anterior, superior.
        window_hu: HU mapped to 0 and to 1; values outside are clipped.
        intensity: ``"hu_window"`` for CT in HU; ``"percentiles"`` or ``"zscore"`` of the body for scans whose values
            have no fixed meaning, such as MR; see :func:`swinx.preprocessing.intensity.scale_intensities`.
        body_crop: Crop to the patient, without table and air.
        body_threshold_hu: Value above which a voxel may be body; by default see
            :func:`swinx.preprocessing.intensity.body_threshold`.
        body_margin_mm: Kept around the body on every side.
        antialias: Where ``pixdim`` is coarser than the scan, average instead of picking; for
            spacings of several mm. Off for the paper's protocol.
        allow_missing_keys: Skip an absent label map instead of raising ``KeyError``.

    Raises:
        ValueError: If a setting is out of range.
    """

    def __init__(
        self,
        keys: KeysCollection,
        pixdim: Sequence[float] = (1.0, 1.0, 1.0),
        window_hu: Sequence[float] = (-250.0, 250.0),
        body_crop: bool = True,
        body_threshold_hu: float | None = None,
        body_margin_mm: float = 10.0,
        antialias: bool = False,
        allow_missing_keys: bool = False,
        intensity: Intensity = "hu_window",
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(pixdim) != 3 or min(pixdim) <= 0:
            raise ValueError(f"pixdim must be three positive numbers in mm, not {pixdim}")
        if len(window_hu) != 2 or window_hu[0] >= window_hu[1]:
            raise ValueError(f"window_hu must be two rising numbers in HU, not {window_hu}")
        if intensity not in INTENSITIES:
            raise ValueError(f"intensity must be one of {', '.join(INTENSITIES)}, not {intensity!r}")
        self.intensity: Intensity = intensity
        self.pixdim = tuple(float(p) for p in pixdim)
        self.window_hu = (float(window_hu[0]), float(window_hu[1]))
        self.body_crop = body_crop
        self.body_threshold_hu = body_threshold_hu
        self.body_margin_mm = body_margin_mm
        self.antialias = antialias

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with the keys in model space.

        Raises:
            CaseError: If a key is not a single-channel 3D volume, or a label map lies on
                another grid than the image.
        """
        out = dict(data)
        image_key, *label_keys = list(self.key_iterator(out))
        image = as_volume(out[image_key])
        source_affine = image.affine.cpu().numpy().astype(np.float64)
        source_shape = tuple(image.shape[1:])
        affine, shape, threshold = self._grid(image)
        resampled = resample_linear(image.as_tensor()[0], source_affine, affine, shape, self.antialias)
        scale_intensities(resampled, self.intensity, self.window_hu, threshold)
        out[image_key] = _with_grid(resampled, image, affine, source_affine, source_shape)
        for key in label_keys:
            label = as_volume(out[key])
            _check_same_grid(image, label)
            moved = resample_nearest(label.as_tensor()[0], source_affine, affine, shape)
            out[key] = _with_grid(moved, label, affine, source_affine, source_shape)
        return out

    def _grid(self, image: MetaTensor) -> tuple[NDArray[np.float64], tuple[int, int, int], float]:
        """Return affine and shape of the network's grid, and the value above which a voxel may be body."""
        source_affine = image.affine.cpu().numpy()
        source_shape = tuple(image.shape[1:])
        affine, shape = canonical_grid(source_affine, source_shape, self.pixdim)
        if not self.body_crop and self.intensity == "hu_window":
            return affine, shape, 0.0
        coarse_mm = np.full(3, _BODY_SEARCH_MM)
        coarse_affine, coarse_shape = canonical_grid(source_affine, source_shape, coarse_mm.tolist())
        coarse = resample_linear(image.as_tensor()[0], source_affine, coarse_affine, coarse_shape).cpu().numpy()
        given = self.body_threshold_hu
        threshold = body_threshold(coarse, self.intensity) if given is None else given
        box = body_box_mm(coarse, coarse_mm.tolist(), threshold, self.body_margin_mm) if self.body_crop else None
        return (affine, shape, threshold) if box is None else (*crop_to_box(affine, box, shape), threshold)


def file_of(volume: MetaTensor) -> str:
    """Return the name of the file of a volume, for messages."""
    return str(volume.meta.get("filename_or_obj", "image"))


def as_volume(value: Any) -> MetaTensor:
    """Return a volume of one channel, ``(1, X, Y, Z)``.

    Raises:
        CaseError: If it is none.
    """
    volume = value if isinstance(value, MetaTensor) else MetaTensor(torch.as_tensor(value))
    if volume.ndim != 4 or volume.shape[0] != 1:
        raise CaseError(file_of(volume), f"expected one channel in three dimensions, found shape {tuple(volume.shape)}")
    return volume


def _check_same_grid(image: MetaTensor, label: MetaTensor) -> None:
    faults, notes = compare_grids(
        image.affine.cpu().numpy(), image.shape[1:], label.affine.cpu().numpy(), label.shape[1:]
    )
    if faults:
        raise CaseError(
            file_of(label), f"not on the grid of its image {file_of(image)}: {'; '.join(faults)}; resample it first"
        )
    for note in notes:
        _logger.info("%s: against its image: %s", file_of(label), note)


def _with_grid(
    volume: torch.Tensor,
    like: MetaTensor,
    affine: NDArray[np.float64],
    source_affine: NDArray[np.float64],
    source_shape: tuple[int, ...],
) -> MetaTensor:
    meta = {key: value for key, value in like.meta.items() if key != "affine"}
    meta["original_affine"] = torch.as_tensor(source_affine)
    meta["spatial_shape"] = np.asarray(source_shape)
    return MetaTensor(volume[None], affine=torch.as_tensor(affine), meta=meta)
