"""Segmentation of one scan in one call."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from swinx.data import case_name
from swinx.errors import CaseError, LabelSetError
from swinx.inference import write_case_record
from swinx.labels import LabelSet, file_numbers
from swinx.nifti import write_nifti
from swinx.rules import ScanInputRules as Rule
from swinx.segmentation.class_statistics import class_statistics, implausible_volumes, volumes_ml
from swinx.segmentation.label_places import label_place
from swinx.segmentation.loaded_model import STANDARD, LoadedModel, load_model
from swinx.segmentation.scan_input import Scan, scan_of
from swinx.segmentation.segmentation_result import Segmentation
from swinx.segmentation.side_files import SideFiles, check_dicom_seg, write_side_files

__all__ = ["kept_classes", "segment", "segment_scan"]

_logger = logging.getLogger(__name__)


def segment(
    image: Any,
    output: str | os.PathLike[str] | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    profile: str = STANDARD,
    device: str = "auto",
    progress: bool = True,
    *,
    classes: str | Collection[str] | None = None,
    statistics: bool = False,
    probabilities: bool = False,
    preview: bool = False,
    dicom_seg: bool = False,
    series: str | None = None,
) -> Segmentation:
    """Segment one scan; the labels are those that ``monai.bundle run inference`` gives.

    Args:
        image: A volume file, the folder of a DICOM series or of one scan, a nibabel or SimpleITK
            image, a ``MetaTensor``, or ``(array, affine)``: HU, and the affine from voxels to RAS millimetres.
        output: A name in ``.nii.gz`` or ``.nii``, or a folder, for the labels and a JSON file with their record; by
            default nothing is written.
        model: The folder of a bundle, a packed zip, a weights file, an address of MLflow (``models:/name/version``), or
            what :func:`swinx.load_model` returns, which has its profile and device; by default what the last training
            in this folder left, or else the weights that come with swinx.
        profile: ``"standard"``, or an overlay of the bundle, such as ``"fast"`` or ``"lowmem"``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        progress: Show a progress bar, and which weights were loaded.
        classes: Names of classes to keep, or of one; the others become background. By default all.
        statistics: Measure volume and intensity of each class.
        probabilities: Keep the probability of each class in each voxel, and write it beside the labels.
        preview: Draw a PNG beside the labels.
        dicom_seg: Write a DICOM Segmentation beside the labels of a DICOM series.
        series: SeriesInstanceUID, where a folder has several series.

    Returns:
        The labels in the type and on the grid of ``image``, with volumes and record.

    Raises:
        BundleError: If there is no such model, profile or device.
        CaseError: If the scan cannot be segmented, or its output not be written there.
        DataListError: If a folder has no scan.
        LabelSetError: If the model has no such class.
        WeightsError: If the weights cannot be read or are of another network.
        OSError: If a file cannot be written.
    """
    if output is None and (asked := [name for name, on in (("preview", preview), ("dicom_seg", dicom_seg)) if on]):
        raise CaseError("scan", Rule.NO_OUTPUT.says(names=" and ".join(asked)))
    of_folder = isinstance(image, str | os.PathLike) and Path(image).is_dir()
    scan = None if of_folder else scan_of(image, series)  # what is wrong with it is told before the model is loaded
    target = None if output is None or scan is None else label_place(os.fspath(output), scan)
    loaded = model if isinstance(model, LoadedModel) else load_model(model, profile, device, progress)
    if scan is None:  # the model tells which kind of scan is looked for
        scan = scan_of(image, series, loaded.hu)
        target = None if output is None else label_place(os.fspath(output), scan)
    side_files = SideFiles(statistics, probabilities, preview, dicom_seg)
    if dicom_seg and target is not None:
        check_dicom_seg(scan, target, loaded)
    return segment_scan(scan, target, loaded, progress, classes, side_files)


def segment_scan(
    scan: Scan,
    target: Path | None,
    model: LoadedModel,
    progress: bool,
    classes: str | Collection[str] | None,
    side_files: SideFiles,
) -> Segmentation:
    """Segment a scan that has been found, see :func:`segment`.

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
        write_nifti(target, numbers, affine)
        record["prediction"] = str(target)
        table = write_side_files(side_files, target, scan, prediction._replace(class_ids=ids), model)
        total, saved = record["seconds"].pop("total"), round(time.perf_counter() - started, 3)
        record["seconds"] |= {"save": saved, "total": round(total + saved, 3)}
        record |= write_case_record(target.parent, case_name(target), record, model.results(record.get("classes")))
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
