"""One loss per module, without side effects."""

from __future__ import annotations

from swinx.losses.centring import TeacherCentre
from swinx.losses.masked_prediction import MaskedPredictionLoss
from swinx.losses.partial_dice_ce import PartialDiceCELoss, PartialTarget
from swinx.losses.smit import SmitLoss, SmitTerms, Temperatures
from swinx.losses.token_distillation import ImageTokenDistillationLoss, PatchTokenDistillationLoss, teacher_targets

__all__ = [
    "ImageTokenDistillationLoss",
    "MaskedPredictionLoss",
    "PartialDiceCELoss",
    "PartialTarget",
    "PatchTokenDistillationLoss",
    "SmitLoss",
    "SmitTerms",
    "TeacherCentre",
    "Temperatures",
    "teacher_targets",
]
