"""check_data: what it looks at, how it reports, and where it writes (the kinds of fault: test_bad_input)."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from support.geometry import oblique_affine
from swinx.data import check_data, format_report
from swinx.errors import DataListError
from swinx.files import read_table
from swinx.labels import read_label_set

AFFINE = oblique_affine("LAS", (1.7, 1.8, 2.5))


def save(path, array, affine=AFFINE):
    path.parent.mkdir(exist_ok=True, parents=True)
    nib.save(nib.Nifti1Image(array, affine), path)


def scan():
    return np.random.default_rng(0).integers(-1000, 1000, (6, 7, 8)).astype(np.int16)


def drawn(*ids):
    label = np.zeros((6, 7, 8), np.uint8)
    label.flat[: len(ids)] = ids
    return label


@pytest.fixture
def flare(tmp_path):
    save(tmp_path / "imagesTr2200/a_0000.nii.gz", scan())
    save(tmp_path / "labelsTr2200/a.nii.gz", drawn(1, 14))
    save(tmp_path / "unlabeledTr1800/b_0000.nii.gz", scan())
    return tmp_path


def test_a_good_folder_is_ok(flare):
    report = check_data(flare)
    assert report.ok
    assert (report.num_cases, report.findings) == (2, ())
    assert format_report(report) == "2 cases: 0 unusable (0 files at fault), 0 notes"


def test_labels_of_a_flare_folder_are_checked(flare):
    save(flare / "labelsTr2200/a.nii.gz", drawn(15))
    (fault,) = check_data(flare).faults
    assert (fault.case, fault.file) == ("a", str(flare / "labelsTr2200/a.nii.gz"))


def test_a_plain_folder_of_images_is_checked(tmp_path):
    save(tmp_path / "a.nii.gz", scan())
    (tmp_path / "b.nrrd").write_text("no scan")
    report = check_data(tmp_path)
    assert (report.num_cases, [fault.case for fault in report.faults]) == (2, ["b"])


def test_a_folder_with_a_data_list_is_checked_by_its_list(tmp_path):
    save(tmp_path / "scans/a.nii.gz", scan())
    (tmp_path / "datalist.json").write_text(json.dumps({"training": [{"image": "scans/a.nii.gz"}]}))
    (fault,) = check_data(tmp_path).faults
    assert "training[0]: key 'label' is missing" in fault.finding


def test_bad_entries_and_bad_files_are_found_in_one_go(tmp_path):
    save(tmp_path / "a.nii.gz", scan())
    save(tmp_path / "c.nii.gz", np.zeros((6, 7, 8), np.int16))
    entries = [{"image": "../x.nii.gz"}, {"image": "a.nii.gz"}, 3, {"image": "gone.nii.gz"}, {"image": "c.nii.gz"}]
    (tmp_path / "list.json").write_text(json.dumps({"testing": entries}))
    report = check_data(tmp_path / "list.json")
    assert report.num_cases == 5
    assert {fault.case for fault in report.faults} == {"x", "testing[2]", "gone", "c"}


@pytest.mark.parametrize("damage", [lambda b: b[:-4], lambda b: b[:-8] + b"\1\2\3\4" + b[-4:]], ids=["cut", "checksum"])
def test_an_archive_whose_voxels_can_be_read_but_not_trusted_is_a_fault(flare, damage):
    path = flare / "labelsTr2200/a.nii.gz"
    path.write_bytes(damage(path.read_bytes()))
    (fault,) = check_data(flare).faults
    assert "damaged" in fault.finding
    assert fault.file == str(path)


def test_image_and_label_may_both_be_at_fault(flare):
    save(flare / "imagesTr2200/a_0000.nii.gz", np.zeros((6, 7, 8), np.int16))
    save(flare / "labelsTr2200/a.nii.gz", drawn())
    report = check_data(flare)
    assert len(report.faults) == 2
    assert "1 unusable (2 files at fault)" in format_report(report)


def test_a_tiny_difference_of_grids_is_a_note(flare):
    shifted = AFFINE.copy()
    shifted[0, 3] += 0.05
    save(flare / "labelsTr2200/a.nii.gz", drawn(1), shifted)
    report = check_data(flare)
    assert report.ok
    (note,) = report.notes
    assert "differ by 0.05 mm" in note.finding
    assert note.finding in format_report(report)


def test_grey_levels_in_place_of_hounsfield_units_are_a_note(flare):
    save(flare / "unlabeledTr1800/b_0000.nii.gz", np.clip(scan(), 0, 255))
    report = check_data(flare)
    assert report.ok
    assert "not plausible HU" in report.notes[0].finding


def test_a_drawn_class_that_is_not_listed_as_annotated_is_a_note(flare):
    entry = {"image": "imagesTr2200/a_0000.nii.gz", "label": "labelsTr2200/a.nii.gz", "annotated": [1]}
    (flare / "list.json").write_text(json.dumps({"training": [entry]}))
    report = check_data(flare / "list.json")
    assert report.ok
    assert "classes that occur but are not listed as annotated: 14 tumor" in report.notes[0].finding


def test_unknown_voxels_are_a_note_and_no_class_that_is_missing_from_the_list(flare):
    label = drawn(1, 14)
    label[-1] = 255
    save(flare / "labelsTr2200/a.nii.gz", label)
    entry = {"image": "imagesTr2200/a_0000.nii.gz", "label": "labelsTr2200/a.nii.gz", "annotated": [1], "pseudo": [14]}
    (flare / "list.json").write_text(json.dumps({"training": [entry]}))
    report = check_data(flare / "list.json")
    assert report.ok
    (note,) = report.notes
    assert f"{100 / len(label):.3g} % of the voxels are 255" in note.finding


def test_a_scan_in_training_and_validation_is_a_note(flare):
    entry = {"image": "imagesTr2200/a_0000.nii.gz", "label": "labelsTr2200/a.nii.gz"}
    (flare / "list.json").write_text(json.dumps({"training": [entry], "validation": [entry]}))
    assert "listed under training and under validation" in check_data(flare / "list.json").notes[0].finding


def test_the_report_is_written_as_json_and_csv(flare, tmp_path):
    save(flare / "labelsTr2200/a.nii.gz", drawn(15))
    report = check_data(flare, tmp_path / "new" / "out")
    content = json.loads((tmp_path / "new/out/check.json").read_text())
    assert content["ok"] is False
    with (tmp_path / "new/out/check.csv").open(newline="") as stream:
        assert list(csv.DictReader(stream)) == content["findings"]
    assert content["findings"][0]["finding"] == report.faults[0].finding


def test_an_unwritable_output_is_refused_before_any_scan_is_read(flare):
    (flare / "file").touch()
    (flare / "imagesTr2200/a_0000.nii.gz").write_bytes(b"")  # would be reported if it were read
    with pytest.raises(OSError, match=r"cannot write to .*file/out"):
        check_data(flare, flare / "file" / "out")


@pytest.mark.parametrize("content", ["{}", '{"training": []}'])
def test_a_list_without_entries_is_refused(tmp_path, content):
    (tmp_path / "list.json").write_text(content)
    with pytest.raises(DataListError, match="no entries to check"):
        check_data(tmp_path / "list.json")


def test_nothing_to_check_is_refused(tmp_path):
    with pytest.raises(DataListError, match="no scans found"):
        check_data(tmp_path)


def test_the_data_list_of_a_flare_folder_is_checked_with_it(flare):
    entries = [{"image": "imagesTr2200/a_0000.nii.gz"}, {"image": "../../etc/passwd", "label": "labelsTr2200/a.nii.gz"}]
    (flare / "datalist.json").write_text(json.dumps({"training": entries}))
    report = check_data(flare)
    assert len(report.faults) == 2
    assert report.num_cases == 3


def test_a_link_that_leads_nowhere_is_a_missing_file(tmp_path):
    save(tmp_path / "a.nii.gz", scan())
    (tmp_path / "b.nii.gz").symlink_to(tmp_path / "gone.nii.gz")
    assert [fault.case for fault in check_data(tmp_path).faults] == ["b"]


def test_two_scans_of_one_name_are_a_fault_and_the_others_are_checked(tmp_path):
    for name in ("a.nii.gz", "a.nii", "b.nii.gz"):
        save(tmp_path / name, scan())
    (tmp_path / "c.mha").write_text("junk")
    faults = {Path(fault.file).name: fault.finding for fault in check_data(tmp_path).faults}
    assert set(faults) == {"a.nii.gz", "c.mha"} or set(faults) == {"a.nii", "c.mha"}
    assert "are both the case 'a'" in faults.get("a.nii", faults.get("a.nii.gz", ""))
    assert "Reason" not in faults["c.mha"]


@pytest.mark.parametrize(("record", "severity"), [({"annotated": [14]}, "note"), ({}, "fault")])
def test_an_empty_label_is_what_was_found_where_the_list_says_what_was_looked_for(tmp_path, record, severity):
    save(tmp_path / "anna_0000.nii.gz", scan())
    save(tmp_path / "anna.nii.gz", drawn())
    entry = {"case": "anna", "image": "anna_0000.nii.gz", "label": "anna.nii.gz"}
    (tmp_path / "datalist.json").write_text(json.dumps({"training": [entry | record]}))
    (finding,) = check_data(tmp_path / "datalist.json").findings
    assert finding.severity == severity
    assert ("none of the annotated classes occurs in it: 14 tumor" if record else "empty label") in finding.finding


def test_a_name_that_cannot_name_a_file_is_a_fault_and_the_report_is_written(tmp_path):
    odd = os.fsdecode(b"a\xff_0000.nii.gz")
    for name in (odd, "a\nb.nii.gz", "good.nii.gz"):
        save(tmp_path / "scans" / name, scan())
    report = check_data(tmp_path / "scans", out_dir=tmp_path / "out")
    assert sorted(Path(finding.file).name for finding in report.faults) == ["a\nb.nii.gz", odd]
    assert all("cannot name an output file" in finding.finding for finding in report.faults)
    assert len(format_report(report).splitlines()) == 4
    assert list(read_table(tmp_path / "out" / "check.csv", text=("case", "finding"))["severity"]) == ["fault"] * 2
    format_report(report).encode()


def test_one_bad_name_link_or_path_of_a_list_is_a_finding(tmp_path):
    save(tmp_path / "a.nii.gz", scan())
    (tmp_path / "loop.nii.gz").symlink_to("loop.nii.gz")
    images = ["a.nii.gz", "loop.nii.gz", "~nobody-of-this-name/x.nii.gz", "b\0.nii.gz", "c" * 300, "../d.nii.gz"]
    (tmp_path / "datalist.json").write_text(json.dumps({"testing": [{"image": image} for image in images]}))
    report = check_data(tmp_path / "datalist.json")
    assert report.num_cases == len({finding.case for finding in report.faults}) + 1 == len(images)


LUNGS = {"background": 0, "left lung lobe": 2, "right lung lobe": 5, "nodule": 9}


def a_collection(folder, files, entries, **head):
    """Scans in one oblique grid with 6 x 7 x 8 voxels, and a list of their labels."""
    for case, label in files.items():
        save(folder / f"{case}_0000.nii.gz", scan())
        save(folder / f"{case}.nii.gz", label)
    listed = [
        {"case": case, "image": f"{case}_0000.nii.gz", "label": f"{case}.nii.gz", **more} for case, more in entries
    ]
    (folder / "datalist.json").write_text(json.dumps({**head, "training": listed}))
    return folder / "datalist.json"


def halves(patient_right, patient_left):
    label = np.zeros((6, 7, 8), np.uint8)
    label[1:3, 2:5, 2:6] = patient_right  # the first axis runs to the patient's left
    label[3:5, 2:5, 2:6] = patient_left
    return label


def test_labels_are_read_by_the_label_set_of_their_list(tmp_path):
    labels = {"good": halves(5, 2), "odd": halves(2, 5), "outside": halves(1, 2)}
    report = check_data(a_collection(tmp_path, labels, [(case, {}) for case in labels], labels=LUNGS))
    assert [(finding.severity, finding.case) for finding in report.findings] == [("note", "odd"), ("fault", "outside")]
    assert "right and left are exchanged" in report.notes[0].finding
    assert report.collection == (
        "3 labels without a record of annotated classes are taken as complete: a class that does not occur counts as "
        "looked for and not found: good, odd, outside",
        "numbers that are no class of the label set of left lung lobe, right lung lobe, nodule, by any label_map, in 1 "
        "labels: 1 (outside); give a label_map that has them",
        "right and left exchanged in 1 of 2 labels: right lung lobe (1)",
        "2 of 3 labels differ from the others by numbers, volumes or sides, as if of another numbering: odd, outside",
    )
    assert format_report(report).splitlines()[-5:-1] == list(report.collection)


def test_maps_and_masks_are_read_as_the_list_says(tmp_path):
    labels = {"mapped": halves(7, 8), "masks": halves(1, 1)}
    for name, label in (("right lung lobe", halves(1, 0)), ("left lung lobe", halves(0, 1))):
        save(tmp_path / "segmentations" / f"{name}.nii.gz", label)
    label_map = {"7": "right lung lobe", "8": "left lung lobe"}
    entries = [("mapped", {"label_map": label_map}), ("masks", {"label": "segmentations"})]
    report = check_data(a_collection(tmp_path, labels, entries, labels=LUNGS), tmp_path / "out")
    assert report.ok
    assert report.collection == ()
    assert json.loads((tmp_path / "out" / "check.json").read_text())["collection"] == []


def test_the_label_set_asked_for_outranks_that_of_the_list(tmp_path):
    path = a_collection(tmp_path, {"a": halves(5, 2)}, [("a", {"annotated": [5, 2]})], labels=LUNGS)
    mirrored = read_label_set({"background": 0, "right lung lobe": 1, "left lung lobe": 2})
    assert check_data(path, label_set=mirrored).findings == ()
    kidneys = check_data(path, label_set=read_label_set("flare22"))
    assert "nothing would be left" in kidneys.faults[0].finding


def test_classes_and_cases_are_called_by_their_names(tmp_path):
    labels = {"background": 0, "left lung lobe": 3, "nodule": 9}
    listed = a_collection(
        tmp_path,
        {"a": drawn(3, 9), "b": drawn(3)},
        [("a", {"annotated": ["nodule"]}), ("b", {})],
        labels=labels,
    )
    text = format_report(check_data(listed))
    assert "classes that occur but are not listed as annotated: 3 left lung lobe" in text
    assert "1 labels without a record of annotated classes" in text
    assert "looked for and not found: b" in text


def test_classes_of_the_list_that_a_given_label_set_lacks_are_named(tmp_path, caplog):
    listed = a_collection(tmp_path, {"a": drawn(1, 2)}, [("a", {})], labels={"background": 0, "liver": 1, "ileum": 2})
    check_data(listed, label_set=read_label_set({"background": 0, "liver": 5}))
    assert "classes of the list that the label set in use lacks count as background: ileum" in caplog.text
