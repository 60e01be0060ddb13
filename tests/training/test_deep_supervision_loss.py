"""DeepSupervisionLoss: the weighted mean over levels, of labels whose unknown voxels stay unknown."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from ignite.engine import Events
from monai.data import DataLoader, Dataset, MetaTensor
from monai.engines import SupervisedTrainer

from swinx.labels import UNKNOWN
from swinx.networks import DeepSupervision, SwinXSeg, fine_tuning_groups
from swinx.training import DeepSupervisionLoss, PartialDiceCELoss, PartialTarget, TrainingState, prepare_partial_batch
from swinx.training.partial.deep_supervision_loss import coarser_target, level_weights

CLASSES, SIZES = 4, ((8, 12, 4), (4, 6, 2), (2, 3, 1))


@pytest.fixture
def levels():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, CLASSES, *size, generator=generator).requires_grad_() for size in SIZES]


@pytest.fixture
def target():
    generator = torch.Generator().manual_seed(1)
    label = torch.randint(0, CLASSES, (2, 1, *SIZES[0]), generator=generator)
    return PartialTarget(label, torch.ones(2, CLASSES))


def test_weights_halve_from_level_to_level_and_their_sum_is_one():
    for levels in (1, 2, 3, 5):
        weights = level_weights(levels)
        assert sum(weights) == pytest.approx(1)
        assert all(coarse == pytest.approx(fine / 2) for fine, coarse in pairwise(weights))


@pytest.mark.parametrize("batch_dice", [False, True])
def test_the_total_is_the_weighted_sum_of_the_levels_by_themselves(levels, target, batch_dice):
    loss = PartialDiceCELoss(batch_dice=batch_dice)
    label = target.label
    label[:, :, 6:] = UNKNOWN
    labels = [label, label[:, :, 1::2, 1::2, 1::2], label[:, :, 2::4, 2::4, 2::4]]
    parts = [loss(*pair) for pair in zip(levels, (PartialTarget(x, target.class_weights) for x in labels), strict=True)]
    assert len({part.item() for part in parts}) == 3
    expected = 4 / 7 * parts[0] + 2 / 7 * parts[1] + 1 / 7 * parts[2]
    torch.testing.assert_close(DeepSupervisionLoss(loss)(levels, target), expected)


def test_logits_of_one_resolution_are_judged_by_the_loss_alone(levels, target):
    loss = PartialDiceCELoss()
    assert torch.equal(DeepSupervisionLoss(loss)(levels[0], target), loss(levels[0], target))


def test_every_level_gets_a_gradient(levels, target):
    DeepSupervisionLoss(PartialDiceCELoss())(levels, target).backward()
    assert all(level.grad.abs().max() > 0 for level in levels)


def test_a_coarser_label_has_the_values_of_the_finer_one_and_no_other():
    label = torch.zeros(1, 1, 8, 8, 8)
    label[:, :, 4:] = UNKNOWN
    label[:, :, :4, 4:] = 3
    coarse = coarser_target(PartialTarget(MetaTensor(label), torch.ones(1, 4)), (4, 4, 4)).label
    assert type(coarse) is torch.Tensor
    assert set(coarse.unique().tolist()) == {0, 3, UNKNOWN}
    assert (coarse[:, :, 2:] == UNKNOWN).all()
    assert (coarse[:, :, :2, 2:] == 3).all()


def moved(levels, at, change):
    """Copies of the levels of which one has been changed."""
    return [change(level.detach().clone()) if index == at else level.detach() for index, level in enumerate(levels)]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_what_moves_between_background_and_an_unannotated_class_costs_nothing_at_any_level(levels, target, at):
    partial = PartialTarget(target.label, torch.tensor([[1.0, 1.0, 0.0, 1.0]]).repeat(2, 1))
    loss = DeepSupervisionLoss(PartialDiceCELoss())

    def to_unannotated(logits):
        probabilities = logits.softmax(dim=1)
        joint = probabilities[:, 0] + probabilities[:, 2]
        probabilities[:, 0], probabilities[:, 2] = 0.1 * joint, 0.9 * joint
        return probabilities.log()

    changed = moved(levels, at, to_unannotated)
    torch.testing.assert_close(loss(changed, partial), loss(levels, partial).detach())
    assert not torch.allclose(loss(changed, target), loss(levels, target)), "or nothing was moved"


@pytest.mark.parametrize("at", [0, 1, 2])
def test_unknown_voxels_count_for_nothing_at_any_level(levels, target, at):
    target.label[:, :, 4:] = UNKNOWN
    loss = DeepSupervisionLoss(PartialDiceCELoss())

    def noise(logits):
        half = logits.shape[2] // 2
        logits[:, :, half:] += 5 * torch.randn(logits[:, :, half:].shape, generator=torch.Generator().manual_seed(2))
        return logits

    assert torch.equal(loss(moved(levels, at, noise), target), loss(levels, target).detach())


def test_a_level_of_unknown_voxels_alone_gives_no_nan(levels, target):
    target.label[:] = UNKNOWN
    value = DeepSupervisionLoss(PartialDiceCELoss())(levels, target)
    value.backward()
    assert value == 0
    assert all(level.grad.isfinite().all() for level in levels)


EPOCHS, STEPS = 2, 2


def train(folder: Path, fail: bool = False, supervised: bool = True) -> torch.nn.Module:
    """Train a tiny network with the state of the bundle; if so wished let the process "die" in its second epoch."""
    generator = torch.Generator().manual_seed(3)
    items = [
        {
            "image": torch.rand(1, 16, 16, 16, generator=generator),
            "label": torch.randint(0, 3, (1, 16, 16, 16), generator=generator).to(torch.uint8),
            "class_weights": torch.ones(3),
        }
        for _ in range(STEPS)
    ]
    torch.manual_seed(4)
    plain = SwinXSeg(
        out_channels=3,
        embed_dim=4,
        depths=(1, 1),
        num_heads=(1, 2),
        decoder_channels=4,
        norm="group",
        drop_path_rate=0.0,
    )
    network = DeepSupervision(plain, 3 if supervised else 1)
    optimizer = torch.optim.AdamW(fine_tuning_groups(network, 0.01, 0.1))
    modules = {"deep_supervision": network.heads}
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=EPOCHS,
        train_data_loader=DataLoader(Dataset(items)),
        network=network,
        optimizer=optimizer,
        prepare_batch=prepare_partial_batch,
        loss_function=DeepSupervisionLoss(PartialDiceCELoss()),
        train_handlers=[TrainingState(str(folder / "state.pt"), plain, optimizer, modules=modules)],
    )

    def die(engine):
        if fail and engine.state.iteration == STEPS + 1:
            raise KeyboardInterrupt

    trainer.add_event_handler(Events.ITERATION_COMPLETED, die)
    trainer.run()
    return network


def test_a_resumed_training_ends_with_the_weights_of_an_uninterrupted_one_further_layers_included(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    whole = train(tmp_path / "whole").state_dict()
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", fail=True)
    resumed = train(tmp_path / "broken").state_dict()
    assert any(name.startswith("heads.") for name in whole)
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name


def test_a_state_without_further_layers_is_resumed_without_and_refused_with_them(tmp_path):
    train(tmp_path, supervised=False)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    del state["modules"]  # as a former version wrote it
    torch.save(state, tmp_path / "state.pt")
    train(tmp_path, supervised=False)
    with pytest.raises(Exception, match=r"deep_supervision.* --resume False"):
        train(tmp_path)
