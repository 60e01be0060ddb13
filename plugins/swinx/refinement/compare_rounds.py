"""Disagreement of a refined label with those of earlier rounds of self-training."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import ImageReader, MetaTensor
from monai.transforms import LoadImage, MapTransform
from numpy.typing import NDArray

from swinx.errors import CaseError
from swinx.files import existing_form
from swinx.geometry import compare_grids
from swinx.refinement.policies.label_volumes import disagreement
from swinx.refinement.refine_labels import by_class_as_text

__all__ = ["CompareRoundsd"]


class CompareRoundsd(MapTransform):
    """Transform that adds the disagreement of rounds to the report of a refinement.

    Rounds disagree where their pseudo labels do: annotated voxels are the same in all rounds. A round that has no
    label for a case is left out and noted. ``disagreement`` and ``disagreement_by_class`` of the item ``refinement``
    are set, see :func:`swinx.refinement.policies.label_volumes.disagreement`.

    Args:
        keys: The refined label of this round, ``(1, X, Y, Z)``, a ``MetaTensor``.
        previous: Folders of the earlier rounds' refined labels, the first round first; none leaves everything as it
            is.
        reader: Reads their label maps, such as :class:`swinx.data.CTReader` with ``kind="label"``.

    Raises:
        ValueError: If there is more than one key.
    """

    def __init__(
        self,
        keys: KeysCollection = "label",
        previous: Sequence[str | os.PathLike[str]] = (),
        reader: ImageReader | None = None,
    ) -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"one refined label is compared with its earlier rounds; got the keys {self.keys}")
        self.previous = tuple(Path(folder) for folder in previous)
        self._load = LoadImage(reader=reader, image_only=True, ensure_channel_first=True)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with the disagreement in its report.

        Raises:
            CaseError: If an earlier label cannot be read, or lies on another grid.
        """
        out = dict(data)
        if not self.previous:
            return out
        label, case = out[self.keys[0]], str(out["case"])
        notes, maps = list(out.get("notes") or ()), []
        for folder in self.previous:
            path = existing_form(folder / f"{case}.nii.gz")
            if path.is_file():
                maps.append(self._read(path, label))
            else:
                notes.append(f"{folder.parent.name}/{folder.name} has no label of it to compare with")
        maps.append(torch.as_tensor(label).cpu().numpy()[0])
        score = round(disagreement(maps), 6) if len(maps) > 1 else None
        out["notes"] = notes
        by_class = by_class_as_text(maps) if len(maps) > 1 else {}
        out["refinement"] = {**out["refinement"], "disagreement": score, "disagreement_by_class": by_class}
        return out

    def _read(self, path: Path, label: MetaTensor) -> NDArray[np.uint8]:
        before = self._load(str(path))
        faults, _ = compare_grids(
            label.affine.cpu().numpy(), label.shape[1:], before.affine.cpu().numpy(), before.shape[1:]
        )
        if faults:
            raise CaseError(path, f"this label of an earlier round is not on the grid of the scan: {'; '.join(faults)}")
        return np.asarray(torch.as_tensor(before).cpu().numpy()[0], dtype=np.uint8)
