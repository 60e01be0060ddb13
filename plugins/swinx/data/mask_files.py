"""Masks named by their classes: finding them, matching them to a label set, reading them."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from swinx.data.formats.file_formats import bare_name, is_volume_file
from swinx.data.label_masks import merge_masks, merging_order
from swinx.data.volume_files import ANY_NUMBERS, Volume, read_volume
from swinx.errors import CaseError
from swinx.files import expanded
from swinx.geometry import GRID_TOLERANCE_VOXELS, grid_difference_mm, label_values, voxel_sizes_mm
from swinx.labels import LabelSet
from swinx.rules import LabelMaskRules as Rule
from swinx.visible_text import first_of, visible

__all__ = ["LabelPlace", "absence_notes", "is_absence", "match_names", "merged", "named_masks", "read_masks"]

LabelPlace = str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]]
"""A label map, structure set or folder of masks; or class names with the file of the mask of each."""

_Named = TypeVar("_Named")
_SHOWN = 10

_logger = logging.getLogger(__name__)


def named_masks(label: LabelPlace) -> list[tuple[str, Path]]:
    """Return the masks that a mapping or a folder names, with their names; none if the label is something else."""
    if isinstance(label, Mapping):
        return [(str(name), expanded(path)) for name, path in label.items()]
    folder = expanded(label)
    if not folder.is_dir():
        return []
    files = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".") and path.is_file()]
    return [(bare_name(path), path) for path in files if is_volume_file(path)]


def match_names(named: Sequence[tuple[str, _Named]], place: Path, label_set: LabelSet) -> dict[int, _Named]:
    """Return the items that have the name of a class, by class id, in the order in which masks are merged.

    What has another name is left out, and the log says so once.

    Args:
        named: Names, with what they are names of.
        place: Where they stand, for messages.
        label_set: The classes.

    Raises:
        CaseError: If no name is that of a class, or two are names of one.
    """
    found: dict[int, tuple[str, _Named]] = {}
    for name, value in named:
        label = label_set.find(name)
        if not label:
            continue
        if label in found:
            told = {"first": visible(found[label][0]), "second": visible(name), "name": label_set.names[label]}
            raise CaseError(place, Rule.TWO.says(**told))
        found[label] = name, value
    if not found:
        names = first_of(name for name, _ in named) or "none"
        raise CaseError(place, Rule.NO_CLASS.says(count=len(named), name=label_set.title, found=names))
    if others := [name for name, _ in named if not label_set.find(name)]:
        _tell_once(Rule.OTHER_CLASSES.says(count=len(others), names=first_of(others), name=label_set.title))
    return {label: found[label][1] for label in merging_order(found, label_set)}


def read_masks(
    masks: Mapping[int, Path], place: Path, label_set: LabelSet, annotated: Collection[int] | None = None
) -> Volume:
    """Read a mask for each class, one after another, and return them as one label map.

    Args:
        masks: Class id to file, as :func:`match_names` orders them.
        place: What stands for the label in messages.
        label_set: The classes.
        annotated: Classes whose annotation is said to be complete; None if nothing is said.

    Raises:
        CaseError: If a file is missing, damaged, no mask, or on another grid than the first; or masks overlap.
    """
    grid = _OneGrid()
    notes: list[str] = []

    def arrays() -> Iterator[tuple[int, NDArray[Any]]]:
        for label, path in masks.items():
            volume = _read_mask(path)
            grid.check(path, volume)
            notes.extend(note for note in volume.notes if note not in notes)
            yield label, volume.array

    array, shared = merged(arrays(), place, label_set)
    return Volume(array, grid.affine, (*notes, *shared, *absence_notes(masks, label_set, annotated)))


def merged(
    masks: Iterator[tuple[int, NDArray[Any]]], place: Path, label_set: LabelSet
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Merge by :func:`swinx.data.label_masks.merge_masks`; what it refuses is a fault of ``place``."""
    try:
        return merge_masks(masks, label_set)
    except CaseError:
        raise
    except ValueError as error:
        raise CaseError(place, str(error)) from error


def absence_notes(
    found: Collection[int], label_set: LabelSet, annotated: Collection[int] | None = None
) -> tuple[str, ...]:
    """Return notes on the classes without a mask: those that count as not annotated, and those said to be annotated."""
    absent = [label for label in label_set.foreground if label not in found]
    claimed = [label for label in absent if label in (annotated or ())]
    by_rule = {Rule.CLAIMED: claimed, Rule.ABSENT: [label for label in absent if label not in claimed]}
    return tuple(rule.says(names=label_set.listed(labels, _SHOWN)) for rule, labels in by_rule.items() if labels)


def is_absence(note: str) -> bool:
    """Return whether a note says that classes have no mask, and count as not annotated."""
    return note.startswith(Rule.ABSENT.value.message.partition("{")[0])


class _OneGrid:
    """The grid of the first mask, which all others must have."""

    def __init__(self) -> None:
        self.first = Path()
        self.affine = np.eye(4)
        self.shape: tuple[int, ...] = ()

    def check(self, path: Path, volume: Volume) -> None:
        """Refuse a mask on another grid than the first."""
        shape = volume.array.shape
        if not self.shape:
            self.first, self.affine, self.shape = path, volume.affine, shape
        told = {"shape": _by(shape), "first": visible(self.first.name), "other": _by(self.shape)}
        if shape != self.shape:
            raise CaseError(path, Rule.OTHER_SHAPE.says(**told))
        difference = grid_difference_mm(self.affine, self.shape, volume.affine, shape)
        smallest = min(voxel_sizes_mm(self.affine).min(), voxel_sizes_mm(volume.affine).min())
        if not difference <= GRID_TOLERANCE_VOXELS * smallest:
            raise CaseError(path, Rule.OTHER_GRID.says(first=told["first"], difference=difference))


def _read_mask(path: Path) -> Volume:
    volume = read_volume(path, "label", allow_empty=True, allow_unknown=True, numbers=ANY_NUMBERS)
    inside = np.count_nonzero(volume.array)
    if inside != np.count_nonzero(volume.array == volume.array.max()) and inside:
        values = label_values(volume.array)
        shown = ", ".join(f"{value:g}" for value in values[:_SHOWN].tolist())
        raise CaseError(path, Rule.NOT_A_MASK.says(values=shown + (", ..." if values.size > _SHOWN else "")))
    return volume


@lru_cache(maxsize=4096)
def _tell_once(text: str) -> None:
    _logger.info("%s", text)


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
