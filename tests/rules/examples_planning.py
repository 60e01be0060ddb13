"""Inputs that break the rules on collections that a training is planned for."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from rules.examples import example
from swinx.cli.plan_command import plan_settings
from swinx.errors import DataListError
from swinx.planning import Machine, read_fingerprint
from swinx.rules import PlanningRules


def told(folder: Path, *cases: str) -> str:
    """What reading a collection says."""
    listed = [{"case": case, "image": f"{case}_image.nii.gz", "label": f"{case}_label.nii.gz"} for case in cases]
    (folder / "datalist.json").write_text(json.dumps({"training": listed}), encoding="utf-8")
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("swinx.planning")
    logger.addHandler(handler)
    try:
        read_fingerprint(folder / "datalist.json", machine=Machine(1000, 1), progress=False)
    except DataListError as error:
        lines.append(str(error))
    finally:
        logger.removeHandler(handler)
    return "\n".join(lines)


def write(path: Path, array: np.ndarray) -> None:
    nib.save(nib.Nifti1Image(array, np.eye(4)), path)


@example(PlanningRules.NO_CASES, PlanningRules.LEFT_OUT)
def cases_without_files(folder: Path) -> str:
    return told(folder, "absent")


@example(PlanningRules.NO_HEADER)
def header_that_is_torn(folder: Path) -> str:
    (folder / "torn_image.nii.gz").write_bytes(b"\x1f\x8b and no more")
    write(folder / "torn_label.nii.gz", np.ones((4, 4, 4), np.uint8))
    return told(folder, "torn")


@example(PlanningRules.NO_CLASS)
def labels_of_background(folder: Path) -> str:
    write(folder / "a_image.nii.gz", np.arange(8000, dtype=np.int16).reshape(20, 20, 20))
    write(folder / "a_label.nii.gz", np.zeros((20, 20, 20), np.uint8))
    return told(folder, "a")


@example(PlanningRules.OPTION)
def option_that_is_no_number(folder: Path) -> str:
    with pytest.raises(DataListError) as caught:
        plan_settings(folder / "datalist.json", folder / "settings.json", None, True)
    return str(caught.value)
