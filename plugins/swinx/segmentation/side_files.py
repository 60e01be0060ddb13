"""Files beside the labels: a table, a picture, a DICOM Segmentation."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from monai.data import MetaTensor

from swinx.data import DicomSegCheck, SaveDicomSegd, case_name
from swinx.errors import CaseError, reason_of
from swinx.files import write_table
from swinx.labels import LabelSet
from swinx.nifti import write_nifti
from swinx.report import write_overlay
from swinx.rules import ScanInputRules as Rule
from swinx.segmentation.class_statistics import class_statistics
from swinx.segmentation.scan_input import Scan
from swinx.segmentation.segmentation_result import Prediction

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SideFiles", "check_dicom_seg", "write_side_files"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SideFiles:
    """Files that are to be written beside labels.

    Attributes:
        statistics: ``<name>_statistics.csv``: volume and intensity of each class.
        probabilities: ``<name>_probabilities/<class>.nii.gz``: the probability of each class that is kept, 0 to 1.
        preview: ``<name>.png``: slices with the labels over them.
        dicom_seg: ``<name>.dcm``: a DICOM Segmentation of the series.
    """

    statistics: bool = False
    probabilities: bool = False
    preview: bool = False
    dicom_seg: bool = False

    def paths(self, target: Path) -> list[Path]:
        """Return the files beside those of the labels, of the probabilities those that are there."""
        folder, name = target.parent, case_name(target)
        wanted = {".png": self.preview, ".dcm": self.dicom_seg, "_statistics.csv": self.statistics}
        found = sorted((folder / f"{name}_probabilities").glob("*.nii.gz")) if self.probabilities else []
        return [*found, *(folder / f"{name}{ending}" for ending, asked in wanted.items() if asked)]

    def require(self, output: object) -> None:
        """Refuse files that have no place.

        Raises:
            CaseError: If one is wanted, but no output.
        """
        if output is None and (names := [name for name in ("preview", "dicom_seg") if getattr(self, name)]):
            raise CaseError("scan", Rule.NO_OUTPUT.says(names=" and ".join(names)))


def check_dicom_seg(scan: Scan, target: Path, label_set: LabelSet) -> None:
    """Warn in the log, before the network runs, if a scan can have no DICOM Segmentation.

    Raises:
        DataListError: If a file would be replaced that is no segmentation.
    """
    data: Any = SimpleNamespace(data=[{"case": case_name(target), "image": str(scan.path or scan.case)}])
    engine: Any = SimpleNamespace(data_loader=SimpleNamespace(dataset=data))
    DicomSegCheck(target.parent, label_set=label_set).check(engine)


def write_side_files(
    wanted: SideFiles, target: Path, scan: Scan, found: Prediction, label_set: LabelSet, model: str
) -> pd.DataFrame | None:
    """Write what is wanted; what cannot be written costs no label map and is told in the record.

    Args:
        wanted: What to write.
        target: File of the labels, which is there.
        scan: The scan.
        found: Its labels and values; its record gets ``warnings`` and ``unwritten``.
        label_set: The classes.
        model: Name of the model.

    Returns:
        The statistics of the classes, if they are wanted and could be measured.
    """
    folder, name = target.parent, case_name(target)
    kept = found.record.get("classes")
    table: pd.DataFrame | None = None
    if wanted.statistics:
        path = folder / f"{name}_statistics.csv"
        with _told(found.record, path, "statistics"):
            chosen = None if kept is None else label_set.ids_of(kept, "classes")
            table = class_statistics(scan.case, found.voxels, found.class_ids, found.affine, label_set, chosen)
            write_table(path, table)
    if found.probabilities is not None:
        path = folder / f"{name}_probabilities"
        with _told(found.record, path, "probabilities"):
            for class_name, each in zip(label_set.names, found.probabilities, strict=True):
                if kept is not None and class_name not in kept:
                    continue
                write_nifti(path / f"{class_name.replace('/', '_')}.nii.gz", each, found.affine, scale=1 / 255)
    if wanted.dicom_seg:
        labels = MetaTensor(
            found.class_ids[None], affine=torch.from_numpy(found.affine), meta={"filename_or_obj": str(scan.path or "")}
        )
        save = SaveDicomSegd("pred", folder, algorithm=model, label_set=label_set)
        _tell(found.record, save({"pred": labels, "case": name}))
    if wanted.preview:
        path = folder / f"{name}.png"
        with _told(found.record, path, "picture"):
            write_overlay(found.voxels, None, found.class_ids, found.affine, path, case=scan.case, label_set=label_set)
    return table


@contextmanager
def _told(record: dict[str, Any], path: Path, name: str) -> Iterator[None]:
    """Note in a record that a file could not be written, whatever is wrong with it: the labels are good without."""
    try:
        yield
    except Exception as error:
        reason = f"{path}: no {name}: {reason_of(error)}"
        _logger.warning("%s", reason)
        _tell(record, {"warnings": [reason], "unwritten": [reason]})


def _tell(record: dict[str, Any], result: dict[Any, Any]) -> None:
    for key in ("warnings", "unwritten"):
        if told := [*record.get(key, ()), *map(str, result.get(key, ()))]:
            record[key] = told
