"""TrainingState: a training that was interrupted and resumed is the same training."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace

import ignite.distributed as idist
import pandas as pd
import pytest
import torch
from ignite.engine import Events
from monai.optimizers import WarmupCosineSchedule
from torch.amp import GradScaler
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR, StepLR

from support.disks import nearly_full_disk
from support.training import STEPS_PER_EPOCH, WARMUP_EPOCHS, Training, small_network, start_training
from swinx.data import case_marks
from swinx.errors import WeightsError
from swinx.training import TrainingState


def schedule(max_epochs: int, learning_rate: float = 0.02, steps_per_epoch: int = STEPS_PER_EPOCH) -> list[float]:
    """Learning rates of all steps of an uninterrupted training of that length."""
    optimizer = torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=learning_rate)
    steps = max_epochs * steps_per_epoch
    rates = WarmupCosineSchedule(optimizer, WARMUP_EPOCHS * steps_per_epoch, steps, warmup_multiplier=0.01)
    rows = []
    for _ in range(steps):
        rows.append(rates.get_last_lr()[0])
        optimizer.step()
        rates.step()
    return rows


def interrupted(folder, epoch: int = 3, **settings) -> Training:
    """Train until the middle of ``epoch``."""
    training = start_training(folder, **settings).fail_at(epoch)
    with pytest.raises(KeyboardInterrupt):
        training.run()
    return training


def assert_same_tensors(one: dict, two: dict):
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name


@pytest.mark.parametrize("num_workers", [0, 2])
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path, num_workers):
    whole = start_training(tmp_path / "whole", num_workers=num_workers).run()
    broken = interrupted(tmp_path / "broken", num_workers=num_workers)
    resumed = start_training(tmp_path / "broken", num_workers=num_workers).run()
    assert_same_tensors(whole.network.state_dict(), resumed.network.state_dict())
    moments, resumed_moments = (t.optimizer.state_dict()["state"] for t in (whole, resumed))
    for parameter, tensors in moments.items():
        assert_same_tensors(tensors, resumed_moments[parameter])
    assert broken.rates[: 2 * STEPS_PER_EPOCH] + resumed.rates == whole.rates
    assert resumed.evaluator.state.best_metric == whole.evaluator.state.best_metric
    assert resumed.evaluator.state.best_metric_epoch == whole.evaluator.state.best_metric_epoch
    tables = [pd.read_csv(training.history_path).drop(columns="seconds") for training in (whole, resumed)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert_same_tensors(*(torch.load(t.model_path, weights_only=True) for t in (whole, resumed)))


def test_the_training_is_random_at_all(tmp_path):
    """Otherwise the test above would pass without any seed."""
    one = start_training(tmp_path / "one", max_epochs=1).run()
    two = start_training(tmp_path / "two", max_epochs=1, seed=1).run()
    assert not torch.equal(one.network[0].weight, two.network[0].weight)


def test_every_step_has_the_rate_of_the_schedule(tmp_path):
    before = interrupted(tmp_path).rates
    after = start_training(tmp_path).run().rates
    assert before[: 2 * STEPS_PER_EPOCH] + after == pytest.approx(schedule(5), rel=1e-12)


@pytest.mark.parametrize("first_length", [2, 3])
def test_a_longer_training_goes_on_by_its_own_schedule_from_the_first_step(tmp_path, first_length):
    start_training(tmp_path, max_epochs=first_length).run()
    resumed = start_training(tmp_path, max_epochs=6).run()
    assert resumed.rates == pytest.approx(schedule(6)[first_length * STEPS_PER_EPOCH :], rel=1e-12)


def test_the_optimiser_settings_given_now_count_not_those_of_the_file(tmp_path):
    interrupted(tmp_path)
    resumed = start_training(tmp_path, learning_rate=0.005, weight_decay=0.5).run()
    assert resumed.rates == pytest.approx(schedule(5, 0.005)[2 * STEPS_PER_EPOCH :], rel=1e-12)
    assert resumed.optimizer.param_groups[0]["weight_decay"] == 0.5


def test_with_more_scans_the_schedule_goes_on_at_the_epoch_it_was_in(tmp_path):
    interrupted(tmp_path)
    resumed = start_training(tmp_path, steps_per_epoch=7).run()
    assert resumed.rates == pytest.approx(schedule(5, steps_per_epoch=7)[2 * 7 :], rel=1e-12)


def warmup_then_cosine(optimizer):
    parts = [LinearLR(optimizer, 0.1, total_iters=2), CosineAnnealingLR(optimizer, T_max=8)]
    return SequentialLR(optimizer, parts, milestones=[2])


@pytest.mark.parametrize(
    "make_schedule",
    [lambda optimizer: StepLR(optimizer, 3), lambda optimizer: CosineAnnealingLR(optimizer, 9), warmup_then_cosine],
    ids=["steps", "cosine", "warmup-then-cosine"],
)
def test_schedules_that_compute_a_rate_from_the_last_one_go_on_as_well(tmp_path, make_schedule):
    def rates(steps):
        for _ in range(steps):
            yield optimizer.param_groups[0]["lr"]
            optimizer.step()
            scheduler.step()

    engine = start_training(tmp_path / "engine").trainer
    network, path = small_network(), str(tmp_path / "state.pt")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.3)
    scheduler = make_schedule(optimizer)
    list(rates(4))
    TrainingState(path, network, optimizer, scheduler).save(engine)
    expected = list(rates(5))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.3)
    scheduler = make_schedule(optimizer)
    TrainingState(path, network, optimizer, scheduler).load(engine)
    assert list(rates(5)) == pytest.approx(expected, rel=1e-12)
    assert len(set(expected)) > 1


def test_a_finished_training_takes_no_further_step(tmp_path):
    finished = start_training(tmp_path, max_epochs=2).run()
    again = start_training(tmp_path, max_epochs=2).run()
    assert again.rates == []
    assert_same_tensors(finished.network.state_dict(), again.network.state_dict())


def test_without_resume_it_starts_anew_and_replaces_the_state(tmp_path):
    whole = start_training(tmp_path / "whole", max_epochs=2).run()
    start_training(tmp_path / "again", max_epochs=3, seed=5).run()
    again = start_training(tmp_path / "again", max_epochs=2, resume=False).run()
    assert len(again.rates) == 2 * STEPS_PER_EPOCH
    assert_same_tensors(whole.network.state_dict(), again.network.state_dict())
    assert torch.load(again.state_path, weights_only=True)["epoch"] == 2


def test_with_an_interval_the_last_epoch_is_saved_all_the_same(tmp_path):
    interrupted(tmp_path, epoch=4, interval=2)
    resumed = start_training(tmp_path, interval=2)
    assert torch.load(resumed.state_path, weights_only=True)["epoch"] == 2
    assert len(resumed.run().rates) == 3 * STEPS_PER_EPOCH
    assert torch.load(resumed.state_path, weights_only=True)["epoch"] == 5


def truncated(path):
    path.write_bytes(path.read_bytes()[:-200])


def foreign_pickle(path):
    torch.save(small_network(), path)


def weights_alone(path):
    torch.save({"model": small_network().state_dict()}, path)


def lacking_its_epoch(path):
    state = torch.load(path, weights_only=True)
    del state["epoch"]
    torch.save(state, path)


def a_list(path):
    torch.save([1, 2], path)


def a_text_for_a_number(path):
    torch.save(torch.load(path, weights_only=True) | {"best_metric": "high"}, path)


def a_text_for_a_tensor(path):
    state = torch.load(path, weights_only=True)
    torch.save(state | {"network": {"weight": "w"}}, path)


DAMAGES = [
    truncated,
    foreign_pickle,
    weights_alone,
    lacking_its_epoch,
    a_list,
    a_text_for_a_number,
    a_text_for_a_tensor,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_file_that_is_no_state_is_named_with_what_to_do(tmp_path, damage):
    path = start_training(tmp_path, max_epochs=1).run().state_path
    damage(path)
    left = path.read_bytes()
    with pytest.raises(WeightsError, match=f"cannot resume from {path}: .*--resume False") as caught:
        start_training(tmp_path).run()
    assert "weights_only" not in str(caught.value), "PyTorch's advice would run foreign code"
    assert path.read_bytes() == left


def test_the_state_of_another_network_is_refused_in_few_words(tmp_path):
    path = start_training(tmp_path, max_epochs=1).run().state_path
    with pytest.raises(WeightsError, match=f"cannot resume from {path}: .*another network.*--resume False") as caught:
        start_training(tmp_path, width=8).run()
    assert len(str(caught.value)) < 600


def test_a_full_disk_is_named_and_leaves_the_state_of_the_epoch_before(tmp_path):
    training = start_training(tmp_path, max_epochs=1).run()
    handler = TrainingState(str(training.state_path), training.network, training.optimizer)
    before = training.state_path.read_bytes()
    with nearly_full_disk(1000), pytest.raises(OSError, match=f"cannot write {training.state_path}: "):
        handler.save(training.trainer)
    assert training.state_path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.csv", "models", "training_state.pt"]


def test_a_kill_between_writing_and_renaming_leaves_the_state_of_the_epoch_before(tmp_path, monkeypatch):
    training = start_training(tmp_path, max_epochs=1).run()
    handler = TrainingState(str(training.state_path), training.network, training.optimizer)
    before = training.state_path.read_bytes()

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        handler.save(training.trainer)
    assert training.state_path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.csv", "models", "training_state.pt"]


def test_only_the_first_process_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(idist, "get_rank", lambda: 1)
    training = start_training(tmp_path, max_epochs=1).run()
    assert len(training.rates) == STEPS_PER_EPOCH
    assert list(tmp_path.iterdir()) == []


def state_of(training: Training, **given) -> TrainingState:
    return TrainingState(str(training.state_path), training.network, training.optimizer, **given)


def test_a_state_of_other_settings_is_refused_with_both_values(tmp_path):
    training = start_training(tmp_path, max_epochs=1).run()
    state_of(training, settings={"pixdim": [1.0, 1.0, 1.0], "roi_size": 96}).save(training.trainer)
    state_of(training, settings={"pixdim": (1, 1, 1), "roi_size": 96}).load(training.trainer)
    message = (
        r"state of another training, with other settings \(pixdim: \[1.0, 1.0, 1.0\] -> \[2.0, 2.0, 2.0\]\); give --"
    )
    with pytest.raises(WeightsError, match=message):
        state_of(training, settings={"pixdim": [2.0, 2.0, 2.0], "roi_size": 96}).load(training.trainer)


def test_a_file_in_the_current_folder_that_has_the_name_of_a_setting_decides_nothing(tmp_path, monkeypatch):
    training = start_training(tmp_path, max_epochs=1).run()
    monkeypatch.chdir(tmp_path)
    settings = {"model": "model.pt"}
    state_of(training, settings=settings).save(training.trainer)
    (tmp_path / "model.pt").write_text("a file of that name")
    state_of(training, settings=settings).load(training.trainer)


def listed(folder: Path, *names: str) -> list[dict]:
    """Cases of that many files, whose content is their name."""
    for name in names:
        if not (folder / f"{name}.nii.gz").exists():
            (folder / f"{name}.nii.gz").write_text(name)
    return [{"case": name, "image": str(folder / f"{name}.nii.gz"), "annotated": [1, 2]} for name in names]


def test_a_state_of_other_data_is_refused_with_what_was_added_removed_and_changed(tmp_path):
    training = start_training(tmp_path, max_epochs=1).run()
    data = case_marks(training=listed(tmp_path, "a", "b", "c"))
    state_of(training, data=data).save(training.trainer)
    (tmp_path / "older").write_text("x")
    os.utime(tmp_path / "older", (0, 0))
    (tmp_path / "older").replace(tmp_path / "b.nii.gz")
    other = listed(tmp_path, "a", "b", "d")
    other[0]["annotated"] = [1]
    told = r"training: 1 added \(d\), 1 removed \(c\), 2 changed \(a: labels, b: image\)"
    with pytest.raises(WeightsError, match=f"on other data .{told}.; give --resume False"):
        state_of(training, data=case_marks(training=other)).load(training.trainer)


def test_the_same_data_at_another_place_are_the_same(tmp_path):
    training = start_training(tmp_path, max_epochs=1).run()
    state_of(training, data=case_marks(training=listed(tmp_path, "a"))).save(training.trainer)
    (tmp_path / "moved").mkdir()
    state_of(training, data=case_marks(training=listed(tmp_path / "moved", "a"))).load(training.trainer)


def test_a_state_of_an_earlier_version_that_knows_no_data_is_gone_on_with(tmp_path):
    training = start_training(tmp_path, max_epochs=1).run()
    state = torch.load(training.state_path, weights_only=True)
    del state["data"]
    torch.save(state, training.state_path)
    state_of(training, data=case_marks(training=listed(tmp_path, "a"))).load(training.trainer)


def test_without_the_best_weights_the_best_metric_is_that_of_the_next_validation(tmp_path, caplog):
    training = start_training(tmp_path, max_epochs=1).run()
    best = training.evaluator.state.best_metric
    again = start_training(tmp_path, max_epochs=2)
    given = {"evaluator": again.evaluator, "checkpoint": str(tmp_path / "elsewhere.pt")}
    state_of(again, **given).load(again.trainer)
    assert again.evaluator.state.best_metric != best
    assert f"the best weights so far are not at {tmp_path / 'elsewhere.pt'}" in caplog.text
    state_of(again, **given | {"checkpoint": str(training.model_path)}).load(again.trainer)
    assert again.evaluator.state.best_metric == best


def test_a_finished_training_says_that_there_is_nothing_left_to_do(tmp_path, caplog):
    start_training(tmp_path, max_epochs=1).run()
    with caplog.at_level("WARNING"):
        start_training(tmp_path, max_epochs=1).run()
    assert "nothing left to do" in caplog.text


def test_a_flipped_byte_is_noticed_though_pytorch_reads_the_file(tmp_path):
    training = start_training(tmp_path, max_epochs=2).run()
    content = bytearray(training.state_path.read_bytes())
    with zipfile.ZipFile(training.state_path) as archive:
        tensors = [entry for entry in archive.infolist() if "/data/" in entry.filename]
        largest = max(tensors, key=lambda entry: entry.file_size)
    name_length, extra_length = struct.unpack_from("<HH", content, largest.header_offset + 26)
    content[largest.header_offset + 30 + name_length + extra_length + largest.file_size // 2] ^= 1
    training.state_path.write_bytes(content)
    torch.load(training.state_path, weights_only=True)
    with pytest.raises(WeightsError, match=r"cannot resume from .*the checksum of .* is wrong; give --resume False"):
        start_training(tmp_path, max_epochs=3).run()


def test_a_state_of_weights_that_are_nan_is_refused(tmp_path):
    training = start_training(tmp_path, max_epochs=2).run()
    state = torch.load(training.state_path, weights_only=True)
    next(iter(state["network"].values())).fill_(float("nan"))
    torch.save(state, training.state_path)
    with pytest.raises(WeightsError, match="1 of its tensors hold NaN or infinity"):
        start_training(tmp_path, max_epochs=3).run()


def test_the_gradient_scaler_goes_on_where_it_was(tmp_path):
    network = torch.nn.Linear(1, 1)
    optimizer = torch.optim.AdamW(network.parameters())
    scalers = [GradScaler("cpu", init_scale=8.0, growth_interval=1) for _ in range(2)]
    for _ in range(3):
        scalers[0].scale(network(torch.ones(1, 1)).sum()).backward()
        scalers[0].step(optimizer)
        scalers[0].update()
    assert scalers[0].get_scale() == 64.0
    for scaler, act in zip(scalers, ("save", "load"), strict=True):
        state = SimpleNamespace(epoch=2, epoch_length=3, max_epochs=4, iteration=6)
        getattr(TrainingState(str(tmp_path / "state.pt"), network, optimizer), act)(
            SimpleNamespace(state=state, scaler=scaler)
        )
    assert scalers[1].state_dict() == scalers[0].state_dict()


def test_epochs_under_suspicion_are_not_saved(tmp_path):
    training = start_training(tmp_path, max_epochs=4)
    training.trainer.add_event_handler(
        Events.EPOCH_STARTED, lambda e: setattr(e.state, "suspicious_epochs", int(e.state.epoch > 2))
    )
    training.run()
    assert torch.load(training.state_path, weights_only=True)["epoch"] == 2
