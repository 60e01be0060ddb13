"""Pictures of many cases."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from swinx.data import (
    Volume,
    annotated_by_people,
    find_cases,
    find_label_maps,
    label_path,
    probe_folder,
    read_label,
    read_volume,
)
from swinx.errors import CaseError
from swinx.files import real_path
from swinx.geometry import compare_grids
from swinx.labels import FLARE23, LabelSet
from swinx.report.overlay_picture import write_overlay
from swinx.scoring import classes_of_predictions, label_set_beside, listed_pair, one_result_set, read_reference

__all__ = ["OverlayReport", "draw_cases", "write_overlays"]

Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class OverlayReport:
    """Result of drawing a folder.

    Attributes:
        paths: The PNG files, in case order.
        bad_cases: Cases without a picture.
    """

    paths: tuple[Path, ...]
    bad_cases: tuple[CaseError, ...]

    @property
    def ok(self) -> bool:
        """True if every case has its picture."""
        return not self.bad_cases


def write_overlays(
    images: Source,
    references: Source | None,
    predictions: Source | None,
    out_dir: str | os.PathLike[str],
    show_progress: bool = True,
    label_set: LabelSet | None = None,
) -> OverlayReport:
    """Write one picture per case, named after it; see :func:`swinx.report.write_overlay`.

    Images, references and predictions are matched by case name. An image that has neither reference nor
    prediction, or whose files cannot be used, is reported and skipped; one of the two is enough for a picture.

    Args:
        images: Folder, file, files or data list, as :func:`swinx.data.find_cases` takes.
        references: Label maps by annotators, as :func:`swinx.data.find_label_maps` takes; None if there are none. If
            ``images`` is a data list, the labels in it are taken for cases that are not found here.
        predictions: Label maps by a network, likewise; None if there are none.
        out_dir: Folder for the PNG files.
        show_progress: Show a progress bar.
        label_set: The classes; by default those of the data list in ``images`` or beside it or the label maps, and else
            those that an inference recorded beside the predictions.

    Raises:
        LabelSetError: If nothing names the classes.
        DataListError: If one of the sources holds nothing, or two files of one case.
        OSError: If ``out_dir`` cannot be written to.
    """
    named = label_set or label_set_beside(images, references, predictions)
    chosen = classes_of_predictions(predictions, named, [references, images])
    cases = find_cases(images, label_set=chosen)
    truths, guesses = _by_case(references, chosen), _by_case(predictions, chosen)
    for item in cases:
        item["prediction"] = guesses.get(item["case"])
        if (truth := truths.get(item["case"])) is not None:
            if "label" not in item or real_path(truth) != real_path(label_path(item["label"])):
                item.pop("label_map", None)  # it is of another file
            item["label"] = truth
    return draw_cases(cases, out_dir, show_progress, chosen)


def draw_cases(
    cases: Sequence[Mapping[str, Any]],
    out_dir: str | os.PathLike[str],
    show_progress: bool = True,
    label_set: LabelSet = FLARE23,
) -> OverlayReport:
    """Write one picture per case; the files may have any names.

    Args:
        cases: Items with ``case`` and the paths ``image`` and at least one of ``label`` and ``prediction``; of what is
            not ``annotated`` in a case there is no Dice.
        out_dir: Folder for the PNG files.
        show_progress: Show a progress bar.
        label_set: The classes.

    Raises:
        RunError: If the predictions are of two runs with other weights or settings.
        OSError: If ``out_dir`` cannot be written to.
    """
    one_result_set(item["prediction"] for item in cases if item.get("prediction") is not None)
    probe_folder(out_dir)
    paths: list[Path] = []
    bad_cases: list[CaseError] = []
    for item in tqdm(cases, desc="drawing", unit="case", disable=not show_progress):
        path = Path(out_dir) / f"{item['case']}.png"
        try:
            if "fault" in item:
                raise CaseError(item["case"], str(item["fault"]))
            _draw(item, path, label_set)
        except CaseError as error:
            bad_cases.append(error)
        else:
            paths.append(path)
    return OverlayReport(tuple(paths), tuple(bad_cases))


def _by_case(source: Source | None, label_set: LabelSet) -> dict[str, str]:
    return (
        {}
        if source is None
        else {case: str(path) for case, path in find_label_maps(source, label_set=label_set).items()}
    )


def _draw(item: Mapping[str, Any], path: Path, label_set: LabelSet) -> None:
    case, prediction_path = str(item["case"]), item.get("prediction")
    if item.get("label") is None and prediction_path is None:
        raise CaseError(case, "neither reference nor prediction; nothing to draw on the image")
    image = read_volume(item["image"])
    reference = prediction = None
    if item.get("label") is not None:
        pair = listed_pair(item, None, label_set)
        reference = _on(image, read_reference(pair, label_set), pair.reference)
    if prediction_path is not None:
        labels = read_label(prediction_path, label_set, allow_empty=True, allow_unknown=False)
        prediction = _on(image, labels, prediction_path)
    annotated = annotated_by_people(item, label_set)
    write_overlay(
        image.array, reference, prediction, image.affine, path, case=case, annotated=annotated, label_set=label_set
    )


def _on(image: Volume, labels: Volume, path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Return the voxels of a label map on the grid of its image."""
    faults, _ = compare_grids(image.affine, image.array.shape, labels.affine, labels.array.shape)
    if faults:
        raise CaseError(path, "; ".join(faults))
    return labels.array.astype(np.uint8, copy=False)
