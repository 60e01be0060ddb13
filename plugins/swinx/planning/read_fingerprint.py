"""Reading of a collection for a plan: headers of all labelled cases, voxels of a sample of them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from swinx.data import (
    Volume,
    data_list_sections,
    format_of,
    has_cases,
    label_path,
    load_cases,
    patient_of,
    read_label,
    read_list,
    read_volume,
)
from swinx.errors import CaseError, DataListError
from swinx.files import expanded
from swinx.geometry import check_affine, class_boxes, compare_grids, find_image_notes, find_shape_faults, voxel_sizes_mm
from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.planning.fingerprint import PERCENTILES, Fingerprint, Triple
from swinx.planning.machine import Machine, this_machine
from swinx.preprocessing import body_box_mm, body_threshold
from swinx.rules import PlanningRules as Rule
from swinx.visible_text import visible

__all__ = ["read_fingerprint"]

_logger = logging.getLogger(__name__)
_VALUES_PER_CASE = 20_000
_SEARCH_MM = 3.0
_BODY_MARGIN_MM = 10.0


@dataclass(frozen=True)
class _Grid:
    """Voxel size and shape of a scan along right, anterior, superior."""

    spacing_mm: Triple
    shape: tuple[int, int, int]


@dataclass(frozen=True)
class _Sample:
    """Facts from the voxels of a case."""

    values: NDArray[np.float32]
    body_mm: Triple
    extents_mm: dict[str, float]
    looks_like_hu: bool


def read_fingerprint(
    data_list: str | os.PathLike[str],
    label_set: LabelSet = FLARE23,
    *,
    sample: int = 50,
    seed: int = 0,
    machine: Machine | None = None,
    progress: bool = True,
) -> Fingerprint:
    """Read what a plan depends on. A case that cannot be used is named, and left out.

    Headers are read of all labelled cases (sections ``training`` and ``validation``) whose format has the grid in it;
    voxels, and the grids of others, of a seeded sample, one case after the other.

    Args:
        data_list: The data list.
        label_set: Its classes.
        sample: Most cases whose voxels are read.
        seed: Of the sample.
        machine: That will train; by default this one.
        progress: Show progress bars.

    Raises:
        DataListError: If the list cannot be read, or no labelled case of it can be used.
    """
    cases = _labelled(data_list, label_set)
    left_out = {item["case"]: item["fault"] for item in cases if "fault" in item}
    usable = [item for item in cases if "fault" not in item]
    grids: dict[str, _Grid] = {}
    for item in tqdm(usable, desc="headers", unit="case", disable=not progress, leave=False):
        try:
            if (grid := _header_grid(item["image"])) is not None:
                grids[item["case"]] = grid
        except CaseError as error:
            left_out[item["case"]] = error.reason
    rng = np.random.default_rng(seed)
    readable = [item for item in usable if item["case"] not in left_out]
    chosen = [readable[index] for index in sorted(rng.permutation(len(readable))[:sample])]
    samples: dict[str, _Sample] = {}
    for item in tqdm(chosen, desc="intensities", unit="case", disable=not progress, leave=False):
        try:
            grids[item["case"]], samples[item["case"]] = _read_case(item, label_set, rng)
        except CaseError as error:
            left_out[item["case"]] = str(error)
            grids.pop(item["case"], None)
    for case, reason in left_out.items():
        _logger.warning("%s", Rule.LEFT_OUT.says(case=visible(case), reason=reason))
    if not samples:
        raise DataListError(Rule.NO_CASES.says(path=visible(data_list), count=len(cases)))
    good = [item for item in usable if item["case"] not in left_out]
    return _put_together(data_list, good, grids, samples, left_out, label_set, machine or this_machine())


def _put_together(
    data_list: str | os.PathLike[str],
    cases: list[dict[str, Any]],
    grids: Mapping[str, _Grid],
    samples: Mapping[str, _Sample],
    left_out: Mapping[str, str],
    label_set: LabelSet,
    machine: Machine,
) -> Fingerprint:
    values = np.concatenate([found.values for found in samples.values()])
    if not values.size:
        raise DataListError(Rule.NO_CLASS.says(path=visible(data_list), count=len(samples)))
    low, lower, middle, upper, high = (round(float(value), 3) for value in np.percentile(values, PERCENTILES))
    sections = data_list_sections(data_list)
    return Fingerprint(
        labelled=len(cases),
        unlabelled=len(read_list(data_list)["unlabeled"]) if "unlabeled" in sections else 0,
        patients=len({patient_of(item) or item["case"] for item in cases}),
        num_classes=label_set.num_classes,
        spacings_mm=tuple(grid.spacing_mm for grid in grids.values()),
        shapes=tuple(grid.shape for grid in grids.values()),
        bodies_mm=tuple(found.body_mm for found in samples.values()),
        percentiles=(low, lower, middle, upper, high),
        extents_mm=_median_extents(found.extents_mm for found in samples.values()),
        looks_like_hu=2 * sum(found.looks_like_hu for found in samples.values()) > len(samples),
        memory_mb=machine.memory_mb,
        cores=machine.cores,
        gpu_gb=machine.gpu_gb,
        left_out=tuple(f"{case}: {reason}" for case, reason in left_out.items()),
    )


def _labelled(data_list: str | os.PathLike[str], label_set: LabelSet) -> list[dict[str, Any]]:
    cases = load_cases(data_list, "training", need_label=True, label_set=label_set)
    if has_cases(data_list, "validation"):
        cases += load_cases(data_list, "validation", need_label=True, label_set=label_set)
    return cases


def _header_grid(path: str) -> _Grid | None:
    """Return the grid of a scan by its header alone; None where that takes reading its voxels."""
    row = format_of(path)
    if row is None or row.grid is None:
        return None
    try:
        affine, shape = row.grid(expanded(path))
    except Exception as error:  # a damaged header leads a reader into anything
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CaseError(path, Rule.NO_HEADER.says(detail=detail)) from error
    if faults := [*find_shape_faults(shape), *check_affine(affine, shape)]:
        raise CaseError(path, "; ".join(faults))
    return _grid(affine, shape)


def _grid(affine: NDArray[np.float64], shape: tuple[int, ...]) -> _Grid:
    order = _ras_order(affine)
    return _Grid(_triple(voxel_sizes_mm(affine)[order]), (shape[order[0]], shape[order[1]], shape[order[2]]))


def _read_case(item: Mapping[str, Any], label_set: LabelSet, rng: np.random.Generator) -> tuple[_Grid, _Sample]:
    image = _read_scan(item["image"])
    label = read_label(item["label"], label_set, item.get("label_map"), allow_empty=True, image=item["image"])
    faults, _ = compare_grids(image.affine, image.array.shape, label.affine, label.array.shape)
    if faults:
        raise CaseError(label_path(item["label"]), "; ".join(faults))
    ids = label.array.astype(np.uint8)
    order = _ras_order(image.affine)
    sizes_mm = voxel_sizes_mm(image.affine)
    values = image.array[(ids > 0) & (ids != UNKNOWN)]
    if values.size > _VALUES_PER_CASE:
        values = values[rng.integers(values.size, size=_VALUES_PER_CASE)]
    is_hu = not find_image_notes(image.array)
    body = _body_mm(image.array, sizes_mm, is_hu)
    extents = {
        label_set.names[each]: float(
            min((span.stop - span.start) * size for span, size in zip(box, sizes_mm, strict=True))
        )
        for each, box in class_boxes(ids).items()
    }
    return _grid(image.affine, image.array.shape), _Sample(
        values.astype(np.float32), _triple(body[order]), extents, is_hu
    )


def _read_scan(path: str) -> Volume:
    """Return a scan; a DICOM series that is no CT is read as it is, since its settings are what is to be found."""
    try:
        return read_volume(path)
    except CaseError:
        return read_volume(path, hu=False)


def _body_mm(array: NDArray[Any], sizes_mm: NDArray[np.float64], is_hu: bool) -> NDArray[np.float64]:
    """Return the size of the body along the axes of an array, with its margin, within the scan."""
    steps = np.maximum(np.round(_SEARCH_MM / sizes_mm).astype(int), 1)
    coarse = array[:: steps[0], :: steps[1], :: steps[2]]
    whole = sizes_mm * array.shape
    threshold = body_threshold(coarse, "hu_window" if is_hu else "percentiles")
    box = body_box_mm(coarse, (sizes_mm * steps).tolist(), threshold, _BODY_MARGIN_MM)
    return whole if box is None else np.minimum(box[1].clip(None, whole) - box[0].clip(0), whole)


def _median_extents(found: Iterable[Mapping[str, float]]) -> dict[str, float]:
    by_class: dict[str, list[float]] = {}
    for extents in found:
        for name, extent in extents.items():
            by_class.setdefault(name, []).append(extent)
    return {name: round(float(np.median(extents)), 2) for name, extents in sorted(by_class.items())}


def _ras_order(affine: ArrayLike) -> NDArray[np.intp]:
    """Return the array axis that runs along right, anterior and superior."""
    return np.argsort(nib.io_orientation(np.asarray(affine))[:, 0])


def _triple(numbers: NDArray[np.float64]) -> Triple:
    x, y, z = (round(float(number), 4) for number in numbers)
    return x, y, z
