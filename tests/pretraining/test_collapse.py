"""CollapseDetector: a run that tells nothing apart ends with a reason, and no other does."""

from __future__ import annotations

import logging
import math
from typing import Any

import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import DataLoader

from swinx.errors import TrainingError
from swinx.networks import SwinEncoder
from swinx.pretraining import (
    CollapseDetector,
    MomentumSchedule,
    PretrainingHealth,
    SmitLoss,
    SmitNetwork,
    SmitPretrainer,
    SmitTrainer,
    TemperatureSchedule,
)
from swinx.training import LatestModel, TrainingHistory

K = 64
HEALTHY = {
    "patch_entropy_of_mean": 0.8 * math.log(K),
    "patch_mean_entropy": 2.0,
    "patch_information": 0.3,
    "image_entropy_of_mean": 0.6 * math.log(K),
    "image_mean_entropy": 2.0,
    "image_information": 0.4,
    "image_token_spread": 0.2,
}
ONE_PROTOTYPE = HEALTHY | {"patch_entropy_of_mean": 0.05 * math.log(K)}
ALIKE = HEALTHY | {"patch_information": 0.0003, "patch_mean_entropy": 4.15, "image_information": 0.0001}
ALIKE_PATCHES_OF_ONE_SCAN = ALIKE | {"image_information": math.nan}
IMAGES_ALIKE = HEALTHY | {"image_information": 0.0003, "image_mean_entropy": 4.157}
FEW_SCANS = HEALTHY | {"image_information": 0.0025}
PATCHES_ALIKE = ALIKE | {"image_information": 0.4}
SAME_TOKEN = HEALTHY | {"image_token_spread": 0.005}
UNKNOWN = HEALTHY | {"patch_information": math.nan, "image_information": math.nan}


def epochs_run(*metrics: dict[str, float], **settings: Any) -> int:
    """Return after how many epochs with these metrics the run ended, or raise what ended it."""
    engine = Engine(lambda _engine, _batch: None)
    engine.loss_function = SmitLoss(K, **{name: settings.pop(name) for name in list(settings) if "weight" in name})
    settings = {"patience": 2, "start_epoch": 0} | settings
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda e: e.state.metrics.update(metrics[e.state.epoch - 1]))
    CollapseDetector(**settings).attach(engine)
    try:
        engine.run([0], max_epochs=len(metrics))
    except TrainingError as error:
        error.epoch = engine.state.epoch
        raise
    return engine.state.epoch


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (ONE_PROTOTYPE, r"patch_entropy_of_mean 0\.21 .* below 0\.42: nearly all patches .* same few"),
        (ALIKE, r"patch_information 0\.0003 .* below 0\.02: .* all patches .* entropy 4\.15 \(uniform: 4\.16\)"),
        (PATCHES_ALIKE, r"patch_information 0\.0003 .* below 0\.02: .* all patches"),
        (IMAGES_ALIKE, r"image_information 0\.0003 .* below 0\.002: .* all scans .* entropy 4\.16 \(uniform: 4\.16\)"),
        (ALIKE_PATCHES_OF_ONE_SCAN, r"patch_information 0\.0003 .* below 0\.02: .* all patches"),
        (SAME_TOKEN, r"image_token_spread 0\.005 .* below 0\.01: all scans have nearly the same image token"),
    ],
)
def test_a_sign_for_as_many_epochs_as_there_is_patience_stops_with_value_limit_and_meaning(bad, reason):
    with pytest.raises(TrainingError, match=reason) as caught:
        epochs_run(HEALTHY, bad, bad, HEALTHY)
    assert caught.value.epoch == 3
    assert "for 2 epochs in a row" in str(caught.value)


def test_the_message_says_what_to_do_and_what_was_saved():
    with pytest.raises(TrainingError, match=r"learning_rate.*centre_momentum.*collapse_patience 0") as caught:
        epochs_run(HEALTHY, ALIKE, ALIKE)
    assert "start the same command again: it goes on from epoch 1, the last one saved" in str(caught.value)
    assert ". " not in str(caught.value), "one sentence"


