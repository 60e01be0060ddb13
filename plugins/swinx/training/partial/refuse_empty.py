"""Check of label maps without any class: a finding, or a damaged file."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

from swinx.errors import CaseError
from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.rules import LabelRules

__all__ = ["RefuseEmptyLabeld"]


class RefuseEmptyLabeld(MapTransform):
    """Transform that refuses a label map without any class, unless the case may have one.

    The ids under ``annotated`` decide, see :meth:`swinx.labels.LabelSet.may_be_empty`.

    Args:
        keys: Label maps, class ids and 255.
        allow_missing_keys: Skip an absent key instead of raising ``KeyError``.
        label_set: The classes.
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False, label_set: LabelSet = FLARE23) -> None:
        super().__init__(keys, allow_missing_keys)
        self.label_set = label_set

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data``.

        Raises:
            CaseError: If a label map is empty and may not be.
        """
        for key in self.key_iterator(dict(data)):
            label = torch.as_tensor(data[key])
            drawn = ((label > 0) & (label != UNKNOWN)).any()
            if not drawn and not self.label_set.may_be_empty(data.get("annotated")):
                file = getattr(data[key], "meta", {}).get("filename_or_obj") or data.get("case", "?")
                raise CaseError(file, LabelRules.EMPTY_UNDECLARED.says())
        return dict(data)
