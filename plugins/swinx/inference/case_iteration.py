"""One case per iteration; a case that fails is recorded and the next one starts."""

from __future__ import annotations

import logging
from typing import Any

import torch
from monai.engines import SupervisedEvaluator

from swinx.errors import find_case_error, reason_of

__all__ = ["CaseIteration"]

_logger = logging.getLogger(__name__)


class CaseIteration:
    """Iteration of a ``SupervisedEvaluator`` that outlives a bad case.

    Give it to the evaluator as ``iteration_update``, together with
    :class:`swinx.inference.CaseDataset` and :class:`swinx.inference.CaseRecords`. Prediction and
    postprocessing stay the evaluator's own. If a case fails, the iteration's output is
    ``{"case": name, "failure": reason}``.
    """

    def __call__(self, engine: SupervisedEvaluator, batch: dict[str, Any]) -> Any:
        """Run one iteration and return its output.

        Args:
            engine: The evaluator.
            batch: One collated case, or ``{"case", "failure"}`` from the data set.
        """
        if "failure" in batch:
            return {"case": batch["case"], "failure": batch["failure"]}
        case = batch["case"][0]
        try:
            return engine._iteration(engine, batch)
        except Exception as error:  # one bad case must not end the batch, whatever is wrong with it
            if find_case_error(error) is None:
                _logger.exception("case %s failed", case)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            return {"case": case, "failure": reason_of(error)}
