"""GradientClipping and OrganHistory: bounded steps, and a row by class that survives a resumed training."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from monai.engines import SupervisedTrainer

from swinx.labels import read_label_set
from swinx.training import GradientClipping, OrganHistory


def step(max_norm, size):
    """Distance that one step of gradient descent goes for a target this far away."""
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=1,
        train_data_loader=[{"image": torch.ones(1, 1), "label": torch.full((1, 1), size)}],
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=1.0),
        loss_function=torch.nn.functional.mse_loss,
        train_handlers=[GradientClipping(max_norm)],
    ).run()
    return float(network.weight.detach().abs())


def test_large_gradients_are_bounded_and_small_ones_left_alone():
    assert step(1.0, 100.0) == pytest.approx(1.0, rel=1e-4)
    assert step(1.0, 0.25) == pytest.approx(0.5)
    assert step(None, 100.0) == pytest.approx(200.0)


@pytest.mark.parametrize("bound", [0, -1.0])
def test_a_bound_that_is_not_positive_is_refused(bound):
    with pytest.raises(ValueError, match="max_gradient_norm"):
        GradientClipping(bound)


def test_a_row_by_class_for_each_validation_and_repeated_epochs_are_replaced(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="swinx")
    labels = read_label_set({"background": 0, "liver": 1, "spleen": 2})
    history = OrganHistory(str(tmp_path / "organs.csv"), "dice", labels)
    nan = float("nan")
    for epoch, scores in ((4, [[0.5, nan], [0.7, nan]]), (8, [[0.1, 0.2]]), (8, [[0.9, 0.4], [0.7, nan]])):
        state = SimpleNamespace(epoch=epoch, metric_details={"dice": torch.tensor(scores)})
        history(SimpleNamespace(state=state))
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "epoch 4, validation Dice: liver 0.600"
    assert said[2] == "epoch 8, validation Dice: liver 0.800, spleen 0.400"
    table = pd.read_csv(tmp_path / "organs.csv")
    assert table["epoch"].tolist() == [4, 8]
    assert table["liver"].tolist() == [0.6, 0.8]
    assert pd.isna(table["spleen"][0])
    assert table["spleen"][1] == 0.4