@pytest.mark.parametrize(
    "metrics",
    [
        pytest.param([HEALTHY] * 4, id="healthy"),
        pytest.param([ALIKE, HEALTHY, ALIKE, HEALTHY], id="not-in-a-row"),
        pytest.param([ALIKE, SAME_TOKEN, ALIKE, SAME_TOKEN], id="not-the-same-sign"),
        pytest.param([UNKNOWN] * 4, id="not-measured"),
        pytest.param([FEW_SCANS] * 4, id="few-scans-a-step-are-told-apart-late"),
        pytest.param([PATCHES_ALIKE, UNKNOWN, PATCHES_ALIKE], id="not-measured-in-between"),
    ],
)
def test_other_runs_are_not_stopped(metrics):
    assert epochs_run(*metrics) == len(metrics)


def test_epochs_up_to_the_one_from_which_on_is_judged_do_not_count():
    assert epochs_run(ALIKE, ALIKE, ALIKE, ALIKE, HEALTHY, start_epoch=3) == 5
    with pytest.raises(TrainingError, match="in epoch 5") as caught:
        epochs_run(ALIKE, ALIKE, ALIKE, ALIKE, ALIKE, ALIKE, start_epoch=3)
    assert caught.value.epoch == 5


def test_without_patience_nothing_is_stopped():
    assert epochs_run(*[ALIKE] * 5, patience=0) == 5


def test_a_suspicious_epoch_is_logged_before_the_run_is_stopped(caplog):
    with caplog.at_level(logging.WARNING):
        epochs_run(HEALTHY, ALIKE, HEALTHY)
    assert "suspicious epoch, 1 of 2 in a row, not saved: patch_information 0.0003 in epoch 2" in caplog.text


def test_another_process_that_stops_stops_this_one(monkeypatch):
    """As if the numbers of the other process were rounded to below a minimum."""
    monkeypatch.setattr("swinx.pretraining.collapse.idist.all_reduce", lambda _value, op: {"MAX": 1}[op])
    with pytest.raises(TrainingError, match="in epoch 2"):
        epochs_run(HEALTHY, HEALTHY, HEALTHY)


def test_minima_are_settings():
    assert epochs_run(*[PATCHES_ALIKE] * 3, minimum_information=0.0001) == 3
    assert epochs_run(*[IMAGES_ALIKE] * 3, minimum_image_information=0.0001) == 3
    assert epochs_run(*[ONE_PROTOTYPE] * 3, minimum_entropy_share=0.04) == 3
    assert epochs_run(*[SAME_TOKEN] * 3, minimum_spread=0.0) == 3
    with pytest.raises(ValueError, match=r"minima 0\.1, -1, .* must not be negative"):
        CollapseDetector(minimum_information=-1)
    with pytest.raises(ValueError, match="patience -1"):
        CollapseDetector(patience=-1)


def test_without_the_measurement_before_it_it_says_what_is_missing():
    with pytest.raises(KeyError, match=r"patch_information.*attach PretrainingHealth before"):
        epochs_run({}, {})


def test_heads_that_the_loss_does_not_train_are_not_judged_and_the_encoder_still_is():
    assert epochs_run(*[ALIKE] * 4, patch_weight=0.0, image_weight=0.0) == 4
    assert epochs_run(*[IMAGES_ALIKE] * 4, image_weight=0.0) == 4
    with pytest.raises(TrainingError, match="patch_information"):
        epochs_run(*[ALIKE] * 4, image_weight=0.0)
    with pytest.raises(TrainingError, match="image_token_spread"):
        epochs_run(*[SAME_TOKEN] * 4, patch_weight=0.0, image_weight=0.0)


def brick_scans(count: int = 4) -> list[dict[str, torch.Tensor]]:
    """Eight bricks, bright or dark, that differ from scan to scan; the views differ by noise."""
    generator = torch.Generator().manual_seed(3)
    items = []
    for _ in range(count):
        bricks = 0.2 * torch.rand(1, 1, 2, 2, 2, generator=generator)
        bricks += 0.8 * (torch.rand(1, 1, 2, 2, 2, generator=generator) > 0.5)
        scan = torch.nn.functional.interpolate(bricks, scale_factor=16)[0]
        item = {}
        for view in (1, 2):
            item[f"view_{view}"] = (scan + 0.02 * torch.randn(scan.shape, generator=generator)).clamp(0, 1)
            hidden = torch.randperm(8, generator=generator)[:2]
            item[f"mask_{view}"] = torch.zeros(8).index_fill(0, hidden, 1).view(1, 2, 2, 2)
        items.append(item)
    return items


