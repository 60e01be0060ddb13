"""Ignite handlers: training state, best model, case records, seeds, logs."""

from __future__ import annotations

from swinx.handlers.best_model import BestModel
from swinx.handlers.case_records import CaseRecords
from swinx.handlers.collapse import CollapseDetector
from swinx.handlers.epoch_seed import EpochSeed
from swinx.handlers.epoch_validation import EpochValidation
from swinx.handlers.expected_end import ExpectedEnd
from swinx.handlers.feature_records import CaseFeatures, FeatureRecords
from swinx.handlers.gradients import FreezePrototypes, GradientClipping
from swinx.handlers.history import TrainingHistory
from swinx.handlers.latest_model import LatestModel
from swinx.handlers.mlflow_run import MLflowRun
from swinx.handlers.output_lock import lock_output
from swinx.handlers.pretraining_health import PretrainingHealth
from swinx.handlers.reconstruction_pictures import ReconstructionPictures
from swinx.handlers.refinement_records import RefinementRecords
from swinx.handlers.result_set import result_set
from swinx.handlers.run_log import require_writable, start_log
from swinx.handlers.step_log import StepLog
from swinx.handlers.teacher import CentreUpdate, TeacherTemperature, TeacherUpdate
from swinx.handlers.time_limit import TimeLimit
from swinx.handlers.training_state import TrainingState
from swinx.resources import PeakMemory, ResourceMonitor

__all__ = [
    "BestModel",
    "CaseFeatures",
    "CaseRecords",
    "CentreUpdate",
    "CollapseDetector",
    "EpochSeed",
    "EpochValidation",
    "ExpectedEnd",
    "FeatureRecords",
    "FreezePrototypes",
    "GradientClipping",
    "LatestModel",
    "MLflowRun",
    "PeakMemory",
    "PretrainingHealth",
    "ReconstructionPictures",
    "RefinementRecords",
    "ResourceMonitor",
    "StepLog",
    "TeacherTemperature",
    "TeacherUpdate",
    "TimeLimit",
    "TrainingHistory",
    "TrainingState",
    "lock_output",
    "require_writable",
    "result_set",
    "start_log",
]
