"""prepare_partial_batch in MONAI's own engines."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Events
from monai.data import DataLoader, Dataset, MetaTensor
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import MeanDice, from_engine
from monai.losses import DiceCELoss
from monai.transforms import AsDiscreted, Compose

from swinx.labels import read_label_set
from swinx.training import AnnotatedClassesd, MaskUnannotatedd, PartialDiceCELoss, prepare_partial_batch

CLASSES = 4
LABELS = read_label_set({"background": 0} | {f"organ {label}": label for label in range(1, CLASSES)})
CPU = torch.device("cpu")


def items(annotated, unknown=False, count=3):
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(count):
        label = torch.randint(0, CLASSES, (1, 6, 5, 4), generator=generator).float()
        image = label + torch.randn(label.shape, generator=generator)
        if unknown:
            label[:, :2] = 255
        lists = {} if annotated is None else {"annotated": annotated}
        found.append({"image": MetaTensor(image), "label": MetaTensor(label), **lists})
    return Dataset(found, Compose([AnnotatedClassesd(label_set=LABELS), _without_lists]))


def _without_lists(case):
    return {key: case[key] for key in ("image", "label", "class_weights")}


def network():
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Conv3d(1, 8, 1), torch.nn.ReLU(), torch.nn.Conv3d(8, CLASSES, 1))


def losses_of_training(data, loss, **options):
    model = network()
    trainer = SupervisedTrainer(
        device=CPU,
        max_epochs=2,
        train_data_loader=DataLoader(data, batch_size=2),
        network=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        loss_function=loss,
        **options,
    )
    losses, read = [], from_engine(["loss"], first=True)
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda it: losses.append(float(read(it.state.output))))
    trainer.run()
    return losses


def dice_of_validation(data, masked):
    evaluator = SupervisedEvaluator(
        device=CPU,
        val_data_loader=DataLoader(data, batch_size=1),
        network=network(),
        postprocessing=Compose([AsDiscreted("pred", argmax=True), *([MaskUnannotatedd()] if masked else [])]),
        key_val_metric={
            "dice": MeanDice(
                include_background=False, num_classes=CLASSES, output_transform=from_engine(["pred", "label"])
            )
        },
    )
    evaluator.run()
    return evaluator.state.metrics["dice"], evaluator.state.metric_details["dice"]


def partial_losses(data):
    return losses_of_training(data, PartialDiceCELoss(), prepare_batch=prepare_partial_batch)


@pytest.mark.parametrize("annotated", [None, [1, 2, 3]], ids=["not-recorded", "all"])
def test_a_training_on_complete_labels_is_one_with_monai_s_loss(annotated):
    data = items(annotated)
    expected = losses_of_training(data, DiceCELoss(to_onehot_y=True, softmax=True))
    assert len(expected) == 4
    assert partial_losses(data) == pytest.approx(expected, abs=1e-6)


def test_what_is_annotated_reaches_the_loss():
    assert partial_losses(items([1]))[0] != pytest.approx(partial_losses(items([1, 2, 3]))[0], abs=1e-3)


def test_unknown_voxels_reach_the_loss():
    losses = partial_losses(items([1, 2, 3], unknown=True))
    assert torch.tensor(losses).isfinite().all()
    assert losses[0] != pytest.approx(partial_losses(items([1, 2, 3]))[0], abs=1e-4)


def test_a_batch_without_weights_is_refused_with_the_transform_that_makes_them():
    with pytest.raises(KeyError, match="AnnotatedClassesd"):
        prepare_partial_batch({"image": torch.zeros(1), "label": torch.zeros(1)})


@pytest.mark.parametrize("annotated", [None, [1, 2, 3]], ids=["not-recorded", "all"])
def test_the_validation_of_complete_labels_is_as_without_the_mask(annotated):
    masked, plain = (dice_of_validation(items(annotated), use) for use in (True, False))
    assert masked[0] == plain[0] > 0
    assert torch.equal(masked[1], plain[1])


def test_an_unannotated_class_is_left_out_of_the_mean():
    mean, details = dice_of_validation(items([1, 3]), masked=True)
    _, complete = dice_of_validation(items(None), masked=True)
    assert details[:, 1].isnan().all()
    assert torch.equal(details[:, [0, 2]], complete[:, [0, 2]])
    assert mean == pytest.approx(float(complete[:, [0, 2]].mean()))
