"""score_folders: all cases that can be scored are, the others are named, files appear whole."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from swinx.errors import DataListError
from swinx.labels import CLASS_NAMES, FlareLabel
from swinx.metrics import SCORE_COLUMNS, score_case, score_table
from swinx.report import read_scores, score_folders
from swinx.tables import write_table

GOLDEN = Path(__file__).parents[1] / "golden" / "flare_small"
AFFINE = np.array([[-0.8, 0, 0, 10], [0, 0.9, 0, -20], [0, 0, 3.0, 5], [0, 0, 0, 1]])


def labels() -> np.ndarray:
    array = np.zeros((10, 11, 12), np.uint8)
    array[1:6, 2:7, 3:9] = FlareLabel.LIVER
    array[7:9, 7:9, 2:10] = FlareLabel.AORTA
    array[1:4, 8:10, 2:6] = FlareLabel.SPLEEN
    return array


def save(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


@pytest.fixture
def folders(tmp_path):
    """Two cases: ``a`` is predicted perfectly, ``b`` lacks the spleen."""
    without_spleen = labels()
    without_spleen[without_spleen == FlareLabel.SPLEEN] = 0
    for case, prediction in (("a", labels()), ("b", without_spleen)):
        save(tmp_path / "reference" / f"{case}.nii.gz", labels())
        save(tmp_path / "prediction" / f"{case}.nii.gz", prediction)
    return tmp_path


def score(folder: Path, protocol="flare23"):
    return score_folders(
        folder / "reference", folder / "prediction", folder / "out", protocol=protocol, show_progress=False
    )


def test_the_golden_folder_gives_the_numbers_of_the_organisers_script(tmp_path):
    for kind, name in (("ref", "reference"), ("pred", "prediction")):
        (tmp_path / name).mkdir()
        for path in GOLDEN.glob(f"*_{kind}.nii.gz"):
            (tmp_path / name / path.name.replace(f"_{kind}", "")).symlink_to(path)
    assert score(tmp_path).ok
    expected = pd.read_csv(GOLDEN / "expected.csv", index_col="case").sort_index()
    written = read_scores(tmp_path / "out" / "scores.csv").sort_index()
    assert written.index.tolist() == expected.index.tolist()
    np.testing.assert_allclose(written.to_numpy()[:, 0::2], expected.to_numpy()[:, 0::2], rtol=0, atol=1e-4)
    np.testing.assert_allclose(written.to_numpy()[:, 1::2], expected.to_numpy()[:, 1::2], rtol=0, atol=2e-3)


def test_three_files_are_written_and_agree(folders):
    report = score(folders)
    assert sorted(path.name for path in (folders / "out").iterdir()) == ["scores.csv", "summary.json", "summary.md"]
    pd.testing.assert_frame_equal(read_scores(folders / "out" / "scores.csv"), report.table, check_index_type=False)
    rows = json.loads((folders / "out" / "summary.json").read_text())["summary"]["rows"]
    assert [row["name"] for row in rows][:14] == list(CLASS_NAMES[1:])
    assert next(row for row in rows if row["name"] == "spleen")["dsc"]["mean"] == 0.5
    page = (folders / "out" / "summary.md").read_text()
    assert report.text in page
    assert "| spleen" in report.text
    assert "50.00 ± 70.71" in report.text


def test_an_undefined_mean_is_null_in_json_and_a_dash_in_the_table(folders):
    report = score(folders, "fixed")
    rows = json.loads((folders / "out" / "summary.json").read_text(), parse_constant=pytest.fail)["summary"]["rows"]
    tumor = next(row for row in rows if row["name"] == "tumor")
    assert tumor["dsc"] == {"mean": None, "sd": None, "low": None, "high": None, "cases": 0}
    assert tumor["left_out"] == 2
    line = next(line for line in report.text.splitlines() if line.startswith("| tumor"))
    assert [cell.strip() for cell in line.strip("|").split("|")] == ["tumor", "-", "-", "-", "-", "0", "2"]


def test_channel_suffix_extension_and_storage_type_do_not_matter(folders):
    (folders / "prediction" / "a.nii.gz").unlink()
    save(folders / "prediction" / "a_0000.nii", labels().astype(np.float32))
    report = score(folders)
    assert report.ok
    assert report.table.loc["a", "liver_dsc"] == 1


def test_a_missing_prediction_is_named_and_left_out_of_flare23(folders):
    (folders / "prediction" / "b.nii.gz").unlink()
    report = score(folders)
    assert not report.ok
    assert [error.path for error in report.bad_cases] == ["b"]
    assert "no prediction for" in report.text
    assert report.table.index.tolist() == ["a"]
    assert "- `b`: no prediction for" in (folders / "out" / "summary.md").read_text()


def test_a_missing_prediction_is_named_and_scores_zero_in_fixed(folders):
    (folders / "prediction" / "b.nii.gz").unlink()
    report = score(folders, "fixed")
    assert [error.path for error in report.bad_cases] == ["b"]
    assert report.table.loc["b", "liver_dsc"] == report.table.loc["b", "aorta_nsd"] == 0
    assert math.isnan(report.table.loc["b", "tumor_dsc"]), "the reference has no tumor to miss"


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:80])


def strange_id(path: Path) -> None:
    array = labels()
    array[0, 0, 0] = 15
    save(path, array)


def other_shape(path: Path) -> None:
    save(path, labels()[:, :, 1:])


def shifted(path: Path) -> None:
    affine = AFFINE.copy()
    affine[2, 3] += 3
    save(path, labels(), affine)


def mirrored(path: Path) -> None:
    save(path, labels(), AFFINE @ np.diag([-1.0, 1, 1, 1]))


def fractions(path: Path) -> None:
    save(path, labels() * np.float32(0.5))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (truncated, "damaged"),
        (strange_id, r"ids outside 0\.\.14: 15"),
        (other_shape, "reference of shape 10 x 11 x 12 and prediction of shape 10 x 11 x 11"),
        (shifted, "grids of reference and prediction are 3 mm apart"),
        (mirrored, "grids of reference and prediction are"),
        (fractions, "not integers"),
    ],
)
@pytest.mark.parametrize("protocol", ["flare23", "fixed"])
def test_a_bad_prediction_is_named_and_the_others_are_scored(folders, spoil, reason, protocol):
    spoil(folders / "prediction" / "a.nii.gz")
    report = score(folders, protocol)
    assert not report.ok
    (error,) = report.bad_cases
    assert error.path == str(folders / "prediction" / "a.nii.gz")
    with pytest.raises(type(error), match=reason):
        raise error
    assert report.table.index.tolist() == (["b"] if protocol == "flare23" else ["a", "b"])
    if protocol == "fixed":
        assert report.table.loc["a"].max() == 0, "worth no more than a missing one"


def test_a_bad_reference_is_named(folders):
    truncated(folders / "reference" / "a.nii.gz")
    (error,) = score(folders).bad_cases
    assert error.path == str(folders / "reference" / "a.nii.gz")


def test_how_many_references_have_no_prediction_is_told(folders):
    (folders / "prediction" / "b.nii.gz").unlink()
    told = "1 of 2 references have no prediction (scored 0): b"
    report = score(folders, "fixed")
    assert told in report.text.splitlines()
    assert report.notes == (told,)
    assert json.loads((folders / "out" / "summary.json").read_text())["notes"] == [told]
    assert f"- {told}" in (folders / "out" / "summary.md").read_text()


@pytest.mark.parametrize("protocol", ["flare23", "fixed"])
def test_a_scorer_never_says_0_for_equal_files(folders, protocol):
    """A DICOM Segmentation and a record lie beside each NIfTI, as inference_dicom.json leaves them."""
    save(folders / "prediction" / "b.nii.gz", labels())
    for name in ("a.dcm", "b.dcm", "DICOMDIR"):
        (folders / "prediction" / name).write_bytes(b"\0" * 128 + b"DICM")
    (folders / "prediction" / "a.json").write_text("{}")
    report = score(folders, protocol)
    assert report.ok
    assert report.means["liver_dsc"] == report.means["spleen_dsc"] == 1


def test_label_maps_named_as_3d_slicer_names_them_match_their_case(folders):
    (folders / "prediction" / "a.nii.gz").rename(folders / "prediction" / "a.seg.nii.gz")
    report = score(folders)
    assert report.ok
    assert report.table.loc["a", "liver_dsc"] == 1


def test_folders_that_share_no_case_are_refused_and_not_scored_0(folders):
    for case in "ab":
        (folders / "prediction" / f"{case}.nii.gz").rename(folders / "prediction" / f"{case}_pred.nii.gz")
    for protocol in ("flare23", "fixed"):
        with pytest.raises(
            DataListError, match=r"prediction has a prediction of none .* a, b, .* a_pred, b_pred; give"
        ):
            score(folders, protocol)
    assert not (folders / "out").exists()


def test_if_nothing_can_be_scored_the_files_say_so(folders):
    for case in "ab":
        truncated(folders / "prediction" / f"{case}.nii.gz")
    report = score(folders)
    assert report.summary is None
    assert "no case could be scored" in report.text
    content = json.loads((folders / "out" / "summary.json").read_text())
    assert content["summary"] is None
    assert len(content["bad_cases"]) == 2
    assert read_scores(folders / "out" / "scores.csv").empty


def test_a_tiny_difference_of_the_grids_is_accepted_and_said(folders):
    affine = AFFINE.copy()
    affine[0, 3] += 0.05
    save(folders / "prediction" / "a.nii.gz", labels(), affine)
    report = score(folders)
    assert report.ok
    assert "a: grids of reference and prediction differ by 0.05 mm" in report.notes[0]


def test_predictions_that_nobody_asked_for_are_noted(folders):
    save(folders / "prediction" / "c.nii.gz", labels())
    report = score(folders)
    assert report.ok
    assert report.notes == ("predictions without a reference were not scored: c",)


def test_two_files_are_one_pair_whatever_their_names(folders):
    report = score_folders(
        folders / "reference" / "a.nii.gz", folders / "prediction" / "b.nii.gz", folders / "out", show_progress=False
    )
    assert report.table.index.tolist() == ["a"]
    assert report.table.loc["a", "spleen_dsc"] == 0


@pytest.mark.parametrize("order", [(2, 0, 1), (0, 2, 1)])
def test_fixed_finds_the_axial_axis_in_the_affine(folders, order):
    """The aorta's last slice is missed: turning the array must not change what that costs."""
    short = labels()
    short[:, :, 9:][short[:, :, 9:] == FlareLabel.AORTA] = 0
    turn = np.eye(4)[:, [*order, 3]]
    save(folders / "prediction" / "a.nii.gz", short)
    expected = score(folders, "fixed").table.loc["a"]
    save(folders / "reference" / "a.nii.gz", labels().transpose(order), AFFINE @ turn)
    save(folders / "prediction" / "a.nii.gz", short.transpose(order), AFFINE @ turn)
    turned = score(folders, "fixed").table.loc["a"]
    pd.testing.assert_series_equal(turned, expected)
    assert expected["aorta_dsc"] == pytest.approx(2 * 28 / 60, abs=5e-5)


