"""Keep the features that an evaluator looked up, case by case."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ignite.engine import Events
from monai.engines import Workflow

__all__ = ["CaseFeatures", "FeatureRecords"]


@dataclass(frozen=True)
class CaseFeatures:
    """Sampled voxels of one case.

    Attributes:
        case: Its name.
        section: Section of the data list that it is from.
        classes: Class ids of the voxels, ``(N,)``.
        features: Encoder name to features, ``(N, F)``.
    """

    case: str
    section: str
    classes: npt.NDArray[np.int64]
    features: Mapping[str, npt.NDArray[np.float32]]


class FeatureRecords:
    """Collect what a ``SampledFeaturesInferer`` found; a case that failed is named and left out.

    A run with failed cases ends with exit code 1 if :meth:`exit_if_failed` is the last step of the bundle's
    ``finalize``.

    Attributes:
        done: Cases with features, in the order of the run.
        failed: ``case`` and ``reason`` of those that failed.
        empty: Names of the cases in which no voxel was drawn: none of the annotated classes is in sight.
    """

    def __init__(self) -> None:
        self.logger = logging.getLogger(__name__)
        self.done: list[CaseFeatures] = []
        self.failed: list[dict[str, str]] = []
        self.empty: list[str] = []

    def attach(self, engine: Workflow) -> None:
        """Listen to an evaluator whose ``iteration_update`` is a ``CaseIteration``."""
        engine.add_event_handler(Events.STARTED, self._begin)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._end_case)

    def _begin(self) -> None:
        self.done, self.failed, self.empty = [], [], []

    def _end_case(self, engine: Workflow) -> None:
        number = f"[{engine.state.iteration}/{engine.state.epoch_length}]"
        output = engine.state.output
        if isinstance(output, dict) and "failure" in output:
            self.failed.append({"case": str(output["case"]), "reason": str(output["failure"])})
            self.logger.error("%s %s failed: %s", number, output["case"], output["failure"])
            return
        batch, found = engine.state.batch[0], output[0]["pred"]
        case, classes = str(batch["case"]), batch["classes"].cpu().numpy()
        if not len(classes):
            self.empty.append(case)
            self.logger.warning("%s %s: none of its annotated classes is in sight, not used", number, case)
            return
        features = {name: values.cpu().numpy() for name, values in found.items()}
        self.done.append(CaseFeatures(case, str(batch["section"]), classes, features))
        self.logger.info("%s %s: %d voxels of %d classes", number, case, len(classes), len(np.unique(classes)))

    def exit_if_failed(self) -> None:
        """End the program with exit code 1 if a case of the last run failed.

        Raises:
            SystemExit: If any did.
        """
        for failure in self.failed:
            self.logger.error("not probed: %s: %s", failure["case"], failure["reason"])
        if self.failed:
            raise SystemExit(1)
