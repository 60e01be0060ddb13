"""The refinement's documented commands: what they leave, and that nothing else can be left."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from support.bundles import ROOT, SMALL, run, run_bundle, start
from support.refinement import REFINEMENT, files_of, flawed_teacher, partial_cohort, refine_command
from support.warm_programs import run_in_processes
from swinx.data import load_data_list
from swinx.files import read_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def partial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return partial_cohort(tmp_path_factory.mktemp("partial"))


@pytest.fixture(scope="module")
def teacher(partial: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flawed_teacher(partial, tmp_path_factory.mktemp("teacher") / "predictions")


@pytest.fixture(scope="module")
def refined(partial: Path, teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refined")
    finished = run(refine_command(partial, teacher, output_dir=folder))
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "6 of 6 cases refined, 6 selected" in finished.stdout
    return folder


def voxels(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def test_drawn_voxels_stay_and_only_unannotated_classes_are_filled(partial, refined):
    items = load_data_list(partial / "datalist.json", "training")
    assert any(len(item["annotated"]) < 14 for item in items)
    for item in items:
        truth, label = voxels(item["label"]), voxels(refined / f"{item['case']}.nii.gz")
        assert np.array_equal(label[truth > 0], truth[truth > 0])
        added = set(np.unique(label[truth == 0]).tolist()) - {0}
        assert not added & set(item["annotated"])
        source = voxels(refined / f"{item['case']}_source.nii.gz")
        assert np.array_equal(source == 1, truth > 0)
        assert np.array_equal(source == 2, (truth == 0) & (label > 0))


def test_refined_labels_are_nearer_to_the_hidden_truth(partial, refined):
    wrong = {"before": 0, "after": 0}
    for item in load_data_list(partial / "datalist.json", "training"):
        hidden = voxels(partial / "labelsTrFull" / f"{item['case']}.nii.gz")
        wrong["before"] += int((voxels(item["label"]) != hidden).sum())
        wrong["after"] += int((voxels(refined / f"{item['case']}.nii.gz") != hidden).sum())
    assert 0 < wrong["after"] < wrong["before"] / 2


def test_files_have_the_grid_of_the_scan(partial, refined):
    for section in ("training", "unlabeled"):
        for item in load_data_list(partial / "datalist.json", section):
            scan = nib.load(item["image"])
            for end in ("", "_source"):
                label = nib.load(refined / f"{item['case']}{end}.nii.gz")
                assert label.shape == scan.shape
                assert label.get_data_dtype() == np.uint8
                np.testing.assert_allclose(label.affine, scan.affine, atol=1e-5)


def test_table_and_manifest_tell_what_happened(partial, refined):
    table = pd.read_csv(refined / "cases.csv", index_col="case")
    assert table["selected"].all()
    items = load_data_list(partial / "datalist.json", "training")
    for item in items:
        row = table.loc[item["case"]]
        assert [int(value) for value in str(row["annotated"]).split()] == item["annotated"]
        assert row["spleen_after_ml"] > 0
    assert (table.loc[[item["case"] for item in items], "filtered_ml"] > 0).any(), "the crumbs of spleen are filtered"
    manifest = json.loads((refined / "manifest.json").read_text())
    assert len(manifest["selected"]) == 6
    assert manifest["settings"]["policy"]["name"] == "FillUnannotated"
    assert set(manifest["cases"]) == set(table.index)


def test_the_segmentation_trains_from_its_data_list_unchanged(refined, tmp_path):
    finished = run_bundle(
        "training",
        "train",
        dataset_dir=refined,
        output_dir=tmp_path / "out",
        checkpoint=tmp_path / "model.pt",
        max_epochs=1,
        **SMALL | {"pixdim": [6.0, 6.0, 6.0]},
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert (tmp_path / "model.pt").is_file()


def test_two_processes_write_the_files_of_one(partial, teacher, refined, tmp_path):
    words = refine_command(partial, teacher, ["multi_gpu_refine"], output_dir=tmp_path / "out")[1:]
    finished = run_in_processes(words, ROOT)
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert _contents(tmp_path / "out") == _contents(refined)


def test_killed_at_random_moments_and_resumed_gives_the_same_bytes(partial, teacher, refined, tmp_path):
    command = refine_command(partial, teacher, output_dir=tmp_path / "out")
    moment = random.Random(0)
    killed_between = 0
    for _ in range(4):
        process = start(command)
        before = len(list((tmp_path / "out").glob("records/*.json")))
        wanted, deadline = before + moment.randint(0, 1), time.monotonic() + 600
        while process.poll() is None and time.monotonic() < deadline:
            if len(list((tmp_path / "out").glob("**/*.nii.gz"))) > 2 * wanted:
                break
            time.sleep(0.002)
        time.sleep(moment.uniform(0, 0.05))
        if process.poll() is None:
            killed_between += 1
        process.send_signal(signal.SIGKILL)
        process.wait()
        shown = list((tmp_path / "out").glob("[!.]*.nii.gz"))
        assert all(voxels(path).dtype == np.uint8 for path in shown), "a file is whole as soon as it has its name"
    assert killed_between, "no run was interrupted before its end"
    finished = run(command)
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert _contents(tmp_path / "out") == _contents(refined)


def test_what_is_done_is_not_done_again_and_what_is_missing_is(partial, teacher, refined, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(refined, out)
    times = {path.name: path.stat().st_mtime_ns for path in out.glob("*.nii.gz")}
    (out / "FLARE23_0002.nii.gz").unlink()
    finished = run(refine_command(partial, teacher, output_dir=out))
    assert finished.returncode == 0, finished.stderr[-3000:]
    changed = {path.name for path in out.glob("*.nii.gz") if path.stat().st_mtime_ns != times[path.name]}
    assert changed == {"FLARE23_0002.nii.gz", "FLARE23_0002_source.nii.gz"}
    assert _contents(out) == _contents(refined)
    finished = run(refine_command(partial, teacher, output_dir=out, pseudo_tumor=False))
    assert finished.returncode == 0
    assert not any(path.stat().st_mtime_ns == times[path.name] for path in out.glob("FLARE23_000?.nii.gz"))


@pytest.mark.parametrize("name", ["FLARE23_0002.nii.gz", "FLARE23_0002_source.nii.gz"])
@pytest.mark.parametrize("known", [True, False], ids=["corrected by hand", "of someone else"])
def test_a_label_that_no_run_wrote_as_it_is_costs_its_case_alone_and_is_kept(
    partial, teacher, refined, tmp_path, name, known
):
    out = tmp_path / "out"
    shutil.copytree(refined, out)
    (out / name).write_bytes(b"hours of work")
    if not known:
        (out / "records" / "FLARE23_0002.json").unlink()
    finished = run(refine_command(partial, teacher, output_dir=out, pseudo_tumor=False))
    assert finished.returncode == 1
    first = name if known else "FLARE23_0002.nii.gz"  # without a record, it is the first that is not known
    assert f"{out / first}: is there already, and no run of swinx wrote it as it is now" in finished.stderr
    assert (out / name).read_bytes() == b"hours of work"
    entries = json.loads((out / "datalist.json").read_text())["training"]
    assert len(entries) > 1
    assert not any("0002" in entry["image"] for entry in entries)


def test_bad_cases_are_named_and_the_others_go_on(partial, teacher, tmp_path):
    cohort, predictions, out = tmp_path / "cohort", tmp_path / "predictions", tmp_path / "out"
    shutil.copytree(partial, cohort)
    shutil.copytree(teacher, predictions)
    (predictions / "FLARE23_0001.nii.gz").unlink()
    (cohort / "imagesTr2200" / "FLARE23_0002_0000.nii.gz").write_bytes(b"no scan")
    listed = json.loads((cohort / "datalist.json").read_text())
    listed["training"][2]["annotated"] = [9]
    (cohort / "datalist.json").write_text(json.dumps(listed))
    strange = nib.load(predictions / "FLARE23_0004.nii.gz")
    array = np.asarray(strange.dataobj).copy()
    array[5, 5, 5] = 77
    nib.save(nib.Nifti1Image(array, strange.affine), predictions / "FLARE23_0004.nii.gz")
    finished = run(refine_command(cohort, predictions, output_dir=out))
    assert finished.returncode == 1
    table = pd.read_csv(out / "cases.csv", index_col="case")
    reasons = table["reason"].fillna("")
    assert "no prediction" in reasons["FLARE23_0001"]
    assert "FLARE23_0002_0000.nii.gz" in reasons["FLARE23_0002"]
    assert reasons["FLARE23_0003"] == ""
    assert "not listed as annotated: 2 right kidney" in table["notes"]["FLARE23_0003"]
    assert "77" in reasons["FLARE23_0004"]
    assert table["refined"].sum() == 3
    assert {path.name[:12] for path in out.glob("FLARE23_000*")} == {"FLARE23_0003"}
    assert len(json.loads((out / "datalist.json").read_text())["training"]) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teacher_dir": "NOWHERE"}, "no such folder"),
        ({"datalist": "NOWHERE"}, "cannot read the data list"),
        ({"label_map": "mystery"}, "mystery"),
    ],
)
def test_what_stops_the_whole_run_is_said_in_a_sentence(partial, teacher, tmp_path, change, message):
    change = {key: tmp_path / "nowhere" if value == "NOWHERE" else value for key, value in change.items()}
    settings = {"output_dir": tmp_path / "out"} | change
    folder = settings.pop("teacher_dir", teacher)
    finished = run(refine_command(partial, folder, **settings))
    assert finished.returncode != 0
    assert message in finished.stderr.rpartition("stopped: ")[2], finished.stderr[-2000:]


def test_bad_entries_of_the_list_are_named_and_the_others_go_on(partial, teacher, tmp_path):
    cohort = tmp_path / "cohort"
    shutil.copytree(partial, cohort)
    content = json.loads((cohort / "datalist.json").read_text())
    bad = [{"case": "a\nb", "image": "x.nii.gz"}, {"case": "o", "image": "/etc/hostname"}, {"image": "a\0.nii"}, 7]
    (cohort / "datalist.json").write_text(json.dumps({**content, "unlabeled": [*bad, *content["unlabeled"][:1]]}))
    finished = run(refine_command(cohort, teacher, output_dir=tmp_path / "out", sections=["unlabeled"]))
    assert finished.returncode == 1, finished.stderr[-3000:]
    assert "1 of 5 cases refined" in finished.stdout
    table = read_table(tmp_path / "out" / "cases.csv", text=("case", "reason")).set_index("case")
    assert list(table.index[:4]) == ["unlabeled[0]", "o", "unlabeled[2]", "unlabeled[3]"]
    assert "datalist.json: unlabeled[1]: image '/etc/hostname' is outside" in table["reason"]["o"]
    assert not table["refined"][:4].any()


def test_two_predictions_of_one_case_are_refused(partial, teacher, tmp_path):
    predictions = tmp_path / "predictions"
    shutil.copytree(teacher, predictions)
    shutil.copy(predictions / "FLARE23_0001.nii.gz", predictions / "FLARE23_0001_0000.nii.gz")
    finished = run(refine_command(partial, predictions, output_dir=tmp_path / "out"))
    assert finished.returncode != 0
    assert "both predictions of case 'FLARE23_0001'" in finished.stderr


def test_one_case_by_inference_is_that_case_of_the_whole(partial, teacher, refined, tmp_path):
    finished = run_bundle(
        "inference",
        ["inference", "teacher_folder"],
        configs=REFINEMENT,
        dataset_dir=partial / "imagesTr2200" / "FLARE23_0001_0000.nii.gz",
        label=partial / "labelsTr2200" / "FLARE23_0001.nii.gz",
        annotated=load_data_list(partial / "datalist.json", "training")[0]["annotated"],
        teacher_dir=teacher,
        output_dir=tmp_path,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    for end in ("", "_source"):
        name = f"FLARE23_0001{end}.nii.gz"
        assert (tmp_path / name).read_bytes() == (refined / name).read_bytes()


def one_case(partial, teacher, out, image=None, label=None, **settings):
    return run_bundle(
        "inference",
        ["inference", "teacher_folder"],
        configs=REFINEMENT,
        dataset_dir=image or partial / "imagesTr2200" / "FLARE23_0001_0000.nii.gz",
        label=label or partial / "labelsTr2200" / "FLARE23_0001.nii.gz",
        teacher_dir=teacher,
        output_dir=out,
        **settings,
    )


@pytest.mark.parametrize("annotated", [[1, 14], [1]], ids=["that succeeds", "that fails"])
def test_inference_never_touches_the_label_it_was_given(partial, teacher, tmp_path, annotated):
    shutil.copy(partial / "labelsTr2200" / "FLARE23_0001.nii.gz", tmp_path)
    before = (tmp_path / "FLARE23_0001.nii.gz").read_bytes()
    label = tmp_path / "FLARE23_0001.nii.gz"
    finished = one_case(partial, teacher, tmp_path, label=label, annotated=annotated)
    assert finished.returncode != 0
    assert "would be overwritten by a refined label" in finished.stderr
    assert label.read_bytes() == before


def test_an_empty_label_is_believed_only_with_a_record(partial, teacher, tmp_path):
    cohort, out = tmp_path / "cohort", tmp_path / "out"
    shutil.copytree(partial, cohort)
    listed = json.loads((cohort / "datalist.json").read_text())
    for entry, annotated in zip(listed["training"], ([14], None, [], list(range(1, 15))), strict=True):
        path = cohort / entry["label"]
        volume = nib.load(path)
        nib.save(nib.Nifti1Image(np.zeros(volume.shape, np.uint8), volume.affine), path)
        entry.pop("annotated")
        entry |= {} if annotated is None else {"annotated": annotated}
    (cohort / "datalist.json").write_text(json.dumps(listed))
    finished = run(refine_command(cohort, teacher, output_dir=out))
    assert finished.returncode == 1
    table = pd.read_csv(out / "cases.csv", index_col="case")
    assert table["refined"].tolist() == [True, False, False, False, True, True]
    assert table.loc["FLARE23_0002", "reason"].count("empty label") == 1


def test_what_a_refinement_made_is_not_refined_as_if_it_were_drawn(refined, teacher, tmp_path):
    finished = run(refine_command(refined, teacher, output_dir=tmp_path / "out"))
    assert finished.returncode != 0
    assert "is the outcome of a refinement" in finished.stderr.rpartition("stopped: ")[2]


def test_a_list_that_names_its_files_by_roots_is_refined_as_well(partial, teacher, tmp_path):
    listed = json.loads((partial / "datalist.json").read_text())
    listed["roots"] = [str(partial)]
    (tmp_path / "list").mkdir()
    for section in ("training", "validation", "unlabeled"):
        for entry in listed[section]:
            entry |= {key: str(partial / entry[key]) for key in ("image", "label") if key in entry}
    (tmp_path / "list" / "datalist.json").write_text(json.dumps(listed))
    finished = run(refine_command(tmp_path / "list", teacher, output_dir=tmp_path / "out"))
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert len(load_data_list(tmp_path / "out" / "datalist.json", "training")) == 6


def test_organs_that_the_teacher_overwrote_count_as_the_teachers(partial, teacher, tmp_path):
    policy = {"_target_": "swinx.refinement.OverwriteOrgans"}
    finished = run(refine_command(partial, teacher, output_dir=tmp_path, policy=policy, sections=["training"]))
    assert finished.returncode == 0, finished.stderr[-3000:]
    for item in load_data_list(tmp_path / "datalist.json", "training"):
        assert set(range(1, 14)) <= set(item["pseudo"])


def test_a_rule_that_is_none_stops_the_run_before_the_first_case(partial, teacher, tmp_path):
    rules = [{"_target_": "swinx.refinement.MinimumConfidence", "minimum": 80}]
    finished = run(refine_command(partial, teacher, output_dir=tmp_path / "out", selection=rules))
    assert finished.returncode != 0
    assert "must be a probability" in finished.stderr
    assert not list((tmp_path / "out").glob("*.nii.gz"))


def test_selection_leaves_out_cases_and_classes(partial, teacher, tmp_path):
    spleen = {"_target_": "swinx.refinement.PlausibleVolume", "ranges_ml": {"3": [0, 1]}}
    rules = [{"_target_": "swinx.refinement.HasAnnotatedTumor"}, spleen]
    finished = run(refine_command(partial, teacher, output_dir=tmp_path, selection=rules))
    assert finished.returncode == 0, finished.stderr[-3000:]
    table = pd.read_csv(tmp_path / "cases.csv", index_col="case")
    assert (table["selected"] == (table["tumor_before_ml"].fillna(0) > 0)).all()
    assert 0 < table["selected"].sum() < 6
    assert (table.loc[~table["selected"], "reason"].str.contains("no tumour is annotated")).all()
    for item in load_data_list(tmp_path / "datalist.json", "training"):
        label = voxels(item["label"])
        if 3 not in item["annotated"]:
            assert item["label"].endswith("_selected.nii.gz")
            assert (label == 255).any()
            assert not (label == 3).any()


def test_what_the_teacher_never_predicts_stays_open(partial, teacher, tmp_path):
    predictions = tmp_path / "predictions"
    shutil.copytree(teacher, predictions)
    for path in predictions.iterdir():
        volume = nib.load(path)
        array = np.asarray(volume.dataobj).copy()
        array[array == 5] = 0
        nib.save(nib.Nifti1Image(array, volume.affine), path)
    known = {}
    for drop in (True, False):
        out = tmp_path / str(drop)
        finished = run(refine_command(partial, predictions, output_dir=out, drop_unpredicted=drop))
        assert finished.returncode == 0, finished.stderr[-3000:]
        assert ("predicts no aorta in any case" in finished.stderr) == drop
        assert not list(out.glob("*_selected.nii.gz")), "no label differs by it"
        known[drop] = {i["case"]: 5 in i["annotated"] for i in load_data_list(out / "datalist.json", "training")}
    drawn = {item["case"]: 5 in item["annotated"] for item in load_data_list(partial / "datalist.json", "training")}
    assert all(known[False].values())
    assert {case for case, is_known in known[True].items() if is_known} == {case for case in drawn if drawn[case]}


def _contents(folder: Path) -> dict[str, str]:
    """Hashes by name; the data list holds paths relative to its folder, so that it is compared by its cases."""
    hashes = files_of(folder)
    listed = json.loads((folder / "datalist.json").read_text())
    for section in ("training", "validation"):
        for entry in listed[section]:
            for key in ("image", "label"):
                entry[key] = Path(entry[key]).name
    hashes["datalist.json"] = json.dumps({key: value for key, value in listed.items() if key != "roots"})
    return hashes


def test_a_bad_teachers_organs_are_left_unannotated_and_the_last_line_says_so(partial, teacher, tmp_path):
    """In one case the teacher calls the whole middle of the scan a right kidney."""
    shutil.copytree(teacher, tmp_path / "teacher")
    item = next(item for item in load_data_list(partial / "datalist.json", "training") if 2 not in item["annotated"])
    path = tmp_path / "teacher" / f"{item['case']}.nii.gz"
    absurd = nib.load(path)
    labels = voxels(path).copy()
    labels[2:-2, 2:-2, 2:-2] = 2
    nib.save(nib.Nifti1Image(labels, absurd.affine), path)
    command = refine_command(partial, tmp_path / "teacher", output_dir=tmp_path / "out")
    finished = run(command)
    assert finished.returncode == 0, finished.stderr[-3000:]
    last = finished.stdout.strip().splitlines()[-1]
    assert re.search(r"WARNING, BAD TEACHER\?.* not taken in 1 of 6 cases: right kidney 1\.", last)
    entry = next(
        entry
        for entry in load_data_list(tmp_path / "out" / "datalist.json", "training")
        if entry["case"] == item["case"]
    )
    assert 2 not in {*entry["annotated"], *entry["pseudo"]}
    assert not (voxels(entry["label"]) == 2).any()
    record = json.loads((tmp_path / "out" / "records" / f"{item['case']}.json").read_text())
    assert list(record["refinement"]["implausible"]) == ["2"]
    assert "right kidney measures" in record["notes"][-1]
    table = read_table(tmp_path / "out" / "cases.csv").set_index("case")
    assert table.loc[item["case"], "implausible"].startswith("right kidney ")
    finished = run([*command, "--check_volumes", "False"])
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "BAD TEACHER" not in finished.stdout
    assert (voxels(tmp_path / "out" / f"{item['case']}.nii.gz") == 2).any()
