"""Plan of a training: its settings, each with the numbers that decided it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from swinx.bundle import SETTINGS
from swinx.planning.fingerprint import Fingerprint
from swinx.planning.grid_rules import plan_overlap, plan_pixdim, plan_roi
from swinx.planning.intensity_rules import plan_intensities
from swinx.planning.memory_rules import plan_batch, plan_cache, plan_patches, plan_workers, voxels_for
from swinx.planning.schedule_rules import plan_epochs, plan_folds, plan_validations

__all__ = ["Plan", "PlannedSetting", "plan"]


@dataclass(frozen=True)
class PlannedSetting:
    """One setting of a plan.

    Attributes:
        name: As in configurations; ``folds`` is none of a single training.
        value: Plain data.
        reason: One sentence with the numbers of the fingerprint that decided it.
    """

    name: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Plan:
    """Settings of a training for a collection and a machine.

    Attributes:
        fingerprint: What it was made from.
        settings: In the order of the table.
    """

    fingerprint: Fingerprint
    settings: tuple[PlannedSetting, ...]

    @property
    def values(self) -> dict[str, Any]:
        """All values by name."""
        return {setting.name: setting.value for setting in self.settings}

    def overlay(self) -> dict[str, Any]:
        """Return the settings that a training or an inference takes, as an overlay for their configurations."""
        return {name: value for name, value in self.values.items() if _of_a_training(name)}


def plan(fingerprint: Fingerprint) -> Plan:
    """Return the plan for a fingerprint: a pure function, without a look at files or the machine."""
    return Plan(fingerprint, tuple(PlannedSetting(*row) for row in _rows(fingerprint)))


def _rows(fingerprint: Fingerprint) -> Iterator[tuple[str, Any, str]]:
    pixdim, reason = plan_pixdim(fingerprint)
    yield "pixdim", pixdim, reason
    yield from plan_intensities(fingerprint)
    roi, reason = plan_roi(fingerprint, pixdim, voxels_for(fingerprint))
    yield "roi_size", roi, reason
    positive, negative, reason = plan_patches(fingerprint, roi)
    yield "positive_patches", positive, reason
    yield "negative_patches", negative, reason
    batch, reason = plan_batch(fingerprint, roi, positive + negative)
    yield "scans_per_batch", batch, reason
    yield ("cache_rate", *plan_cache(fingerprint, pixdim))
    yield ("num_workers", *plan_workers(fingerprint))
    epochs, reason = plan_epochs(fingerprint, positive + negative, roi)
    yield "max_epochs", epochs, reason
    yield ("val_interval", *plan_validations(fingerprint, epochs))
    yield ("overlap", *plan_overlap(fingerprint, pixdim, roi))
    yield ("folds", *plan_folds(fingerprint))


def _of_a_training(name: str) -> bool:
    return name in SETTINGS and "training" in SETTINGS[name].stages
