"""Training of an nnU-Net v2 as teacher, in steps that are each done once."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

import swinx
from swinx.data import warn_of_numberings
from swinx.errors import DataListError, LabelSetError, TrainingError
from swinx.files import expanded, hold, json_sha256, read_object, write_json
from swinx.labels import FLARE23, LabelSet
from swinx.refinement.label_of_case import places_of
from swinx.refinement.teachers.nnunet.nnunet_dataset import choose_classes, select_complete_cases, write_nnunet_dataset
from swinx.refinement.teachers.nnunet.nnunet_package import require_nnunet
from swinx.runs import run_child

__all__ = ["train_nnunet"]

_logger = logging.getLogger(__name__)

_NAME = "FLARE"
# Processes that this one starts would import a main module again; with "-c" there is none.
_PROGRAM = "import sys; from swinx.refinement.teachers.nnunet.nnunet_worker import main; main(sys.argv[1])"
_MIN_CASES = 5  # nnU-Net makes five folds
_SHOWN_LINES = 15
_PLANS_OF = {
    "ExperimentPlanner": "nnUNetPlans",
    "nnUNetPlannerResEncM": "nnUNetResEncUNetMPlans",
    "nnUNetPlannerResEncL": "nnUNetResEncUNetLPlans",
    "nnUNetPlannerResEncXL": "nnUNetResEncUNetXLPlans",
}


def train_nnunet(
    items: Sequence[Mapping[str, Any]],
    work_dir: str | os.PathLike[str],
    dataset_id: int = 1,
    configuration: str = "3d_fullres",
    folds: int | str | Sequence[int | str] | None = (0,),
    *,
    classes: Sequence[int | str] | Literal["auto"] | None = None,
    epochs: int | None = None,
    iterations: int | None = None,
    trainer: str = "nnUNetTrainer",
    optimizer: str = "SGD",
    learning_rate: float | None = None,
    planner: str = "ExperimentPlanner",
    gpu_memory_gb: float | None = None,
    spacing_mm: Sequence[float] | None = None,
    feature_divisor: int = 1,
    device: str | torch.device | None = None,
    amp: bool = True,
    num_processes: int = 1,
    validate: bool = False,
    seed: int = 0,
    label_set: LabelSet = FLARE23,
) -> Path:
    """Plan, preprocess and train an nnU-Net on the completely annotated cases of a data list.

    ``work_dir`` is locked until this process ends, and the processes that it starts end with it.

    Only cases whose ``annotated`` covers all ``classes`` are used (see
    :func:`swinx.refinement.select_complete_cases`); the others are logged and listed in
    ``<work_dir>/training.json`` under ``left_out``. Every step runs in a process of its own, with its output in
    ``<work_dir>/logs``. A finished step is not repeated; an interrupted training goes on from nnU-Net's last
    checkpoint, which it writes every 50 epochs and whenever the validation improves.

    Args:
        items: Entries with ``case``, ``image``, ``label`` and ``annotated``, as
            :func:`swinx.data.load_data_list` returns them.
        work_dir: Folder for nnU-Net's ``raw``, ``preprocessed`` and ``results``; one training each.
        dataset_id: nnU-Net's number for the data set, 1..999.
        configuration: ``"2d"``, ``"3d_fullres"`` or ``"3d_lowres"``, as far as planned.
        folds: One or more of the numbers 0..4, or ``"all"`` to train on all cases; None for 0 where there are the five
            cases that nnU-Net's folds need, and else ``"all"``.
        classes: Classes to learn, by name or by number in label files; by default all. Fewer leave more cases
            complete; ``"auto"`` lets :func:`swinx.refinement.choose_classes` choose.
        epochs: nnU-Net's 1000 by default.
        iterations: Training steps per epoch; nnU-Net's 250 by default. Validation takes a fifth of it.
        trainer: nnU-Net's trainer class.
        optimizer: ``"SGD"``, nnU-Net's with momentum 0.99, which needs thousands of steps; or ``"AdamW"``, for
            trainings of minutes.
        learning_rate: The first of nnU-Net's polynomial schedule; the trainer's own by default, 0.01 for SGD.
        planner: ``"ExperimentPlanner"`` or ``"nnUNetPlannerResEncM"`` (``L``, ``XL``).
        gpu_memory_gb: Memory to plan for; the planner's own by default.
        spacing_mm: Voxel size to train at, in nnU-Net's order (z, y, x); the planner's choice by default.
        feature_divisor: Divide the features of every stage by this number, for small networks.
        device: Where to train; by default a GPU if there is one.
        amp: Mixed precision, where the device has it; nnU-Net itself uses it on every GPU, and on no processor.
        num_processes: Processes for preprocessing and, from 2 on, for augmentation.
        validate: Let nnU-Net segment the validation cases of each fold when it is trained.
        seed: Of the weights and, with one process, of the augmentation.
        label_set: The classes; nnU-Net gets their names.

    Returns:
        The model folder that :class:`swinx.refinement.NnUNetTeacher` takes.

    Raises:
        TeacherError: If nnU-Net is not installed.
        DataListError: If too few cases are complete.
        RunError: If another process trains in ``work_dir``.
        TrainingError: If ``work_dir`` holds another training, or a step fails; the message has the end of its log.
        ValueError: If a setting is out of range.
    """
    wanted = _wanted(items, classes, label_set)
    complete, left_out = select_complete_cases(items, wanted, label_set=label_set)
    if folds is None:
        folds = 0 if len(complete) >= _MIN_CASES else "all"
    folds = (folds,) if isinstance(folds, int | str) else tuple(folds)
    _check(dataset_id, folds, planner, optimizer, feature_divisor)
    require_nnunet()
    root = expanded(work_dir).absolute()
    dataset = f"Dataset{dataset_id:03d}_{_data_set_name(label_set)}"
    job = {
        "dataset_id": dataset_id,
        "configuration": configuration,
        "trainer": trainer,
        "planner": planner,
        "plans": _PLANS_OF[planner],
        "gpu_memory_gb": gpu_memory_gb,
        "spacing_mm": None if spacing_mm is None else list(spacing_mm),
        "feature_divisor": feature_divisor,
        "epochs": epochs,
        "iterations": iterations,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "seed": seed,
    }
    hold(root)
    of_classes = {"classes": wanted} | ({} if label_set == FLARE23 else {"label_set": label_set.as_json()})
    record = _Record(root, job | of_classes | {"cases": [_plain(item) for item in complete]})
    if "data" not in record.done:
        warn_of_numberings(complete, label_set)
        left_out |= write_nnunet_dataset(root / "raw" / dataset, complete, wanted, label_set=label_set)
        used = [item["case"] for item in complete if item["case"] not in left_out]
        for case, reason in left_out.items():
            _logger.warning("%s is left out of the teacher's training: %s", case, reason)
        if len(used) < _MIN_CASES and set(folds) != {"all"}:
            first = next(iter(left_out.items()), None)
            raise DataListError(
                f"{len(used)} cases are complete for the {len(wanted)} classes; nnU-Net's folds need {_MIN_CASES}. "
                f"Give folds=('all',), fewer classes, or more cases; the first left out: {first}"
            )
        record.finish("data", used=used, left_out=left_out)
    here = {
        "device": str(device or ("cuda" if torch.cuda.is_available() else "cpu")),
        "amp": amp,
        "num_processes": num_processes,
        "preprocessed": str(root / "preprocessed" / dataset),
    }
    steps: dict[str, dict[str, Any]] = {"plan": {"step": "plan"}}
    for fold in folds:
        steps[f"train_fold_{fold}"] = {"step": "train", "fold": fold}
        if validate:
            steps[f"validate_fold_{fold}"] = {"step": "validate", "fold": fold}
    for name, step in steps.items():
        if name not in record.done:
            _run(root, name, job | here | step)
            record.finish(name)
    return root / "results" / dataset / f"{trainer}__{job['plans']}__{configuration}"


def _wanted(
    items: Sequence[Mapping[str, Any]], classes: Sequence[int | str] | Literal["auto"] | None, label_set: LabelSet
) -> list[int]:
    """Return the class ids to learn."""
    if classes is None:
        return list(label_set.foreground)
    if classes != "auto":
        try:
            given = label_set.ids_of(classes, "classes")
        except LabelSetError as error:
            raise ValueError(f"classes {classes} must be one or more classes of the label set; {error}") from error
        if not given:
            raise ValueError(f"classes {classes} must be one or more of {label_set.listed(label_set.foreground)}")
        return given
    chosen = choose_classes(items, _MIN_CASES, label_set=label_set)
    if not chosen:
        raise DataListError("no case has a record of its annotated classes; add them to train a teacher")
    if len(chosen) < len(label_set):
        names = label_set.listed(chosen)
        _logger.warning("too few cases have all classes annotated; the teacher learns %s (--classes chooses)", names)
    return chosen


def _data_set_name(label_set: LabelSet) -> str:
    """Return a name of letters and digits, as nnU-Net wants it."""
    if label_set == FLARE23:
        return _NAME
    return "".join(letter for letter in label_set.name if letter.isascii() and letter.isalnum()) or "CT"


def _check(
    dataset_id: int,
    folds: Sequence[int | str],
    planner: str,
    optimizer: str,
    divisor: int,
) -> None:
    if not 1 <= dataset_id <= 999:
        raise ValueError(f"dataset_id must be in 1..999, not {dataset_id}")
    if not folds or any(fold != "all" and fold not in range(5) for fold in folds):
        raise ValueError(f"folds {tuple(folds)} must be one or more of 0..4, or 'all'")
    if planner not in _PLANS_OF:
        raise ValueError(f"planner {planner!r} must be one of {', '.join(_PLANS_OF)}")
    if optimizer not in ("SGD", "AdamW"):
        raise ValueError(f"optimizer must be 'SGD' or 'AdamW', not {optimizer!r}")
    if divisor < 1:
        raise ValueError(f"feature_divisor must be 1 or more, not {divisor}")


def _plain(item: Mapping[str, Any]) -> list[Any]:
    """Return the name, files and numbering of a case, on which the files that are made of it depend."""
    files = [os.fspath(place) for place in (item["image"], *places_of(item["label"]))]
    masks = list(item["label"]) if isinstance(item["label"], Mapping) else None
    more = {"label_map": item.get("label_map"), "masks": masks}
    return [item["case"], *files, *[{key: value} for key, value in more.items() if value is not None]]


class _Record:
    """Finished steps of a working folder, with their settings: ``training.json``."""

    def __init__(self, root: Path, settings: dict[str, Any]) -> None:
        self.path = root / "training.json"
        digest = json_sha256(settings)
        self.content: dict[str, Any] = {"settings": settings, "sha256": digest, "done": []}
        if self.path.is_file():
            self.content = _read_record(self.path)
            if self.content["sha256"] != digest:
                old = self.content["settings"]
                other = [key for key in settings if settings[key] != old.get(key)]
                raise TrainingError(f"{root} holds a training with other {', '.join(other)}; choose another work_dir")

    @property
    def done(self) -> list[str]:
        return list(self.content["done"])

    def finish(self, step: str, **facts: Any) -> None:
        self.content |= facts
        self.content["done"].append(step)
        write_json(self.path, self.content)


def _read_record(path: Path) -> dict[str, Any]:
    content = read_object(path)
    kinds = {"settings": dict, "sha256": str, "done": list}
    if wrong := [key for key, kind in kinds.items() if not isinstance(content.get(key), kind)]:
        raise TrainingError(f"{path}: {', '.join(wrong)} missing or damaged; choose another work_dir, or delete it")
    return content


def _run(root: Path, name: str, job: dict[str, Any]) -> None:
    log = root / "logs" / f"{name}.log"
    job_file = root / "logs" / f"{name}.json"
    write_json(job_file, job)
    _logger.info("nnU-Net: %s; output in %s", name, log)
    with log.open("w", encoding="utf-8") as stream:
        code = run_child([sys.executable, "-c", _PROGRAM, str(job_file)], _environment(root, job), stream)
    if code != 0:
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_SHOWN_LINES:])
        raise TrainingError(f"nnU-Net failed in step {name!r}, exit status {code}; see {log}:\n{end}")


def _environment(root: Path, job: dict[str, Any]) -> dict[str, str]:
    processes = int(job["num_processes"])
    if job["step"] != "plan" and processes < 2:
        processes = 0  # augmentation in the training process itself; planning cannot do with none
    places = {f"nnUNet_{name}": str(root / name) for name in ("raw", "preprocessed", "results")}
    package = str(Path(swinx.__file__).parents[1])
    inherited = {key: value for key, value in os.environ.items() if key != "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"}
    return (
        inherited
        | places
        | {
            "nnUNet_n_proc_DA": str(processes),
            "nnUNet_def_n_proc": str(max(1, processes)),
            "TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1",
            "PYTHONPATH": os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
    )