def test_flare23_takes_the_spacing_from_the_header(folders):
    """The header of the reference says 30 mm slices, its affine 3 mm; one slice is within no tolerance of 30 mm."""
    shorter = labels()
    shorter[:, :, 8] = 0
    for name, array in (("reference", labels()), ("prediction", shorter)):
        image = nib.Nifti1Image(array, AFFINE)
        image.header["pixdim"][3] = 30.0
        nib.save(image, folders / name / "a.nii.gz")
    assert nib.load(folders / "reference" / "a.nii.gz").header.get_zooms()[2] == 30
    assert score(folders).table.loc["a", "liver_nsd"] < 1
    assert score(folders, "fixed").table.loc["a", "liver_nsd"] == 1


def test_an_unwritable_folder_is_found_out_first(folders):
    (folders / "out").write_text("in the way")
    with pytest.raises(OSError, match=r"cannot write to .*out"):
        score(folders)


def test_folders_without_label_maps_are_refused(folders):
    (folders / "empty").mkdir()
    with pytest.raises(DataListError, match=r"empty: holds no label maps"):
        score_folders(folders / "reference", folders / "empty", folders / "out")
    assert not list((folders / "out").glob("*"))


def test_an_unknown_protocol_is_refused(folders):
    with pytest.raises(ValueError, match="protocol 'flare22' is not one of"):
        score(folders, "flare22")


