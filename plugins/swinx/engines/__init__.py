"""Workflows on MONAI and Ignite engines."""

from __future__ import annotations

from swinx.engines.case_iteration import CaseIteration
from swinx.engines.partial_batch import prepare_partial_batch
from swinx.engines.process_group import leave_processes
from swinx.engines.smit_trainer import SmitTrainer, prepare_views

__all__ = ["CaseIteration", "SmitTrainer", "leave_processes", "prepare_partial_batch", "prepare_views"]
