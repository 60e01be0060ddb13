"""Check before inference that DICOM Segmentations can be written."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Events
from monai.engines import Workflow
from tqdm import tqdm

from swinx.data.dicom.dicom_headers import read_header
from swinx.data.dicom_seg.segmentation_file import SegType, make_dicom_seg, read_seg_source, require_dicom
from swinx.errors import CaseError, DataListError, reason_of
from swinx.labels import FLARE23, LabelSet
from swinx.rules import SegRules

__all__ = ["DicomSegCheck", "remove_earlier_seg"]

_SLOW_SECONDS = 3.0

_logger = logging.getLogger(__name__)


class DicomSegCheck:
    """Handler that warns, before the first case, of the series that can have no DICOM Segmentation.

    It changes nothing: the cases are segmented all the same. See :class:`swinx.data.SaveDicomSegd`.

    Args:
        output_dir: Folder of the segmentations, ``<case>.dcm``.
        seg_type: ``"BINARY"`` or ``"LABELMAP"``.
        label_set: The classes; the log names those without a code, too.
    """

    def __init__(
        self, output_dir: str | os.PathLike[str], seg_type: SegType = "BINARY", label_set: LabelSet = FLARE23
    ) -> None:
        self.output_dir = Path(output_dir)
        self.seg_type: SegType = seg_type
        self.label_set = label_set

    def attach(self, engine: Workflow) -> None:
        """Listen to an evaluator whose data set has its cases as ``data``."""
        engine.add_event_handler(Events.STARTED, self.check)

    def check(self, engine: Workflow) -> None:
        """Log one warning for each case.

        Raises:
            DataListError: If a file would be replaced that is no segmentation, such as a slice of a scan.
        """
        items: Sequence[Mapping[str, Any]] = getattr(getattr(engine.data_loader, "dataset", None), "data", ())
        for item in items:
            path = self.output_dir / f"{item['case']}.dcm"
            if path.is_file() and not _is_seg(path):
                raise DataListError(SegRules.OCCUPIED.says(path=path))
        usable = [item for item in items if "fault" not in item]
        for item in tqdm(usable, desc="DICOM headers", unit="case", delay=_SLOW_SECONDS, leave=False):
            if reason := self._obstacle(Path(item["image"])):
                _logger.warning("%s", SegRules.EXPECTED.says(case=item["case"], reason=reason))

    def _obstacle(self, source: Path) -> str:
        """Return the reason why a scan can have no DICOM Segmentation; empty if none is known."""
        try:
            require_dicom()
            _, slices = read_seg_source(source)
        except (CaseError, ImportError, OSError) as error:
            return str(error) if isinstance(error, ImportError) else reason_of(error)
        try:
            self._try(slices[:2])
        except Exception as error:  # headers of others fail in many ways
            return SegRules.HEADERS.says(place=source, detail=reason_of(error))
        return ""

    def _try(self, slices: Sequence[Any]) -> None:
        """Make a segmentation of some slices in memory, with a voxel of every class, to try headers and codes."""
        labels = np.zeros((slices[0].Columns, slices[0].Rows, len(slices)), dtype=np.uint8)
        labels.reshape(-1)[: self.label_set.num_classes] = np.arange(self.label_set.num_classes)[: labels.size]
        trial = make_dicom_seg(labels, slices, self.seg_type, None, self.label_set)
        trial.save_as(io.BytesIO(), enforce_file_format=True)


def remove_earlier_seg(path: Path) -> None:
    """Remove the segmentation that an earlier run left under a name; any other file of that name stays."""
    if not path.is_file():
        return
    try:
        if _is_seg(path):
            path.unlink()
            _logger.warning("removed %s, which an earlier run left", path)
    except OSError as error:
        _logger.error("%s is not of this run, but cannot be removed: %s", path, error.strerror)


def _is_seg(path: Path) -> bool:
    try:
        return read_header(str(path)).modality == "SEG"
    except (CaseError, ImportError):
        return False
