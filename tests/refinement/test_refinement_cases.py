"""Cases of a refinement: an unusable entry of the list costs its own case."""

from __future__ import annotations

import json
import os

import pytest

from swinx.data import recorded_content
from swinx.files import file_sha256, write_json
from swinx.refinement import (
    is_refined,
    load_refinement_cases,
    pending_cases,
)
from swinx.refinement.refinement_cases import record_path


@pytest.fixture
def listed(tmp_path):
    """A data list with one good entry and several bad ones."""
    entries = [
        {"case": "NA", "image": "a.nii.gz"},
        {"case": "a\nb", "image": "b.nii.gz"},
        {"case": "c", "image": "../c.nii.gz"},
        {"image": "d\0.nii.gz"},
    ]
    (tmp_path / "datalist.json").write_text(json.dumps({"unlabeled": entries, "validation": [{"image": "v.nii"}, 7]}))
    return tmp_path / "datalist.json"


def test_an_unusable_entry_is_a_pending_case_with_its_fault(listed, tmp_path):
    items = load_refinement_cases(listed)
    assert [item["case"] for item in items] == ["NA", "unlabeled[1]", "c", "unlabeled[3]"]
    assert ["fault" in item for item in items] == [False, True, True, True]
    assert pending_cases(items, tmp_path / "out", "settings") == items


def test_rows_of_a_manifest_that_match_no_case_and_cases_without_a_row_are_named(tmp_path, caplog):
    entries = [{"case": case, "image": f"{case}.nii", "label": f"{case}_l.nii"} for case in ("anna", "bert", "carl")]
    entries[1]["annotated"] = [2]
    (tmp_path / "datalist.json").write_text(json.dumps({"training": entries}))
    (tmp_path / "manifest.csv").write_text("case,annotated\nanna,1\nana,1\n")
    load_refinement_cases(tmp_path / "datalist.json", annotated=tmp_path / "manifest.csv")
    assert "1 rows match no case, which may be misspelt: ana" in caplog.text
    assert "1 labelled cases have no row, and what occurs in them counts as annotated: carl" in caplog.text


@pytest.mark.parametrize("end", ["source", "selected"])
def test_a_case_called_as_another_cases_second_file_fails_alone(tmp_path, end):
    """It does not go by that name: the files of a case that fails are removed."""
    entries = [{"case": case, "image": f"{case}.nii.gz"} for case in (f"a_{end}", "a", f"b_{end}")]
    (tmp_path / "datalist.json").write_text(json.dumps({"unlabeled": entries}))
    items = load_refinement_cases(tmp_path / "datalist.json")
    assert [item["case"] for item in items] == ["unlabeled[0]", "a", f"b_{end}"]
    assert f"unlabeled[0]: cases 'a' and 'a_{end}' would share a file; rename one" in items[0]["fault"]
    assert ["fault" in item for item in items] == [True, False, False]


@pytest.fixture
def refined(tmp_path):
    """A case that is refined, and its item."""
    (tmp_path / "a.nii.gz").write_bytes(b"scan")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.nii.gz").write_bytes(b"label")
    (tmp_path / "outside").write_bytes(b"secret")
    record = {
        "settings": "s",
        "annotated": [],
        "annotated_source": "no label",
        "image": recorded_content(tmp_path / "a.nii.gz"),
        "label": None,
        "files": {"a.nii.gz": file_sha256(tmp_path / "out" / "a.nii.gz")},
    }
    write_json(record_path(tmp_path / "out", "a"), record)
    return {"case": "a", "image": str(tmp_path / "a.nii.gz"), "annotated": [], "annotated_source": "no label"}, record


def test_a_record_is_of_the_files_of_its_case_and_of_no_others(refined, tmp_path):
    item, record = refined
    place = record_path(tmp_path / "out", "a")
    assert is_refined(item, tmp_path / "out", "s")
    outside = {"../outside": file_sha256(tmp_path / "outside")}
    write_json(place, record | {"files": record["files"] | outside})
    assert not is_refined(item, tmp_path / "out", "s")


def test_a_record_that_is_a_pipe_or_more_than_plain_data_counts_for_nothing(refined, tmp_path):
    item, record = refined
    place = record_path(tmp_path / "out", "a")
    write_json(place, record | {"more": {"_target_": "os.getcwd"}})
    assert not is_refined(item, tmp_path / "out", "s")
    place.unlink()
    os.mkfifo(place)
    assert not is_refined(item, tmp_path / "out", "s")


def test_a_pipe_in_the_place_of_a_refined_label_stops_nothing(refined, tmp_path):
    (tmp_path / "out" / "a.nii.gz").unlink()
    os.mkfifo(tmp_path / "out" / "a.nii.gz")
    assert not is_refined(refined[0], tmp_path / "out", "s")


def test_a_scan_that_was_replaced_by_an_older_one_of_its_size_is_not_refined(refined, tmp_path):
    assert is_refined(refined[0], tmp_path / "out", "s")
    (tmp_path / "older").write_bytes(b"nacs")
    os.utime(tmp_path / "older", (0, 0))
    (tmp_path / "older").replace(tmp_path / "a.nii.gz")
    assert not is_refined(refined[0], tmp_path / "out", "s")


def test_a_scan_that_was_copied_is_refined_still(refined, tmp_path):
    (tmp_path / "copy").write_bytes(b"scan")
    (tmp_path / "copy").replace(tmp_path / "a.nii.gz")
    assert is_refined(refined[0], tmp_path / "out", "s")


def test_a_scan_with_its_former_stamp_is_not_read_again(refined, tmp_path, monkeypatch):
    monkeypatch.setattr("swinx.data.read_content.file_sha256", lambda _: pytest.fail("read"))
    assert is_refined(refined[0], tmp_path / "out", "s")


def test_a_case_that_has_a_label_now_or_has_none_any_more_is_not_refined(refined, tmp_path):
    (tmp_path / "label.nii.gz").write_bytes(b"label")
    labelled = refined[0] | {"label": str(tmp_path / "label.nii.gz")}
    assert not is_refined(labelled, tmp_path / "out", "s")
    record = refined[1] | {"label": recorded_content(tmp_path / "label.nii.gz")}
    write_json(record_path(tmp_path / "out", "a"), record)
    assert is_refined(labelled, tmp_path / "out", "s")
    assert not is_refined(refined[0], tmp_path / "out", "s")
