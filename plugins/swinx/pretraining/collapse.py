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
    - ``patch_information`` below a minimum, and ``image_information`` not above it: within a step all patches, and all
      scans as far as that was measured, have the same distribution, be it uniform or a favourite that changes from step
      to step. Low image information alone is no sign: with few scans a step, a healthy run may distinguish scans late;
    - ``image_token_spread`` below a minimum: all scans have the same image token.

    The same sign in ``patience`` epochs in a row stops all processes; a value that could not be measured (nan) is no
    sign. A resumed training counts from 0. Attach it after ``PretrainingHealth`` and ``TrainingHistory`` (which then
    has a row of the last epoch) and before the handlers that save: these read ``engine.state.suspicious_epochs`` and
    skip suspicious epochs, so the saved state is from before the collapse.

    Args:
        patience: Suspicious epochs in a row that stop the training; 0 to never stop.
        start_epoch: Last epoch that is not judged, such as that of the warm-up, in which a healthy teacher may
            distinguish little.
        minimum_entropy_share: Of the logarithm of the number of prototypes.
        minimum_information: In nats.
        minimum_spread: Relative, as :func:`swinx.pretraining.relative_spread`.

    Raises:
        ValueError: If an argument is negative.

    Note:
        The minima lie between the measurements of two healthy and four deliberately broken runs of 16 epochs of 8
        steps on 64 phantoms (``benchmarks/collapse_trial.py``; the table is in ``docs/pretraining.md``). In all epochs
        of the healthy runs: entropies of the mean from 45 % of the logarithm up, patch information from 0.036 nats up,
        spread from 0.074 up. In the last five epochs of the broken runs: with centres fixed at 0, an entropy of the
        mean of at most 1.4 %; with a teacher's temperature of 1 or too high a learning rate, information of at most
        0.0042 nats, and with the highest rate a spread of at most 0.001. Neither the loss nor ``rankme_centred``
        differed between healthy and broken runs.

        Image information alone is not enough: in a healthy run with 2 scans a step (synthetic cohort, 2.5 mm,
        views of 64 voxels, ``embed_dim`` 12), it was 0.002 to 0.008 in epochs 3 to 6, while patch information was 0.06
        to 0.36 and rose.
    """

    def __init__(
        self,
        patience: int = 3,
        start_epoch: int = 20,
        minimum_entropy_share: float = 0.1,
        minimum_information: float = 0.02,
        minimum_spread: float = 0.01,
    ) -> None:
        if min(patience, start_epoch, minimum_entropy_share, minimum_information, minimum_spread) < 0:
            raise ValueError(
                f"patience {patience}, start_epoch {start_epoch} and the minima {minimum_entropy_share}, "
                f"{minimum_information} and {minimum_spread} must not be negative"
            )
        self.patience = patience
        self.start_epoch = start_epoch
        self.minimum_entropy_share = minimum_entropy_share
        self.minimum_information = minimum_information
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
        minima = self._minima(_log_prototypes(engine))
        missing = [name for name in (*minima, "image_information") if name not in metrics]
        if missing:
            raise KeyError(f"{', '.join(missing)} not measured: attach PretrainingHealth before CollapseDetector")
        if engine.state.epoch <= self.start_epoch:
            return
        for name, minimum in minima.items():
            # The metrics are the same on all processes but for rounding; were one to stop alone, the others would wait.
            found = idist.all_reduce(int(_is_below(metrics, name, minimum)), op="MAX")
            self._suspicious[name] = self._suspicious[name] + 1 if found else 0
        sign, epochs = self._suspicious.most_common(1)[0]
        engine.state.suspicious_epochs = epochs
        if epochs:
            finding = f"{sign} {metrics[sign]:.2g} in epoch {engine.state.epoch} is below {minima[sign]:.2g}: "
            self._warn_or_stop(finding + _meaning(sign, metrics, _log_prototypes(engine)), engine.state.epoch, epochs)

    def _minima(self, log_prototypes: float) -> dict[str, float]:
        least_entropy = self.minimum_entropy_share * log_prototypes
        return {
            "patch_entropy_of_mean": least_entropy,
            "image_entropy_of_mean": least_entropy,
            "patch_information": self.minimum_information,
            "image_token_spread": self.minimum_spread,
        }

    def _warn_or_stop(self, finding: str, epoch: int, epochs: int) -> None:
        if epochs < self.patience:
            self.logger.warning("suspicious epoch, %d of %d in a row, not saved: %s", epochs, self.patience, finding)
            return
        raise TrainingError(
            f"the pretraining has collapsed: {finding}, for {epochs} epochs in a row. Lower learning_rate, see to the "
            "centres (centre_momentum) and to the teacher's temperatures and momentum, take more scans in a step "
            f"(scans_per_batch), or check that the scans differ. {_advice_on_states(epoch, epochs)} To train on "
            "regardless, give --collapse_patience 0"
        )


def _is_below(metrics: Mapping[str, float], name: str, minimum: float) -> bool:
    if name == "patch_information" and metrics["image_information"] >= minimum:
        return False
    return metrics[name] < minimum


def _advice_on_states(epoch: int, epochs: int) -> str:
    first = epoch - epochs + 1
    return (
        f"No epoch from {first} on was saved: the same command goes on from before it, and --resume False begins anew."
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
