"""Detector of a collapsed self-distillation: a teacher that gives everything the same distribution."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping

import ignite.distributed as idist
from ignite.engine import Events
from monai.engines import Workflow
from torch import Tensor

from swinx.errors import TrainingError

__all__ = ["CollapseDetector"]


class CollapseDetector:
    """Handler that stops a pretraining with a ``TrainingError`` after some collapsed epochs in a row.

    It reads the measurements of :class:`swinx.pretraining.PretrainingHealth`. Signs of a collapse are:

    - ``patch_entropy_of_mean`` or ``image_entropy_of_mean`` below a share of the logarithm of the number of
      prototypes: few prototypes get all tokens of the epoch;
    - ``patch_information`` or ``image_information`` below its own minimum: within a step all patches, or all scans,
      have the same distribution, be it uniform or a favourite that changes from step to step;
    - ``image_token_spread`` below a minimum: all scans have the same image token.

    Signs of the patches are not judged where the loss gives their distillation no weight, nor are those of the images:
    nothing trains these heads then.

    The same sign in ``patience`` epochs in a row stops all processes; a value that could not be measured (nan) is no
    sign. A resumed training counts from 0. Attach it after ``PretrainingHealth`` and ``TrainingHistory`` (which then
    has a row of the last epoch) and before the handlers that save: these read ``engine.state.suspicious_epochs`` and
    skip suspicious epochs, so the saved state is from before the collapse.

    Args:
        patience: Suspicious epochs in a row that stop the training; 0 to never stop.
        start_epoch: Last epoch that is not judged, such as that of the warm-up, in which a healthy teacher may
            distinguish little.
        minimum_entropy_share: Of the logarithm of the number of prototypes.
        minimum_information: Of patches, in nats.
        minimum_image_information: Of images, in nats: less, as a step has few scans.
        minimum_spread: Relative, as :func:`swinx.pretraining.relative_spread`.

    Raises:
        ValueError: If an argument is negative.

    Note:
        The minima lie between the measurements of healthy and of deliberately broken runs on phantoms
        (``benchmarks/collapse_trial.py``, ``benchmarks/pretraining_trial.py``; the table is in
        ``docs/pretraining.md``). In all epochs of two healthy runs of 16 epochs: entropies of the mean from 45 % of the
        logarithm up, patch information from 0.036 nats up, image information from 0.0067, spread from 0.074 up. In a
        run with 2 scans a step, in which scans are distinguished late, image information was 0.0021 or more. In the
        last five epochs of the broken runs: with centres fixed at 0, an entropy of the mean of at most 1.4 %; with a
        teacher's temperature of 1 or too high a learning rate, patch information of at most 0.0042 and image
        information of at most 0.0019 nats, and with the highest rate a spread of at most 0.001. Neither the loss nor
        ``rankme_centred`` differed between healthy and broken runs.
    """

    def __init__(
        self,
        patience: int = 3,
        start_epoch: int = 20,
        minimum_entropy_share: float = 0.1,
        minimum_information: float = 0.02,
        minimum_image_information: float = 0.002,
        minimum_spread: float = 0.01,
    ) -> None:
        minima = (minimum_entropy_share, minimum_information, minimum_image_information, minimum_spread)
        if min(patience, start_epoch, *minima) < 0:
            raise ValueError(
                f"patience {patience}, start_epoch {start_epoch} and the minima {', '.join(map(str, minima))} must not "
                "be negative"
            )
        self.patience = patience
        self.start_epoch = start_epoch
        self.minimum_entropy_share = minimum_entropy_share
        self.minimum_information = minimum_information
        self.minimum_image_information = minimum_image_information
        self.minimum_spread = minimum_spread
        self.logger = logging.getLogger(__name__)
        self._suspicious = Counter[str]()

    def attach(self, engine: Workflow) -> None:
        """Listen to a ``SmitTrainer``."""
        if not self.patience:
            return
        engine.add_event_handler(Events.STARTED, self._forget)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def _forget(self) -> None:
        self._suspicious.clear()

    def __call__(self, engine: Workflow) -> None:
        """Judge the epoch.

        Raises:
            KeyError: If the metrics are not there.
            TrainingError: If the same sign was there for ``patience`` epochs in a row.
        """
        metrics: Mapping[str, float] = engine.state.metrics
        minima = self._minima(engine)
        missing = [name for name in minima if name not in metrics]
        if missing:
            raise KeyError(f"{', '.join(missing)} not measured: attach PretrainingHealth before CollapseDetector")
        if engine.state.epoch <= self.start_epoch:
            return
        for name, minimum in minima.items():
            # The metrics are the same on all processes but for rounding; were one to stop alone, the others would wait.
            found = idist.all_reduce(int(metrics[name] < minimum), op="MAX")
            self._suspicious[name] = self._suspicious[name] + 1 if found else 0
        sign, epochs = self._suspicious.most_common(1)[0]
        engine.state.suspicious_epochs = epochs
        if epochs:
            finding = f"{sign} {metrics[sign]:.2g} in epoch {engine.state.epoch} is below {minima[sign]:.2g}: "
            self._warn_or_stop(finding + _meaning(sign, metrics, _log_prototypes(engine)), engine.state.epoch, epochs)

    def _minima(self, engine: Workflow) -> dict[str, float]:
        """Return the minima by name, of what the loss trains."""
        least_entropy = self.minimum_entropy_share * _log_prototypes(engine)
        _, patch_weight, image_weight = engine.loss_function.weights  # type: ignore[attr-defined]
        minima = {"image_token_spread": self.minimum_spread}
        if patch_weight:
            minima |= {"patch_entropy_of_mean": least_entropy, "patch_information": self.minimum_information}
        if image_weight:
            minima |= {"image_entropy_of_mean": least_entropy, "image_information": self.minimum_image_information}
        return minima

    def _warn_or_stop(self, finding: str, epoch: int, epochs: int) -> None:
        if epochs < self.patience:
            self.logger.warning("suspicious epoch, %d of %d in a row, not saved: %s", epochs, self.patience, finding)
            return
        raise TrainingError(
            f"the pretraining has collapsed: {finding}, for {epochs} epochs in a row; lower learning_rate, give more "
            "scans_per_batch, check centre_momentum and the teacher's temperatures, or give --patch_weight 0 "
            f"--image_weight 0, and start the same command again: it goes on from epoch {epoch - epochs}, the last one "
            "saved (--resume False begins anew, --collapse_patience 0 trains on regardless)"
        )


def _meaning(sign: str, metrics: Mapping[str, float], log_prototypes: float) -> str:
    kind, _, quantity = sign.partition("_")
    if quantity == "token_spread":
        return "all scans have nearly the same image token"
    tokens = "patches" if kind == "patch" else "scans"
    if quantity == "entropy_of_mean":
        return f"nearly all {tokens} fall to the same few of the teacher's prototypes"
    entropy = metrics[f"{kind}_mean_entropy"]
    return (
        f"the teacher gives all {tokens} nearly the same distribution, of entropy {entropy:.2f} "
        f"(uniform: {log_prototypes:.2f})"
    )


def _log_prototypes(engine: Workflow) -> float:
    centre: Tensor = engine.loss_function.patch_centre.centre  # type: ignore[attr-defined]
    return math.log(centre.shape[-1])
