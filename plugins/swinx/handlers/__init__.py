"""Ignite handlers: training state, best model, case records, seeds, logs."""

from __future__ import annotations

from swinx.handlers.best_model import BestModel
from swinx.handlers.case_records import CaseRecords
from swinx.handlers.epoch_seed import EpochSeed
from swinx.handlers.history import TrainingHistory
from swinx.handlers.resources import PeakMemory, ResourceMonitor
from swinx.handlers.run_log import require_writable, start_log
from swinx.handlers.time_limit import TimeLimit
from swinx.handlers.training_state import TrainingState

__all__ = [
    "BestModel",
    "CaseRecords",
    "EpochSeed",
    "PeakMemory",
    "ResourceMonitor",
    "TimeLimit",
    "TrainingHistory",
    "TrainingState",
    "require_writable",
    "start_log",
]
