"""Rules for the length of a training, its validations, and folds."""

from __future__ import annotations

import math

from swinx.planning.fingerprint import Fingerprint

__all__ = ["EPOCHS", "plan_epochs", "plan_folds", "plan_validations"]

EPOCHS = (100, 150, 200, 300, 500, 700, 1000)
"""Epochs that are planned."""

_SCANS = 50_000
_FEW = 100
_FOLDS = 5
_VALIDATIONS = 100
_DAYS_FROM_HOURS = 48
_PATCH_SECONDS = 11.0
"""Of a window of 96 x 96 x 96 voxels on two cores (docs/performance.md, section Training)."""


def plan_epochs(fingerprint: Fingerprint, patches: int, roi: list[int]) -> tuple[int, str]:
    """Return the epochs, and the reason: the fewest that show 50,000 scans, or the most that are planned.

    Args:
        fingerprint: Of the collection.
        patches: Patches of a scan.
        roi: The window in voxels.
    """
    scans = max(1, fingerprint.labelled)
    epochs = next((count for count in EPOCHS if count * scans >= _SCANS), EPOCHS[-1])
    told = f"{fingerprint.labelled} labelled cases an epoch are {epochs * scans:,} scans in all"
    told += f"; {_SCANS:,} are enough" if epochs * scans >= _SCANS else f", of {_SCANS:,} that would be enough"
    if fingerprint.gpu_gb:
        return epochs, told
    seconds = epochs * scans * patches * _PATCH_SECONDS * math.prod(roi) / 96**3 * 2 / fingerprint.cores
    hours = math.ceil(seconds / 3600)
    time = f"{hours} hours" if hours < _DAYS_FROM_HOURS else f"{round(hours / 24):,} days"
    return epochs, f"{told}, about {time} without a GPU on {fingerprint.cores} cores"


def plan_validations(fingerprint: Fingerprint, epochs: int) -> tuple[int, str]:
    """Return the epochs between validations, and the reason."""
    interval = max(1, epochs // _VALIDATIONS)
    return interval, f"{epochs // interval} validations in the {epochs} epochs of {fingerprint.labelled} labelled cases"


def plan_folds(fingerprint: Fingerprint) -> tuple[int, str]:
    """Return the trainings on parts of the cases, and the reason: 5 for few cases, one for many."""
    labelled, patients = fingerprint.labelled, fingerprint.patients
    if labelled >= _FEW:
        return 1, f"{labelled} labelled cases leave enough to validate with in one split; {_FEW} are taken as enough"
    folds = max(1, min(_FOLDS, patients))
    return folds, f"{labelled} labelled cases of {patients} patients, fewer than {_FEW}: all are validated on in turn"
