"""Folders that break the rules of folders."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from rules.examples import example
from swinx.errors import DataListError
from swinx.report import score_folders
from swinx.rules.folders import LabelFolderRules

AFFINE = np.diag([-2.0, 2.0, 5.0, 1.0])


def _save(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.ones((4, 5, 6), np.uint8), AFFINE), path)


def _score(folder: Path) -> str:
    for name in ("reference", "prediction"):
        (folder / name).mkdir(exist_ok=True)
    return score_folders(folder / "reference", folder / "prediction", folder / "out", show_progress=False).text


def _refusal(folder: Path) -> str:
    with pytest.raises(DataListError, match=r".") as caught:
        _score(folder)
    return str(caught.value)


@example(LabelFolderRules.NONE)
def _no_label_map(folder: Path) -> str:
    _save(folder / "reference" / "a.nii.gz")
    return _refusal(folder)


@example(LabelFolderRules.TWO_FILES)
def _two_of_one_case(folder: Path) -> str:
    _save(folder / "reference" / "a.nii.gz")
    _save(folder / "prediction" / "a.nii.gz")
    _save(folder / "prediction" / "a.seg.nii")
    return _refusal(folder)


@example(LabelFolderRules.NOTHING_SHARED)
def _other_names(folder: Path) -> str:
    _save(folder / "reference" / "a.nii.gz")
    _save(folder / "prediction" / "b.nii.gz")
    return _refusal(folder)


@example(LabelFolderRules.MISSING)
def _one_is_missing(folder: Path) -> str:
    for name in ("reference/a", "reference/b", "prediction/a"):
        _save(folder / f"{name}.nii.gz")
    return _score(folder)
