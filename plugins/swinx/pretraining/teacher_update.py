"""What moves the teacher: its weights, its centres, its temperatures."""

from __future__ import annotations

from ignite.engine import Events
from monai.engines import Workflow
from monai.engines.utils import IterationEvents

from swinx.pretraining.losses.smit_loss import SmitLoss, Temperatures
from swinx.pretraining.schedules import cosine_momentum, linear_ramp
from swinx.pretraining.smit_network import SmitPretrainer

__all__ = ["CentreUpdate", "TeacherTemperature", "TeacherUpdate"]


class TeacherUpdate:
    """Let the teacher follow the student after each step, by an exponential moving average.

    The momentum rises from ``start`` to ``end`` on half a cosine over all steps of the run; a step is counted over
    the whole run, so that a resumed run goes on where it was. It is added to the step's ``scalars`` as
    ``teacher_momentum``.

    Args:
        network: The pretrainer itself, not its data-parallel wrapper.
        start: Momentum of the first step.
        end: Momentum towards the end.

    Raises:
        ValueError: If a momentum is not in [0, 1].
    """

    def __init__(self, network: SmitPretrainer, start: float = 0.996, end: float = 1.0) -> None:
        if not (0 <= start <= 1 and 0 <= end <= 1):
            raise ValueError(f"the teacher's momentum must be in [0, 1], not {start} to {end}")
        self.network = network
        self.start = start
        self.end = end

    def attach(self, engine: Workflow) -> None:
        """Listen to a ``SmitTrainer``."""
        engine.add_event_handler(IterationEvents.MODEL_COMPLETED, self)

    def __call__(self, engine: Workflow) -> None:
        """Update the teacher."""
        total = engine.state.max_epochs * engine.state.epoch_length
        momentum = cosine_momentum(engine.state.iteration - 1, total, self.start, self.end)
        self.network.update_teacher(momentum)
        engine.state.output[0]["scalars"]["teacher_momentum"] = momentum


class CentreUpdate:
    """Move the centres of the teacher's logits after each step.

    Args:
        loss: The loss that holds the centres.
    """

    def __init__(self, loss: SmitLoss) -> None:
        self.loss = loss

    def attach(self, engine: Workflow) -> None:
        """Listen to a ``SmitTrainer``."""
        engine.add_event_handler(IterationEvents.MODEL_COMPLETED, self)

    def __call__(self, engine: Workflow) -> None:
        """Update both centres with the teacher's logits of this step."""
        self.loss.update_centres(engine.state.output[0]["teacher"])


class TeacherTemperature:
    """Set the teacher's temperatures at the start of each epoch: constant, then linearly up, then constant.

    Args:
        start: Temperature at first.
        end: Temperature at last.
        ramp_epochs: Epochs from the one to the other, both included.
        patch_delay_epochs: Epochs for which the temperature of patch tokens stays at ``start``.
        image_delay_epochs: The same for image tokens.

    Raises:
        ValueError: If a temperature is not positive or a number of epochs is negative.

    Reference:
        iBOT, https://arxiv.org/abs/2111.07832, appendix on temperatures; SMIT, https://arxiv.org/abs/2205.10342.
    """

    def __init__(
        self,
        start: float = 0.04,
        end: float = 0.07,
        ramp_epochs: int = 30,
        patch_delay_epochs: int = 30,
        image_delay_epochs: int = 0,
    ) -> None:
        if min(start, end) <= 0 or min(ramp_epochs, patch_delay_epochs, image_delay_epochs) < 0:
            raise ValueError(
                f"temperatures {start}, {end} must be positive, and epochs {ramp_epochs}, {patch_delay_epochs}, "
                f"{image_delay_epochs} not negative"
            )
        self.start = start
        self.end = end
        self.ramp_epochs = ramp_epochs
        self.delays = {"patch": patch_delay_epochs, "image": image_delay_epochs}

    def attach(self, engine: Workflow) -> None:
        """Listen to a ``SmitTrainer``."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Workflow) -> None:
        """Set ``engine.teacher_temperatures``."""
        engine.teacher_temperatures = self.at(engine.state.epoch - 1)  # type: ignore[attr-defined]

    def at(self, epoch: int) -> Temperatures:
        """Return the temperatures of an epoch, counted from 0."""
        return Temperatures(
            **{kind: linear_ramp(epoch, self.start, self.end, d, self.ramp_epochs) for kind, d in self.delays.items()}
        )
