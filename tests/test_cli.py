"""The swinx command: exit codes, and errors that name the file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from support.ct_series import some_hu, write_ct_series
from support.geometry import oblique_affine
from swinx import __version__

SHAPE = (12, 13, 8)
FLARE = ("--labels", "flare23")


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, oblique_affine("LPS")), path)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two cases with images, references, and predictions that equal the references."""
    for seed, case in enumerate("ab"):
        hu = np.random.default_rng(seed).integers(-1000, 300, SHAPE).astype(np.int16)
        labels = np.zeros(SHAPE, np.uint8)
        labels[2:8, 3:9, 2:6] = 1
        save(tmp_path / "images" / f"{case}_0000.nii.gz", hu)
        for name in ("labels", "predictions"):
            save(tmp_path / name / f"{case}.nii.gz", labels)
    return tmp_path


def spoil(path: Path) -> str:
    path.write_bytes(path.read_bytes()[:300])
    return str(path)


def test_the_installed_command_prints_the_version():
    finished = subprocess.run(
        [sys.executable, "-m", "swinx.cli", "version"], capture_output=True, text=True, check=True
    )
    assert finished.stdout.split() == [__version__]


def test_check_of_good_data_ends_well(run, folder):
    code, out, _ = run("data", "check", folder / "images", "--workers", 1)
    assert code == 0
    assert "2" in out


def test_check_names_a_bad_case_and_ends_with_1(run, folder):
    bad = spoil(folder / "images" / "a_0000.nii.gz")
    code, out, _ = run("data", "check", folder / "images", "--workers", 1, "--out", folder / "report")
    assert code == 1
    assert Path(bad).name in out
    assert list((folder / "report").iterdir())


def test_score_writes_the_tables_and_ends_well(run, folder):
    code, out, _ = run("score", folder / "labels", folder / "predictions", folder / "out", *FLARE)
    assert code == 0
    assert "liver" in out
    assert json.loads((folder / "out" / "summary.json").read_text())["protocol"] == "standard"


def test_score_without_a_prediction_for_a_case_names_it_and_ends_with_1(run, folder):
    (folder / "predictions" / "b.nii.gz").unlink()
    code, out, _ = run(
        "score", folder / "labels", folder / "predictions", folder / "out", "--protocol", "standard", *FLARE
    )
    assert code == 1
    assert "b: no prediction" in out
    assert (folder / "out" / "scores.csv").is_file()


def test_overlays_draws_what_it_can_names_the_rest_and_ends_with_1(run, folder):
    bad = spoil(folder / "images" / "a_0000.nii.gz")
    arguments = [
        "overlays",
        folder / "images",
        folder / "predictions",
        folder / "png",
        "--reference",
        folder / "labels",
        *FLARE,
    ]
    code, out, err = run(*arguments)
    assert code == 1
    assert out.split() == [str(folder / "png" / "b.png")]
    assert f"not drawn: {bad}" in err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["data", "check", "nowhere"], "nowhere"),
        (["data", "flare", "nowhere"], "nowhere"),
        (["score", "nowhere", "predictions", "out"], "nowhere"),
        (["score", "labels", "predictions", "out", "--protocol", "flare99", *FLARE], "flare99"),
        (["overlays", "nowhere", "predictions", "out"], "nowhere"),
        (["score", "labels", "predictions", "labels/a.nii.gz/out", *FLARE], "labels/a.nii.gz/out"),
    ],
)
def test_an_error_is_one_line_that_names_what_is_wrong(run, folder, monkeypatch, words, named):
    monkeypatch.chdir(folder)
    code, _, err = run(*words)
    assert code == 1
    last = err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert named in last
    assert "Traceback" not in err


def test_a_flare_data_list_is_replaced_only_on_request(run, folder):
    data = folder / "flare"
    for case in ("FLARE23_0001", "FLARE23_0002"):
        save(data / "imagesTr2200" / f"{case}_0000.nii.gz", np.full(SHAPE, 7, np.int16))
        save(data / "labelsTr2200" / f"{case}.nii.gz", np.eye(12, 13, dtype=np.uint8)[:, :, None].repeat(8, axis=2))
    target = data / "datalist.json"
    assert run("data", "flare", data, "--workers", 1)[0] == 0
    first = target.read_text()
    assert len(json.loads(first)["training"]) == 2
    (data / "labelsTr2200" / "FLARE23_0002.nii.gz").unlink()
    code, _, err = run("data", "flare", data, "--workers", 1)
    assert code == 1
    assert f"error: {target} is there already" in err
    assert target.read_text() == first
    run("data", "flare", data, "--workers", 1, "--overwrite")
    assert target.read_text() != first


