"""Training of student and teacher on pairs of views."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from monai.data import MetaTensor
from monai.engines import Trainer
from monai.engines.utils import IterationEvents
from monai.inferers import Inferer, SimpleInferer
from monai.utils import CommonKeys
from torch import Tensor
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from swinx.mixed_precision import autocast, has_mixed_precision
from swinx.pretraining.losses.smit_loss import SmitLoss, Temperatures

__all__ = ["SmitTrainer", "prepare_views"]


def prepare_views(
    batch: Mapping[str, Any], device: torch.device | str | None = None, non_blocking: bool = False
) -> tuple[Tensor, Tensor]:
    """Stack the two views of ``B`` scans, and their masks: all first views, then all second ones.

    Args:
        batch: ``view_1``, ``view_2`` of shape ``(B, C, D, H, W)`` and ``mask_1``, ``mask_2`` of ``(B, 1, d, h, w)``.
        device: Where to put them.
        non_blocking: Copy asynchronously if possible.

    Returns:
        Views ``(2B, C, D, H, W)`` and masks ``(2B, 1, d, h, w)``, plain tensors.

    Raises:
        KeyError: If one of the four is missing; the message says which transforms make them.
    """
    missing = [key for key in ("view_1", "view_2", "mask_1", "mask_2") if key not in batch]
    if missing:
        raise KeyError(f"{', '.join(missing)} missing from the batch; RandTwoViewsd and RandBlockMaskd make them")
    views, mask = (torch.cat([_plain(batch[f"{kind}_{view}"]) for view in (1, 2)]) for kind in ("view", "mask"))
    return views.to(device, non_blocking=non_blocking), mask.to(device, non_blocking=non_blocking)


class SmitTrainer(Trainer):
    """One step: teacher and student on two views of each scan, loss, backward, optimiser.

    What else happens in a step is up to handlers: gradient clipping and freezing at ``BACKWARD_COMPLETED`` (gradients
    are unscaled by then), centres and teacher at ``MODEL_COMPLETED``. ``engine.state.output`` is a list of one
    dictionary:

    - ``loss``: the weighted sum, a scalar tensor;
    - ``scalars``: numbers by name, to which handlers add theirs: ``masked_prediction``, ``patch_distillation``,
      ``image_distillation``, ``patch_temperature``, ``image_temperature``, ``learning_rate``;
    - ``student``, ``teacher``: :class:`swinx.pretraining.SmitOutput`, without gradient;
    - ``views``, ``mask``: what they saw and what was hidden from the student.

    Args:
        device: Where to train.
        max_epochs: Epochs.
        train_data_loader: Batches as for :func:`prepare_views`.
        network: A :class:`swinx.pretraining.SmitPretrainer`, or its data-parallel wrapper.
        optimizer: Optimiser of the student's parameters.
        loss_function: Its centres are moved to ``device``.
        epoch_length: Steps of an epoch, by default all batches.
        non_blocking: Copy batches asynchronously if possible.
        prepare_batch: How to make views and masks of a batch.
        inferer: How to call the network with views and masks.
        train_handlers: Handlers.
        amp: Mixed precision, where the device computes it.
        amp_kwargs: More arguments of ``torch.autocast``.

    Attributes:
        teacher_temperatures: Temperatures of the epoch; set by :class:`swinx.pretraining.TeacherTemperature`.
    """

    def __init__(
        self,
        device: str | torch.device,
        max_epochs: int,
        train_data_loader: Iterable[Any] | DataLoader[Any],
        network: torch.nn.Module,
        optimizer: Optimizer,
        loss_function: SmitLoss,
        epoch_length: int | None = None,
        non_blocking: bool = False,
        prepare_batch: Callable[..., tuple[Tensor, Tensor]] = prepare_views,
        inferer: Inferer | None = None,
        train_handlers: Sequence[Any] | None = None,
        amp: bool = False,
        amp_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.teacher_temperatures = Temperatures()
        super().__init__(
            device=device,
            max_epochs=max_epochs,
            data_loader=train_data_loader,
            epoch_length=epoch_length,
            non_blocking=non_blocking,
            prepare_batch=prepare_batch,
            handlers=train_handlers,
            amp=amp and torch.device(device).type == "cuda",  # which scales the gradients
            amp_kwargs=amp_kwargs,
            decollate=False,
        )
        self.mixed_precision = amp and has_mixed_precision(self.state.device)
        self.network = network
        self.optimizer = optimizer
        self.inferer = SimpleInferer() if inferer is None else inferer
        self.loss_function = loss_function.to(self.state.device)

    def _iteration(  # type: ignore[override]
        self, engine: SmitTrainer, batchdata: dict[str, Any]
    ) -> list[dict[str, Any]]:
        views, mask = engine.prepare_batch(batchdata, engine.state.device, engine.non_blocking)
        temperatures = engine.teacher_temperatures
        output: dict[str, Any] = {"views": views, "mask": mask}
        engine.state.output = [output]
        engine.network.train()
        engine.optimizer.zero_grad(set_to_none=True)
        with autocast(engine.state.device, enabled=engine.mixed_precision, **engine.amp_kwargs):
            student, teacher = engine.inferer(views, engine.network, mask)
            engine.fire_event(IterationEvents.FORWARD_COMPLETED)
            terms = engine.loss_function(student, teacher, views, mask, temperatures)
        output |= {
            CommonKeys.LOSS: terms.total.detach(),
            "student": type(student)(*(_detached(value) for value in student)),
            "teacher": teacher,
            "scalars": {
                "masked_prediction": terms.masked_prediction.item(),
                "patch_distillation": terms.patch_distillation.item(),
                "image_distillation": terms.image_distillation.item(),
                "patch_temperature": temperatures.patch,
                "image_temperature": temperatures.image,
                "learning_rate": float(engine.optimizer.param_groups[0]["lr"]),
            },
        }
        engine.fire_event(IterationEvents.LOSS_COMPLETED)
        self._step(engine, terms.total)
        engine.fire_event(IterationEvents.MODEL_COMPLETED)
        return [output]

    @staticmethod
    def _step(engine: SmitTrainer, loss: Tensor) -> None:
        if engine.scaler is None:
            loss.backward()  # type: ignore[no-untyped-call]
            engine.fire_event(IterationEvents.BACKWARD_COMPLETED)
            engine.optimizer.step()
            return
        engine.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        engine.scaler.unscale_(engine.optimizer)
        engine.fire_event(IterationEvents.BACKWARD_COMPLETED)
        engine.scaler.step(engine.optimizer)
        engine.scaler.update()


def _plain(value: Tensor) -> Tensor:
    return value.as_tensor() if isinstance(value, MetaTensor) else value


def _detached(value: Tensor | None) -> Tensor | None:
    return None if value is None else value.detach()
