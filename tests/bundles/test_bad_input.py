"""Bad cases are named and skipped, the others finish, and the exit code tells."""

from __future__ import annotations

import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from support.bundles import SMALL, run_bundle, write_case
from swinx.scoring import read_scores

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """One good scan among every kind of bad one."""
    folder = tmp_path_factory.mktemp("mixed")
    good, _ = write_case(folder, "good", 0, np.diag([-4.0, -4, 5, 1]))
    images = good.parent
    (images / "truncated_0000.nii.gz").write_bytes(good.read_bytes()[:2000])
    (images / "text_0000.nii.gz").write_text("not an image")
    scan = nib.load(good)
    hu = np.asarray(scan.dataobj)
    nan = hu.astype(np.float32)
    nan[0, 0, 0] = np.nan
    nib.save(nib.Nifti1Image(nan, scan.affine), images / "nan_0000.nii.gz")
    nib.save(nib.Nifti1Image(np.stack([hu] * 2, axis=-1), scan.affine), images / "4d_0000.nii.gz")
    nib.save(nib.Nifti1Image(hu[:, :, :1], scan.affine), images / "slice_0000.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros_like(hu), scan.affine), images / "constant_0000.nii.gz")
    nib.save(nib.Nifti1Image(hu, np.diag([500.0, 500, 500, 1])), images / "huge_0000.nii.gz")
    return images


def test_every_bad_case_is_named_and_the_good_one_is_segmented(mixed, trained, tmp_path):
    finished = run_bundle("inference", "inference", dataset_dir=mixed, output_dir=tmp_path, checkpoint=trained, **SMALL)
    assert finished.returncode == 1
    summary = json.loads((tmp_path / "cases.json").read_text())
    assert [record["case"] for record in summary["done"]] == ["good"]
    failed = {failure["case"]: failure["reason"] for failure in summary["failed"]}
    assert set(failed) == {"truncated", "text", "nan", "4d", "slice", "constant", "huge"}
    for case, reason in failed.items():
        assert f"{case}_0000.nii.gz" in reason
        assert f"not segmented: {case}" in finished.stderr
    assert sorted(path.name for path in tmp_path.glob("*.nii.gz")) == ["good.nii.gz"]
    assert not list(tmp_path.glob(".*"))


def last_word(finished) -> str:
    """What the user reads last: the reason, after all tracebacks."""
    return finished.stderr.rpartition("stopped: ")[2]


def test_checkpoint_of_another_network_is_refused(cohort, trained, tmp_path):
    settings = SMALL | {"decoder_channels": 16}
    finished = run_bundle(
        "inference", "inference", dataset_dir=cohort / "images", output_dir=tmp_path, checkpoint=trained, **settings
    )
    assert finished.returncode != 0
    assert str(trained) in last_word(finished)
    assert not list(tmp_path.glob("*.nii.gz"))


def test_missing_checkpoint_is_named(cohort, tmp_path):
    finished = run_bundle(
        "inference", "inference", dataset_dir=cohort / "images", output_dir=tmp_path, checkpoint="no.pt", **SMALL
    )
    assert finished.returncode != 0
    assert "no.pt" in last_word(finished)


def test_unwritable_output_is_named(cohort, trained, tmp_path):
    (tmp_path / "file").write_text("in the way")
    finished = run_bundle(
        "inference",
        "inference",
        dataset_dir=cohort / "images",
        output_dir=tmp_path / "file" / "out",
        checkpoint=trained,
        **SMALL,
    )
    assert finished.returncode != 0
    assert str(tmp_path / "file") in last_word(finished)


def test_missing_data_list_is_named_before_training(tmp_path):
    finished = run_bundle("training", "train", dataset_dir=tmp_path, output_dir=tmp_path / "out", **SMALL)
    assert finished.returncode != 0
    assert "datalist.json" in last_word(finished)


def test_training_stops_at_a_corrupt_scan_and_names_it(cohort, tmp_path):
    shutil.copytree(cohort, tmp_path / "cohort")
    bad = next((tmp_path / "cohort/images").glob("training_0*"))
    bad.write_bytes(bad.read_bytes()[:1000])
    finished = run_bundle(
        "training",
        "train",
        dataset_dir=tmp_path / "cohort",
        output_dir=tmp_path / "out",
        checkpoint=tmp_path / "model.pt",
        max_epochs=1,
        **SMALL,
    )
    assert finished.returncode != 0
    assert bad.name in last_word(finished)
    assert not (tmp_path / "model.pt").exists()


def test_an_unwritable_place_for_the_model_is_named_before_the_training(cohort, tmp_path):
    (tmp_path / "file").write_text("in the way")
    checkpoint = tmp_path / "file" / "model.pt"
    finished = run_bundle(
        "training", "train", dataset_dir=cohort, output_dir=tmp_path / "out", checkpoint=checkpoint, **SMALL
    )
    assert finished.returncode != 0
    assert f"cannot write {checkpoint}" in last_word(finished)
    assert not (tmp_path / "out" / "history.csv").exists()


@pytest.mark.parametrize("config", ["inference", "evaluate"])
def test_a_bad_entry_of_a_data_list_costs_its_own_case(cohort, trained, tmp_path, config):
    data = tmp_path / "data"
    shutil.copytree(cohort, data)
    (data / "images" / "loop.nii.gz").symlink_to("loop.nii.gz")
    good = json.loads((data / "datalist.json").read_text())["validation"][0]
    bad = [
        {**good, "case": "a\nb"},
        {**good, "case": "outside", "image": "../x.nii.gz"},
        {**good, "case": "loop", "image": "images/loop.nii.gz"},
        {**good, "case": "home", "image": "~nobody-of-this-name/x.nii.gz"},
        {**good, "case": "nul", "image": "a\0.nii.gz"},
        {**good, "case": good["case"]},
        "no object",
    ]
    (data / "datalist.json").write_text(json.dumps({"validation": [{**good, "case": "cases"}, good, *bad]}))
    out = tmp_path / "out"
    finished = run_bundle(
        config,
        ["inference", "evaluate"] if config == "evaluate" else "inference",
        dataset_dir=data,
        datalist=data / "datalist.json",
        section="validation",
        output_dir=out,
        checkpoint=trained,
        **SMALL,
    )
    assert finished.returncode == 1, finished.stderr[-3000:]
    summary = json.loads((out / "cases.json").read_text())
    assert [record["case"] for record in summary["done"]] == ["cases", good["case"]]
    assert len(summary["failed"]) == len(bad)
    for number in (2, 3, 6, 7, 8):
        assert any(f"datalist.json: validation[{number}]: " in failure["reason"] for failure in summary["failed"])
    assert sorted(path.name for path in out.glob("*.nii.gz")) == sorted(["cases.nii.gz", f"{good['case']}.nii.gz"])
    assert json.loads((out / "cases.case.json").read_text())["case"] == "cases"
    assert "Traceback" not in finished.stderr
    if config == "evaluate":
        scored = read_scores(out / "scores.csv")
        assert {"cases", good["case"], "loop", "outside"} <= set(scored.index)
        assert (scored.loc[["loop", "outside"]].dropna(axis=1).to_numpy() == 0).any(), "scored as missing predictions"
        told = {case["case"] for case in json.loads((out / "summary.json").read_text())["bad_cases"]}
        assert {"outside", "loop", "home", "nul"} <= told
