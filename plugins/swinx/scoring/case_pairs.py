"""Pairs of references and predictions, matched by case name and read on one grid."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from swinx.data import (
    LabelPlace,
    Volume,
    annotated_by_people,
    find_label_maps,
    label_case_name,
    label_maps_in,
    label_path,
    load_data_list,
    masks_found,
    patient_of,
    read_label,
)
from swinx.errors import CaseError, DataListError
from swinx.geometry import compare_grids, voxel_sizes_mm
from swinx.labels import FLARE23, ClassNumbers, LabelMapping, LabelSet
from swinx.rules import LabelFolderRules
from swinx.visible_text import first_of

__all__ = [
    "CasePair",
    "LabelPair",
    "header_spacing_mm",
    "listed_pair",
    "pair_cases",
    "read_label_pair",
    "read_reference",
]

PathLike = str | os.PathLike[str]

_LIST_NAME = "datalist.json"
_SHOWN = 3


@dataclass(frozen=True)
class CasePair:
    """The two files of one case, with its annotated classes and patient.

    Attributes:
        case: Its name.
        reference: The reference; of a mask for each class, the first file.
        prediction: The prediction; None if there is none.
        annotated: Ids of the classes that people annotated completely in the reference; None if nothing is recorded,
            which is taken as all.
        patient: The patient; None if nothing is recorded, which is taken as a patient of its own.
        masks: Class names with a mask each, where the reference is that; None if it is a file or a folder.
        label_map: Meaning of the numbers in the reference; None if it has those of the label set.
        image: The scan; None if it is not known. An RTSTRUCT may lie elsewhere than its series.
        prediction_map: Meaning of the numbers in the prediction; None if it has those of the label set.
    """

    case: str
    reference: Path
    prediction: Path | None
    annotated: tuple[int, ...] | None = None
    patient: str | None = None
    masks: LabelPlace | None = None
    label_map: LabelMapping | ClassNumbers | None = None
    image: str | None = None
    prediction_map: ClassNumbers | None = None


@dataclass(frozen=True)
class LabelPair:
    """Reference and prediction of one case on one grid.

    Attributes:
        reference: Class ids, shape ``(X, Y, Z)``, uint8; 255 where the class is unknown.
        prediction: Class ids, same shape; all background if there was no prediction.
        affine: Voxel indices of the reference to RAS millimetres, ``(4, 4)``.
        drawn: Ids of the classes of which a reference of masks has one; None for a label map, which may be of any.
        notes: What a user should know though the case was used.
    """

    reference: npt.NDArray[np.uint8]
    prediction: npt.NDArray[np.uint8]
    affine: npt.NDArray[np.float64]
    drawn: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()


def pair_cases(
    reference: PathLike, prediction: PathLike, label_set: LabelSet = FLARE23
) -> tuple[list[CasePair], list[str]]:
    """Match references and predictions.

    Two files are one pair, whatever their names. Otherwise files match by case name, that is without folder,
    extension, ``.seg`` and ``_0000``; :func:`swinx.data.find_label_maps` says which files of a folder count.

    Args:
        reference: One file, a folder of label maps, or a data list, whose section ``testing`` is taken.
        prediction: One file, or a folder of label maps.
        label_set: Classes to use for the entries of a data list.

    Returns:
        One pair per reference in name order, and the names of predictions that no reference asks for.

    Raises:
        DataListError: If one of the two holds no label map, two of its files are one case, or they share no case:
            zeros for all cases would say more of the names than of the labels.
    """
    if Path(reference).is_file() and Path(prediction).is_file():
        return [CasePair(label_case_name(reference), Path(reference), Path(prediction))], []
    references = _references(reference, label_set)
    predictions = find_label_maps(prediction, label_set=label_set)
    if not references.keys() & predictions.keys():
        told = {"references": first_of(references, _SHOWN), "predictions": first_of(predictions, _SHOWN)}
        raise DataListError(LabelFolderRules.NOTHING_SHARED.says(prediction=prediction, reference=reference, **told))
    pairs = [replace(pair, prediction=predictions.get(case)) for case, pair in references.items()]
    return pairs, sorted(predictions.keys() - references.keys())


def listed_pair(item: Mapping[str, Any], prediction: Path | None, label_set: LabelSet = FLARE23) -> CasePair:
    """Return the pair of an entry of a data list; the image of one without a label is taken for its label map.

    Args:
        item: As :func:`swinx.data.load_cases` gives it.
        prediction: The prediction; None if there is none.
        label_set: The classes of the entry.
    """
    label = item.get("label", item.get("image"))
    return CasePair(
        str(item["case"]),
        Path(label_path(label)),
        prediction,
        annotated_by_people(item, label_set),
        patient_of(item),
        label if isinstance(label, Mapping) else None,
        item.get("label_map"),
        item.get("image"),
    )


def read_label_pair(pair: CasePair, label_set: LabelSet = FLARE23) -> LabelPair:
    """Read the label maps of one case.

    Raises:
        CaseError: If a file cannot be read, holds other numbers than those of the label set (and 255 in the reference),
            or the two grids differ by more than :data:`swinx.geometry.GRID_TOLERANCE_VOXELS`.
    """
    found = masks_found(_place(pair), label_set)
    drawn = None if found is None else tuple(found)
    reference = read_reference(pair, label_set)
    truth = reference.array.astype(np.uint8, copy=False)
    if pair.prediction is None:
        return LabelPair(truth, np.zeros_like(truth), reference.affine, drawn)
    prediction = read_label(pair.prediction, label_set, pair.prediction_map, allow_empty=True, allow_unknown=False)
    faults, notes = compare_grids(reference.affine, reference.array.shape, prediction.affine, prediction.array.shape)
    if faults:
        reason = "; ".join(faults).replace("image", "reference").replace("label", "prediction")
        raise CaseError(pair.prediction, reason)
    said = tuple(note.replace("image", "reference").replace("label", "prediction") for note in notes)
    return LabelPair(truth, prediction.array.astype(np.uint8, copy=False), reference.affine, drawn, said)


def read_reference(pair: CasePair, label_set: LabelSet = FLARE23) -> Volume:
    """Return the reference of one case as class ids, 255 where the class is unknown.

    Raises:
        CaseError: If it cannot be read, or holds other numbers than those of the label set and 255.
    """
    return read_label(_place(pair), label_set, pair.label_map, allow_empty=True, image=pair.image)


def header_spacing_mm(path: PathLike, affine: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Return the voxel size as the challenge's script reads it.

    That is the spacing field of a NIfTI header, which need not agree with the affine to the last bit, and which
    is single precision; the columns of ``affine`` for files that nibabel does not read.
    """
    try:
        header: Any = nib.load(path).header
    except (nib.filebasedimages.ImageFileError, OSError):
        return tuple(voxel_sizes_mm(affine).tolist())
    return tuple(float(size) for size in header.get_zooms()[:3])


def _references(source: PathLike, label_set: LabelSet) -> dict[str, CasePair]:
    """Return the references by case name, without predictions."""
    place = Path(source)
    listed = place if place.suffix.lower() == ".json" else place / _LIST_NAME
    if listed.is_file() and (listed == place or not _holds_label_maps(place)):
        items = load_data_list(listed, "testing", must_exist=False, label_set=label_set)
        return {str(item["case"]): listed_pair(item, None, label_set) for item in items}
    files = find_label_maps(source, label_set=label_set)
    return {case: CasePair(case, path, None) for case, path in files.items()}


def _holds_label_maps(folder: Path) -> bool:
    try:
        return bool(label_maps_in(folder))
    except DataListError:
        return False


def _place(pair: CasePair) -> LabelPlace:
    return pair.reference if pair.masks is None else pair.masks
