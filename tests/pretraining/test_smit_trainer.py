"""SmitTrainer: schedules as logged, exact resume, clipping, frozen prototypes, errors."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from ignite.engine import Events
from monai.engines.utils import IterationEvents

from support.pretraining import STEPS_PER_EPOCH, start_pretraining, view_pairs
from swinx.errors import CaseError, WeightsError
from swinx.networks import load_weights
from swinx.pretraining import SmitTrainer, prepare_views

EPOCHS = 4


def test_first_views_come_before_second_ones():
    batch = {"view_1": torch.zeros(2, 1, 2, 2, 2), "view_2": torch.ones(2, 1, 2, 2, 2)}
    batch |= {"mask_1": torch.full((2, 1, 1, 1, 1), 5.0), "mask_2": torch.full((2, 1, 1, 1, 1), 6.0)}
    views, mask = prepare_views(batch)
    assert views[:, 0, 0, 0, 0].tolist() == [0, 0, 1, 1]
    assert mask.flatten().tolist() == [5, 5, 6, 6]


def test_a_batch_without_masks_is_refused():
    with pytest.raises(KeyError, match="mask_1, mask_2 missing"):
        prepare_views({"view_1": torch.zeros(1), "view_2": torch.zeros(1)})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return start_pretraining(tmp_path_factory.mktemp("finished"), max_epochs=EPOCHS).run()


def test_momentum_temperatures_and_rate_in_the_log_are_those_of_the_schedules(finished):
    log = pd.read_csv(finished.folder / "steps.csv")
    total = EPOCHS * STEPS_PER_EPOCH
    assert log["iteration"].tolist() == list(range(1, total + 1))
    steps = np.arange(total)
    momentum = 1 - (1 + np.cos(np.pi * steps / total)) / 2  # a run of up to 12 steps starts at 0
    np.testing.assert_allclose(log["teacher_momentum"], momentum, rtol=1e-12)
    assert log["teacher_momentum"].is_monotonic_increasing
    per_epoch = log.groupby("epoch")[["image_temperature", "patch_temperature"]].agg(["min", "max"])
    assert per_epoch["image_temperature"]["min"].tolist() == [0.04, 0.07, 0.07, 0.07]
    assert per_epoch["patch_temperature"]["max"].tolist() == [0.04, 0.04, 0.07, 0.07]
    warm = np.minimum(steps / STEPS_PER_EPOCH, 1)
    progress = np.clip((steps - STEPS_PER_EPOCH) / (total - STEPS_PER_EPOCH), 0, None)
    rate = np.where(warm < 1, 0.01 + 0.99 * warm, 0.5 * (1 + np.cos(np.pi * progress)))
    np.testing.assert_allclose(log["learning_rate"], 1e-3 * rate, rtol=1e-6)


def test_the_loss_of_the_log_is_the_weighted_sum_of_its_terms(finished):
    log = pd.read_csv(finished.folder / "steps.csv")
    terms = log["masked_prediction"] + 0.1 * log["patch_distillation"] + 0.1 * log["image_distillation"]
    np.testing.assert_allclose(log["loss"], terms, rtol=1e-5)


def test_it_learns_to_reconstruct(tmp_path):
    start_pretraining(tmp_path, max_epochs=15, learning_rate=5e-3, drop_path_rate=0.0).run()
    log = pd.read_csv(tmp_path / "steps.csv")["masked_prediction"]
    assert log.iloc[-2:].mean() < 0.6 * log.iloc[:2].mean()


def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(finished, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        start_pretraining(tmp_path, max_epochs=EPOCHS).fail_at(2 * STEPS_PER_EPOCH + 1).run()
    resumed = start_pretraining(tmp_path, max_epochs=EPOCHS).run()
    one, two = finished.everything(), resumed.everything()
    assert one.keys() == two.keys()
    assert any(name.startswith("network.teacher.") for name in one)
    assert {"loss.patch_centre.centre", "loss.image_centre.centre"} <= one.keys()
    differing = [name for name in one if not torch.equal(one[name], two[name])]
    assert not differing
    for name in ("steps.csv", "history.csv"):
        left, right = (
            pd.read_csv(folder / name).drop(columns="seconds", errors="ignore")
            for folder in (finished.folder, tmp_path)
        )
        pd.testing.assert_frame_equal(left, right, check_exact=True)


def test_centres_and_teacher_are_part_of_what_is_resumed(finished):
    """The test above would not notice centres that start over if they were zero."""
    state = torch.load(finished.folder / "state.pt", weights_only=True)
    assert all(centre.abs().max() > 0 for centre in state["modules"]["loss"].values())
    moved = [
        name
        for name in state["network"]
        if name.startswith("teacher.")
        and not torch.equal(state["network"][name], state["network"][name.replace("teacher.", "student.", 1)])
    ]
    assert moved


def test_the_last_layers_rest_in_the_first_epoch_and_move_in_the_second(tmp_path):
    pretraining = start_pretraining(tmp_path, max_epochs=2)
    before = pretraining.network.student.patch_head.last_layer.weight.clone()
    at_end: list[torch.Tensor] = []
    pretraining.trainer.add_event_handler(
        Events.EPOCH_COMPLETED,
        lambda: at_end.append(pretraining.network.student.patch_head.last_layer.weight.detach().clone()),
    )
    pretraining.run()
    assert torch.equal(at_end[0], before)
    assert not torch.equal(at_end[1], before)


def test_gradients_are_clipped_to_the_bound_and_their_norm_is_logged(tmp_path):
    norms = []

    def measure(engine) -> None:
        gradients = [p.grad for p in engine.network.student.parameters() if p.grad is not None]
        norms.append(torch.stack([g.norm() for g in gradients]).norm().item())

    pretraining = start_pretraining(tmp_path, max_epochs=2, max_gradient_norm=0.01)
    pretraining.trainer.add_event_handler(IterationEvents.MODEL_COMPLETED, measure)
    pretraining.run()
    assert max(norms) <= 0.01 * (1 + 1e-4)
    assert pd.read_csv(tmp_path / "steps.csv")["gradient_norm"].min() > 0.01


def test_without_a_bound_gradients_are_measured_and_not_clipped(tmp_path):
    start_pretraining(tmp_path / "without", max_epochs=1, max_gradient_norm=None).run()
    start_pretraining(tmp_path / "high", max_epochs=1, max_gradient_norm=1e9).run()
    assert (tmp_path / "without" / "steps.csv").read_text() == (tmp_path / "high" / "steps.csv").read_text()
    assert pd.read_csv(tmp_path / "high" / "steps.csv")["gradient_norm"].min() > 3
    with pytest.raises(ValueError, match=r"max_gradient_norm must be a positive number or None, not 0"):
        start_pretraining(tmp_path, max_gradient_norm=0)


def test_a_network_without_a_teacher_is_refused(tmp_path):
    pretraining = start_pretraining(tmp_path)
    with pytest.raises(TypeError, match="trains a SmitPretrainer, not a SmitNetwork"):
        SmitTrainer("cpu", 1, [], pretraining.network.student, pretraining.optimizer, pretraining.loss)


def test_centres_of_a_step_are_those_before_it(tmp_path):
    """The first step's loss is computed with centres of zero; they move after it."""
    pretraining = start_pretraining(tmp_path, max_epochs=1)
    seen = []
    pretraining.trainer.add_event_handler(
        IterationEvents.BACKWARD_COMPLETED, lambda engine: seen.append(engine.loss_function.patch_centre.centre.norm())
    )
    pretraining.run()
    assert seen[0] == 0 < seen[1]


