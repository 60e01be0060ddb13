"""``swinx segment``: labels of a scan, or of all scans of a folder."""

from __future__ import annotations

import glob
import inspect
import os
from typing import Any

from swinx.bundle import SETTINGS, nearest
from swinx.cli.front.terminal import check_paths, say
from swinx.errors import BundleError, DataListError
from swinx.nifti import NIFTI_SUFFIXES
from swinx.rules import ScanFolderRules, SettingRules
from swinx.visible_text import visible

__all__ = ["segment"]


def segment(
    scans: str,
    output: str,
    *,
    model: str | None = None,
    profile: str = "standard",
    classes: str | None = None,
    statistics: bool = False,
    probabilities: bool = False,
    preview: bool = False,
    dicom_seg: bool = False,
    device: str = "auto",
    series: str | None = None,
    progress: bool = True,
    **settings: Any,
) -> None:
    """Segment a scan, or all scans of a folder; the exit code is 1 if one could not be segmented.

    Args:
        scans: A volume file, such as NIfTI or NRRD, the folder of a DICOM series, a folder of scans, or a data list.
        output: Folder for the labels; or, for one scan, a name in .nii.gz.
        model: The folder of a bundle, a packed zip, a weights file, or an address of MLflow such as
            models:/swinx_seg/1; by default what the last swinx train in this folder left, or else the weights
            that come with swinx.
        profile: "standard", "fast", "lowmem", or another overlay of the bundle; several with commas between.
        classes: Classes to keep, with commas between, such as liver,spleen; by default all.
        statistics: Write a table of volume and intensity of each class.
        probabilities: Write the probability of each class as NIfTI files.
        preview: Draw a PNG of each case.
        dicom_seg: Write a DICOM Segmentation of each DICOM series.
        device: "auto", "cpu", "cuda" or "mps".
        series: SeriesInstanceUID, where a folder has several series.
        progress: Show progress bars; --progress False shows none.
        settings: Further settings of the inference, such as --overlap 0.25 or --max_ram_mb 8000.
    """
    check_paths(scans, output, model)
    for name in settings:
        if name not in SETTINGS and (likely := nearest(name, list(inspect.signature(segment).parameters))):
            raise BundleError(SettingRules.UNKNOWN.says(name=visible(name), nearest=likely))
    if not os.path.exists(os.path.expanduser(scans)) and not glob.has_magic(scans):  # noqa: PTH110, PTH111 - never raise
        raise DataListError(ScanFolderRules.MISSING.says(looked=visible(scans)))  # before the imports take seconds
    names = None if classes is None else [name.strip() for name in classes.split(",") if name.strip()]
    from swinx.segmentation import load_model, segment_folder
    from swinx.segmentation import segment as segment_one

    files: dict[str, Any] = {
        "statistics": statistics,
        "probabilities": probabilities,
        "preview": preview,
        "dicom_seg": dicom_seg,
    }
    loaded = load_model(model, profile, device, progress, **settings)
    if output.lower().endswith(NIFTI_SUFFIXES):
        found = segment_one(scans, output, loaded, progress=progress, classes=names, series=series, **files)
        records, failed = [found.record], bool(found.record.get("unwritten"))
    else:
        batch = segment_folder(scans, output, loaded, classes=names, series=series, progress=progress, **files)
        records, failed = batch.done, not batch.ok
    for record in records:
        volumes = ", ".join(f"{name} {_amount(volume)}" for name, volume in record["volumes_ml"].items())
        say(f"{record['prediction']}: {volumes or 'no voxel of any class'}")
    if failed:
        raise SystemExit(1)


def _amount(volume_ml: float) -> str:
    if volume_ml < 0.05:
        return "under 0.1 ml"
    return f"{volume_ml:.1f} ml" if volume_ml < 10 else f"{volume_ml:.0f} ml"
