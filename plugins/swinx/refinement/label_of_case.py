"""Label of a case in any form, a file, a folder or a mask for each class: its files, content and voxels."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from swinx.data import LabelPlace, Volume, has_content, read_label, recorded_content
from swinx.labels import LabelSet

__all__ = ["content_to_record", "has_recorded_content", "places_of", "read_case_label"]

_MASKS = "masks"


def places_of(label: LabelPlace | None) -> list[str | os.PathLike[str]]:
    """Return the paths of a label: one, or those of its masks; none without a label."""
    if label is None:
        return []
    return list(label.values()) if isinstance(label, Mapping) else [label]


def content_to_record(label: LabelPlace) -> dict[str, Any]:
    """Return the record of a label, or a scan, that was read, see :func:`swinx.data.recorded_content`.

    Raises:
        OSError: If a file cannot be read.
    """
    if isinstance(label, Mapping):
        return {_MASKS: {str(name): dict(recorded_content(path)) for name, path in sorted(label.items())}}
    return dict(recorded_content(label))


def has_recorded_content(label: LabelPlace, recorded: Mapping[str, Any]) -> bool:
    """Return whether a label, or a scan, is the recorded one, see :func:`swinx.data.has_content`.

    Raises:
        OSError: If a file cannot be read.
    """
    masks = recorded.get(_MASKS)
    if not isinstance(label, Mapping) or masks is None:
        return masks is None and not isinstance(label, Mapping) and has_content(label, recorded)
    return set(label) == set(masks) and all(has_content(path, masks[name]) for name, path in label.items())


def read_case_label(item: Mapping[str, Any], label_set: LabelSet, allow_unknown: bool = True) -> Volume:
    """Return the label of a case as class ids; it may be empty.

    Args:
        item: ``label`` and, where its numbers are not those of the label set, ``label_map``, see
            :func:`swinx.labels.class_numbers`.
        label_set: The classes.
        allow_unknown: Accept voxels of unknown class.

    Raises:
        CaseError: If it cannot be read.
    """
    options: dict[str, Any] = {"allow_empty": True, "allow_unknown": allow_unknown, "image": item.get("image")}
    return read_label(item["label"], label_set=label_set, label_map=item.get("label_map"), **options)