def run_with_heads(break_head, epochs: int = 4, teacher_temperature: float = 0.04) -> int:
    """Train a step an epoch, hardly moving, after the heads were broken; return the epochs that were run."""
    torch.manual_seed(7)
    encoder = SwinEncoder(embed_dim=4, num_heads=(1, 2, 2, 4), drop_path_rate=0.0)
    network = SmitPretrainer(SmitNetwork(encoder, out_dim=K, hidden_dim=128, bottleneck_dim=32))
    with torch.no_grad():
        for head in (network.student.patch_head, network.student.image_head):
            break_head(head)
    network.restart_teacher()
    trainer = SmitTrainer(
        device="cpu",
        max_epochs=epochs,
        train_data_loader=DataLoader(brick_scans(), batch_size=4),
        network=network,
        optimizer=torch.optim.AdamW(network.student.parameters(), lr=1e-9),
        loss_function=SmitLoss(K, centre_momentum=1 - 1e-9),
        temperatures=TemperatureSchedule(teacher_temperature, teacher_temperature),
        train_handlers=[PretrainingHealth(), CollapseDetector(patience=2, start_epoch=1)],
    )
    trainer.run()
    return trainer.state.epoch


def uniform(head) -> None:
    """All prototypes are one: every logit of a token is the same."""
    head.last_layer.weight.copy_(head.last_layer.weight[:1].expand_as(head.last_layer.weight))


def one_hot(head) -> None:
    """All tokens point to the same prototype, whatever they are."""
    head.mlp[-1].weight.zero_()
    head.mlp[-1].bias.copy_(head.last_layer.weight[5])


def test_a_run_whose_head_is_uniform_and_one_whose_head_knows_one_prototype_stop_and_a_healthy_one_does_not():
    assert run_with_heads(lambda _head: None) == 4
    with pytest.raises(TrainingError, match=r"epoch 3 .*the same distribution, of entropy 4\.16 \(uniform: 4\.16"):
        run_with_heads(uniform)
    with pytest.raises(TrainingError, match=r"epoch 3 .*same few of the teacher's prototypes"):
        run_with_heads(one_hot, teacher_temperature=0.01)


@pytest.mark.parametrize("broken", ["patch_head", "image_head"])
def test_one_collapsed_head_of_the_two_is_enough(broken):
    seen = iter(("patch_head", "image_head"))
    with pytest.raises(TrainingError, match=f"{broken.split('_')[0]}_information"):
        run_with_heads(lambda head: uniform(head) if next(seen) == broken else None)


def pretrain(folder, with_centres: bool, epochs: int = 8) -> list[dict[str, float]]:
    """Train four steps an epoch; with a momentum of nearly 1, a centre stays at zero."""
    torch.manual_seed(7)
    encoder = SwinEncoder(embed_dim=4, num_heads=(1, 2, 2, 4), drop_path_rate=0.0)
    network = SmitPretrainer(SmitNetwork(encoder, out_dim=K, hidden_dim=128, bottleneck_dim=32))
    loss = SmitLoss(K, patch_weight=1.0, image_weight=1.0, centre_momentum=0.9 if with_centres else 1 - 1e-9)
    optimizer = torch.optim.AdamW(network.student.parameters(), lr=3e-4)
    seen: list[dict[str, float]] = []
    trainer = SmitTrainer(
        device="cpu",
        max_epochs=epochs,
        train_data_loader=DataLoader(brick_scans() * 4, batch_size=4),
        network=network,
        optimizer=optimizer,
        loss_function=loss,
        temperatures=TemperatureSchedule(0.04, 0.04),
        momentum=MomentumSchedule(start=0.95),
        freeze_prototypes_epochs=0,
        train_handlers=[
            PretrainingHealth(),
            TrainingHistory(str(folder / "history.csv"), optimizer),
            CollapseDetector(patience=2, start_epoch=5),
            LatestModel(network.student, str(folder / "model.pt")),
        ],
    )
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda e: seen.append(dict(e.state.metrics)))
    trainer.run()
    return seen


@pytest.mark.slow
def test_a_training_whose_centres_rest_collapses_and_is_stopped_and_leaves_the_model_from_before(tmp_path):
    with pytest.raises(TrainingError, match=r"in epoch 7 is below .* goes on from epoch 5"):
        pretrain(tmp_path, with_centres=False)
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 8, "the epoch that stopped it is on record"
    assert '"epoch": 5' in (tmp_path / "model.json").read_text()


@pytest.mark.slow
def test_the_same_training_with_its_centres_goes_on(tmp_path):
    assert len(pretrain(tmp_path, with_centres=True)) == 8
