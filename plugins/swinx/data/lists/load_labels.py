"""Labels of cases as tensors."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import EnsureChannelFirst, MapTransform
from monai.utils import ImageMetaKey

from swinx.data.case_names import case_name
from swinx.data.ct_reader import reader_meta, warn_once
from swinx.data.label_files import label_path, read_label
from swinx.data.lists.case_facts import unlisted_note
from swinx.data.lists.list_entries import FROM_MASKS
from swinx.data.mask_files import LabelPlace, is_absence
from swinx.geometry import label_values
from swinx.labels import FLARE23, LabelSet

__all__ = ["LoadLabeld"]


class LoadLabeld(MapTransform):
    """Transform that reads labels in any form that :func:`swinx.data.read_label` takes.

    A label becomes what ``LoadImaged(reader=CTReader(kind="label"), ensure_channel_first=True, image_only=True)`` makes
    of a label map: a float32 ``MetaTensor`` ``(1, X, Y, Z)`` of class ids with the same metadata. An item may say in
    ``"label_map"`` what the numbers of its label map mean. Notes of a label are logged once, but for classes without a
    mask, which ``swinx data check`` names, unless the item lists them as annotated.

    Args:
        keys: Labels: paths, or class names with the path of a mask each.
        label_set: The classes.
        allow_empty: Accept a label without a voxel of any class.
        allow_unknown: Accept voxels of unknown class, 255.
        allow_missing_keys: Skip an absent key instead of raising ``KeyError``.
        image_key: Item that holds the scan, its path or as loaded; an RTSTRUCT may lie elsewhere than its series.
        map_key: Item that holds the meaning of numbers, see :func:`swinx.labels.class_numbers`.
        annotated_key: Item with the ids of the classes whose annotation is complete; with ``_source`` at its end, the
            item that says where this is known from, ``"masks"`` for the classes of which there is a mask.
    """

    def __init__(
        self,
        keys: KeysCollection,
        label_set: LabelSet = FLARE23,
        allow_empty: bool = False,
        allow_unknown: bool = False,
        allow_missing_keys: bool = False,
        image_key: str = "image",
        map_key: str = "label_map",
        annotated_key: str = "annotated",
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.label_set = label_set
        self.allow_empty = allow_empty
        self.allow_unknown = allow_unknown
        self.image_key = image_key
        self.map_key = map_key
        self.annotated_key = annotated_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with the labels read.

        Raises:
            CaseError: If a label cannot be used.
        """
        out = dict(data)
        for key in self.key_iterator(out):
            out[key] = self._load(out[key], out)
        return out

    def _load(self, label: LabelPlace, item: Mapping[Hashable, Any]) -> Any:
        volume = read_label(
            label,
            self.label_set,
            item.get(self.map_key),
            allow_empty=self.allow_empty,
            allow_unknown=self.allow_unknown,
            image=_scan_path(item.get(self.image_key)),
            annotated=None if item.get(f"{self.annotated_key}_source") == FROM_MASKS else item.get(self.annotated_key),
        )
        path = label_path(label)
        for note in volume.notes:
            if not is_absence(note):
                warn_once(case_name(path), path, note)
        listed = {name: item.get(name) for name in (self.annotated_key, "pseudo")}
        if listed[self.annotated_key] is not None:
            told = unlisted_note(label_values(volume.array), listed, self.label_set)
            if told:
                warn_once(case_name(path), path, told)
        array = torch.from_numpy(volume.array).to(torch.float32, memory_format=torch.contiguous_format)
        meta = reader_meta(volume) | {ImageMetaKey.FILENAME_OR_OBJ: path}
        loaded: Any = EnsureChannelFirst()(MetaTensor.ensure_torch_and_prune_meta(array, meta))
        return loaded


def _scan_path(image: Any) -> str | None:
    """Return the path of a scan, loaded or not; None if it is not known."""
    if isinstance(image, MetaTensor):
        image = image.meta.get(ImageMetaKey.FILENAME_OR_OBJ)
    return os.fspath(image) if isinstance(image, str | os.PathLike) else None
