"""Step of an nnU-Net training in a process of its own, which :func:`swinx.refinement.train_nnunet` starts.

nnU-Net takes its folders from the environment, and starts further processes that import the caller's program anew;
both call for a program that does nothing else.
"""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from swinx.files import hold, read_object, write_json
from swinx.mixed_precision import has_mixed_precision, in_bfloat16
from swinx.refinement.teachers.nnunet.nnunet_names import check_network_classes
from swinx.refinement.teachers.nnunet.nnunet_package import find_trainer, nnunet_scalars

__all__ = ["main", "plan", "train", "validate"]

_LONGEST_WAIT_S = 30.0


def plan(job: dict[str, Any]) -> None:
    """Measure the data set, plan the network for it and preprocess the cases."""
    from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess

    dataset_id, processes = job["dataset_id"], max(1, job["num_processes"])
    extract_fingerprints(
        [dataset_id], num_processes=processes, check_dataset_integrity=True, clean=True, show_progress_bar=False
    )
    name = plan_experiments(
        [dataset_id], job["planner"], job["gpu_memory_gb"], overwrite_target_spacing=job["spacing_mm"]
    )
    if name != job["plans"]:
        raise SystemExit(f"planner {job['planner']} names its plans {name}; expected {job['plans']}")
    plans = Path(job["preprocessed"]) / f"{name}.json"
    planned = read_object(plans, finite=False)["configurations"]
    if job["configuration"] not in planned:
        raise SystemExit(f"configuration {job['configuration']!r} is not among those planned: {', '.join(planned)}")
    _narrow(plans, job["configuration"], job["feature_divisor"])
    preprocess([dataset_id], name, (job["configuration"],), (processes,), show_progress_bar=False)


def train(job: dict[str, Any]) -> None:
    """Train one fold, from its last checkpoint if there is one."""
    from nnunetv2.run.run_training import maybe_load_checkpoint

    random.seed(job["seed"])
    np.random.seed(job["seed"])  # noqa: NPY002 - nnU-Net draws from the global generators
    torch.manual_seed(job["seed"])
    trainer = _build_trainer(job)
    if job["epochs"] is not None:
        trainer.num_epochs = job["epochs"]
    if job["iterations"] is not None:
        trainer.num_iterations_per_epoch = job["iterations"]
        trainer.num_val_iterations_per_epoch = max(1, job["iterations"] // 5)
    if job["learning_rate"] is not None:
        trainer.initial_lr = job["learning_rate"]
    if job["optimizer"] == "AdamW":
        trainer.configure_optimizers = partial(_adamw, trainer)
    trainer.initialize()
    if job["amp"] and job["device"] == "cpu" and has_mixed_precision("cpu"):
        trainer.network.forward = partial(in_bfloat16, trainer.network.forward)
    _set_damaged_aside(Path(trainer.output_folder))
    maybe_load_checkpoint(trainer, continue_training=True, validation_only=False)
    trainer.run_training()


def validate(job: dict[str, Any]) -> None:
    """Segment the validation cases of a trained fold; scores go to ``validation/summary.json`` beside it."""
    from nnunetv2.run.run_training import maybe_load_checkpoint

    trainer = _build_trainer(job)
    maybe_load_checkpoint(trainer, continue_training=False, validation_only=True)
    trainer.perform_actual_validation()


def main(job_file: str) -> None:
    """Do the job that a JSON file describes, unless another worker is doing it.

    One that an earlier training left ends within seconds, and so long this one waits.

    Raises:
        RunError: If another worker is at it.
    """
    hold(job_file, _LONGEST_WAIT_S, is_file=True)
    job = read_object(job_file)
    # The environment makes torch refuse pickled code; what nnU-Net's checkpoints hold besides tensors is harmless.
    torch.serialization.add_safe_globals(nnunet_scalars())
    {"plan": plan, "train": train, "validate": validate}[job["step"]](job)


def _build_trainer(job: dict[str, Any]) -> Any:
    folder = Path(job["preprocessed"])
    place = folder / f"{job['plans']}.json"
    plans, dataset = (read_object(path, finite=False) for path in (place, folder / "dataset.json"))
    check_network_classes(plans, place)
    return find_trainer(job["trainer"])(
        plans=plans | {"continue_training": job["step"] == "train"},
        configuration=job["configuration"],
        fold=job["fold"],
        dataset_json=dataset,
        device=torch.device(job["device"]),
    )


def _adamw(trainer: Any) -> tuple[torch.optim.Optimizer, Any]:
    """Return AdamW and nnU-Net's own schedule, as ``configure_optimizers`` of a trainer does."""
    from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler

    optimizer = torch.optim.AdamW(trainer.network.parameters(), lr=trainer.initial_lr, weight_decay=1e-5)
    return optimizer, PolyLRScheduler(optimizer, trainer.initial_lr, trainer.num_epochs)


def _narrow(plans: Path, configuration: str, divisor: int) -> None:
    """Divide the number of features of every stage of the planned network."""
    if divisor == 1:
        return
    content = read_object(plans, finite=False)
    network = content["configurations"][configuration]["architecture"]["arch_kwargs"]
    network["features_per_stage"] = [max(1, count // divisor) for count in network["features_per_stage"]]
    write_json(plans, content)


def _set_damaged_aside(folder: Path) -> None:
    """Rename checkpoints that a killed run left half written, which nnU-Net would stumble over."""
    for path in folder.glob("checkpoint_*.pth"):
        try:
            torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # truncated bytes raise almost anything
            print(f"{path} is damaged ({error}); going on from an earlier one")
            path.replace(path.with_suffix(".damaged"))
