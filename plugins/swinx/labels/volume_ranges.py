"""Plausible ranges of organ volumes; outside, a segmentation has almost certainly failed."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swinx.errors import DataListError, RecordError
from swinx.files import read_object
from swinx.labels.flare23 import FLARE23
from swinx.labels.label_set import LabelSet
from swinx.rules import TeacherRules

__all__ = ["PlausibleVolumes", "plausible_volumes"]


@dataclass(frozen=True)
class PlausibleVolumes:
    """Smallest and largest plausible volume of each class.

    Attributes:
        ranges_ml: Class id to least and largest volume in ml; a class that is not in it may have any volume.
    """

    ranges_ml: Mapping[int, tuple[float, float]]

    def outside(
        self, volumes_ml: Mapping[int, float], at_border: Collection[int], classes: Collection[int]
    ) -> dict[int, float]:
        """Return the classes whose volume is not plausible, with their volumes in ml.

        A class that does not occur is not judged, since a scan need not show it. The least volume holds only for a
        class that does not touch the border of the scan, which may show a part of it.

        Args:
            volumes_ml: Class id to volume in ml.
            at_border: Class ids that touch the border of the scan.
            classes: Class ids to judge.

        Examples:
            >>> PlausibleVolumes({1: (400, 4000), 3: (30, 2500)}).outside({1: 27.0, 3: 27.0}, [3], [1, 2, 3])
            {1: 27.0}
        """
        bad = {}
        for value in sorted(set(classes) & set(self.ranges_ml)):
            low, high = self.ranges_ml[value]
            found = volumes_ml.get(value, 0.0)
            if found and (found > high or (found < low and value not in at_border)):
                bad[value] = found
        return bad


def plausible_volumes(path: str | os.PathLike[str] | None = None, label_set: LabelSet = FLARE23) -> PlausibleVolumes:
    """Return the ranges of plausible volumes.

    Args:
        path: JSON object of class names, each with ``[least, largest]`` in ml; by default those of the label set, with
            wide ranges for adults where the structure is known.
        label_set: The classes.

    Raises:
        DataListError: If the file cannot be read, or names what is no class of the set, or holds anything else.
    """
    return PlausibleVolumes(label_set.volumes_ml if path is None else _read(Path(path), label_set))


def _read(path: Path, label_set: LabelSet) -> dict[int, tuple[float, float]]:
    try:
        content = read_object(path)
    except OSError as error:
        raise DataListError(TeacherRules.RANGES.says(path=path, detail=error.strerror or error)) from error
    except RecordError as error:
        raise DataListError(TeacherRules.RANGES.says(path=path, detail=str(error).removeprefix(f"{path}: "))) from error
    ranges: dict[int, tuple[float, float]] = {}
    for name, value in content.items():
        label = label_set.find(name)
        if not label:
            raise DataListError(TeacherRules.RANGES.says(path=path, detail=f"{name!r} is no class of the label set"))
        if label in ranges:
            detail = f"{label_set.names[label]} has two ranges"
            raise DataListError(TeacherRules.RANGES.says(path=path, detail=detail))
        if not _is_range(value):
            raise DataListError(TeacherRules.RANGES.says(path=path, detail=f"{name} has {value!r}"))
        ranges[label] = (float(value[0]), float(value[1]))
    return dict(sorted(ranges.items()))


def _is_range(value: Any) -> bool:
    numbers = isinstance(value, list) and len(value) == 2 and all(type(end) in (int, float) for end in value)
    return numbers and all(map(math.isfinite, value)) and 0 <= value[0] <= value[1]
