"""Checks of the pipeline's steps before the first one runs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from fire.parser import DefaultParseValue

from swinx.bundle import SETTINGS, nearest, read_setting
from swinx.data import list_label_set, write_split_list
from swinx.errors import BundleError
from swinx.labels import LabelSet
from swinx.refinement import choose_classes, select_complete_cases
from swinx.rules import SettingRules
from swinx.visible_text import visible

__all__ = ["STEPS", "plan_pipeline"]

STEPS = ("check", "pretrain", "teacher", "refine", "train", "evaluate", "report")
_ENOUGH = 5
_STAGES = {
    "pretrain": "pretraining",
    "teacher": "teacher",
    "refine": "refinement",
    "train": "training",
    "evaluate": "evaluation",
}
_OF_MONAI = ("args_file", "config_file", "meta_file", "logging_file", "tracking", "init_id", "run_id", "final_id")
# A step, the file that later steps take from it, and these steps.
_RESULTS = (
    ("train", "models/model.pt", ("report", "evaluate")),
    ("evaluate", "evaluation/scores.csv", ("report",)),
)


def plan_pipeline(
    data_list: str | os.PathLike[str],
    out: str | os.PathLike[str],
    section: str = "validation",
    skip: Collection[str] = (),
    teacher: str | os.PathLike[str] | None = None,
    seed: int = 0,
    *,
    work_dir: str | os.PathLike[str] | None = None,
    arguments: Mapping[str, str] | None = None,
    label_set: LabelSet | None = None,
) -> tuple[list[str], list[str]]:
    """Write the data list of all steps, and check the needs of each step.

    Args:
        data_list: The user's list.
        out: The list to write; it has validation cases, by a seeded split where the user's has none.
        section: The section to segment and score.
        skip: Steps that are left out.
        teacher: Folder of a trained nnU-Net; None if one is trained.
        seed: Of the split.
        work_dir: Folder of the results of earlier steps, which stand in for those that are left out; None checks none.
        arguments: Settings that a step is given on its command line, by step.
        label_set: The classes; by default those of the list.

    Returns:
        Notes on what will be done; and the faults with which a step would end.

    Raises:
        DataListError: If the list cannot be read.
        OSError: If ``out`` cannot be written.
    """
    chosen = label_set or list_label_set(data_list)
    sections = write_split_list(data_list, out, seed=seed, label_set=chosen)
    usable = {name: [item for item in items if "fault" not in item] for name, items in sections.items()}
    counts = ", ".join(f"{len(items)} {name}" for name, items in usable.items())
    notes, faults = [f"cases: {counts}; {out}"], []
    if unknown := sorted(set(skip) - set(STEPS)):
        faults.append(f"SKIP={' '.join(unknown)}: no such step; there are {', '.join(STEPS)}")
    asked = {step: text for step, text in (arguments or {}).items() if step not in skip}
    faults += [f"{step}: {fault}" for step, text in asked.items() for fault in _setting_faults(text, _STAGES[step])]
    if "pretrain" not in skip and not (usable.get("unlabeled") or usable.get("training")):
        faults.append("pretrain: no scan in 'unlabeled' or 'training'; add scans, or SKIP=pretrain")
    if "refine" not in skip:
        told, wrong = _teacher(usable.get("training", []), "teacher" in skip, teacher, chosen)
        notes += told
        faults += wrong
    if "train" not in skip and not usable.get("training"):
        faults.append("train: no case in 'training'")
    if "evaluate" not in skip and not usable.get(section):
        faults.append(f"evaluate: no case in {section!r}; give SECTION=<one of {', '.join(usable)}>, or SKIP=evaluate")
    return notes, faults + ([] if work_dir is None else _missing_results(Path(work_dir), skip))


def _missing_results(work_dir: Path, skip: Collection[str]) -> list[str]:
    """Return which files of skipped steps are missing though a later step needs them."""
    return [
        f"SKIP={step}: {work_dir / place} is missing, and {users[-1]} needs it; run the step once"
        for step, place, users in _RESULTS
        if step in skip and not set(users) <= set(skip) and not (work_dir / place).is_file()
    ]


def _setting_faults(text: str, stage: str) -> list[str]:
    """Return the faults of the settings of a command line, without those of single components."""
    faults = []
    words = shlex.split(text)
    for word, following in zip(words, [*words, "--"][1:], strict=True):
        name, _, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name.isidentifier() or name in _OF_MONAI:
            continue
        here = [known for known, setting in SETTINGS.items() if stage in setting.stages]
        if name not in here:
            faults.append(SettingRules.UNKNOWN.says(name=visible(name), nearest=nearest(name, here)))
            continue
        given = value or ("True" if following.startswith("--") else following)
        try:
            read_setting(SETTINGS[name], DefaultParseValue(given))
        except BundleError as error:
            faults.append(str(error))
    return faults


def _teacher(
    items: Sequence[dict[str, Any]], skipped: bool, folder: str | os.PathLike[str] | None, label_set: LabelSet
) -> tuple[list[str], list[str]]:
    if folder is not None and (Path(folder) / "plans.json").is_file():
        return [f"teacher: {folder}"], []
    if skipped:
        where = "no model folder is given" if folder is None else f"{folder} has no plans.json"
        advice = "give TEACHER=<model folder>, or SKIP='teacher refine'"
        return [], [f"refine: the teacher is skipped, and {where}; {advice}"]
    classes = choose_classes(items, _ENOUGH, label_set)
    if not classes:
        advice = "record 'annotated' in the data list (swinx data flare does), or SKIP='teacher refine'"
        return [], [f"teacher: no case says which classes are annotated in it; {advice}"]
    complete, _ = select_complete_cases(items, classes, label_set)
    folds = "fold 0" if len(complete) >= _ENOUGH else "all cases, without validation"
    return [f"teacher: learns {label_set.listed(classes)} from {len(complete)} complete cases, {folds}"], []
