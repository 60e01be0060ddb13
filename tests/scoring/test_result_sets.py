"""Results of two runs with other weights or settings are not scored, drawn or reported as one."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from swinx.errors import DataListError, RunError
from swinx.files import file_sha256
from swinx.inference import result_set
from swinx.labels import FLARE23
from swinx.metrics import compare_tables
from swinx.report import write_overlays, write_report
from swinx.scoring import read_scores, score_folders

AFFINE = np.diag([-2.0, -3.0, 4.0, 1.0])


def predicted(folder, case, results):
    """A prediction and its record."""
    volume = np.zeros((6, 5, 4), np.uint8)
    volume[1:4, 1:4, 1:3] = 1
    folder.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(volume, AFFINE), folder / f"{case}.nii.gz")
    if results is not None:
        (folder / f"{case}.json").write_text(json.dumps({"case": case, "results": results}))


@pytest.fixture
def folders(tmp_path):
    """Three cases of one set, and of one case nobody knows."""
    for case, results in (("a", "1"), ("b", "1"), ("c", "1"), ("d", None)):
        predicted(tmp_path / "out", case, results)
        predicted(tmp_path / "truth", case, None)
    return tmp_path


def test_a_folder_of_two_sets_is_neither_scored_nor_drawn(folders):
    predicted(folders / "out", "c", "2")
    message = r"out holds results of 2 runs .*\(1, 2\): 1 of one are c\.nii\.gz; segment all cases into an empty folder"
    with pytest.raises(RunError, match=message):
        score_folders(folders / "truth", folders / "out", folders / "scores", show_progress=False, label_set=FLARE23)
    with pytest.raises(RunError, match=message):
        write_overlays(
            folders / "truth", None, folders / "out", folders / "pictures", show_progress=False, label_set=FLARE23
        )
    assert not (folders / "scores").exists()


def test_scores_tell_the_set_and_a_report_on_another_is_refused(folders):
    report = score_folders(
        folders / "truth", folders / "out", folders / "scores", show_progress=False, label_set=FLARE23
    )
    assert report.results == json.loads((folders / "scores" / "summary.json").read_text())["results"] == "1"
    write_report(folders / "scores", folders / "report.html", prediction=folders / "out")
    for case in ("a", "b", "c"):
        predicted(folders / "out", case, "2")
    with pytest.raises(RunError, match=r"scores are of the results 1, and .*out holds the results 2; score them again"):
        write_report(folders / "scores", folders / "report.html", prediction=folders / "out")


def test_a_prediction_that_is_not_the_one_of_its_record_is_refused(folders):
    record = {"case": "a", "results": "1", "prediction_sha256": file_sha256(folders / "out" / "a.nii.gz")}
    (folders / "out" / "a.json").write_text(json.dumps(record))
    score_folders(folders / "truth", folders / "out", folders / "scores", show_progress=False, label_set=FLARE23)
    volume = np.ones((6, 5, 4), np.uint8)
    nib.save(nib.Nifti1Image(volume, AFFINE), folders / "out" / "a.nii.gz")
    with pytest.raises(RunError, match=r"a\.json is the record of another file than a\.nii\.gz is now"):
        score_folders(folders / "truth", folders / "out", folders / "scores", show_progress=False, label_set=FLARE23)


def test_predictions_without_a_record_among_others_are_counted(folders, caplog):
    score_folders(folders / "truth", folders / "out", folders / "scores", show_progress=False, label_set=FLARE23)
    assert "1 predictions have no record beside them" in caplog.text


def test_scores_of_two_protocols_are_not_compared(folders):
    tables = []
    for protocol in ("standard", "flare23"):
        out = folders / protocol
        score_folders(
            folders / "truth", folders / "out", out, protocol=protocol, show_progress=False, label_set=FLARE23
        )
        tables.append(read_scores(out / "scores.csv"))
    with pytest.raises(ValueError, match="of the protocols flare23 and standard"):
        compare_tables(*tables)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda text: text.rsplit("\n", 2)[0] + "\n", "has 3 cases, and the summary", id="cut"),
        pytest.param(lambda text: text.replace("1.0", "1.7", 1), r"liver_dsc of a is 1\.7; a score is", id="above 1"),
        pytest.param(lambda text: text.replace("1.0", "-0.2", 1), r"liver_dsc of a is -0\.2", id="below 0"),
        pytest.param(lambda text: text.replace("1.0", "inf", 1), "liver_dsc of a is inf", id="infinite"),
        pytest.param(lambda text: text.replace("1.0", "high", 1), "liver_dsc of a is high", id="text"),
        pytest.param(lambda text: text.replace("liver_dsc", "liver_iou", 1), "liver_iou is no column", id="column"),
        pytest.param(lambda text: text + text.splitlines()[-1] + "\n", "d has two rows", id="row twice"),
        pytest.param(
            lambda text: "".join(line.rpartition(",")[0] + "\n" for line in text.splitlines()),
            "is missing",
            id="last column gone",
        ),
        pytest.param(lambda text: text.replace("1.0", "0.4", 1), "was changed after it was written", id="plausible"),
        pytest.param(
            lambda text: text.replace("liver_dsc", "-").replace("spleen_dsc", "liver_dsc").replace("-", "spleen_dsc"),
            "was changed after it was written",
            id="columns swapped",
        ),
    ],
)
def test_a_file_of_scores_that_was_cut_or_changed_is_refused(folders, damage, message):
    score_folders(folders / "truth", folders / "out", folders / "scores", show_progress=False, label_set=FLARE23)
    place = folders / "scores" / "scores.csv"
    assert len(read_scores(place)) == 4
    place.write_text(damage(place.read_text()))
    with pytest.raises(DataListError, match=message):
        read_scores(place)


def test_the_id_is_of_weights_and_settings_and_of_nothing_else(tmp_path):
    (tmp_path / "a.pt").write_text("weights")
    (tmp_path / "copy.pt").write_text("weights")
    (tmp_path / "b.pt").write_text("others")
    one = result_set(str(tmp_path / "a.pt"), {"overlap": 0.5, "sw_batch_size": 1})["id"]
    assert result_set(str(tmp_path / "copy.pt"), {"overlap": 0.5, "sw_batch_size": 4})["id"] == one
    assert result_set(str(tmp_path / "b.pt"), {"overlap": 0.5})["id"] != one
    assert result_set(str(tmp_path / "a.pt"), {"overlap": 0.6})["id"] != one
