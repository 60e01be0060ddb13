"""Label set of a run: what the user gives, or what the data list says."""

from __future__ import annotations

import os
from typing import Any

from swinx.data.lists.list_labels import list_label_set
from swinx.files import expanded
from swinx.labels import DEFAULT_LABEL_SET, LabelSet, read_label_set

__all__ = ["choose_label_set"]


def choose_label_set(
    labels: Any = None,
    data_list: str | os.PathLike[str] | None = None,
    base_dir: str | os.PathLike[str] | None = None,
) -> LabelSet:
    """Return the label set that a run works with.

    Args:
        labels: Name, file or plain data that the user gives; None for that of the data list.
        data_list: The data list; without one, or where it names no label set, FLARE-23's is taken.
        base_dir: Data directory of the list; by default its folder.

    Raises:
        LabelSetError: If there is no such label set.
        DataListError: If the data list cannot be read.
    """
    if labels is not None:
        return read_label_set(labels)
    if data_list is None or not expanded(data_list).is_file():  # what reads its cases says so
        return read_label_set(DEFAULT_LABEL_SET)
    return list_label_set(data_list, base_dir)
