"""CaseRecords: what the folder holds and what the records say is what happened in this run."""

from __future__ import annotations

import json
import logging
import math
import shutil
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.engines import SupervisedEvaluator

from support.geometry import oblique_affine
from support.inference import PIXDIM_MM, SHAPE, segment, write_scan
from swinx.data import find_cases, record_path
from swinx.errors import CaseError, DataListError
from swinx.files import file_sha256
from swinx.inference import CaseIteration, CaseRecords, WindowBudget, WindowSettings, write_case_record
from swinx.labels import read_label_set
from swinx.resources import PeakMemory, ResourceMonitor
from swinx.runs import check_own

SPACING_MM = (0.8, 0.9, 2.5)


@pytest.fixture
def cases(tmp_path):
    affine = oblique_affine("PSR", SPACING_MM)
    paths = {
        case: write_scan(tmp_path / "scans" / f"{case}_0000.nii.gz", affine, seed) for seed, case in enumerate("abc")
    }
    return [{"case": case, "image": str(path)} for case, path in paths.items()]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def spoil(case: dict[str, str]) -> None:
    Path(case["image"]).write_bytes(b"no scan")


def summary(out) -> dict:
    return json.loads((out / "cases.json").read_text())


def test_a_case_without_one_of_its_files_keeps_its_prediction_and_ends_with_exit_code_1(cases, out, caplog):
    caplog.set_level(logging.INFO)

    def lack_a_file(data):
        told = {
            "warnings": ["looks odd", "no picture: the disk is full"],
            "unwritten": ["no picture: the disk is full"],
        }
        return data | (told if data["case"] == "b" else {"warnings": ["looks odd"]} if data["case"] == "c" else {})

    records = segment(cases, out, measure=lack_a_file)
    assert all((out / f"{case}.nii.gz").is_file() for case in "abc")
    warnings = {case: json.loads((out / f"{case}.json").read_text()).get("warnings", []) for case in "abc"}
    assert (warnings["a"], warnings["c"]) == ([], ["looks odd"])
    assert warnings["b"] == ["looks odd", "no picture: the disk is full"]
    assert summary(out)["incomplete"] == [{"case": "b", "reason": "no picture: the disk is full"}]
    assert "segmented, but incomplete: b: no picture: the disk is full" in caplog.text
    with pytest.raises(SystemExit, match="1"):
        records.exit_if_failed()


def test_what_the_reader_finds_odd_is_in_the_record_and_in_the_log_by_name(cases, out, caplog):
    image = nib.load(cases[1]["image"])
    odd = nib.Nifti1Image(np.array(image.dataobj), image.affine)
    odd.header.set_xyzt_units("micron")
    nib.save(odd, cases[1]["image"])
    with caplog.at_level(logging.WARNING, logger="swinx"):
        segment(cases, out)
    assert "lengths in micrometres" in json.loads((out / "b.json").read_text())["warnings"][0]
    assert "warnings" not in json.loads((out / "a.json").read_text())
    assert any(record.getMessage().startswith("b: the header states lengths") for record in caplog.records)


def test_each_record_tells_grid_files_and_device(cases, out):
    segment(cases, out)
    record = json.loads((out / "a.json").read_text())
    assert record["case"] == "a"
    assert record["image"] == cases[0]["image"]
    assert record["prediction"] == str(out / "a.nii.gz")
    assert record["shape"] == list(SHAPE)
    np.testing.assert_allclose(record["spacing_mm"], SPACING_MM, atol=1e-3)
    between_centres_mm = (np.array(SHAPE) - 1) * SPACING_MM
    np.testing.assert_allclose(np.sort(record["network_shape"]), np.sort(between_centres_mm) / PIXDIM_MM + 1, atol=1)
    assert record["device"] == "cpu"
    assert record["peak_memory"]["rss_mb"] > 50
    counts = [math.ceil((max(length, 8) - 8) / 4) + 1 for length in record["network_shape"]]
    settings = asdict(WindowSettings((8, 8, 8), sw_batch_size=2)) | {"roi_size": [8, 8, 8]}
    expected = {"count": math.prod(counts), "cut": 0, "backend": "plain", **settings}
    assert record["windows"] == expected, "without limits nothing is predicted"
    assert summary(out)["done"][0] == record


def test_stage_seconds_are_not_negative_and_add_up_to_the_total(cases, out):
    for record in segment(cases, out).done:
        total = record["seconds"].pop("total")
        assert set(record["seconds"]) == {"load", "preprocess", "network", "save"}
        assert min(record["seconds"].values()) >= 0
        assert sum(record["seconds"].values()) == pytest.approx(total, abs=0.003)


