"""Interface of teachers, and the network that wraps one for a MONAI evaluator."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from monai.data import MetaTensor
from torch import Tensor, nn

from swinx.data import case_name
from swinx.errors import CaseError
from swinx.files import files_sha256

__all__ = ["Prediction", "Teacher", "TeacherNetwork", "check_scan", "fingerprint_of"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prediction:
    """Prediction of a teacher for one scan.

    Attributes:
        labels: Class ids on the grid of the scan, uint8 ``(N, X, Y, Z)``, on the CPU: one map, or one per fold.
        notes: Remarks for the user, one sentence each.
        confidence: For each map the mean probability, 0 to 1, of the class that won, over the foreground voxels;
            NaN where there is none. None if it was not asked for or the teacher has none.
    """

    labels: Tensor
    notes: list[str] = field(default_factory=list)
    confidence: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.labels.dtype != torch.uint8 or self.labels.ndim != 4:
            raise ValueError(f"labels {self.labels.dtype} {tuple(self.labels.shape)} must be uint8 (N, X, Y, Z)")


@runtime_checkable
class Teacher(Protocol):
    """Source of labels for scans: a trained network, or a folder of predictions.

    Attributes:
        name: What reports call it.
        classes: Class ids, from 1 on, that it can predict.
        fingerprint: SHA-256, in hexadecimal, over what decides its output: weights, plans or configuration, label
            map. Two teachers with one fingerprint predict the same, on one machine with the same packages.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def classes(self) -> tuple[int, ...]: ...  # noqa: D102

    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    def predict(self, case: str, image: MetaTensor) -> Prediction:
        """Label one scan.

        Args:
            case: Name of the case, for messages and to find files by.
            image: The scan as ``LoadImaged`` with :class:`swinx.data.CTReader` gives it: float HU ``(1, X, Y, Z)`` on
                its original grid, with its affine and ``meta["filename_or_obj"]``.

        Raises:
            CaseError: If this scan cannot be labelled; a batch goes on with the others.
        """


class TeacherNetwork(nn.Module):
    """A teacher as the ``network`` of a ``SupervisedEvaluator``.

    Its inferer is MONAI's ``SimpleInferer``, since a teacher brings its own. To tell it the case names of the data
    list, let ``PrepareBatchExtraInput(extra_keys={"case": "case"})`` be the evaluator's ``prepare_batch``; without
    that a case is called as its file. Notes are logged; notes and confidence stand in the metadata of the output.

    Args:
        teacher: The teacher.
    """

    def __init__(self, teacher: Teacher) -> None:
        super().__init__()
        self.teacher = teacher

    def forward(self, inputs: Tensor, case: Sequence[str] | None = None) -> MetaTensor:
        """Label a batch of one scan.

        Args:
            inputs: A scan ``(1, 1, X, Y, Z)``, collated from what :meth:`Teacher.predict` takes.
            case: Its name, in a list of one.

        Returns:
            Class ids, uint8 ``(1, N, X, Y, Z)``, with the affine of the scan.

        Raises:
            CaseError: As the teacher does.
            ValueError: If there is more than one scan, or it has lost its metadata.
        """
        if not isinstance(inputs, MetaTensor) or len(inputs) != 1:
            raise ValueError(f"give one scan with metadata, not {type(inputs).__name__} {tuple(inputs.shape)}")
        image = _first(inputs)
        name = case[0] if case else case_name(image.meta["filename_or_obj"])
        prediction = self.teacher.predict(name, image)
        for note in prediction.notes:
            _logger.info("%s: %s: %s", self.teacher.name, name, note)
        said = {"notes": prediction.notes, "confidence": prediction.confidence}
        # One entry per scan of the batch, as collated metadata have it.
        meta = {key: [value] for key, value in said.items()}
        meta["filename_or_obj"] = [image.meta.get("filename_or_obj", name)]
        labels = MetaTensor(prediction.labels[None], affine=image.affine[None], meta=meta)
        labels.is_batch = True
        return labels


def check_scan(case: str, image: Tensor) -> MetaTensor:
    """Return ``image`` if it is one scan with a grid.

    Raises:
        CaseError: If it has no metadata or is not one channel in three dimensions.
    """
    if not isinstance(image, MetaTensor):
        raise CaseError(case, "the scan has no affine; load it by LoadImaged with image_only=True")
    if image.ndim != 4 or image.shape[0] != 1:
        raise CaseError(case, f"expected one channel in three dimensions, found shape {tuple(image.shape)}")
    return image


def fingerprint_of(root: Path, files: Iterable[Path], settings: Any) -> str:
    """Return the SHA-256 of files and settings, in hexadecimal.

    Files count by content and by their place below ``root``, or their name if they lie elsewhere: a model that is
    moved stays the same teacher.

    Args:
        root: Folder of the model.
        files: Files to read, in any order.
        settings: What else decides the output; anything that JSON can express.

    Raises:
        OSError: If a file cannot be read, or is no regular file.
    """
    named = {(file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name): file for file in files}
    return files_sha256(sorted(named.items()), json.dumps(settings, sort_keys=True))


def _first(batch: MetaTensor) -> MetaTensor:
    """Return the one item of a collated batch, with its own metadata."""
    meta = {
        key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in batch.meta.items()
    }
    affine = batch.affine[0] if batch.affine.ndim == 3 else batch.affine
    return MetaTensor(batch.as_tensor()[0], affine=affine, meta={k: v for k, v in meta.items() if k != "affine"})
