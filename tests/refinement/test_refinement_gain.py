"""What a refinement gained: hand-made labels with known Dice, on an oblique grid."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from swinx.data import write_data_list
from swinx.errors import CaseError, DataListError
from swinx.refinement import refinement_gain

SHAPE = (6, 5, 4)


def labels(**counts: int) -> np.ndarray:
    """A map whose first voxels are of the first class, and so on: ``c1=10`` is ten voxels of liver."""
    flat, start = np.zeros(np.prod(SHAPE), dtype=np.uint8), 0
    for name, count in counts.items():
        flat[start : start + count] = int(name[1:])
        start += count
    return flat.reshape(SHAPE)


@pytest.fixture
def save(tmp_path, oblique):
    def call(name: str, voxels: np.ndarray, affine: np.ndarray = oblique) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(voxels, affine), path)
        return str(path)

    return call


@pytest.fixture
def lists(tmp_path, save):
    """One case: liver drawn, right kidney and spleen filled in; half of the kidney, and the spleen unknown."""
    truth, before = labels(c1=20, c2=10, c3=10), labels(c1=20)
    after = labels(c1=20, c2=5, c255=15)
    save("truth/anna.nii.gz", truth)
    image = save("images/anna_0000.nii.gz", np.ones(SHAPE, np.int16))
    for name, voxels, known in (("before", before, [1]), ("after", after, [1, 2])):
        item = {"case": "anna", "image": image, "label": save(f"{name}/anna.nii.gz", voxels), "annotated": known}
        write_data_list(tmp_path / name / "datalist.json", {"training": [item]}, name=name, roots=[tmp_path])
    return tmp_path


def gain(folder, **options):
    places = [folder / "truth", folder / "before" / "datalist.json", folder / "after" / "datalist.json"]
    return refinement_gain(*places, progress=False, **options)


def test_dice_before_and_after_by_hand(lists):
    rows = gain(lists).rows.set_index("class")
    assert rows.index.tolist() == ["liver", "right kidney", "spleen"], "classes that the truth has"
    assert rows["before"].tolist() == [1, 0, 0]
    np.testing.assert_allclose(rows["after"], [1, 2 * 5 / (10 + 5), 0], atol=1e-6)
    assert rows["annotated"].tolist() == [True, False, False]
    assert rows["known"].tolist() == [True, True, False]
    assert rows["unknown"].tolist() == [0, 0.5, 1]


def test_the_table_tells_drawn_from_filled(lists):
    text = gain(lists, out=lists / "gain.csv").text
    kidney = next(line for line in text.splitlines() if line.startswith("right kidney"))
    assert kidney.split()[2:] == ["0.0", "66.7", "66.7", "1", "1"]
    assert next(line for line in text.splitlines() if line.startswith("liver")).split()[1:4] == ["100.0", "100.0", "-"]
    assert len((lists / "gain.csv").read_text().splitlines()) == 4


def test_a_case_without_a_label_before_counts_from_nothing(lists):
    image = str(lists / "images/anna_0000.nii.gz")
    item = {"case": "anna", "image": image}
    write_data_list(lists / "before" / "datalist.json", {"training": [item]}, name="x", roots=[lists])
    assert gain(lists).rows["before"].tolist() == [0, 0, 0]


def test_a_truth_of_other_cases_is_named(lists):
    (lists / "truth/anna.nii.gz").rename(lists / "truth/berta.nii.gz")
    with pytest.raises(DataListError, match="has the complete label of none of the 1 cases"):
        gain(lists)


def test_labels_on_another_grid_are_refused(lists, save, oblique):
    save("after/anna.nii.gz", labels(c1=3), oblique @ np.diag([2.0, 1, 1, 1]))
    with pytest.raises(CaseError, match="not on the grid of the complete truth"):
        gain(lists)
