"""Files beside the labels: a table, a picture, a DICOM Segmentation."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from monai.data import MetaTensor

from swinx.data import DicomSegCheck, SaveDicomSegd, case_name
from swinx.errors import reason_of
from swinx.files import write_table
from swinx.nifti import write_nifti
from swinx.report import write_overlay
from swinx.segmentation.loaded_model import LoadedModel, Prediction
from swinx.segmentation.scan_input import Scan

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SideFiles", "check_dicom_seg", "write_side_files"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SideFiles:
    """Files that are to be written beside labels.

    Attributes:
        statistics: ``<name>_statistics.csv``: volume and intensity of each class.
        probabilities: ``<name>_probabilities/<class>.nii.gz``: the probability of each class, 0 to 1.
        preview: ``<name>.png``: slices with the labels over them.
        dicom_seg: ``<name>.dcm``: a DICOM Segmentation of the series.
    """

    statistics: bool = False
    probabilities: bool = False
    preview: bool = False
    dicom_seg: bool = False


def check_dicom_seg(scan: Scan, folder: Path) -> None:
    """Warn in the log, before the network runs, if a scan can have no DICOM Segmentation.

    Raises:
        DataListError: If a file would be replaced that is no segmentation.
    """
    data: Any = SimpleNamespace(data=[{"case": scan.case, "image": str(scan.path or scan.case)}])
    engine: Any = SimpleNamespace(data_loader=SimpleNamespace(dataset=data))
    DicomSegCheck(folder).check(engine)


def write_side_files(
    wanted: SideFiles, target: Path, scan: Scan, found: Prediction, table: pd.DataFrame | None, model: LoadedModel
) -> None:
    """Write what is wanted; what cannot be written costs no label map and is told in the record.

    Args:
        wanted: What to write.
        target: File of the labels.
        scan: The scan.
        found: Its labels and values; its record gets ``warnings`` and ``unwritten``.
        table: Statistics of the classes.
        model: The model.
    """
    folder, name = target.parent, case_name(target)
    if table is not None:
        write_table(folder / f"{name}_statistics.csv", table)
    if found.probabilities is not None:
        for class_name, each in zip(model.label_set.names, found.probabilities, strict=True):
            path = folder / f"{name}_probabilities" / f"{class_name.replace('/', '_')}.nii.gz"
            write_nifti(path, each, found.affine, scale=1 / 255)
    if wanted.dicom_seg:
        labels = MetaTensor(
            found.class_ids[None], affine=torch.from_numpy(found.affine), meta={"filename_or_obj": str(scan.path or "")}
        )
        save = SaveDicomSegd("pred", folder, algorithm=model.name, label_set=model.label_set)
        _tell(found.record, save({"pred": labels, "case": name}))
    if wanted.preview:
        path = folder / f"{name}.png"
        try:
            write_overlay(
                found.voxels, None, found.class_ids, found.affine, path, case=scan.case, label_set=model.label_set
            )
        except (OSError, ValueError) as error:
            reason = f"{path}: no picture: {reason_of(error)}"
            _logger.warning("%s", reason)
            _tell(found.record, {"warnings": [reason], "unwritten": [reason]})


def _tell(record: dict[str, Any], result: dict[Any, Any]) -> None:
    for key in ("warnings", "unwritten"):
        if told := [*record.get(key, ()), *map(str, result.get(key, ()))]:
            record[key] = told
