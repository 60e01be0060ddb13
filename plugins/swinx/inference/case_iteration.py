"""Iteration over cases: one that fails is recorded, and the next one starts."""

from __future__ import annotations

import logging
from typing import Any

import torch
from monai.engines import SupervisedEvaluator, default_prepare_batch

from swinx.errors import find_case_error, reason_of

__all__ = ["CaseIteration", "prepare_case"]

_logger = logging.getLogger(__name__)


def prepare_case(
    batch: dict[str, Any], device: str | torch.device | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[Any, Any, tuple[Any, ...], dict[str, Any]]:
    """Prepare a case for a :class:`swinx.inference.SlidingWindowLabelInferer`, whose budget counts its loading, too.

    For ``prepare_batch`` of a ``SupervisedEvaluator``.

    Args:
        batch: One collated case of :class:`swinx.inference.CaseDataset`.
        device: Device of the network.
        non_blocking: As in ``Tensor.to``.
        **kwargs: As in ``Tensor.to``.

    Returns:
        Image, label or None, and the arguments of the inferer by position and by keyword.
    """
    image, label = default_prepare_batch(batch, device, non_blocking, **kwargs)
    seconds = float(batch["seconds_load"]) + float(batch["seconds_preprocess"])
    return image, label, (), {"seconds_before": seconds}


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