@pytest.mark.parametrize("name", ["2024_01_15", "20240115", "1e3", "1.10", "a,b", "[a]"])
def test_a_folder_whose_name_looks_like_a_number_or_a_list_is_a_path(run, folder, monkeypatch, name):
    monkeypatch.chdir(folder)
    assert run("score", "labels", "predictions", name, *FLARE)[0] == 0
    assert (folder / name / "scores.csv").is_file()


def test_an_option_without_its_path_is_refused_in_one_line(run, folder, monkeypatch):
    monkeypatch.chdir(folder)
    code, _, err = run("score", "labels", "predictions", "--out")
    assert code == 1
    assert err == "error: a path is True, as of an option without a value; give the path, or write ./True\n"


def test_a_label_map_becomes_a_dicom_segmentation_of_its_series(run, tmp_path):
    import pydicom

    labels = np.zeros(SHAPE, np.uint8)
    labels[2:8, 3:9, 2:6], labels[9, 9, 4] = 1, 14
    path = save(tmp_path / "case.nii.gz", labels)
    series = write_ct_series(tmp_path / "series", some_hu(SHAPE), oblique_affine("LPS"))
    out = tmp_path / "case.dcm"
    code, said, complaints = run("dicom", "seg", series, path, out, "--algorithm", "net")
    assert code == 1
    assert complaints.count("\n") == 1
    assert "case.nii.gz: nothing says what the numbers in these files mean" in complaints
    assert "--label_set" in complaints
    assert not out.exists()
    flare = "--label_set", "flare23"
    code, said, complaints = run("dicom", "seg", series, path, out, "--algorithm", "net", "--version", 2.5, *flare)
    assert (code, said) == (0, f"{out}: liver, tumor\n")
    assert "without a voxel, and so without a segment: right kidney, spleen" in complaints
    segments = pydicom.dcmread(out).SegmentSequence
    assert [item.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion for item in segments] == ["2.5", "2.5"]
    save(tmp_path / "empty.nii.gz", labels * 0)
    for words, reason in (
        ((series, tmp_path / "empty.nii.gz", out), "empty.nii.gz: empty label: every voxel is background"),
        ((series, path, out, "--seg_type", "FRACTIONAL"), "'BINARY' or 'LABELMAP', not 'FRACTIONAL'"),
        ((series, path, out, "--series_uid", "1.2.3"), "has no DICOM series 1.2.3"),
        ((tmp_path / "nowhere", path, out), "nowhere: no such file or folder"),
        (
            (series, path, out, "--drawn", "WRONG"),
            "'AUTOMATIC', 'SEMIAUTOMATIC' or 'MANUAL', not 'WRONG'",
        ),
    ):
        code, _, complaints = run("dicom", "seg", *words, *flare)
        assert code == 1
        assert reason in complaints


def test_a_wrong_argument_shows_the_usage_and_ends_with_2(run):
    code, _, err = run("score", "--nonsense", "1")
    assert code == 2
    assert "swinx score" in err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nowhere", "--to", "onnx"], "nowhere: no such folder; give the folder of a MONAI Bundle"),
        (["nowhere", "--to", "onyx"], "cannot export to 'onyx'; known are torchscript, onnx"),
        (["nowhere", "--to", "onnx", "--out", "a.ts"], "a.ts: the name of a file for onnx must end in .onnx"),
        (["nowhere", "--to", "onnx", "--tolerance", "little"], "tolerance 'little' must be a number above 0"),
        (["nowhere", "--to", "onnx", "--out", "2024"], "2024: the name of a file for onnx must end in .onnx"),
    ],
)
def test_export_refuses_what_it_cannot_do_in_one_line(run, words, reason):
    code, out, err = run("export", *words)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {reason}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", [("pack", "--out", "dist"), ("export", "--to", "onnx")])
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--overlap", "$__import__('pathlib').Path('canary').touch()"), "overlap is "),
        (("--run", "[]"), "no override of run is taken"),
        (("--network_def::_target_", "os.getcwd"), "is no name of a setting"),
        (("--_target_", "os.getcwd"), "no override of _target_ is taken"),
    ],
)
def test_settings_on_the_command_line_are_values_and_no_programs(run, command, words, reason, tmp_path, monkeypatch):
    from swinx.networks import SwinXSeg, save_weights

    monkeypatch.chdir(tmp_path)
    save_weights(SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=8), tmp_path / "model.pt")
    name, *options = command
    weights = "--weights" if name == "pack" else "--checkpoint"
    code, _, errors = run(name, "swinx_seg", *options, weights, str(tmp_path / "model.pt"), *words)
    assert code == 1
    assert f"error: swinx {name}: " in errors
    assert reason in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pt"]
