"""Handlers of the pretraining watch, log and save: none of them changes what is trained."""

from __future__ import annotations

import json

import pytest
import torch
from monai.bundle import ConfigParser
from monai.utils import set_determinism

from support.bundles import PRETRAINING, ROOT, SMALL_PRETRAINING

CONFIGURATION = json.loads((ROOT / PRETRAINING / "train.json").read_text())
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


def trained(cohort, folder, with_handlers: bool) -> dict[str, torch.Tensor]:
    """Train four steps with all handlers or with none; return networks, centres and running averages."""
    settings = TINY | {"dataset_dir": str(cohort), "output_dir": str(folder), "checkpoint": str(folder / "model.pt")}
    parser = ConfigParser(json.loads(json.dumps(CONFIGURATION)) | settings)
    if not with_handlers:
        parser["train"]["handlers"] = []
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


@pytest.mark.slow
def test_a_training_without_any_handler_has_the_same_weights(cohort, tmp_path):
    complete, bare = (trained(cohort, tmp_path / name, name == "complete") for name in ("complete", "bare"))
    assert complete.keys() == bare.keys()
    assert [name for name, tensor in complete.items() if not torch.equal(tensor, bare[name])] == []
