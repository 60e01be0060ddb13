"""Trainer of SMIT: the iteration of student and teacher on two views of each scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from ignite.engine import Events
from monai.data import MetaTensor
from monai.engines import Trainer
from monai.engines.utils import IterationEvents
from monai.inferers import Inferer, SimpleInferer
from monai.utils import CommonKeys
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader

from swinx.mixed_precision import autocast, has_mixed_precision
from swinx.pretraining.schedules import MomentumSchedule, TemperatureSchedule
from swinx.pretraining.smit_loss import SmitLoss
from swinx.pretraining.smit_network import SmitPretrainer
from swinx.runs import seed_epoch

__all__ = ["SmitTrainer", "prepare_views"]


class SmitTrainer(Trainer):
    """SMIT's training loop: everything that changes student, teacher, centres or learning rate is in its iteration.

    Handlers measure, log and save; a handler that is left out changes no weight. Momentum and temperatures depend on
    the step and the epoch alone, so a resumed training needs no state of theirs. ``engine.state.output`` is a list of
    one dictionary:

    - ``loss``: the weighted sum, a scalar tensor;
    - ``scalars``: numbers by name: ``masked_prediction``, ``patch_distillation``, ``image_distillation``,
      ``patch_temperature``, ``image_temperature``, ``learning_rate``, ``gradient_norm`` (before clipping),
      ``teacher_momentum``;
    - ``temperatures``: :class:`swinx.pretraining.Temperatures` of the epoch;
    - ``student``, ``teacher``: :class:`swinx.pretraining.SmitOutput`, without gradient;
    - ``views``, ``mask``: the input, and the blocks that were masked for the student.

    Args:
        device: Device of network, loss and batches.
        max_epochs: Epochs.
        train_data_loader: Batches as for :func:`prepare_views`.
        network: A :class:`swinx.pretraining.SmitPretrainer`, or its data-parallel wrapper.
        optimizer: Optimiser of the student's parameters.
        loss_function: Loss with the teacher's centres, which are moved to ``device``.
        lr_scheduler: Schedule of the learning rate, advanced after each step.
        temperatures: Schedule of the teacher's temperatures.
        momentum: Schedule of the teacher's moving average.
        max_gradient_norm: Bound of the joint L2 norm of all gradients; None for no clipping. iBOT clips each
            parameter at 3.0 by itself, which hardly ever acts; the joint norm keeps the direction of the step.
        freeze_prototypes_epochs: Epochs in which the heads' last layers keep their weights (DINO,
            https://arxiv.org/abs/2104.14294, appendix on the projection head).
        seed: Seed of each epoch, see :func:`swinx.runs.seed_epoch`; None leaves the generators as they are.
        inferer: Inferer that calls the network with views and masks.
        train_handlers: Handlers.
        amp: Mixed precision, where the device computes it.

    Raises:
        ValueError: If the bound of the gradients is not positive.
    """

    def __init__(
        self,
        device: str | torch.device,
        max_epochs: int,
        train_data_loader: Iterable[Any] | DataLoader[Any],
        network: nn.Module,
        optimizer: Optimizer,
        loss_function: SmitLoss,
        lr_scheduler: LRScheduler | None = None,
        temperatures: TemperatureSchedule | None = None,
        momentum: MomentumSchedule | None = None,
        max_gradient_norm: float | None = 3.0,
        freeze_prototypes_epochs: int = 1,
        seed: int | None = None,
        inferer: Inferer | None = None,
        train_handlers: Sequence[Any] | None = None,
        amp: bool = False,
    ) -> None:
        if max_gradient_norm is not None and max_gradient_norm <= 0:
            raise ValueError(f"max_gradient_norm must be a positive number or None, not {max_gradient_norm}")
        super().__init__(
            device=device,
            max_epochs=max_epochs,
            data_loader=train_data_loader,
            prepare_batch=prepare_views,
            handlers=train_handlers,
            amp=amp and torch.device(device).type == "cuda",  # which scales the gradients
            decollate=False,
        )
        self.mixed_precision = amp and has_mixed_precision(self.state.device)
        self.network = network
        self.pretrainer = _unwrapped(network)
        self.optimizer = optimizer
        self.loss_function = loss_function.to(self.state.device)
        self.lr_scheduler = lr_scheduler
        self.temperatures = temperatures or TemperatureSchedule()
        self.momentum = momentum or MomentumSchedule()
        self.max_gradient_norm = max_gradient_norm
        self.freeze_prototypes_epochs = freeze_prototypes_epochs
        self.inferer = SimpleInferer() if inferer is None else inferer
        if seed is not None:
            dataset = getattr(train_data_loader, "dataset", None)
            self.add_event_handler(Events.EPOCH_STARTED, lambda: seed_epoch(seed, self.state.epoch, dataset))

    def _iteration(  # type: ignore[override] # other names, and a list, as MONAI's handlers take it
        self, _engine: Any, batchdata: dict[str, Any]
    ) -> list[dict[str, Any]]:
        views, mask = self.prepare_batch(batchdata, self.state.device, self.non_blocking)
        output: dict[str, Any] = {"views": views, "mask": mask}
        self.state.output = [output]
        epoch, step = self.state.epoch - 1, self.state.iteration - 1
        temperatures = self.temperatures.at(epoch)
        momentum = self.momentum.at(step, self.state.max_epochs * self.state.epoch_length)
        learning_rate = float(self.optimizer.param_groups[0]["lr"])

        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.state.device, enabled=self.mixed_precision):
            student, teacher = self.inferer(views, self.network, mask)
            self.fire_event(IterationEvents.FORWARD_COMPLETED)
            terms = self.loss_function(student, teacher, views, mask, temperatures)
        output |= {
            CommonKeys.LOSS: terms.total.detach(),
            "student": student.detached(),
            "teacher": teacher,
            "temperatures": temperatures,
            "scalars": {
                "masked_prediction": terms.masked_prediction.item(),
                "patch_distillation": terms.patch_distillation.item(),
                "image_distillation": terms.image_distillation.item(),
                "patch_temperature": temperatures.patch,
                "image_temperature": temperatures.image,
                "learning_rate": learning_rate,
            },
        }
        self.fire_event(IterationEvents.LOSS_COMPLETED)

        scaler = self.scaler or torch.GradScaler(enabled=False)
        scaler.scale(terms.total).backward()
        scaler.unscale_(self.optimizer)
        self.fire_event(IterationEvents.BACKWARD_COMPLETED)
        gradient_norm = nn.utils.clip_grad_norm_(
            self.pretrainer.student.parameters(), self.max_gradient_norm or float("inf")
        )
        if epoch < self.freeze_prototypes_epochs:
            self.pretrainer.student.cancel_prototype_gradients()
        scaler.step(self.optimizer)
        scaler.update()
        if self.lr_scheduler is not None:
            self.lr_scheduler.step()

        self.pretrainer.update_teacher(momentum)
        self.loss_function.update_centres(teacher)
        output["scalars"] |= {"gradient_norm": float(gradient_norm), "teacher_momentum": momentum}
        self.fire_event(IterationEvents.MODEL_COMPLETED)
        return [output]


def prepare_views(
    batch: Mapping[str, Any], device: torch.device | str | None = None, non_blocking: bool = False
) -> tuple[Tensor, Tensor]:
    """Stack the two views of ``B`` scans, and their masks: all first views, then all second ones.

    Args:
        batch: ``view_1``, ``view_2`` of shape ``(B, C, D, H, W)`` and ``mask_1``, ``mask_2`` of ``(B, 1, d, h, w)``.
        device: Device of the results.
        non_blocking: Asynchronous copy, where possible.

    Returns:
        Views ``(2B, C, D, H, W)`` and masks ``(2B, 1, d, h, w)``, plain tensors.

    Raises:
        KeyError: If one of the four is missing; the message names the transforms that make them.
    """
    missing = [key for key in ("view_1", "view_2", "mask_1", "mask_2") if key not in batch]
    if missing:
        raise KeyError(f"{', '.join(missing)} missing from the batch; RandTwoViewsd and RandBlockMaskd make them")
    views, mask = (torch.cat([_plain(batch[f"{kind}_{view}"]) for view in (1, 2)]) for kind in ("view", "mask"))
    return views.to(device, non_blocking=non_blocking), mask.to(device, non_blocking=non_blocking)


def _unwrapped(network: nn.Module) -> SmitPretrainer:
    inner = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
    if not isinstance(inner, SmitPretrainer):
        raise TypeError(f"SmitTrainer trains a SmitPretrainer, not a {type(inner).__name__}")
    return inner


def _plain(value: Tensor) -> Tensor:
    return value.as_tensor() if isinstance(value, MetaTensor) else value
