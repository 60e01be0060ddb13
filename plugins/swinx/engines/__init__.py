"""Workflows on MONAI and Ignite engines."""

from __future__ import annotations

from swinx.engines.case_iteration import CaseIteration

__all__ = ["CaseIteration"]
