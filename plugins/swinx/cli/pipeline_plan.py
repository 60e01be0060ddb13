"""Checks of the pipeline's steps before the first one runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from swinx.data import write_split_list
from swinx.labels import CLASS_NAMES
from swinx.refinement import choose_classes, select_complete_cases

__all__ = ["STEPS", "plan_pipeline"]

STEPS = ("check", "pretrain", "teacher", "refine", "train", "evaluate", "report")
_ENOUGH = 5


def plan_pipeline(
    data_list: str | os.PathLike[str],
    out: str | os.PathLike[str],
    section: str = "validation",
    skip: Collection[str] = (),
    teacher: str | os.PathLike[str] | None = None,
    seed: int = 0,
) -> tuple[list[str], list[str]]:
    """Write the data list of all steps, and check the needs of each step.

    Args:
        data_list: The user's list.
        out: The list to write; it has validation cases, by a seeded split where the user's has none.
        section: The section to segment and score.
        skip: Steps that are left out.
        teacher: Folder of a trained nnU-Net; None if one is trained.
        seed: Of the split.

    Returns:
        Notes on what will be done; and the faults with which a step would end.

    Raises:
        DataListError: If the list cannot be read.
        OSError: If ``out`` cannot be written.
    """
    sections = write_split_list(data_list, out, seed=seed)
    usable = {name: [item for item in items if "fault" not in item] for name, items in sections.items()}
    counts = ", ".join(f"{len(items)} {name}" for name, items in usable.items())
    notes, faults = [f"cases: {counts}; {out}"], []
    if unknown := sorted(set(skip) - set(STEPS)):
        faults.append(f"SKIP={' '.join(unknown)}: no such step; there are {', '.join(STEPS)}")
    if "pretrain" not in skip and not (usable.get("unlabeled") or usable.get("training")):
        faults.append("pretrain: no scan in 'unlabeled' or 'training'; add scans, or SKIP=pretrain")
    if "refine" not in skip:
        told, wrong = _teacher(usable.get("training", []), "teacher" in skip, teacher)
        notes += told
        faults += wrong
    if "train" not in skip and not usable.get("training"):
        faults.append("train: no case in 'training'")
    if "evaluate" not in skip and not usable.get(section):
        faults.append(f"evaluate: no case in {section!r}; give SECTION=<one of {', '.join(usable)}>, or SKIP=evaluate")
    return notes, faults


def _teacher(
    items: Sequence[dict[str, Any]], skipped: bool, folder: str | os.PathLike[str] | None
) -> tuple[list[str], list[str]]:
    if folder is not None and (Path(folder) / "plans.json").is_file():
        return [f"teacher: {folder}"], []
    if skipped:
        return [], [f"refine: the teacher is skipped, and {folder} has no plans.json; give TEACHER=<model folder>"]
    classes = choose_classes(items, _ENOUGH)
    if not classes:
        advice = "record 'annotated' in the data list (swinx data flare does), or SKIP='teacher refine'"
        return [], [f"teacher: no case says which classes are annotated in it; {advice}"]
    complete, _ = select_complete_cases(items, classes)
    names = ", ".join(CLASS_NAMES[index] for index in classes)
    folds = "fold 0" if len(complete) >= _ENOUGH else "all cases, without validation"
    return [f"teacher: learns {names} from {len(complete)} complete cases, {folds}"], []
