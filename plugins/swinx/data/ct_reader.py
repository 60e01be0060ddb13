"""The image reader that the bundles give to MONAI's ``LoadImaged``."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import PathLike
from monai.data.image_reader import ImageReader
from monai.utils import MetaKeys, SpaceKeys, ensure_tuple
from numpy.typing import NDArray

from swinx.data.case_names import case_name
from swinx.data.formats.file_formats import volume_suffix
from swinx.data.volume_files import Volume, VolumeKind, read_volume
from swinx.errors import CaseError
from swinx.geometry import READER_NOTES
from swinx.labels import FLARE23, LabelMapping, LabelSet, class_numbers
from swinx.rules import VolumeFileRules

__all__ = ["CTReader", "reader_meta", "warn_once"]

_logger = logging.getLogger(__name__)


class CTReader(ImageReader):
    """MONAI image reader for volumes of all formats of :func:`swinx.data.read_volume` that names faults.

    Use it as ``LoadImaged(keys, reader=CTReader(), ensure_channel_first=True, image_only=True)``. Whatever the
    format, the metadata has the same keys, so that batches may mix formats.

    Note:
        ``LoadImage`` answers an exception from :meth:`read` by trying its other readers, which accept what
        this one refuses. Files are therefore opened in :meth:`get_data`, whose exceptions reach the user.

    Args:
        kind: ``"image"``, or ``"label"`` for label maps, whose numbers are checked and become class ids.
        allow_empty: Accept a label map without a voxel of any class.
        allow_unknown: Accept voxels of :data:`swinx.labels.UNKNOWN` (255) in a label map, as refined labels have.
        max_ram_mb: Refuse a volume that would take the resident memory of this process over so many MiB, before it is
            read; by default, one that the machine has no memory for.
        label_set: The classes of label maps.
        label_map: What the numbers in label maps mean, see :func:`swinx.labels.class_numbers`; by default those of the
            label set.
        hu: Note values of a scan that are no HU; False for other scans than CT, such as MR series.
        trained: Weights that are trained already will segment the scans, see :func:`swinx.data.read_volume`.

    Raises:
        LabelSetError: If ``label_map`` does not fit ``label_set``.
    """

    def __init__(
        self,
        kind: VolumeKind = "image",
        allow_empty: bool = False,
        allow_unknown: bool = False,
        max_ram_mb: float | None = None,
        label_set: LabelSet = FLARE23,
        label_map: LabelMapping | None = None,
        hu: bool = True,
        trained: bool = False,
    ) -> None:
        super().__init__()
        if kind not in ("image", "label"):
            raise ValueError(f"kind is 'image' or 'label', not {kind!r}")
        self.kind: VolumeKind = kind
        self.allow_empty = allow_empty
        self.allow_unknown = allow_unknown
        self.max_ram_mb = max_ram_mb
        self.label_set = label_set
        self.hu = hu
        self.trained = trained
        self.numbers = class_numbers(label_set, label_map)

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """Return True if every name has a known extension, or none, as DICOM folders have."""
        return all(volume_suffix(name) or Path(name).is_dir() for name in ensure_tuple(filename))

    def read(self, data: Sequence[PathLike] | PathLike, **_kwargs: Any) -> tuple[str, ...]:
        """Return the paths for :meth:`get_data`; nothing is read yet."""
        return tuple(os.fspath(name) for name in ensure_tuple(data))

    def get_data(self, img: Sequence[str]) -> tuple[NDArray[Any], dict[str, Any]]:
        """Read and check the volume at the one path in ``img``.

        Returns:
            Voxels ``(X, Y, Z)``, float32 for an image and the stored dtype for a label; and its metadata, see
            :func:`swinx.data.ct_reader.reader_meta`.

        Raises:
            CaseError: If the file is missing or unusable, with every fault found.
        """
        path, *others = img
        if others:
            raise CaseError(path, VolumeFileRules.SEVERAL.says(count=len(img)))
        limits = {"allow_empty": self.allow_empty, "allow_unknown": self.allow_unknown}
        volume = read_volume(
            path,
            self.kind,
            **limits,
            numbers=self.numbers,
            max_ram_mb=self.max_ram_mb,
            set_name=self.label_set.name,
            hu=self.hu,
            trained=self.trained,
        )
        for note in volume.notes:
            warn_once(case_name(path), path, note)
        return self._lay_out(volume.array), reader_meta(volume)

    def _lay_out(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the voxels in the dtype and memory order of tensors, by one copy; MONAI would make two."""
        stored = torch.from_numpy(array)
        target = torch.empty(array.shape, dtype=stored.dtype if self.kind == "label" else torch.float32)
        return np.asarray(target.copy_(stored))


def reader_meta(volume: Volume) -> dict[str, Any]:
    """Return a volume's metadata as MONAI's readers give them.

    Returns:
        ``affine`` and ``original_affine`` (RAS, mm), ``spatial_shape``, ``space`` and ``original_channel_dim`` ("no
        channel"); and :data:`swinx.geometry.READER_NOTES`, a line for each unusual property of the volume.
    """
    return {
        MetaKeys.AFFINE.value: volume.affine.copy(),
        MetaKeys.ORIGINAL_AFFINE.value: volume.affine.copy(),
        MetaKeys.SPATIAL_SHAPE.value: np.asarray(volume.array.shape),
        MetaKeys.ORIGINAL_CHANNEL_DIM.value: float("nan"),  # MONAI's sign for "the array has no channel axis"
        MetaKeys.SPACE.value: SpaceKeys.RAS,
        READER_NOTES: "\n".join(volume.notes),
    }


@lru_cache(maxsize=4096)
def warn_once(case: str, path: str, note: str) -> None:
    """Log a warning in the first epoch only."""
    _logger.warning("%s: %s (%s)", case, note, path)