def test_a_run_without_failures_ends_well(cases, out):
    records = segment(cases, out)
    assert summary(out)["failed"] == []
    records.exit_if_failed()


def test_a_failed_case_is_logged_when_it_happens_and_at_the_end(cases, out, caplog):
    spoil(cases[1])
    records = segment(cases, out)
    with pytest.raises(SystemExit, match="1"):
        records.exit_if_failed()
    (failure,) = records.failed
    told = [record.getMessage() for record in caplog.records if failure["reason"] in record.getMessage()]
    assert told == [f"[2/3] b failed: {failure['reason']}", f"not segmented: b: {failure['reason']}"]


def test_a_failed_case_is_in_the_summary_and_in_the_exit_code(cases, out):
    spoil(cases[1])
    records = segment(cases, out)
    assert [record["case"] for record in summary(out)["done"]] == ["a", "c"]
    (failure,) = summary(out)["failed"]
    assert failure["case"] == "b"
    assert cases[1]["image"] in failure["reason"]
    with pytest.raises(SystemExit, match="1"):
        records.exit_if_failed()


def test_a_prediction_of_an_earlier_run_does_not_outlive_the_failure_of_its_case(cases, out, caplog):
    segment(cases, out)
    kept = (out / "a.nii.gz").read_bytes()
    spoil(cases[1])
    with caplog.at_level(logging.WARNING):
        segment(cases, out)
    assert sorted(path.name for path in out.iterdir()) == ["a.json", "a.nii.gz", "c.json", "c.nii.gz", "cases.json"]
    assert (out / "a.nii.gz").read_bytes() == kept
    assert f"removed {out / 'b.nii.gz'}, since its case failed" in caplog.messages


def test_a_case_that_was_not_asked_for_keeps_its_prediction(cases, out):
    segment(cases, out)
    segment(cases[:1], out)
    assert (out / "b.nii.gz").is_file()


def test_a_rerun_starts_from_zero(cases, out):
    spoil(cases[1])
    records = segment(cases, out)
    write_scan(out.parent / "scans" / "b_0000.nii.gz", oblique_affine("RAS"))
    assert [len(records.done), len(records.failed)] == [2, 1]
    again = segment(cases, out)
    assert [len(again.done), len(again.failed)] == [3, 0]
    assert summary(out)["failed"] == []


def test_one_handler_counts_each_run_for_itself(out):
    records = CaseRecords(str(out))
    for _ in range(2):
        evaluator = SupervisedEvaluator(
            device=torch.device("cpu"),
            val_data_loader=[{"case": "x", "failure": "none"}],
            network=torch.nn.Identity(),
            iteration_update=CaseIteration(),
            val_handlers=[records],
        )
        evaluator.run()
    assert records.failed == [{"case": "x", "reason": "none"}]


def test_a_record_that_cannot_be_written_makes_its_case_fail(cases, out):
    (out / "b.json").mkdir(parents=True)
    records = segment(cases, out)
    (failure,) = records.failed
    assert failure["case"] == "b"
    assert f"cannot write {out / 'b.json'}" in failure["reason"]
    assert not (out / "b.nii.gz").exists()


def test_a_summary_that_cannot_be_written_is_named_and_in_the_exit_code(cases, out, caplog):
    (out / "cases.json").mkdir(parents=True)
    records = segment(cases, out)
    assert [record["case"] for record in records.done] == ["a", "b", "c"]
    assert any(f"cannot write {out / 'cases.json'}" in message for message in caplog.messages)
    with pytest.raises(SystemExit, match="1"):
        records.exit_if_failed()


@pytest.mark.parametrize("key", ["image", "label"])
def test_a_prediction_never_replaces_the_file_it_is_made_from_or_compared_with(cases, out, key):
    out.mkdir()
    target = out / "b.nii.gz"
    shutil.copy(cases[1]["image"], target)
    cases[1][key] = str(out / ".." / "out" / "b.nii.gz")
    before = target.read_bytes()
    with pytest.raises(DataListError, match=f"{target} is the {key} of case 'b'.*--output_dir"):
        segment(cases, out)
    assert target.read_bytes() == before
    assert list(out.iterdir()) == [target]


