"""Disagreement of rounds: against earlier labels on oblique grids, and what happens where one is missing."""

from __future__ import annotations

import unicodedata

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from swinx.data import CTReader
from swinx.errors import find_case_error
from swinx.refinement import CompareRoundsd

READER = {"kind": "label", "allow_empty": True, "allow_unknown": True}


def save(folder, voxels, affine, case="anna"):
    folder.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, affine), folder / f"{case}.nii.gz")
    return folder


def item(voxels, affine) -> dict:
    label = MetaTensor(torch.from_numpy(voxels)[None], affine=torch.from_numpy(affine))
    return {"label": label, "case": "anna", "notes": ["before"], "refinement": {"disagreement": None, "known": [1]}}


def maps(*counts: int) -> list[np.ndarray]:
    """Label maps 6 x 5 x 4 whose first ``n`` voxels are liver."""
    made = []
    for count in counts:
        flat = np.zeros(120, dtype=np.uint8)
        flat[:count] = 1
        made.append(flat.reshape(6, 5, 4))
    return made


def compare(folders) -> CompareRoundsd:
    return CompareRoundsd("label", previous=folders, reader=CTReader(**READER))


def test_the_formula_of_three_rounds(tmp_path, oblique):
    first, second, third = maps(10, 20, 40)
    folders = [save(tmp_path / str(k), m, oblique) for k, m in enumerate((first, second))]
    before = item(third, oblique)
    out = compare(folders)(before)
    assert out["refinement"]["disagreement"] == pytest.approx((10 / 20 + 20 / 40) / 2)
    assert out["refinement"]["disagreement_by_class"] == {"1": pytest.approx(0.5)}
    assert out["refinement"]["known"] == [1]
    assert before["refinement"]["disagreement"] is None, "the argument stays as it was"


def test_no_earlier_round_changes_nothing(oblique):
    before = item(maps(3)[0], oblique)
    assert CompareRoundsd()(before) == before


def test_unknown_voxels_of_either_round_do_not_count(tmp_path, oblique):
    first, second = maps(10, 20)
    first[first == 0] = 255
    out = compare([save(tmp_path / "r", first, oblique)])(item(second, oblique))
    assert out["refinement"]["disagreement"] == 0


def test_a_case_without_an_earlier_label_is_noted_and_goes_on(tmp_path, oblique):
    (tmp_path / "round_1" / "refined").mkdir(parents=True)
    out = compare([tmp_path / "round_1" / "refined"])(item(maps(3)[0], oblique))
    assert out["refinement"]["disagreement"] is None
    assert out["notes"] == ["before", "round_1/refined has no label of it to compare with"]


def test_an_earlier_label_on_another_grid_is_refused(tmp_path, oblique):
    moved = oblique.copy()
    moved[:3, 3] += 40
    folder = save(tmp_path / "r", maps(3)[0], moved)
    with pytest.raises(ValueError, match="not on the grid of the scan") as caught:
        compare([folder])(item(maps(3)[0], oblique))
    assert find_case_error(caught.value) is not None


def test_two_labels_are_refused():
    with pytest.raises(ValueError, match="one refined label"):
        CompareRoundsd(["label", "other"])


def test_an_earlier_label_is_found_whatever_the_composition_of_its_name(tmp_path, oblique):
    first, second = maps(10, 20)
    composed, decomposed = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))
    folder = save(tmp_path / "0", first, oblique, decomposed)
    out = compare([folder])(item(second, oblique) | {"case": composed})
    assert out["refinement"]["disagreement"] == pytest.approx(0.5)