def test_read_scores_refuses_what_is_no_table(tmp_path):
    with pytest.raises(DataListError, match=r"scores\.csv: No such file"):
        read_scores(tmp_path / "scores.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataListError, match=r"give a scores\.csv"):
        read_scores(tmp_path / "other.csv")


def test_a_case_named_like_a_number_keeps_its_name(folders):
    for name in ("reference", "prediction"):
        (folders / name / "a.nii.gz").rename(folders / name / "0001.nii.gz")
    score(folders)
    table = read_scores(folders / "out" / "scores.csv")
    assert table.index.tolist() == ["0001", "b"]
    assert tuple(table.columns) == SCORE_COLUMNS


def test_the_means_that_a_tracker_gets_have_the_averages_of_the_summary(folders):
    report = score(folders)
    assert report.means["liver_dsc"] == pytest.approx(report.table["liver_dsc"].mean())
    assert report.means["organs_dsc"] == pytest.approx(report.summary["organ average"].dsc.mean)
    assert report.means["all_nsd"] == pytest.approx(report.summary["average"].nsd.mean)
    assert 0 < report.means["organs_dsc"] < 1


@pytest.mark.parametrize("case", ["NA", "NULL", "nan", "001", "1e5", "true", "=1+1", "-1", "Müller"])
def test_a_case_keeps_its_name_in_the_table_whatever_it_looks_like(tmp_path, case):
    table = score_table({case: score_case(labels(), labels(), (1.0, 1.0, 1.0), "fixed", 2)})
    write_table(tmp_path / "scores.csv", table, missing="nan")
    pd.testing.assert_frame_equal(read_scores(tmp_path / "scores.csv"), table, check_index_type=False)


@pytest.mark.parametrize("name", ["a\nb", os.fsdecode(b"a\xff")])
def test_a_name_that_cannot_name_a_case_is_a_bad_case_and_the_others_are_scored(folders, name):
    for folder in ("reference", "prediction"):
        save(folders / folder / f"{name}.nii.gz", labels())
    report = score_folders(folders / "reference", folders / "prediction", folders / "out", show_progress=False)
    assert list(report.table.index) == ["a", "b"]
    (error,) = report.bad_cases
    assert "cannot name an output file" in error.reason
    (folders / "out" / "summary.md").read_text(encoding="utf-8")
    assert len([line for line in report.text.splitlines() if "cannot name" in line]) == 1
    report.text.encode()
