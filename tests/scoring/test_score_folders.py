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
from swinx.files import write_table
from swinx.labels import FLARE23, FlareLabel
from swinx.metrics import score_case, score_columns, score_table
from swinx.scoring import read_scores, score_folders

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
    args = folder / "reference", folder / "prediction", folder / "out"
    return score_folders(*args, protocol=protocol, show_progress=False, label_set=FLARE23)


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
    assert [row["name"] for row in rows][:14] == list(FLARE23.names[1:])
    assert next(row for row in rows if row["name"] == "spleen")["dsc"]["mean"] == 0.5
    page = (folders / "out" / "summary.md").read_text()
    assert report.text in page
    assert "| spleen" in report.text
    assert "50.00 ± 70.71" in report.text


def test_an_undefined_mean_is_null_in_json_and_a_dash_in_the_table(folders):
    report = score(folders, "standard")
    rows = json.loads((folders / "out" / "summary.json").read_text(), parse_constant=pytest.fail)["summary"]["rows"]
    tumor = next(row for row in rows if row["name"] == "tumor")
    assert tumor["dsc"] == {"mean": None, "sd": None, "low": None, "high": None, "cases": 0, "patients": 0}
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


def test_a_missing_prediction_is_named_and_scores_zero_in_standard(folders):
    (folders / "prediction" / "b.nii.gz").unlink()
    report = score(folders, "standard")
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
@pytest.mark.parametrize("protocol", ["flare23", "standard"])
def test_a_bad_prediction_is_named_and_the_others_are_scored(folders, spoil, reason, protocol):
    spoil(folders / "prediction" / "a.nii.gz")
    report = score(folders, protocol)
    assert not report.ok
    (error,) = report.bad_cases
    assert error.path == str(folders / "prediction" / "a.nii.gz")
    with pytest.raises(type(error), match=reason):
        raise error
    assert report.table.index.tolist() == (["b"] if protocol == "flare23" else ["a", "b"])
    if protocol == "standard":
        assert report.table.loc["a"].max() == 0, "worth no more than a missing one"


def test_a_bad_reference_is_named(folders):
    truncated(folders / "reference" / "a.nii.gz")
    (error,) = score(folders).bad_cases
    assert error.path == str(folders / "reference" / "a.nii.gz")


def test_how_many_references_have_no_prediction_is_told(folders):
    (folders / "prediction" / "b.nii.gz").unlink()
    told = "1 of 2 references have no prediction (scored 0): b"
    report = score(folders, "standard")
    assert told in report.text.splitlines()
    assert report.notes == (told,)
    assert json.loads((folders / "out" / "summary.json").read_text())["notes"] == [told]
    assert f"- {told}" in (folders / "out" / "summary.md").read_text()


@pytest.mark.parametrize("protocol", ["flare23", "standard"])
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
    for protocol in ("flare23", "standard"):
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
    args = folders / "reference" / "a.nii.gz", folders / "prediction" / "b.nii.gz", folders / "out"
    report = score_folders(*args, show_progress=False, label_set=FLARE23)
    assert report.table.index.tolist() == ["a"]
    assert report.table.loc["a", "spleen_dsc"] == 0


@pytest.mark.parametrize("order", [(2, 0, 1), (0, 2, 1)])
def test_standard_finds_the_axial_axis_in_the_affine(folders, order):
    """The aorta's last slice is missed: turning the array must not change what that costs."""
    short = labels()
    short[:, :, 9:][short[:, :, 9:] == FlareLabel.AORTA] = 0
    turn = np.eye(4)[:, [*order, 3]]
    save(folders / "prediction" / "a.nii.gz", short)
    expected = score(folders, "standard").table.loc["a"]
    save(folders / "reference" / "a.nii.gz", labels().transpose(order), AFFINE @ turn)
    save(folders / "prediction" / "a.nii.gz", short.transpose(order), AFFINE @ turn)
    turned = score(folders, "standard").table.loc["a"]
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
    assert score(folders, "standard").table.loc["a", "liver_nsd"] == 1


