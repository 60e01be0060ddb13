"""Model folder of nnU-Net v2: its files and their content."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from swinx.errors import RecordError, TeacherError, WeightsError
from swinx.files import expanded, read_object
from swinx.refinement.teachers.nnunet.nnunet_names import check_class_name, check_plans
from swinx.refinement.teachers.nnunet.nnunet_package import nnunet_scalars

__all__ = ["READERS", "NnUNetModel", "read_nnunet_model", "trained_folds"]

Fold = int | str

READERS = {
    "SimpleITKIO": False,
    "NibabelIO": False,
    "SimpleITKIOWithReorient": True,
    "NibabelIOWithReorient": True,
}
"""nnU-Net's readers of volumes; true for those that reorient a scan to RAS first."""

_V1_FILES = ("plans.pkl", "model_final_checkpoint.model")


@dataclass(frozen=True)
class NnUNetModel:
    """Content of a model folder.

    Attributes:
        folder: The folder.
        plans: Content of ``plans.json``.
        dataset: Content of ``dataset.json``.
        labels: Name of each class by id, background included, nnU-Net's "ignore" left out.
        files: Plans, data set and one checkpoint for each fold.
        weights: Tensors by name, for each fold.
        trainer: Name of the trainer class.
        configuration: For instance ``"3d_fullres"``.
        mirror_axes: Axes that test-time mirroring may use, or None.
    """

    folder: Path
    plans: dict[str, Any]
    dataset: dict[str, Any]
    labels: dict[int, str]
    files: tuple[Path, ...]
    weights: tuple[dict[str, Tensor], ...]
    trainer: str
    configuration: str
    mirror_axes: tuple[int, ...] | None


def read_nnunet_model(
    folder: str | os.PathLike[str], folds: Sequence[Fold] | None = (0,), checkpoint_name: str = "checkpoint_final.pth"
) -> NnUNetModel:
    """Read and check a model folder ``<trainer>__<plans>__<configuration>`` of nnU-Net v2.

    Raises:
        TeacherError: If it is no such folder or lacks a file, which is named; if its plans name code that is not of
            nnU-Net or PyTorch; if it is a model of nnU-Net v1, for several input channels, with regions as labels, or
            a stage of a cascade.
        WeightsError: If a checkpoint cannot be read, or belongs to another training than the first.
    """
    root = expanded(folder)
    if not root.is_dir():
        raise TeacherError(
            f"{root}: no such folder; give teacher_dir, the folder <trainer>__<plans>__<configuration> of an "
            "nnU-Net, or another teacher, such as the overlay teacher_bundle"
        )
    _refuse_v1(root)
    if folds is None:
        folds = trained_folds(root, checkpoint_name)
    if not folds:
        raise TeacherError(f"{root}: no fold is chosen, or trained; give at least one, for instance folds=(0,)")
    plans, dataset = (_read_json(root / name) for name in ("plans.json", "dataset.json"))
    check_plans(plans, root / "plans.json")
    channels = dataset.get("channel_names", dataset.get("modality", {}))
    if len(channels) != 1:
        raise TeacherError(f"{root / 'dataset.json'}: {len(channels)} input channels {channels}; a CT has one")
    reader = plans.get("image_reader_writer")
    if reader not in READERS:
        raise TeacherError(f"{root / 'plans.json'}: reads scans by {reader!r}; known are {', '.join(READERS)}")
    labels = _read_labels(root / "dataset.json", dataset)
    checkpoints = [root / f"fold_{fold}" / checkpoint_name for fold in folds]
    contents = [_read_checkpoint(path, root) for path in checkpoints]
    trainer, configuration = contents[0]["trainer_name"], contents[0]["init_args"]["configuration"]
    check_class_name(trainer, "trainer_name", checkpoints[0])
    for path, content in zip(checkpoints, contents, strict=True):
        if (content["trainer_name"], content["init_args"]["configuration"]) != (trainer, configuration):
            raise WeightsError(f"{path}: belongs to another training than {checkpoints[0]}")
    known = plans.get("configurations", {})
    if configuration not in known:
        raise TeacherError(f"{root / 'plans.json'}: no configuration {configuration!r}, which {checkpoints[0]} needs")
    if known[configuration].get("previous_stage"):
        raise TeacherError(f"{root}: {configuration} refines another model's output; give a model that stands alone")
    axes = contents[0].get("inference_allowed_mirroring_axes")
    return NnUNetModel(
        folder=root,
        plans=plans,
        dataset=dataset,
        labels=labels,
        files=(root / "plans.json", root / "dataset.json", *checkpoints),
        weights=tuple(content["network_weights"] for content in contents),
        trainer=trainer,
        configuration=configuration,
        mirror_axes=None if axes is None else tuple(int(axis) for axis in axes),
    )


def trained_folds(folder: Path, checkpoint_name: str = "checkpoint_final.pth") -> list[Fold]:
    """Return the folds of a model folder that have a checkpoint, in name order."""
    names = sorted(path.parent.name.removeprefix("fold_") for path in folder.glob(f"fold_*/{checkpoint_name}"))
    return [int(name) if name.isdigit() else name for name in names]


def _refuse_v1(root: Path) -> None:
    for name in _V1_FILES:
        if found := next(iter(sorted({*root.glob(name), *root.glob(f"*/{name}")})), None):
            raise TeacherError(
                f"{root}: {found.name} belongs to nnU-Net v1; train it anew with nnU-Net v2, or predict by v1 and give "
                "its output folder to PredictionFolderTeacher"
            )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return read_object(path, finite=False)  # intensities of a data set may be NaN
    except FileNotFoundError as error:
        raise TeacherError(f"{path}: no such file; every model folder of nnU-Net v2 has one") from error
    except OSError as error:
        raise TeacherError(f"{path}: cannot be read: {error.strerror or error}") from error
    except RecordError as error:
        raise TeacherError(str(error)) from error


def _read_labels(path: Path, dataset: dict[str, Any]) -> dict[int, str]:
    labels = {}
    for name, value in dataset.get("labels", {}).items():
        if isinstance(value, list) and len(value) != 1:
            raise TeacherError(f"{path}: class {name!r} is a region {value}; a teacher needs one id for each class")
        index = value[0] if isinstance(value, list) else value
        if not str(index).isdecimal():
            raise TeacherError(f"{path}: class {name!r} has the id {value!r}; nnU-Net v2 writes {{name: id}}")
        if name != "ignore":
            labels[int(index)] = str(name)
    if not set(labels) - {0}:
        raise TeacherError(f"{path}: states no class but background under 'labels'")
    return labels


def _read_checkpoint(path: Path, root: Path) -> dict[str, Any]:
    if not path.is_file():
        there = ", ".join(sorted(str(found.relative_to(root)) for found in root.glob("fold_*/*.pth"))) or "none"
        raise TeacherError(f"{path}: no such checkpoint; the folder has {there}")
    try:
        with torch.serialization.safe_globals(nnunet_scalars()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling broken or foreign bytes raises almost anything
        raise WeightsError(
            f"{path}: is damaged, or holds more than numbers; swinx runs no code from a checkpoint: {error}"
        ) from error
    needed = ("network_weights", "trainer_name", "init_args")
    if not isinstance(content, dict) or not all(key in content for key in needed):
        raise WeightsError(f"{path}: no checkpoint of nnU-Net v2: {', '.join(needed)} are not all in it")
    return {key: content.get(key) for key in (*needed, "inference_allowed_mirroring_axes")}
