"""FrozenEncoder: the encoder rests for its epochs and learns after them, also in a training that was resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events
from monai.optimizers import WarmupCosineSchedule

from swinx.networks import SwinXSeg, fine_tuning_groups
from swinx.training import FrozenEncoder, TrainingState

EPOCHS, STEPS, FROZEN = 4, 2, 2


class Halves(torch.nn.Module):
    """An encoder and a decoder of one convolution each."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.encoder = torch.nn.Conv3d(1, 4, 3, padding=1)
        self.decoder = torch.nn.Conv3d(4, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return an image of the same shape."""
        return self.decoder(torch.relu(self.encoder(image)))


def train(folder: Path, frozen: int = FROZEN, fail_in: int = 0) -> tuple[Halves, list[torch.Tensor]]:
    """Train in steps that depend on their number alone; return the network and the encoder after each epoch.

    Args:
        folder: Place of the state, from which it goes on.
        frozen: Epochs of a frozen encoder.
        fail_in: Epoch in whose middle the process "dies".
    """
    network = Halves()
    groups = [
        {"params": [network.encoder.weight], "lr": 0.01},
        {"params": [network.decoder.weight]},
        {"params": [network.encoder.bias, network.decoder.bias], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.02, weight_decay=0.1)
    schedule = WarmupCosineSchedule(optimizer, 1, EPOCHS * STEPS, warmup_multiplier=0.01)
    seen = []

    def step(engine: Engine, _batch: object) -> None:
        if engine.state.epoch == fail_in and engine.state.iteration % STEPS == 0:
            raise KeyboardInterrupt
        generator = torch.Generator().manual_seed(engine.state.iteration)
        image = torch.randn(2, 1, 4, 4, 4, generator=generator)
        optimizer.zero_grad()
        (network(image) - image).square().mean().backward()
        optimizer.step()
        schedule.step()

    engine = Engine(step)
    FrozenEncoder(network.encoder, frozen).attach(engine)
    TrainingState(str(folder / "state.pt"), network, optimizer, schedule).attach(engine)
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: seen.append(network.encoder.weight.detach().clone()))
    try:
        engine.run([0] * STEPS, max_epochs=EPOCHS)
    except KeyboardInterrupt:
        assert fail_in
    return network, seen


def test_a_frozen_encoder_stays_for_its_epochs_and_changes_after_them(tmp_path):
    network, seen = train(tmp_path)
    first = Halves()
    assert all(torch.equal(weight, first.encoder.weight) for weight in seen[:FROZEN])
    assert not torch.equal(seen[FROZEN], first.encoder.weight)
    assert not torch.equal(network.decoder.weight, first.decoder.weight)
    assert not torch.equal(network.encoder.bias, first.encoder.bias)


def test_without_epochs_nothing_is_frozen(tmp_path):
    _, seen = train(tmp_path, frozen=0)
    assert not torch.equal(seen[0], Halves().encoder.weight)


@pytest.mark.parametrize("fail_in", [2, 3, 4], ids=["in-the-freeze", "right-after-it", "later"])
def test_a_resumed_training_ends_with_the_weights_of_an_uninterrupted_one(tmp_path, fail_in):
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    whole, _ = train(tmp_path / "whole")
    train(tmp_path / "broken", fail_in=fail_in)
    resumed, seen = train(tmp_path / "broken")
    assert len(seen) == EPOCHS - fail_in + 1, "it went on"
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_the_encoder_of_the_segmentation_gets_no_gradient_while_it_is_frozen():
    network = SwinXSeg(embed_dim=4, num_heads=(1, 2, 2, 4), decoder_channels=4, norm="group")
    optimizer = torch.optim.AdamW(fine_tuning_groups(network, 0.01, 0.1, 0.005, 0.9, decay_norms=False))
    before = {name: tensor.detach().clone() for name, tensor in network.named_parameters()}

    def step(_engine: Engine, _batch: object) -> None:
        network(torch.rand(2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))).square().mean().backward()
        optimizer.step()

    engine = Engine(step)
    FrozenEncoder(network.encoder, 1).attach(engine)
    engine.run([0], max_epochs=1)
    changed = {name for name, tensor in network.named_parameters() if not torch.equal(tensor, before[name])}
    assert changed
    assert not any(name.startswith("encoder.") for name in changed)
    engine.run([0], max_epochs=2)
    assert not torch.equal(network.encoder.patch_embed.proj.weight, before["encoder.patch_embed.proj.weight"])


def test_a_negative_number_of_epochs_is_refused():
    with pytest.raises(ValueError, match="freeze_encoder_epochs must not be negative"):
        FrozenEncoder(torch.nn.Identity(), -1)