def test_an_unwritable_folder_is_found_out_first(folders):
    (folders / "out").write_text("in the way")
    with pytest.raises(OSError, match=r"cannot write to .*out"):
        score(folders)


def test_folders_without_label_maps_are_refused(folders):
    (folders / "empty").mkdir()
    with pytest.raises(DataListError, match=r"empty: holds no label maps"):
        score_folders(folders / "reference", folders / "empty", folders / "out", label_set=FLARE23)
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
    assert tuple(table.columns) == score_columns()


def test_the_means_that_a_tracker_gets_have_the_averages_of_the_summary(folders):
    report = score(folders)
    assert report.means["liver_dsc"] == pytest.approx(report.table["liver_dsc"].mean())
    assert report.means["organs_dsc"] == pytest.approx(report.summary["organ average"].dsc.mean)
    assert report.means["all_nsd"] == pytest.approx(report.summary["average"].nsd.mean)
    assert 0 < report.means["organs_dsc"] < 1


@pytest.mark.parametrize("case", ["NA", "NULL", "nan", "001", "1e5", "true", "=1+1", "-1", "Müller"])
def test_a_case_keeps_its_name_in_the_table_whatever_it_looks_like(tmp_path, case):
    table = score_table({case: score_case(labels(), labels(), (1.0, 1.0, 1.0), "standard", 2)})
    write_table(tmp_path / "scores.csv", table, missing="nan")
    pd.testing.assert_frame_equal(read_scores(tmp_path / "scores.csv"), table, check_index_type=False)


@pytest.mark.parametrize("name", ["a\nb", os.fsdecode(b"a\xff")])
def test_a_name_that_cannot_name_a_case_is_a_bad_case_and_the_others_are_scored(folders, name):
    for folder in ("reference", "prediction"):
        save(folders / folder / f"{name}.nii.gz", labels())
    report = score(folders, "auto")
    assert list(report.table.index) == ["a", "b"]
    (error,) = report.bad_cases
    assert "cannot name an output file" in error.reason
    (folders / "out" / "summary.md").read_text(encoding="utf-8")
    assert len([line for line in report.text.splitlines() if "cannot name" in line]) == 1
    report.text.encode()


def write_list(path: Path, entries: list[dict], **head) -> Path:
    path.write_text(json.dumps({**head, "testing": [{"image": "ct.nii.gz", **entry} for entry in entries]}))
    return path


def annotated_list(folders: Path, place: str = "datalist.json", **head) -> Path:
    entries = [
        {"case": "a", "label": "reference/a.nii.gz", "annotated": [1, 3]},
        {"case": "b", "label": "reference/b.nii.gz", "annotated": [1, 5], "patient": "bert"},
    ]
    return write_list(folders / place, entries, **head)


@pytest.mark.parametrize("protocol", ["flare23", "standard"])
def test_what_the_list_beside_the_references_does_not_call_annotated_is_not_scored(folders, protocol):
    annotated_list(folders)
    report = score(folders, protocol)
    assert report.table["liver_dsc"].tolist() == [1, 1]
    assert report.table["spleen_dsc"].isna().tolist() == [False, True]
    assert report.table["aorta_dsc"].isna().tolist() == [True, False]
    assert report.summary["spleen"].left_out == 1
    assert report.summary["liver"].left_out == 0
    assert "24 values are left out" in report.text
    facts = json.loads((folders / "out" / "summary.json").read_text())["cases"]
    assert facts["b"] == {"patient": "bert", "annotated": [1, 5], "reference": [1, 5], "unknown_voxels": 0}


def test_a_list_that_is_given_is_matched_by_case_name(folders):
    (folders / "elsewhere").mkdir()
    path = annotated_list(folders, "elsewhere/list.json")
    report = score_folders(
        *(folders / "reference", folders / "prediction", folders / "out"),
        data_list=path,
        show_progress=False,
        label_set=FLARE23,
    )
    assert report.table["spleen_dsc"].isna().tolist() == [False, True]


