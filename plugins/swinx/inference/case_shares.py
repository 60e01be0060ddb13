"""The cases of a process among several, and those of them that an earlier run has segmented already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.data import record_path, stamp_of
from swinx.files import file_sha256, read_object

__all__ = ["done_record", "share_of"]


def share_of(items: Sequence[Any], rank: int, world_size: int) -> list[Any]:
    """Return every ``world_size``-th item from the ``rank``-th on, so that lists in order of size are shared evenly.

    Raises:
        ValueError: If there is no process of this number.

    Examples:
        >>> share_of("abcde", 0, 2), share_of("abcde", 1, 2)
        (['a', 'c', 'e'], ['b', 'd'])
    """
    if not 0 <= rank < world_size:
        raise ValueError(f"rank {rank} of {world_size} processes: give a rank from 0 to {world_size - 1}")
    return list(items[rank::world_size])


def done_record(
    item: Mapping[str, Any], folder: Path, files: Sequence[Path], results: str, labels: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the record of a case, without its classes, if an earlier run has segmented just this; None otherwise.

    Args:
        item: The case.
        folder: Folder of the results.
        files: What is written for a case besides its record.
        results: Id of the set of results, see :func:`swinx.inference.result_set`; empty if it is not known.
        labels: The classes as records have them.

    Returns:
        None also where a file is missing or is not that of the record, and where the scan was replaced since.
    """
    try:
        record = read_object(record_path(folder, item["case"]), finite=False)
        image, prediction = item["image"], Path(record["prediction"])
        as_now = {"case": item["case"], "image": image, "stamp": stamp_of(image), "results": results, **labels}
        if not results or "unwritten" in record or any(record.get(key) != value for key, value in as_now.items()):
            return None
        if prediction not in files or not all(path.is_file() for path in files):
            return None  # a record may come from others, and no other files are read
        if file_sha256(prediction) != record["prediction_sha256"]:
            return None
    except (OSError, ValueError, KeyError, TypeError):  # what is missing or damaged is done again
        return None
    return {key: value for key, value in record.items() if key != "labels"}