@pytest.mark.filterwarnings("ignore:.*invalid value.*")
def test_a_loss_that_is_no_number_stops_the_run_names_the_files_and_keeps_the_last_good_state(tmp_path):
    start_pretraining(tmp_path, max_epochs=1).run()
    good, model = (tmp_path / "state.pt").read_bytes(), (tmp_path / "model.pt").read_bytes()
    items = view_pairs(2 * STEPS_PER_EPOCH)
    items[1]["view_2"][:] = float("nan")
    with pytest.raises(CaseError, match=r"scan_1\.nii\.gz.*loss became nan in epoch 2.*learning_rate"):
        start_pretraining(tmp_path, max_epochs=3, items=items).run()
    assert (tmp_path / "state.pt").read_bytes() == good
    assert (tmp_path / "model.pt").read_bytes() == model


def test_a_state_without_centres_is_refused(finished, tmp_path):
    state = torch.load(finished.folder / "state.pt", weights_only=True)
    state["modules"] = {}
    torch.save(state, tmp_path / "state.pt")
    with pytest.raises(WeightsError, match=r"state\.pt.*loss"):
        start_pretraining(tmp_path).run()


def test_the_model_is_the_student_of_the_last_epoch_with_a_record(finished):
    record = json.loads((finished.folder / "model.json").read_text())
    assert record["epoch"] == EPOCHS
    fresh = start_pretraining(finished.folder).network.student
    load_weights(fresh, finished.folder / "model.pt")
    for name, tensor in finished.network.student.state_dict().items():
        assert torch.equal(tensor, fresh.state_dict()[name])


def test_an_unfinished_last_line_of_the_step_log_is_dropped(finished, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        start_pretraining(tmp_path, max_epochs=EPOCHS).fail_at(2 * STEPS_PER_EPOCH + 1).run()
    with (tmp_path / "steps.csv").open("a") as log:
        log.write("3,6,0.12")
    start_pretraining(tmp_path, max_epochs=EPOCHS).run()
    assert (tmp_path / "steps.csv").read_text() == (finished.folder / "steps.csv").read_text()