def test_a_list_of_partial_labels_says_nothing_about_complete_labels_beside_them(folders):
    annotated_list(folders)
    (folders / "reference").rename(folders / "complete")
    report = score_folders(folders / "complete", folders / "prediction", folders / "out", label_set=FLARE23)
    assert not report.table["spleen_dsc"].isna().any()


def test_references_that_the_given_list_does_not_have_are_named(folders):
    path = write_list(folders / "l.json", [{"case": "a", "label": "reference/a.nii.gz", "annotated": [1]}])
    report = score_folders(
        *(folders / "reference", folders / "prediction", folders / "out"),
        data_list=path,
        show_progress=False,
        label_set=FLARE23,
    )
    assert "1 of 2 references are not in" in report.text
    assert report.text.count(": b") == 1


def test_a_list_beside_the_references_that_cannot_be_read_is_named_and_all_is_scored(folders):
    (folders / "datalist.json").write_text("no list")
    report = score(folders)
    assert report.ok
    assert "is not used" in report.text
    with pytest.raises(DataListError, match="datalist"):
        score_folders(
            folders / "reference",
            folders / "prediction",
            folders / "out",
            data_list=folders / "datalist.json",
            show_progress=False,
        )


@pytest.mark.parametrize("protocol", ["flare23", "standard"])
def test_unknown_voxels_of_a_reference_are_not_scored_and_counted(folders, protocol):
    reference, prediction = labels(), labels()
    reference[1:6, 2:7, 5:9] = 255
    prediction[1:6, 2:7, 5:9] = FlareLabel.STOMACH
    save(folders / "reference" / "a.nii.gz", reference)
    save(folders / "prediction" / "a.nii.gz", prediction)
    report = score(folders, protocol)
    assert report.ok
    assert report.table.loc["a", ["liver_dsc", "liver_nsd", "aorta_dsc"]].tolist() == [1, 1, 1]
    assert "a: 100 voxels of the reference (7.6 %) are 255" in " ".join(report.notes)
    assert "100 voxels of 1 references are 255" in report.text


def test_classes_without_any_reference_are_not_averaged(folders):
    """Liver, aorta and spleen are there; the challenge's rule gives 1 to each of the other ten organs."""
    report = score(folders)
    organs = report.summary["organ average"]
    assert organs.dsc.mean == pytest.approx((1 + 1 + 0.5) / 3)
    assert report.summary["gallbladder"].dsc.mean == 1
    assert math.isnan(report.means["gallbladder_dsc"]), "a tracker has no room for an explanation"
    assert "no reference has right kidney, pancreas" in report.text
    assert "100 % of an absent class" in report.text
    assert score(folders, "standard").summary["organ average"].dsc.mean == pytest.approx((1 + 1 + 0.5) / 3)


@pytest.mark.parametrize(
    ("names", "head", "protocol"),
    [
        (("a", "b"), {}, "standard"),
        (("FLARE23_0001", "FLARE23Ts_0002"), {}, "flare23"),
        (("FLARE23_0001", "b"), {}, "standard"),
        (("a", "b"), {"name": "FLARE23"}, "flare23"),
        (("a", "b"), {"name": "swinx demo cohort"}, "standard"),
    ],
)
def test_the_rule_of_the_challenge_is_the_default_for_its_data_alone(folders, names, head, protocol):
    for old, new in zip("ab", names, strict=True):
        for folder in ("reference", "prediction"):
            (folders / folder / f"{old}.nii.gz").rename(folders / folder / f"{new}.nii.gz")
    if head:
        annotated_list(folders, **head)
    report = score(folders, "auto")
    assert report.protocol == protocol
    assert f"Protocol `{protocol}`" in report.text
    page = (folders / "out" / "summary.md").read_text()
    assert page.startswith(f"# Scores of 2 cases, protocol {protocol}\n")
    assert "standard deviation between cases" in page
    assert "no confidence intervals: 2 patients of 2 cases" in page


def test_an_average_over_twelve_patients_says_what_its_interval_is(folders):
    for number in range(12):
        for folder in ("reference", "prediction"):
            save(folders / folder / f"c{number}.nii.gz", labels())
    report = score(folders)
    assert "95 % CI: Student's interval of the mean over 14 patients" in report.text
