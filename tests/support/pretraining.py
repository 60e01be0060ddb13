"""A whole pretraining, with the handlers of the bundle, that takes a second."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from monai.data import DataLoader, Dataset, MetaTensor
from monai.optimizers import WarmupCosineSchedule

from swinx.networks import SwinEncoder
from swinx.pretraining import (
    MomentumSchedule,
    SmitLoss,
    SmitNetwork,
    SmitPretrainer,
    SmitTrainer,
    TemperatureSchedule,
)
from swinx.training import LatestModel, StepLog, TrainingHistory, TrainingState

__all__ = ["STEPS_PER_EPOCH", "Pretraining", "small_student", "start_pretraining", "view_pairs"]

STEPS_PER_EPOCH = 2
OUT_DIM = 16


@dataclass
class Pretraining:
    """The trainer and what it was made of."""

    trainer: SmitTrainer
    network: SmitPretrainer
    loss: SmitLoss
    optimizer: torch.optim.Optimizer
    folder: Path

    def run(self) -> Pretraining:
        """Train to the end."""
        self.trainer.run()
        return self

    def fail_at(self, iteration: int) -> Pretraining:
        """Let the process "die" after a step has changed the weights."""

        def die(engine: SmitTrainer) -> None:
            if engine.state.iteration == iteration:
                raise KeyboardInterrupt

        self.trainer.add_event_handler(Events.ITERATION_COMPLETED, die)
        return self

    def everything(self) -> dict[str, torch.Tensor]:
        """All tensors of the state: networks, centres, running averages of the optimiser."""
        found = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        found |= {f"loss.{name}": tensor for name, tensor in self.loss.state_dict().items()}
        for index, averages in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in averages.items()}
        return found


def small_student(drop_path_rate: float = 0.2) -> SmitNetwork:
    """The same weights every time."""
    torch.manual_seed(7)
    encoder = SwinEncoder(embed_dim=4, num_heads=(1, 2, 2, 4), drop_path_rate=drop_path_rate)
    return SmitNetwork(encoder, out_dim=OUT_DIM, hidden_dim=16, bottleneck_dim=8)


def view_pairs(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Smooth noise, with half of the blocks hidden."""
    generator = torch.Generator().manual_seed(seed)
    items = []
    for index in range(count):
        item: dict[str, Any] = {}
        for view in (1, 2):
            blobs = torch.rand(1, 1, 8, 8, 8, generator=generator)
            image = torch.nn.functional.interpolate(blobs, scale_factor=4, mode="trilinear")[0]
            mask = torch.zeros(8).index_fill(0, torch.randperm(8, generator=generator)[:4], 1).view(1, 2, 2, 2)
            item |= {
                f"view_{view}": MetaTensor(image, meta={"filename_or_obj": f"scan_{index}.nii.gz"}),
                f"mask_{view}": mask,
            }
        items.append(item)
    return items


def start_pretraining(
    folder: Path,
    max_epochs: int = 3,
    resume: bool = True,
    items: list[dict[str, Any]] | None = None,
    learning_rate: float = 1e-3,
    drop_path_rate: float = 0.2,
    momentum: float = 0.9,
    max_gradient_norm: float | None = 3.0,
    extra_handlers: tuple[Any, ...] = (),
    batch_size: int = 2,
    shuffle: bool = True,
    parallel: bool = False,
) -> Pretraining:
    """Make everything afresh, as a new process does, with its files in ``folder``."""
    network = SmitPretrainer(small_student(drop_path_rate))
    loss = SmitLoss(OUT_DIM)
    optimizer = torch.optim.AdamW(network.student.parameters(), lr=learning_rate, weight_decay=0.04)
    scheduler = WarmupCosineSchedule(optimizer, STEPS_PER_EPOCH, max_epochs * STEPS_PER_EPOCH, warmup_multiplier=0.01)
    dataset = Dataset(items or view_pairs(2 * STEPS_PER_EPOCH))
    trainer = SmitTrainer(
        device=torch.device("cpu"),
        max_epochs=max_epochs,
        train_data_loader=DataLoader(dataset, batch_size=batch_size, shuffle=shuffle),
        network=torch.nn.parallel.DistributedDataParallel(network) if parallel else network,
        optimizer=optimizer,
        loss_function=loss,
        lr_scheduler=scheduler,
        temperatures=TemperatureSchedule(ramp_epochs=2, patch_delay_epochs=1),
        momentum=MomentumSchedule(start=momentum),
        max_gradient_norm=max_gradient_norm,
        seed=0,
        train_handlers=[
            *extra_handlers,
            StepLog(str(folder / "steps.csv"), interval=1),
            TrainingHistory(str(folder / "history.csv"), optimizer),
            LatestModel(network.student, str(folder / "model.pt")),
            TrainingState(
                str(folder / "state.pt"), network, optimizer, scheduler, resume=resume, modules={"loss": loss}
            ),
        ],
    )
    return Pretraining(trainer, network, loss, optimizer, folder)
