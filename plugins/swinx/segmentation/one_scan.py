"""Segmentation of one scan by a model that is loaded."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from swinx.data import case_name
from swinx.errors import LabelSetError
from swinx.inference import write_case_record
from swinx.labels import LabelSet, file_numbers
from swinx.nifti import write_nifti
from swinx.rules import ScanInputRules as Rule
from swinx.segmentation.class_statistics import class_statistics, implausible_volumes, volumes_ml
from swinx.segmentation.label_places import label_place
from swinx.segmentation.scan_input import Scan, scan_of
from swinx.segmentation.segmentation_result import Prediction, Segmentation
from swinx.segmentation.side_files import SideFiles, check_dicom_seg, write_side_files

__all__ = ["Model", "kept_classes", "segment_image", "segment_scan"]

_logger = logging.getLogger(__name__)


class Model(Protocol):
    """A model that is loaded, as :class:`swinx.segmentation.LoadedModel`, whose attributes and methods these are."""

    name: str
    label_set: LabelSet
    hu: bool

    def predict(self, scan: Scan, progress: bool = True, probabilities: bool = False) -> Prediction:
        """Segment one scan in memory."""

    def results(self, classes: Sequence[str] | None = None) -> dict[str, Any]:
        """Return the set of results of this model, for records."""


def segment_image(
    image: Any,
    output: str | os.PathLike[str] | None,
    model: Model,
    progress: bool,
    classes: str | Collection[str] | None,
    series: str | None,
    side_files: SideFiles,
) -> Segmentation:
    """Segment a scan of any kind, or a :class:`Scan`, by a model that is loaded, see :func:`swinx.segment`."""
    side_files.require(output)
    scan = image if isinstance(image, Scan) else scan_of(image, series, model.hu)
    target = None if output is None else label_place(os.fspath(output), scan, side_files)
    if side_files.dicom_seg and target is not None:
        check_dicom_seg(scan, target, model.label_set)
    return segment_scan(scan, target, model, progress, classes, side_files)


def segment_scan(
    scan: Scan,
    target: Path | None,
    model: Model,
    progress: bool,
    classes: str | Collection[str] | None,
    side_files: SideFiles,
) -> Segmentation:
    """Segment a scan that has been found, see :func:`swinx.segment`.

    Args:
        scan: The scan.
        target: File of the labels; None to write nothing.
        model: The model.
        progress: Show a progress bar.
        classes: Names of the classes to keep; None for all.
        side_files: What to write beside the labels.
    """
    label_set = model.label_set
    chosen = kept_classes(label_set, classes)
    prediction = model.predict(scan, progress, side_files.probabilities)
    started = time.perf_counter()
    ids, affine, record = prediction.class_ids, prediction.affine, prediction.record
    if chosen is not None:
        ids = np.where(np.isin(ids, chosen), ids, 0).astype(np.uint8)
        record["classes"] = [label_set.names[label] for label in chosen]
    numbers = file_numbers(label_set, ids)
    volumes = volumes_ml(ids, affine, label_set, chosen)
    record["volumes_ml"] = {name: volume for name, volume in volumes.items() if volume > 0}
    if odd := implausible_volumes(record["volumes_ml"], ids, label_set):
        record["warnings"] = [*record.get("warnings", ()), *odd]
        _logger.warning("%s: %s", scan.case, "; ".join(odd))
    table = None
    if target is None and side_files.statistics:
        table = class_statistics(scan.case, prediction.voxels, ids, affine, label_set, chosen)
    if target is not None:
        place = target.parent, case_name(target)
        record["prediction"] = str(target)
        write_case_record(*place, record, {}, [target, *side_files.paths(target)], begun=True)
        write_nifti(target, numbers, affine)
        table = write_side_files(side_files, target, scan, prediction._replace(class_ids=ids), label_set, model.name)
        total, saved = record["seconds"].pop("total"), round(time.perf_counter() - started, 3)
        record["seconds"] |= {"save": saved, "total": round(total + saved, 3)}
        files = [target, *side_files.paths(target)]
        record |= write_case_record(*place, record, model.results(record.get("classes")), files)
    image = scan.give_back(numbers, affine)
    return Segmentation(
        scan.case, image, ids, affine, label_set, volumes, record, target, table, prediction.probabilities
    )


def kept_classes(label_set: LabelSet, classes: str | Collection[str] | None) -> list[int] | None:
    """Return the ids of the classes to keep; None for all.

    Args:
        label_set: The classes of the model.
        classes: Names, or one name; None for all.

    Raises:
        LabelSetError: If there is no such class, or none is named.
    """
    if classes is None:
        return None
    names = [classes] if isinstance(classes, str) else list(classes)
    if not names:
        raise LabelSetError(Rule.NO_CLASSES.says())
    return label_set.ids_of(names, "classes")
