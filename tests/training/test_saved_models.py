"""BestModel: the file on disk is the network that validated best."""

from __future__ import annotations

import json
from types import SimpleNamespace

import ignite.distributed as idist
import pytest
import torch
from ignite.metrics import MetricsLambda
from monai.engines import SupervisedEvaluator

from support.disks import nearly_full_disk
from support.training import small_network, start_training
from swinx.labels import read_label_set
from swinx.tracking import read_sidecar
from swinx.training import BestModel, data_counts


class Course:
    """A validator whose metric follows a given course, one value per epoch."""

    def __init__(self, path, values, best=(-1, -1)):
        self.network = small_network()
        self.values = dict(enumerate(values, start=1))
        given = MetricsLambda(lambda: self.values[self.evaluator.state.epoch])
        self.evaluator = SupervisedEvaluator(
            device=torch.device("cpu"),
            val_data_loader=[{"image": torch.zeros(1, 1, 2, 2, 2), "label": torch.zeros(1, 1, 2, 2, 2)}],
            network=self.network,
            key_val_metric={"dice": given},
            val_handlers=[BestModel(self.network, str(path))],
        )
        self.evaluator.state.best_metric, self.evaluator.state.best_metric_epoch = best

    def validate(self, epoch: int) -> None:
        """Mark the weights with the epoch, then validate."""
        torch.nn.init.constant_(self.network[0].bias, epoch)
        self.evaluator.run(epoch)


def saved_epoch(path) -> int:
    return int(torch.load(path, weights_only=True)["0.bias"][0])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "models" / "model.pt"


def test_it_saves_on_improvement_only(path):
    course = Course(path, [0.2, 0.1, 0.3, 0.3, 0.25])
    seen = []
    for epoch in course.values:
        course.validate(epoch)
        seen.append(saved_epoch(path))
    assert seen == [1, 1, 3, 3, 3]


def test_the_first_validation_is_saved_even_at_zero(path):
    Course(path, [0.0]).validate(1)
    assert saved_epoch(path) == 1


def test_after_a_resume_a_worse_validation_does_not_overwrite_and_a_better_one_does(path):
    Course(path, [0.5]).validate(1)
    resumed = Course(path, [0.5, 0.4, 0.6], best=(0.5, 1))
    resumed.validate(2)
    assert saved_epoch(path) == 1
    resumed.validate(3)
    assert saved_epoch(path) == 3


def test_the_sidecar_tells_epoch_metric_and_versions(path):
    course = Course(path, [0.1, 0.25, 0.2])
    for epoch in course.values:
        course.validate(epoch)
    note = json.loads(path.with_suffix(".json").read_text())
    assert (note["epoch"], note["metric"], note["value"]) == (2, "dice", 0.25)
    assert note["torch"] == torch.__version__


def test_only_the_first_process_saves(path, monkeypatch):
    monkeypatch.setattr(idist, "get_rank", lambda: 1)
    Course(path, [0.5]).validate(1)
    assert not path.parent.exists()


def test_a_full_disk_leaves_the_former_best(path):
    course = Course(path, [0.1, 0.5])
    course.validate(1)
    with nearly_full_disk(1000), pytest.raises(OSError, match=f"cannot write {path}: "):
        course.validate(2)
    assert saved_epoch(path) == 1
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["model.json", "model.pt"]


def test_in_a_training_it_holds_the_weights_of_the_best_epoch(tmp_path):
    """Validated again, the saved weights give the metric that the sidecar tells."""
    training = start_training(tmp_path, max_epochs=4).run()
    note = json.loads(training.model_path.with_suffix(".json").read_text())
    assert note["epoch"] == training.evaluator.state.best_metric_epoch
    training.network.load_state_dict(torch.load(training.model_path, weights_only=True))
    training.evaluator.run(9)
    assert training.evaluator.state.metrics["dice"] == pytest.approx(note["value"], abs=1e-6)


def test_the_sidecar_tells_the_data_and_the_dice_of_each_class(path):
    label_set = read_label_set({"background": 0, "part": 3, "spot": 9})
    counts = data_counts(label_set, training=[{"label": "a.nii.gz", "annotated": [1]}])
    save = BestModel(small_network(), str(path), label_set, counts)
    details = {"val_mean_dice": torch.tensor([[0.25, torch.nan], [0.75, torch.nan]])}
    state = SimpleNamespace(best_metric_epoch=2, epoch=2, key_metric_name="dice", best_metric=0.5)
    save(SimpleNamespace(state=SimpleNamespace(**vars(state), metric_details=details)))
    note = read_sidecar(path)
    assert note["class_dice"] == {"part": 0.5, "spot": None}
    assert note["data"] == {"training": {"cases": 1, "annotated": {"part": 1, "spot": 0}}}
