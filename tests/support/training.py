"""A whole training, with the handlers of the bundle, that takes a tenth of a second."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from ignite.engine import Events
from monai.data import DataLoader, Dataset, MetaTensor
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import LrScheduleHandler, MeanDice, ValidationHandler, from_engine
from monai.losses import DiceCELoss
from monai.optimizers import WarmupCosineSchedule
from monai.transforms import AsDiscreted, Compose, RandFlipd, RandGaussianNoised

from swinx.training import BestModel, EpochSeed, TrainingHistory, TrainingState

__all__ = ["STEPS_PER_EPOCH", "WARMUP_EPOCHS", "Training", "cases", "small_network", "start_training"]

STEPS_PER_EPOCH = 3
WARMUP_EPOCHS = 1
SIZE = (6, 5, 4)


@dataclass
class Training:
    """The engines of a training and what they were made of."""

    trainer: SupervisedTrainer
    evaluator: SupervisedEvaluator
    network: torch.nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: WarmupCosineSchedule
    state_path: Path
    model_path: Path
    history_path: Path
    rates: list[float] = field(default_factory=list)
    """Learning rate of each step that was taken."""

    def run(self) -> Training:
        """Train to the end."""
        self.trainer.run()
        return self

    def fail_at(self, epoch: int, step: int = 2) -> Training:
        """Let the process "die" within an epoch, after the weights of that step have changed."""

        def die(engine: SupervisedTrainer) -> None:
            if engine.state.iteration == (epoch - 1) * STEPS_PER_EPOCH + step:
                raise KeyboardInterrupt

        self.trainer.add_event_handler(Events.ITERATION_COMPLETED, die)
        return self


def small_network(width: int = 4) -> torch.nn.Module:
    """Three classes, with dropout, from the same weights every time."""
    torch.manual_seed(7)
    return torch.nn.Sequential(
        torch.nn.Conv3d(1, width, 3, padding=1),
        torch.nn.PReLU(),
        torch.nn.Dropout(0.3),
        torch.nn.Conv3d(width, 3, 1),
    )


def cases(count: int, seed: int) -> list[dict[str, MetaTensor]]:
    """Noise whose label is where it is bright."""
    generator = torch.Generator().manual_seed(seed)
    items = []
    for index in range(count):
        image = torch.randn(1, *SIZE, generator=generator)
        label = (image > 0.3).to(torch.uint8) + (image > 1.0)
        name = {"filename_or_obj": f"scan_{index}.nii.gz"}
        items.append({"image": MetaTensor(image, meta=name), "label": MetaTensor(label, meta=name)})
    return items


def start_training(
    folder: Path,
    max_epochs: int = 5,
    resume: bool = True,
    seed: int = 0,
    width: int = 4,
    num_workers: int = 0,
    interval: int = 1,
    val_interval: int = 1,
    learning_rate: float = 0.02,
    weight_decay: float = 0.01,
    steps_per_epoch: int = STEPS_PER_EPOCH,
    train_cases: list[dict[str, MetaTensor]] | None = None,
) -> Training:
    """Make everything afresh, as a new process does, with its files in ``folder``."""
    paths = folder / "training_state.pt", folder / "models" / "model.pt", folder / "history.csv"
    network = small_network(width)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=weight_decay)
    scheduler = WarmupCosineSchedule(
        optimizer, WARMUP_EPOCHS * steps_per_epoch, max_epochs * steps_per_epoch, warmup_multiplier=0.01
    )
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset(cases(2, seed=99))),
        network=network,
        postprocessing=Compose([AsDiscreted("pred", argmax=True)]),
        key_val_metric={
            "dice": MeanDice(include_background=False, num_classes=3, output_transform=from_engine(["pred", "label"]))
        },
        val_handlers=[BestModel(network, str(paths[1]))],
    )
    noise = Compose(
        [RandFlipd(["image", "label"], prob=0.5, spatial_axis=0), RandGaussianNoised("image", prob=0.7, std=0.5)]
    )
    dataset = Dataset(train_cases or cases(2 * steps_per_epoch, seed=1), noise)
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=max_epochs,
        train_data_loader=DataLoader(dataset, batch_size=2, shuffle=True, num_workers=num_workers),
        network=network,
        optimizer=optimizer,
        loss_function=DiceCELoss(to_onehot_y=True, softmax=True),
        train_handlers=[
            EpochSeed(seed, dataset),
            LrScheduleHandler(scheduler, print_lr=False, epoch_level=False),
            ValidationHandler(val_interval, evaluator),
            TrainingHistory(str(paths[2]), optimizer, evaluator),
            TrainingState(str(paths[0]), network, optimizer, scheduler, evaluator, resume, interval),
        ],
    )
    training = Training(trainer, evaluator, network, optimizer, scheduler, *paths)
    trainer.add_event_handler(
        Events.ITERATION_STARTED, lambda: training.rates.append(float(optimizer.param_groups[0]["lr"]))
    )
    return training
