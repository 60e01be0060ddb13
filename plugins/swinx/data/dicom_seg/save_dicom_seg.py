"""Predictions as DICOM Segmentations beside the NIfTI files."""

from __future__ import annotations

import logging
import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, get_args

from monai.config import KeysCollection
from monai.transforms import MapTransform
from numpy.typing import NDArray

from swinx.data.dicom_seg.dicom_seg_check import remove_earlier_seg
from swinx.data.dicom_seg.segmentation_file import SegAlgorithm, SegType, write_dicom_seg
from swinx.errors import find_case_error, reason_of
from swinx.labels import FLARE23, LabelSet
from swinx.rules import SegRules

__all__ = ["SaveDicomSegd"]

_logger = logging.getLogger(__name__)


class SaveDicomSegd(MapTransform):
    """Transform that writes label maps as DICOM Segmentations of their series, ``<output_dir>/<case>.dcm``.

    A label map without a voxel of any class makes no file, since DICOM knows no segmentation without a segment; nor
    does one whose series cannot be referred to. Neither ends the case: its other files stay, ``warnings`` of the result
    say why, and a segmentation that an earlier run left is removed.

    Args:
        keys: The label map on the grid of the series, a ``MetaTensor`` ``(1, X, Y, Z)`` whose metadata name the
            series as ``filename_or_obj``.
        output_dir: Folder of the files; made when the first one is written.
        case_key: Item that holds the case name.
        seg_type: ``"BINARY"``, one bit per segment and voxel, or ``"LABELMAP"``, one number per voxel.
        algorithm: Name of the model, as it stands in each segment.
        version: Its version; by default that of the package.
        allow_missing_keys: Skip an absent key instead of raising ``KeyError``.
        label_set: The classes.

    Raises:
        ValueError: If ``seg_type`` is neither, or there is more than one key, since each would replace the file of
            the one before.
    """

    def __init__(
        self,
        keys: KeysCollection,
        output_dir: str | os.PathLike[str],
        case_key: str = "case",
        seg_type: SegType = "BINARY",
        algorithm: str = "swinx",
        version: str | None = None,
        allow_missing_keys: bool = False,
        label_set: LabelSet = FLARE23,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"one label map makes one file per case; got the keys {self.keys}")
        if seg_type not in get_args(SegType):
            raise ValueError(f"seg_type is 'BINARY' or 'LABELMAP', not {seg_type!r}")
        self.output_dir = Path(output_dir)
        self.case_key = case_key
        self.label_set = label_set
        self.seg_type: SegType = seg_type
        self.algorithm = SegAlgorithm(algorithm) if version is None else SegAlgorithm(algorithm, version)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Write the segmentation and return a shallow copy of ``data``.

        Where there is none, ``warnings`` has the reason, and so has ``unwritten``, unless all is background.
        """
        out = dict(data)
        for key in self.key_iterator(out):
            path = self.output_dir / f"{out[self.case_key]}.dcm"
            labels = out[key].as_tensor().cpu().numpy()[0]
            source = str(out[key].meta["filename_or_obj"])
            if is_empty := not labels.any():
                reason = SegRules.EMPTY.says(path=path)
            else:
                reason = self._write(path, labels, out[key].affine.cpu().numpy(), source)
            if reason:
                remove_earlier_seg(path)
                _logger.warning("%s: %s", out[self.case_key], reason)
                out["warnings"] = [*out.get("warnings", ()), reason]
                out["unwritten"] = [*out.get("unwritten", ()), *([] if is_empty else [reason])]
        return out

    def _write(self, path: Path, labels: NDArray[Any], affine: NDArray[Any], source: str) -> str:
        """Write one segmentation; return the reason if there is none, or an empty text."""
        try:
            options: dict[str, Any] = {"seg_type": self.seg_type, "algorithm": self.algorithm}
            written = write_dicom_seg(path, labels, affine, source, **options, label_set=self.label_set)
        except Exception as error:  # whatever is wrong with it, the label map is good without
            if find_case_error(error) is None and not isinstance(error, ImportError | OSError):
                _logger.exception("%s cannot be written", path)
            return SegRules.UNWRITTEN.says(reason=str(error) if isinstance(error, ImportError) else reason_of(error))
        without = ", ".join(written.left_out) or "none"
        _logger.info("%s: %d segments; without a voxel: %s", path, len(written.segments), without)
        return ""