def test_an_image_is_not_replaced_by_the_prediction_of_another_case(cases, out):
    cases[1] |= {"case": "other"}
    target = out / "a.nii.gz"
    out.mkdir()
    shutil.copy(cases[1]["image"], target)
    cases[1]["image"] = str(target)
    with pytest.raises(DataListError, match=f"{target} is the image of case 'other'.*--output_dir"):
        segment(cases, out)
    assert list(out.iterdir()) == [target]


@pytest.mark.parametrize("name", ["b.nii.gz", "b.json", "cases.json"])
@pytest.mark.parametrize("before", ["nothing", "another run"])
def test_files_of_others_end_the_run_before_its_first_case(cases, out, name, before):
    out.mkdir()
    if before == "another run":
        segment(cases, out)
    (out / name).write_text('{"by": "hand"}')
    kept = {path.name: path.read_bytes() for path in out.iterdir()}
    spoil(cases[1])  # what a failed case leaves is removed: not what is of others
    with pytest.raises(CaseError, match=f"{out / name}: is there already, and no run of swinx wrote it"):
        segment(cases, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == kept


def test_a_run_that_was_killed_between_labels_and_record_is_repeated(cases, out):
    def die(data):
        if data["case"] == "b":
            raise KeyboardInterrupt
        return data

    with pytest.raises(KeyboardInterrupt):
        segment(cases, out, measure=die)
    assert (out / "b.nii.gz").is_file()
    assert len(segment(cases, out).done) == len(cases)


class Engine:
    """As much of an evaluator as the handler looks at."""

    def __init__(self, items: list[dict]) -> None:
        self.data_loader = SimpleNamespace(dataset=SimpleNamespace(data=items))


def test_every_kind_of_file_of_a_failed_case_is_removed(out):
    out.mkdir()
    for name in ("a_x.nii.gz", "a_y.npz", "a_old.dcm", "a.nii.gz", "aa_x.nii.gz", "b_x.nii.gz"):
        (out / name).write_text("of an earlier run")
    written = [out / name for name in ("a_x.nii.gz", "a_y.npz", "a_old.dcm")]
    write_case_record(out, "a", {"prediction": str(written[0])}, {}, written)
    (out / "a_old.dcm").write_text("of an earlier run")
    records = CaseRecords(str(out), files=("{case}_x.nii.gz", "{case}_y.npz"))
    records._begin(Engine([{"case": "a", "image": "elsewhere.nii.gz"}]))
    records._fail("[1/1]", "a", "why")
    assert sorted(path.name for path in out.iterdir()) == ["a.nii.gz", "aa_x.nii.gz", "b_x.nii.gz"]


def test_no_kind_of_file_replaces_an_image(out):
    records = CaseRecords(str(out), files=("{case}_x.nii.gz", "{case}_y.nii.gz"))
    items = [{"case": "a", "image": str(out / "b_y.nii.gz")}, {"case": "b", "image": "elsewhere.nii.gz"}]
    with pytest.raises(DataListError, match=r"b_y\.nii\.gz is the image of case 'a'"):
        records._begin(Engine(items))
    records._begin(Engine(items[1:]))


def test_a_case_name_with_braces_is_taken_as_it_is(out):
    records = CaseRecords(str(out), files=("{case}_x.nii.gz",))
    assert records._predictions("{0}") == [out / "{0}_x.nii.gz"]


def test_what_a_postprocessing_measured_is_in_the_record(cases, out):
    segment(cases[:1], out)
    assert "measures" not in json.loads((out / "a.json").read_text())
    segment(cases[:1], out, measure=lambda item: item | {"measures": {"mae_hu": 12.5}})
    assert json.loads((out / "a.json").read_text())["measures"] == {"mae_hu": 12.5}
    assert summary(out)["done"][0]["measures"] == {"mae_hu": 12.5}


def test_the_records_say_what_the_numbers_in_the_predictions_mean(cases, out):
    numbers = {"background": 0, "liver": 40, "spleen": 200}
    told = {"spleen": {"inside": ["liver"], "tolerance_mm": 3.0, "colour": "#123456"}}
    gaps = read_label_set({"name": "gaps", "labels": numbers, "classes": told})
    segment(cases[:1], out, label_set=gaps)
    for record in (json.loads((out / "a.json").read_text()), summary(out)):
        assert read_label_set(record["labels"]) == gaps
        assert record["labels"]["name"] == "gaps"
    assert "labels" not in summary(out)["done"][0], "once is enough"
    assert set(np.unique(np.asarray(nib.load(out / "a.nii.gz").dataobj))) == {0, 40}


def test_records_of_other_files_than_label_maps_name_no_classes(cases, out):
    segment(cases[:1], out)
    assert "labels" not in json.loads((out / "a.json").read_text())


def test_the_log_says_what_was_done(out, caplog):
    records = CaseRecords(str(out), verb="reconstructed")
    records._begin(Engine([]))
    records._fail("[1/1]", "a", "why")
    with caplog.at_level(logging.INFO):
        records.summarise()
    assert f"0 of 1 cases reconstructed into {out}" in caplog.messages
    assert "not reconstructed: a: why" in caplog.messages


def test_memory_that_was_more_than_it_might_be_is_told(cases, out, monkeypatch, caplog):
    class Monitor(ResourceMonitor):
        def stop(self) -> PeakMemory:
            super().stop()
            return PeakMemory(9999.0)

    monkeypatch.setattr("swinx.inference.case_records.ResourceMonitor", Monitor)
    segment(cases[:1], out, budget=WindowBudget(max_ram_mb=9000, max_seconds=1000))
    assert "a: over the budget: max_ram_mb 9000, 9999 were taken" in caplog.text
    assert "max_seconds" not in caplog.text


def test_how_long_the_network_took_to_get_ready_is_in_the_summary(cases, out):
    segment(cases[:1], out)
    assert summary(out)["seconds_to_prepare"] == 0


@pytest.mark.parametrize("name", ["cases", "summary", "mlflow_run", "Müller", "NA", "x" * 230])
def test_a_case_of_any_name_has_a_record_of_its_own(cases, out, name):
    cases[1]["case"] = name
    segment(cases, out)
    assert [record["case"] for record in summary(out)["done"]] == ["a", name, "c"]
    assert json.loads(record_path(out, name).read_text())["case"] == name
    assert (out / f"{name}.nii.gz").is_file()


@pytest.mark.usefixtures("cases")
def test_one_bad_name_link_or_path_of_a_list_costs_its_own_case(tmp_path, out):
    (tmp_path / "scans" / "loop.nii.gz").symlink_to("loop.nii.gz")
    bad = {
        "newline": {"case": "a\nb", "image": "a_0000.nii.gz"},
        "nul": {"image": "a\0.nii.gz"},
        "home": {"image": "~nobody-of-this-name/x.nii.gz"},
        "loop": {"image": "loop.nii.gz"},
        "long": {"image": "x" * 5000},
        "outside": {"case": "o", "image": "/etc/hostname"},
        "hidden": {"case": ".b", "image": "b_0000.nii.gz"},
        "no object": "b_0000.nii.gz",
        "twice": {"case": "a", "image": "b_0000.nii.gz"},
    }
    entries = [{"case": "a", "image": "a_0000.nii.gz"}, *bad.values(), {"case": "c", "image": "c_0000.nii.gz"}]
    (tmp_path / "scans" / "list.json").write_text(json.dumps({"testing": entries}))
    records = segment(find_cases(tmp_path / "scans" / "list.json"), out)
    assert [record["case"] for record in records.done] == ["a", "c"]
    assert len(records.failed) == len(bad)
    for number, failure in enumerate(records.failed, start=1):
        assert f"testing[{number}]" in failure["reason"] or "scans" in failure["reason"], failure
        assert len(failure["reason"].splitlines()) == 1
    assert (out / "a.nii.gz").is_file(), "a bad entry of the same name must not remove it"
    with pytest.raises(SystemExit, match="1"):
        records.exit_if_failed()


@pytest.mark.parametrize("place", ["absolute", "../outside.txt"])
def test_a_record_names_no_file_outside_its_folder(tmp_path, place):
    """A record may come from somebody else, and the files that it names are removed when their case fails."""
    (tmp_path / "out").mkdir()
    outside = tmp_path / "outside.txt"
    outside.write_text("of somebody")
    name = str(outside) if place == "absolute" else place
    record = {"prediction": "a.nii.gz", "files": {name: file_sha256(outside)}}
    (tmp_path / "out" / "a.json").write_text(json.dumps(record))
    labels = tmp_path / "out" / "a.nii.gz"
    assert check_own(tmp_path / "out", {"a": [labels]}) == {"a": [labels]}


def test_a_json_of_another_program_that_names_files_is_no_record(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"files": {"a.nii.gz": None}}))
    (tmp_path / "a.nii.gz").write_bytes(b"of another program")
    with pytest.raises(CaseError, match="no run of swinx wrote it"):
        check_own(tmp_path, {"a": [tmp_path / "a.nii.gz"]})
