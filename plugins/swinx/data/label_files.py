"""Labels of a case in any form: a label map, a mask for each class, or a structure set."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from swinx.data.dicom.contour_masks import region_mask
from swinx.data.dicom.structure_set import (
    Region,
    StructureSet,
    find_structure_set,
    read_structure_set,
    series_of_structures,
)
from swinx.data.mask_files import LabelPlace, absence_notes, match_names, merged, named_masks, read_masks
from swinx.data.volume_files import Volume, read_volume
from swinx.errors import CaseError, LabelSetError
from swinx.files import expanded
from swinx.geometry import find_grid_faults
from swinx.labels import FLARE23, ClassNumbers, LabelMapping, LabelSet, class_numbers
from swinx.rules import LabelRules

__all__ = ["label_path", "masks_found", "names_left_out", "read_label"]


def read_label(
    label: LabelPlace,
    label_set: LabelSet = FLARE23,
    label_map: LabelMapping | ClassNumbers | None = None,
    allow_empty: bool = False,
    allow_unknown: bool = True,
    image: str | os.PathLike[str] | None = None,
    annotated: Collection[int] | None = None,
) -> Volume:
    """Read the label of a case as class ids.

    Masks, and the regions of a structure set, are matched to classes by :meth:`swinx.labels.LabelSet.find`; others are
    left out, and the log says so once. Where two overlap, :func:`swinx.data.merge_masks` decides.

    Args:
        label: A label map (any format of :func:`swinx.data.read_volume`); a folder of masks named by their classes,
            such as ``liver.nii.gz``; class names with a mask each; a DICOM RTSTRUCT file, or a folder that holds one.
        label_set: The classes.
        label_map: What the numbers of a label map mean, see :func:`swinx.labels.class_numbers`; by default those of
            the label set. Masks have names, and need none.
        allow_empty: Accept a label without a voxel of any class.
        allow_unknown: Accept voxels of unknown class (255) in a label map.
        image: The scan of the case, for an RTSTRUCT in another folder than its series.
        annotated: Classes whose annotation is said to be complete; None if nothing is said.

    Returns:
        Class ids, 255 where unknown, on the grid of the file, the masks or the series. The ``notes`` name the classes
        without a mask: they count as not annotated, see :func:`masks_found`, unless they are among ``annotated``.

    Raises:
        CaseError: If a file is missing, damaged or no label, or on another grid than others of the case; no mask is of
            a class; masks overlap; or ``label_map`` breaks a rule.
    """
    place = Path(label_path(label))
    if masks := named_masks(label):
        volume = read_masks(match_names(masks, place, label_set), place, label_set, annotated)
    elif (file := _structure_set(label)) is not None:
        volume = _read_structures(file, label_set, None if image is None else expanded(image), annotated)
    else:
        numbers = _numbers(label_set, label_map, place)
        return read_volume(place, "label", allow_empty, allow_unknown, numbers=numbers, set_name=label_set.name)
    if not allow_empty and not volume.array.any():
        raise CaseError(place, LabelRules.EMPTY.says())
    return volume


def masks_found(label: LabelPlace, label_set: LabelSet = FLARE23) -> list[int] | None:
    """Return the ids of the classes of which there is a mask or a region; no voxel is read.

    Args:
        label: As :func:`read_label` takes it.
        label_set: The classes.

    Returns:
        Sorted class ids; None for a label map, which may be of any class.

    Raises:
        CaseError: If no mask is of a class, two are of one, or a structure set is damaged.
    """
    if masks := named_masks(label):
        return sorted(match_names(masks, Path(label_path(label)), label_set))
    file = _structure_set(label)
    return None if file is None else sorted(_drawn(read_structure_set(file), label_set))


def names_left_out(label: LabelPlace, label_set: LabelSet = FLARE23) -> list[str]:
    """Return the names of masks and regions that are of no class; none for a label map.

    Raises:
        CaseError: If a structure set is damaged.
    """
    names = [name for name, _ in named_masks(label)]
    if not names and (file := _structure_set(label)) is not None:
        names = [region.name for region in read_structure_set(file).regions if region.contours]
    return [name for name in names if not label_set.find(name)]


def label_path(label: LabelPlace) -> str:
    """Return the path that stands for a label in messages and records: its own, or that of its first mask."""
    return str(expanded(next(iter(label.values()), ".") if isinstance(label, Mapping) else label))


def _numbers(label_set: LabelSet, label_map: LabelMapping | ClassNumbers | None, place: Path) -> ClassNumbers:
    try:
        return label_map if isinstance(label_map, ClassNumbers) else class_numbers(label_set, label_map)
    except LabelSetError as error:
        raise CaseError(place, str(error)) from error


def _structure_set(label: LabelPlace) -> Path | None:
    if isinstance(label, Mapping):
        raise CaseError(label_path(label), LabelRules.EMPTY.says())
    return find_structure_set(expanded(label))


def _drawn(structures: StructureSet, label_set: LabelSet) -> dict[int, Region]:
    """Return the regions of a structure set that are drawn, by class."""
    regions = [(region.name, region) for region in structures.regions if region.contours]
    return match_names(regions, structures.path, label_set)


def _read_structures(file: Path, label_set: LabelSet, image: Path | None, annotated: Collection[int] | None) -> Volume:
    structures = read_structure_set(file)
    drawn = _drawn(structures, label_set)
    stack = series_of_structures(structures, image)
    notes = list(stack.notes)
    if faults := find_grid_faults(stack.affine, stack.shape):
        raise CaseError(file, "; ".join(faults))

    def arrays() -> Iterator[tuple[int, NDArray[Any]]]:
        for label, region in drawn.items():
            mask, told = region_mask(region, stack.affine, stack.shape)
            notes.extend(told)
            yield label, mask

    array, shared = merged(arrays(), file, label_set)
    return Volume(array, stack.affine, (*notes, *shared, *absence_notes(drawn, label_set, annotated)))
