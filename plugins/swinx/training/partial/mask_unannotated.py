"""Dictionary wrapper for `swinx.training.partial.partial_labels.mask_unannotated`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform

from swinx.training.partial.partial_labels import mask_unannotated

__all__ = ["MaskUnannotatedd"]


class MaskUnannotatedd(MapTransform):
    """Transform that removes from prediction and label what cannot be scored, for metrics that skip absent classes.

    As ``postprocessing`` of a MONAI evaluator it sees the items of the batch beside the prediction.

    Args:
        keys: The predicted label map, ``(1, X, Y, Z)``.
        label_key: The partial label map, same shape.
        weights_key: Class weights as of :class:`swinx.training.AnnotatedClassesd`, ``(K,)``.
        allow_missing_keys: Skip an absent key instead of raising ``KeyError``.

    Raises:
        ValueError: If there is more than one key, since each would mask the label again.
    """

    def __init__(
        self,
        keys: KeysCollection = "pred",
        label_key: str = "label",
        weights_key: str = "class_weights",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"one prediction is masked together with its label; got the keys {self.keys}")
        self.label_key = label_key
        self.weights_key = weights_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with both maps masked.

        Raises:
            ValueError: If the two maps differ in shape.
        """
        out = dict(data)
        for key in self.key_iterator(out):
            out[key], out[self.label_key] = mask_unannotated(out[key], out[self.label_key], out[self.weights_key])
        return out
