"""Handlers of the pretraining watch, log and save: none of them changes what is trained."""

from __future__ import annotations

import json

import pytest
import torch
from monai.bundle import ConfigParser
from monai.utils import set_determinism

from support.bundles import PRETRAINING, ROOT, SMALL_PRETRAINING

CONFIGURATION = json.loads((ROOT / PRETRAINING / "train.json").read_text())
HANDLERS = [handler["_target_"].rpartition(".")[2] for handler in CONFIGURATION["train"]["handlers"]]
TINY = SMALL_PRETRAINING | {
    "embed_dim": 4,
    "num_heads": [1, 2, 2, 4],
    "out_dim": 16,
    "hidden_dim": 16,
    "bottleneck_dim": 8,
    "region_size": [36, 36, 36],
    "section": ["training"],
    "scans_per_batch": 2,
    "max_epochs": 2,
    "warmup_epochs": 1,
    "learning_rate": 1e-3,
    "temperature_ramp_epochs": 2,
    "patch_temperature_delay_epochs": 1,
    "picture_interval": 1,
    "step_interval": 1,
    "mlflow": False,
}


def trained(cohort, folder, without: tuple[str, ...] = ()) -> dict[str, torch.Tensor]:
    """Train four steps without some of the handlers; return networks, centres and running averages."""
    settings = TINY | {"dataset_dir": str(cohort), "output_dir": str(folder), "checkpoint": str(folder / "model.pt")}
    parser = ConfigParser(json.loads(json.dumps(CONFIGURATION)) | settings)
    handlers = parser["train"]["handlers"]
    parser["train"]["handlers"] = [h for h in handlers if h["_target_"].rpartition(".")[2] not in without]
    set_determinism(seed=0)
    network, loss, optimizer = (parser.get_parsed_content(name) for name in ("network_def", "loss", "optimizer"))
    network.restart_teacher()
    parser.get_parsed_content("train::trainer").run()
    set_determinism(seed=None)
    found = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    found |= {f"loss.{name}": tensor for name, tensor in loss.state_dict().items()}
    for index, averages in optimizer.state_dict()["state"].items():
        found |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in averages.items()}
    return found


@pytest.fixture(scope="module")
def complete(cohort, tmp_path_factory):
    """The tensors of a training with all handlers."""
    return trained(cohort, tmp_path_factory.mktemp("complete"))


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(tensor, two[name]) for name, tensor in one.items())


@pytest.mark.slow
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_that_is_left_out_changes_no_weight(complete, cohort, tmp_path, handler):
    # the detector refuses to judge what was not measured, so the two go together
    without = (handler, "CollapseDetector") if handler == "PretrainingHealth" else (handler,)
    assert same(trained(cohort, tmp_path, without), complete)


@pytest.mark.slow
def test_a_training_without_any_handler_has_the_same_weights(complete, cohort, tmp_path):
    assert same(trained(cohort, tmp_path, tuple(HANDLERS)), complete)
