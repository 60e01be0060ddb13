"""Segmentation of one scan in one call, by a model from anywhere."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from swinx.segmentation.label_places import label_place
from swinx.segmentation.loaded_model import STANDARD, LoadedModel, load_model
from swinx.segmentation.one_scan import segment_image
from swinx.segmentation.scan_input import scan_of
from swinx.segmentation.segmentation_result import Segmentation
from swinx.segmentation.side_files import SideFiles

__all__ = ["segment"]


def segment(
    image: Any,
    output: str | os.PathLike[str] | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    profile: str | Collection[str] = STANDARD,
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
    files = SideFiles(statistics, probabilities, preview, dicom_seg)
    files.require(output)
    if not isinstance(model, LoadedModel):
        if not (isinstance(image, str | os.PathLike) and Path(image).is_dir()):  # the model tells what a folder is for
            image = scan_of(image, series)  # what is wrong with it is told before the model is loaded
            if output is not None:
                label_place(os.fspath(output), image, files)
        model = load_model(model, profile, device, progress)
    return segment_image(image, output, model, progress, classes, series, files)
