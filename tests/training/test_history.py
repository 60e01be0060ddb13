"""TrainingHistory: one true row per finished epoch."""

from __future__ import annotations

from types import SimpleNamespace

import ignite.distributed as idist
import pandas as pd
import pytest
import torch
from ignite.engine import Events
from monai.data import MetaTensor
from torch.amp import GradScaler

from support.training import STEPS_PER_EPOCH, cases, start_training
from swinx.errors import CaseError, TrainingError
from swinx.training import TrainingHistory


def rows(training) -> pd.DataFrame:
    return pd.read_csv(training.history_path)


def test_each_epoch_has_its_mean_loss_rate_and_metric(tmp_path):
    training = start_training(tmp_path, max_epochs=3)
    losses, dice = [], []
    training.trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda e: losses.append(e.state.output[0]["loss"]))
    training.evaluator.add_event_handler(Events.COMPLETED, lambda e: dice.append(e.state.metrics["dice"]))
    table = rows(training.run())
    assert table["epoch"].tolist() == [1, 2, 3]
    for epoch, loss in enumerate(table["train_loss"]):
        steps = losses[epoch * STEPS_PER_EPOCH : (epoch + 1) * STEPS_PER_EPOCH]
        assert loss == pytest.approx(sum(steps) / STEPS_PER_EPOCH, rel=1e-6)
    assert table["dice"].tolist() == pytest.approx(dice)
    assert (table["seconds"] >= 0).all()


def test_an_epoch_without_validation_has_no_metric(tmp_path):
    table = rows(start_training(tmp_path, max_epochs=3, val_interval=2).run())
    assert table["dice"].isna().tolist() == [True, False, True]


def test_a_resumed_training_keeps_finished_epochs_and_replaces_the_repeated_one(tmp_path):
    """The state is saved every second epoch, so epoch 3 is on record when the training dies in epoch 4."""
    broken = start_training(tmp_path, interval=2).fail_at(4)
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    before = rows(broken)
    assert before["epoch"].tolist() == [1, 2, 3]
    after = rows(start_training(tmp_path, interval=2, learning_rate=0.005).run())
    assert after["epoch"].tolist() == [1, 2, 3, 4, 5]
    pd.testing.assert_frame_equal(after[:2], before[:2])
    assert after["learning_rate"][2] != before["learning_rate"][2]


def test_a_training_that_starts_anew_starts_a_new_table(tmp_path):
    start_training(tmp_path, max_epochs=3).run()
    assert rows(start_training(tmp_path, max_epochs=1, resume=False).run())["epoch"].tolist() == [1]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_training_and_names_the_files_of_the_batch(tmp_path, value):
    start_training(tmp_path, max_epochs=1).run()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    bad = cases(2, seed=1)
    bad[1]["image"][0, 0, 0, 0] = value
    training = start_training(tmp_path, max_epochs=3, train_cases=bad)
    with pytest.raises(CaseError, match=r"scan_0\.nii\.gz, scan_1\.nii\.gz: the loss became nan in epoch 2"):
        training.run()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_only_the_first_process_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(idist, "get_rank", lambda: 1)
    assert not start_training(tmp_path, max_epochs=1).run().history_path.exists()


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "\x00\xff"])
def test_a_file_that_is_no_history_is_named_before_the_first_step(tmp_path, content):
    training = start_training(tmp_path, max_epochs=1).run()
    training.history_path.write_text(content)
    resumed = start_training(tmp_path, max_epochs=2)
    with pytest.raises(ValueError, match=f"{training.history_path}: .*move it away"):
        resumed.run()
    assert resumed.rates == []
    assert training.history_path.read_text() == content


@pytest.mark.parametrize(
    ("scaler", "tolerated"), [(None, 0), (GradScaler("cpu", enabled=False), 0), (GradScaler("cpu"), 5)]
)
def test_losses_may_overflow_a_few_times_in_half_precision_only(tmp_path, scaler, tolerated):
    network = torch.nn.Conv3d(1, 1, 1)
    history = TrainingHistory(str(tmp_path / "history.csv"), torch.optim.SGD(network.parameters(), lr=0.1))
    image = MetaTensor(torch.zeros(1, 2, 2, 2), meta={"filename_or_obj": "scan.nii.gz"})
    state = SimpleNamespace(output=[{"loss": float("inf")}], batch=[{"image": image}], epoch=1, iteration=1)
    engine = SimpleNamespace(state=state, scaler=scaler)
    for _ in range(tolerated):
        history._collect(engine)
    with pytest.raises(CaseError, match=r"scan.nii.gz: the loss became inf"):
        history._collect(engine)


def test_weights_that_the_last_step_of_an_epoch_broke_stop_the_training_before_they_are_saved(tmp_path):
    """Its loss was still fine: it is from before the step."""
    training = start_training(tmp_path, max_epochs=4)

    def break_weights(engine):
        if engine.state.iteration == 2 * STEPS_PER_EPOCH:
            next(training.network.parameters()).data.fill_(float("nan"))

    training.trainer.add_event_handler(Events.ITERATION_COMPLETED, break_weights)
    with pytest.raises(TrainingError, match="last step of epoch 2 made weights NaN"):
        training.run()
    assert torch.load(training.state_path, weights_only=True)["epoch"] == 1
