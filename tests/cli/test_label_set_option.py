"""The option --labels of commands that speak of classes."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from support.geometry import oblique_affine
from swinx.labels import file_numbers, read_label_set

CONTENT = {"background": 0, "left lung lobe": 1, "right lung lobe": 2, "nodule": 7}
LUNGS = read_label_set(CONTENT)


@pytest.fixture
def folder(tmp_path):
    """One case, its reference and an equal prediction, whose files hold the numbers of a set with a gap."""
    labels = np.zeros((12, 13, 8), np.uint8)
    labels[1:4, 3:9, 2:6], labels[5:8, 3:9, 2:6], labels[9:11, 3:9, 2:6] = 1, 2, 3
    files = {"images/a_0000.nii.gz": (60 * labels).astype(np.int16)}
    files |= dict.fromkeys(("labels/a.nii.gz", "predictions/a.nii.gz"), file_numbers(LUNGS, labels))
    for name, array in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(array, oblique_affine("LPS")), tmp_path / name)
    return tmp_path


@pytest.fixture(params=["inline", "file", "list"])
def option(request, folder):
    """The label set, in three ways."""
    if request.param == "inline":
        return ["--labels", json.dumps(CONTENT)]
    if request.param == "file":
        (folder / "lungs.json").write_text(json.dumps(CONTENT))
        return ["--labels", folder / "lungs.json"]
    entry = {"case": "a", "image": "images/a_0000.nii.gz", "label": "labels/a.nii.gz", "annotated": [1, 7]}
    (folder / "datalist.json").write_text(json.dumps({"labels": CONTENT, "testing": [entry]}))
    return []


def test_scores_pictures_and_report_are_of_the_classes_that_are_given(run, folder, option):
    code, out, _ = run("score", folder / "labels", folder / "predictions", folder / "out", *option)
    assert code == 0, out
    assert "| nodule" in out
    assert "liver" not in out
    code, out, err = run(
        "overlays", folder / "images", folder / "predictions", folder / "png", "--reference", folder / "labels", *option
    )
    assert (code, err.count("not drawn")) == (0, 0)
    code, _, err = run("report", folder / "out", folder / "r.html", *option)
    assert code == 0, err
    assert "<td>nodule</td>" in (folder / "r.html").read_text()


def test_a_label_set_that_there_is_not_is_one_sentence(run, folder):
    for words in (
        ["score", folder / "labels", folder / "predictions", folder / "out"],
        ["overlays", folder / "images", folder / "predictions", folder / "png"],
    ):
        code, _, err = run(*words, "--labels", "lungs")
        assert code == 1
        assert len(err.splitlines()) == 1
        assert "no label set 'lungs'" in err


def test_the_challenges_protocol_for_other_classes_is_one_sentence(run, folder):
    given = json.dumps(CONTENT)
    words = ["score", folder / "labels", folder / "predictions", folder / "out", "--protocol", "flare23"]
    code, _, err = run(*words, "--labels", given)
    assert code == 1
    assert len(err.splitlines()) == 1
    assert "protocol flare23 is for the classes of FLARE-23" in err


def test_the_pipeline_speaks_of_the_classes_of_its_list(run, folder):
    entries = []
    for number in range(8):
        nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.uint8), np.eye(4)), folder / f"c{number}.nii.gz")
        name = f"c{number}.nii.gz"
        entries.append({"case": f"c{number}", "image": name, "label": name, "annotated": [1, 7]})
    (folder / "list.json").write_text(json.dumps({"labels": CONTENT, "training": entries}))
    code, out, err = run("data", "pipeline", folder / "list.json", folder / "split" / "datalist.json")
    assert code == 0, err
    assert "learns left lung lobe, nodule from" in out
