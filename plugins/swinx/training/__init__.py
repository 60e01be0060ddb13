"""Training of a network: state, validation, history, augmentation."""

from __future__ import annotations

from swinx.training.data_counts import data_counts
from swinx.training.epoch_seed import EpochSeed
from swinx.training.expected_end import ExpectedEnd
from swinx.training.frozen_encoder import FrozenEncoder
from swinx.training.gradient_clipping import GradientClipping
from swinx.training.history import TrainingHistory
from swinx.training.left_right_flip import RandLeftRightFlipd
from swinx.training.mixed_precision_inferer import MixedPrecisionInferer
from swinx.training.organ_history import OrganHistory
from swinx.training.partial.annotated_classes import AnnotatedClassesd, take_as_absent
from swinx.training.partial.crop_known import RandCropByKnownLabeld
from swinx.training.partial.deep_supervision_loss import DeepSupervisionLoss
from swinx.training.partial.mask_unannotated import MaskUnannotatedd, organ_labels
from swinx.training.partial.partial_dice_ce import PartialDiceCELoss, PartialTarget, prepare_partial_batch
from swinx.training.partial.refuse_empty import RefuseEmptyLabeld
from swinx.training.save_interval import EpochValidation
from swinx.training.saved_models import BestModel, LatestModel
from swinx.training.step_log import StepLog
from swinx.training.time_limit import TimeLimit
from swinx.training.training_state import TrainingState

__all__ = [
    "AnnotatedClassesd",
    "BestModel",
    "DeepSupervisionLoss",
    "EpochSeed",
    "EpochValidation",
    "ExpectedEnd",
    "FrozenEncoder",
    "GradientClipping",
    "LatestModel",
    "MaskUnannotatedd",
    "MixedPrecisionInferer",
    "OrganHistory",
    "PartialDiceCELoss",
    "PartialTarget",
    "RandCropByKnownLabeld",
    "RandLeftRightFlipd",
    "RefuseEmptyLabeld",
    "StepLog",
    "TimeLimit",
    "TrainingHistory",
    "TrainingState",
    "data_counts",
    "organ_labels",
    "prepare_partial_batch",
    "take_as_absent",
]
