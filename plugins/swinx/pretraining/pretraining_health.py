"""Measures of the health of a self-distillation, which the loss does not show."""

from __future__ import annotations

import math

import ignite.distributed as idist
import torch
from ignite.engine import Events
from monai.engines import Workflow
from torch import Tensor

from swinx.pretraining.representations import agreement, effective_rank, entropy_of_mean, mean_entropy, relative_spread
from swinx.pretraining.schedules import Temperatures
from swinx.pretraining.smit_loss import SmitLoss
from swinx.pretraining.smit_network import SmitOutput
from swinx.pretraining.token_distillation import teacher_targets

__all__ = ["PretrainingHealth"]

_KINDS = ("patch", "image")


class PretrainingHealth:
    """Handler that measures in each epoch how well the teacher distinguishes patches and scans.

    At the end of an epoch these floats are in ``engine.state.metrics``, the same on every process:

    - ``patch_entropy_of_mean``, ``image_entropy_of_mean``: entropy of the teacher's mean distribution over the tokens
      of the epoch, in nats: 0 if one prototype gets all of them;
    - ``patch_mean_entropy``, ``image_mean_entropy``: mean entropy of the single distributions, in nats: the logarithm
      of the number of prototypes if they are uniform;
    - ``patch_information``, ``image_information``: entropy of the mean less mean entropy, in nats, within each step of
      each process, then averaged: the information of a distribution about its token, 0 in both kinds of collapse, at
      most the logarithm of the number of tokens. Over a whole epoch it would also contain the changes of the teacher
      from step to step. The two image tokens of a step with one scan should agree, so such a step does not count;
    - ``patch_agreement``, ``image_agreement``: share of the pairs in the loss (a patch of which half or more is masked,
      in both networks; the image token of a view in the teacher, that of the other view in the student) with the same
      likeliest prototype;
    - ``patch_centre_norm``, ``image_centre_norm``: L2 norm of the centres after the last step;
    - ``rankme``, ``rankme_centred``, ``image_token_spread``: :func:`swinx.pretraining.effective_rank` and
      :func:`swinx.pretraining.relative_spread` of the teacher's last image tokens of the epoch;
    - ``gradient_norm``: mean norm of the gradients before clipping.

    The teacher's distributions are the targets of the step's loss: with the centres from before their update. Steps
    whose loss is not finite are left out; if no other step remains, the values are nan.

    Attach it before the handlers that read ``engine.state.metrics`` at the end of an epoch: ``CollapseDetector``,
    ``TrainingHistory``, ``MLFlowHandler``.

    Args:
        interval: Steps between measurements, from the first step of each epoch.
        tokens: Number of image tokens, over all processes, for the ranks and the spread.

    Raises:
        ValueError: If ``interval`` is not 1 or more, or ``tokens`` not 2 or more.
    """

    def __init__(self, interval: int = 1, tokens: int = 512) -> None:
        if interval < 1 or tokens < 2:
            raise ValueError(f"interval {interval} must be 1 or more and tokens {tokens} must be 2 or more")
        self.interval = interval
        self.tokens = tokens
        self._centres: dict[str, Tensor] = {}
        self._sums: dict[str, Tensor] = {}
        self._tokens: Tensor | None = None
        self._gradient_norms: list[float] = []

    def attach(self, engine: Workflow) -> None:
        """Listen to a ``SmitTrainer``."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._begin)
        engine.add_event_handler(Events.ITERATION_STARTED, self._keep_centres)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._report)

    def _begin(self) -> None:
        self._sums, self._tokens, self._gradient_norms = {}, None, []

    def _is_measured(self, engine: Workflow) -> bool:
        epoch_length = engine.state.epoch_length or 1
        return bool((engine.state.iteration - 1) % epoch_length % self.interval == 0)

    def _keep_centres(self, engine: Workflow) -> None:
        if self._is_measured(engine):
            self._centres = {kind: centre.clone() for kind, centre in _centres(engine).items()}

    @torch.no_grad()
    def _collect(self, engine: Workflow) -> None:
        if not self._is_measured(engine):
            return
        output = engine.state.output[0]
        temperatures: Temperatures = output["temperatures"]
        student: SmitOutput = output["student"]
        teacher: SmitOutput = output["teacher"]
        finite = math.isfinite(float(output["loss"]))
        masked = student.token_mask >= 0.5
        pairs = {
            "patch": (student.patch_logits[masked], teacher.patch_logits[masked]),
            "image": (student.image_logits.roll(len(student.image_logits) // 2, dims=0), teacher.image_logits),
        }
        for kind in _KINDS:
            logits: Tensor = getattr(teacher, f"{kind}_logits")
            targets = teacher_targets(logits, self._centres[kind], getattr(temperatures, kind)).flatten(0, -2)
            informative = kind == "patch" or len(targets) > 2  # two image tokens belong to one scan and should agree
            student_side, teacher_side = (side.flatten(0, -2) for side in pairs[kind])
            sums = _sums(targets, student_side, teacher_side, informative)
            self._sums[kind] = self._sums.get(kind, torch.zeros_like(sums)) + (sums if finite else 0)
        limit = math.ceil(self.tokens / idist.get_world_size())
        rows = [teacher.image_token.detach().float()]
        self._tokens = torch.cat(rows if self._tokens is None else [self._tokens, *rows])[-limit:]
        norm = float(output["scalars"].get("gradient_norm", math.nan))
        if math.isfinite(norm):
            self._gradient_norms.append(norm)

    def _report(self, engine: Workflow) -> None:
        metrics: dict[str, float] = {}
        for kind, centre in _centres(engine).items():
            metrics |= {f"{kind}_{name}": value for name, value in _means(self._sums[kind]).items()}
            metrics[f"{kind}_centre_norm"] = float(torch.linalg.vector_norm(centre))
        tokens = self._gather_tokens()
        metrics["rankme"] = effective_rank(tokens)
        metrics["rankme_centred"] = effective_rank(tokens, centred=True)
        metrics["image_token_spread"] = relative_spread(tokens)
        total, count = (
            float(idist.all_reduce(float(x))) for x in (sum(self._gradient_norms), len(self._gradient_norms))
        )
        if count:
            metrics["gradient_norm"] = total / count
        engine.state.metrics.update(metrics)

    def _gather_tokens(self) -> Tensor:
        """Return the tokens of all processes, on the CPU; what is not finite is left out.

        All processes must contribute equally many rows, so a process with fewer pads with nan.
        """
        if self._tokens is None:
            raise RuntimeError("an epoch without a step cannot be measured")
        missing = math.ceil(self.tokens / idist.get_world_size()) - len(self._tokens)
        filling = self._tokens.new_full((missing, self._tokens.shape[1]), math.nan)
        gathered = idist.all_gather(torch.cat([self._tokens, filling]))
        if not isinstance(gathered, Tensor):
            raise TypeError(f"gathering tensors gave a {type(gathered).__name__}")
        tokens = gathered.cpu()
        return tokens[tokens.isfinite().all(dim=1)]


def _centres(engine: Workflow) -> dict[str, Tensor]:
    loss: SmitLoss = engine.loss_function  # type: ignore[attr-defined]
    return {"patch": loss.patch_centre.centre, "image": loss.image_centre.centre}


def _sums(targets: Tensor, student_logits: Tensor, teacher_logits: Tensor, informative: bool) -> Tensor:
    """Return a vector of sums over the tokens of a step, from which :func:`_means` takes means.

    Args:
        targets: Distributions ``(N, K)``.
        student_logits: Of the pairs ``(M, K)``.
        teacher_logits: The same, ``(M, K)``.
        informative: True if the distributions of the step should differ.
    """
    tokens, pairs, entropy = len(targets), len(student_logits), mean_entropy(targets)
    information = entropy_of_mean(targets) - entropy if informative else 0.0
    alike = pairs * agreement(student_logits, teacher_logits) if pairs else 0.0
    rest = [tokens * entropy, tokens, information, informative, alike, pairs]
    return torch.cat([targets.sum(dim=0, dtype=torch.float64), targets.new_tensor(rest, dtype=torch.float64)])


def _means(sums: Tensor) -> dict[str, float]:
    """Return the means over all processes; nan where nothing was counted."""
    reduced = torch.as_tensor(idist.all_reduce(sums.clone())).cpu()
    distribution, (entropy, tokens, information, steps, alike, pairs) = reduced[:-6], reduced[-6:]
    return {
        "entropy_of_mean": entropy_of_mean((distribution / tokens)[None]),
        "mean_entropy": float(entropy / tokens),
        "information": float(information / steps),
        "agreement": float(alike / pairs),
    }
