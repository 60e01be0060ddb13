"""Cases that several processes share, and those that an earlier run has done."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from support.geometry import oblique_affine
from support.inference import segment, write_scan
from swinx.errors import DataListError
from swinx.inference import CaseRecords
from swinx.inference.case_shares import done_record, share_of
from swinx.labels import read_label_set


@pytest.fixture
def cases(tmp_path):
    affine = oblique_affine("PSR", (0.8, 0.9, 2.5))
    paths = {case: write_scan(tmp_path / "scans" / f"{case}.nii.gz", affine, seed) for seed, case in enumerate("abc")}
    return [{"case": case, "image": str(path)} for case, path in paths.items()]


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"weights")
    return str(path)


def records_of(folder, weights, **options):
    return CaseRecords(str(folder), checkpoint=weights, **options)


def done(folder, cases, weights, **options):
    """Segment the cases, and return their names that a second run would leave out."""
    if not (folder / "cases.json").is_file():
        segment(cases, folder, checkpoint=weights)
    pending = records_of(folder, weights, **options).choose(cases, resume=True)
    return {case["case"] for case in cases} - {case["case"] for case in pending}


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_case_is_in_one_share(count):
    shares = [share_of(range(5), rank, count) for rank in range(count)]
    assert sorted(case for share in shares for case in share) == list(range(5))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_process_that_is_none_of_them_is_refused():
    with pytest.raises(ValueError, match="rank 2 of 2 processes: give a rank from 0 to 1"):
        share_of("ab", 2, 2)


def test_names_are_made_usable_before_cases_are_shared(tmp_path):
    """Else two processes would give two cases the same name."""
    items = [{"case": "../a", "image": "a"}, {"case": "../b", "image": "b"}]
    shares = [CaseRecords(str(tmp_path)).choose(items, rank, 2) for rank in range(2)]
    assert [share[0]["case"] for share in shares] == ["case[0]", "case[1]"]
    assert all("fault" in share[0] for share in shares)


def test_no_process_writes_over_a_scan_of_another(tmp_path, cases):
    cases[1]["image"] = str(write_scan(tmp_path / "out" / "a.nii.gz", np.eye(4)))
    with pytest.raises(DataListError, match=r"is the image of case 'b' and would be overwritten"):
        segment(cases, tmp_path / "out", share=(0, 2))


def test_what_is_done_is_left_out_and_stays_in_the_summary(tmp_path, cases, weights):
    out = tmp_path / "out"
    first = segment(cases, out, checkpoint=weights)
    again = segment(cases, out, checkpoint=weights, resume=True)
    assert again.done == json.loads(json.dumps(first.done))
    Path(cases[1]["image"]).unlink()
    third = segment(cases, out, checkpoint=weights, resume=True)
    assert [record["case"] for record in third.done] == ["a", "c"]
    assert [failure["case"] for failure in third.failed] == ["b"]
    assert json.loads((out / "cases.json").read_text())["done"] == third.done


def test_without_resuming_all_is_done_anew(tmp_path, cases, weights):
    segment(cases, tmp_path / "out", checkpoint=weights)
    assert records_of(tmp_path / "out", weights).choose(cases) == cases


def test_other_weights_classes_scans_and_files_are_done_anew(tmp_path, cases, weights):
    out = tmp_path / "out"
    assert done(out, cases, weights) == {"a", "b", "c"}
    assert not done(out, cases, None)
    assert not done(out, cases, weights, label_set=read_label_set({"background": 0, "liver": 1}))
    assert not done(out, cases, weights, files=("{case}.nii.gz", "{case}.dcm"))
    write_scan(Path(cases[0]["image"]), np.eye(4), seed=9)
    (out / "b.nii.gz").write_bytes(b"of somebody else")
    (out / "c.json").write_text("{")
    assert not done(out, cases, weights)
    Path(weights).write_bytes(b"other weights")
    assert not done(out, cases, weights)


def test_a_case_that_lacks_a_file_is_done_anew(tmp_path, cases, weights):
    segment(
        cases, tmp_path / "out", checkpoint=weights, measure=lambda data: data | {"unwritten": ["the disk is full"]}
    )
    assert not done(tmp_path / "out", cases, weights)


def test_a_record_names_no_file_elsewhere_that_is_read(tmp_path, cases, weights):
    out = tmp_path / "out"
    (record, *_) = segment(cases, out, checkpoint=weights).done
    path = out / "a.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"prediction": cases[0]["image"]}))
    assert done_record(cases[0], out, [out / "a.nii.gz"], record["results"], {}) is None
