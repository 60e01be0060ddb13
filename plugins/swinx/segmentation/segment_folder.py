"""Segmentation of all scans of a folder: a bad one is named, and the others go on."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from swinx.data import case_name, find_cases, pick_series, record_path
from swinx.errors import CaseError, DataListError, find_case_error, reason_of
from swinx.files import EarlierFiles, hold, write_table
from swinx.inference import write_batch_record
from swinx.rules import ScanInputRules as Rule
from swinx.runs import require_writable
from swinx.segmentation.label_places import check_folder_name, check_places
from swinx.segmentation.loaded_model import LoadedModel
from swinx.segmentation.one_scan import kept_classes, segment_scan
from swinx.segmentation.scan_input import Scan, as_nibabel
from swinx.segmentation.side_files import SideFiles, check_dicom_seg
from swinx.visible_text import visible

__all__ = ["Batch", "segment_folder"]

_logger = logging.getLogger(__name__)


@dataclass
class Batch:
    """Outcome of the scans of a folder.

    Attributes:
        done: Records of the scans that were segmented.
        failed: Case and reason of those that were not.
        incomplete: Case and reason of those that lack a file beside the labels.
    """

    done: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    incomplete: list[dict[str, str]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True if all went well."""
        return not self.failed and not self.incomplete


def segment_folder(
    source: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    model: LoadedModel,
    *,
    classes: str | Collection[str] | None = None,
    statistics: bool = False,
    probabilities: bool = False,
    preview: bool = False,
    dicom_seg: bool = False,
    series: str | None = None,
    progress: bool = True,
) -> Batch:
    """Segment every scan of a folder, a data list or a pattern of paths.

    Each case gives ``<case>.nii.gz`` and ``<case>.json``, and all together ``cases.json``, as the inference of the
    bundle writes them.

    Args:
        source: A scan, a folder, a data list (section ``testing``), or a pattern such as ``"scans/*.nii.gz"``.
        output_dir: Folder of the labels.
        model: What :func:`swinx.load_model` returns.
        classes: Names of classes to keep, or of one; by default all.
        statistics: Write ``statistics.csv``: volume and intensity of each class of each case.
        probabilities: Write the probability of each class, ``<case>_probabilities/<class>.nii.gz``.
        preview: Draw ``<case>.png``.
        dicom_seg: Write ``<case>.dcm`` for scans that are DICOM series.
        series: SeriesInstanceUID of the series to segment.
        progress: Show a progress bar over the windows of each case.

    Raises:
        CaseError: If a label map would replace a scan, or a file that no run of swinx wrote as it is now.
        DataListError: If there is no scan.
        LabelSetError: If the model has no such class.
        RunError: If another run is writing into the folder.
        OSError: If the folder cannot be written.
    """
    folder = Path(output_dir)
    items = pick_series(find_cases(source, output_dir=folder, label_set=None, hu=model.hu), series)
    if folder.is_file():
        raise DataListError(Rule.NOT_A_FOLDER.says(path=visible(folder), count=len(items)))
    check_folder_name(folder)
    chosen = kept_classes(model.label_set, classes)  # before the first scan
    kept = None if chosen is None else [model.label_set.names[label] for label in chosen]
    require_writable(str(folder / "cases.json"))
    hold(folder)
    scans = [Scan(str(item["case"]), dict(item), as_nibabel) for item in items]
    targets = {scan.case: folder / f"{scan.case}.nii.gz" for scan in scans}
    side_files = SideFiles(statistics, probabilities, preview, dicom_seg)
    of_batch = [folder / "statistics.csv"] if statistics else []
    files = check_places(list(targets.values()), scans, side_files, of_batch)
    for name, of_case in files.items():
        of_case.append(record_path(folder, name))
    earlier = EarlierFiles(path for of_case in files.values() for path in of_case)
    for scan in [scan for scan in scans if dicom_seg and "fault" not in scan.item]:
        check_dicom_seg(scan, targets[scan.case], model.label_set)
    batch, tables = Batch(), []
    for number, scan in enumerate(scans, start=1):
        try:
            if "fault" in scan.item:
                raise CaseError(scan.case, str(scan.item["fault"]))
            found = segment_scan(scan, targets[scan.case], model, progress, kept, side_files)
        except Exception as error:  # one bad case must not end the batch, whatever is wrong with it
            _fail(batch, scan.case, error, files[case_name(targets[scan.case])], earlier)
            continue
        batch.done.append({key: value for key, value in found.record.items() if key != "labels"})
        batch.incomplete += [{"case": scan.case, "reason": why} for why in found.record.get("unwritten", ())]
        if found.statistics is not None:
            tables.append(found.statistics)
        told = found.record["seconds"]["total"], found.record["peak_memory"]["rss_mb"]
        _logger.info("[%d/%d] %s: %.1f s, %.0f MB", number, len(scans), scan.case, *told)
    facts = {"labels": model.label_set.as_json()}
    if tables:
        import pandas as pd

        write_table(of_batch[0], pd.concat(tables, ignore_index=True))
    write_batch_record(folder, batch.done, batch.failed, batch.incomplete, model.results(kept), facts, of_batch)
    return batch


def _fail(batch: Batch, case: str, error: Exception, files: list[Path], earlier: EarlierFiles) -> None:
    """Note a case that failed, and remove what an earlier run left of it."""
    if find_case_error(error) is None and not isinstance(error, OSError):
        _logger.debug("case %s failed", case, exc_info=error)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    reason = reason_of(error)
    batch.failed.append({"case": case, "reason": reason})
    _logger.error("not segmented: %s: %s", case, reason)
    earlier.remove(files)
