"""Data set in which a bad case does not end the run."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from monai.data import Dataset, list_data_collate
from monai.transforms import Compose

from swinx.data import name_fault, stamp_of
from swinx.errors import reason_of
from swinx.visible_text import visible

__all__ = ["CaseDataset", "collate_case", "with_usable_names"]

_READ = ("image", "label")

_logger = logging.getLogger(__name__)


class CaseDataset(Dataset):
    """One case per item, with the time that each step took; a case that fails says why.

    ``stamps`` of an item tell by :func:`swinx.data.stamp_of` which files were read for it, as they were before.

    Args:
        data: Items with at least ``case`` (its name) and the keys that ``transform`` reads. One with ``fault``, a
            sentence, is reported with it and not read, as :func:`swinx.data.load_cases` gives unusable entries. So is a
            case whose name cannot name a file; in :attr:`data` it is called ``case[<number>]``.
        transform: Deterministic preprocessing; its first step is taken to be the loading.
    """

    def __init__(self, data: Sequence[dict[str, Any]], transform: Compose) -> None:
        super().__init__(with_usable_names(data), transform)

    def _transform(self, index: int) -> dict[str, Any]:
        item = dict(self.data[index])
        if "fault" in item:
            return {"case": item["case"], "failure": str(item["fault"])}
        steps = list(self.transform.transforms)
        try:
            stamps = _stamps(item)
            started = time.perf_counter()
            loaded = Compose(steps[:1])(item)
            between = time.perf_counter()
            ready: dict[str, Any] = dict(Compose(steps[1:])(loaded))
        except Exception as error:  # one bad case must not end the batch, whatever is wrong with it
            _logger.debug("%s failed", item["case"], exc_info=error)
            return {"case": item["case"], "failure": reason_of(error)}
        ready["stamps"] = stamps
        ready["seconds_load"] = between - started
        ready["seconds_preprocess"] = time.perf_counter() - between
        return ready


def collate_case(batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Collate a batch of exactly one case; a failed case passes through as it is.

    Raises:
        ValueError: If the batch holds more than one case.
    """
    if len(batch) != 1:
        raise ValueError(f"cases differ in size and are segmented one by one; got a batch of {len(batch)}")
    collated: dict[str, Any] = batch[0] if "failure" in batch[0] else list_data_collate(batch)
    return collated


def _stamps(item: dict[str, Any]) -> dict[str, str]:
    stamps = {}
    for key in _READ:
        if isinstance(item.get(key), str):
            with suppress(OSError):  # the reader says what is wrong
                stamps[key] = stamp_of(item[key])
    return stamps


def with_usable_names(data: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items; those whose name cannot name a file are faults of another name."""
    faults = [name_fault(item.get("case")) for item in data]
    names = {item["case"] for item, fault in zip(data, faults, strict=True) if fault is None}
    items = []
    for number, (item, fault) in enumerate(zip(data, faults, strict=True)):
        if fault is not None:
            name = f"case[{number}]"
            while name in names:
                name += "'"
            names.add(name)
            item = {**item, "case": name, "fault": item.get("fault", f"{visible(item.get('image', name))}: {fault}")}
        items.append(item)
    return items
