"""``swinx data plan``: what it prints and writes for label sets and data lists of any name."""

from __future__ import annotations

import json
import shlex

import nibabel as nib
import numpy as np
import pytest

from swinx.cli.plan_command import plan_settings
from swinx.errors import DataListError, LabelSetError
from swinx.files import read_object

OWN = {"background": 0, "left lung lobe": 3, "right lung lobe": 70, "nodule": 200}


@pytest.fixture
def collection(tmp_path):
    """A case whose data list has another name, and whose numbers have gaps, in slices along the second axis."""
    rng = np.random.default_rng(0)
    hu = rng.normal(-1000, 5, (30, 12, 28)).astype(np.int16)
    hu[4:26, :, 4:24] = rng.normal(50, 20, (22, 12, 20)).astype(np.int16)
    label = np.zeros(hu.shape, np.uint8)
    label[6:14, 2:10, 6:20], label[15:24, 2:10, 6:20], label[17:19, 4:6, 8:10] = 3, 70, 200
    affine = np.array([[-4.0, 0, 0, 0], [0, 0, 4.0, 0], [0, 12.0, 0, 0], [0, 0, 0, 1]])
    for name, array in (("scan", hu), ("label", label)):
        nib.save(nib.Nifti1Image(array, affine), tmp_path / f"{name}.nii.gz")
    listed = tmp_path / "my list.json"
    listed.write_text(json.dumps({"training": [{"case": "a", "image": "scan.nii.gz", "label": "label.nii.gz"}]}))
    return listed


def test_a_label_set_of_its_own_is_read_and_goes_on_into_the_commands(collection, tmp_path, capsys):
    labels = json.dumps(OWN)
    plan_settings(collection, tmp_path / "out.json", labels, 24.0)
    printed = capsys.readouterr().out
    commands = [line for line in printed.splitlines() if line.startswith("python -m monai.bundle")]
    assert len(commands) == 2
    for command in commands:
        words = shlex.split(command)
        assert words[words.index("--labels") + 1] == labels
        assert words[words.index("--datalist") + 1] == str(collection)
        assert str(tmp_path / "out.json") in words[words.index("--config_file") + 1]
    fingerprint = read_object(tmp_path / "out_reasons.json")["fingerprint"]
    assert set(fingerprint["extents_mm"]) == set(OWN) - {"background"}
    assert fingerprint["spacings_mm"] == [[4.0, 4.0, 12.0]]
    assert fingerprint["gpu_gb"] == 24.0
    assert read_object(tmp_path / "out.json")["roi_size"][2] == 32


def test_the_label_set_of_the_list_is_taken_where_none_is_given(collection, tmp_path):
    collection.write_text(json.dumps({"labels": OWN, **json.loads(collection.read_text())}))
    plan_settings(collection, tmp_path / "out.json", None, 0)
    assert read_object(tmp_path / "out_reasons.json")["fingerprint"]["num_classes"] == 4


@pytest.mark.parametrize(
    ("labels", "gpu_gb", "sample", "error"),
    [
        ("no such set", 0, 5, LabelSetError),
        (None, "much", 5, DataListError),
        (None, -1, 5, DataListError),
        (None, 0, 0, DataListError),
        (None, 0, True, DataListError),
        (None, float("nan"), 5, DataListError),
    ],
)
def test_options_that_mean_nothing_are_refused_before_anything_is_written(
    collection, tmp_path, labels, gpu_gb, sample, error
):
    with pytest.raises(error, match=r"no such set|--gpu_gb is|--sample is"):
        plan_settings(collection, tmp_path / "out.json", labels, gpu_gb, sample)
    assert not list(tmp_path.glob("out*"))
