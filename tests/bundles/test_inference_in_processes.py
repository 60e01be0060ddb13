"""Two processes segment the cases of one list as one does, and go on where a run ended."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from support.bundles import CONFIGS, ROOT, SMALL, arguments, run_bundle, write_case
from support.geometry import oblique_affine
from support.warm_programs import run_in_processes
from swinx.networks import SwinXSeg, save_weights

pytestmark = pytest.mark.slow

OF_NETWORK = ("embed_dim", "num_heads", "decoder_channels")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Five scans of three axis orders, one of them no scan, and weights before any training."""
    folder = tmp_path_factory.mktemp("data")
    for number, codes in enumerate(["LPS", "PSR", "LAI", "LPS", "PSR"]):
        write_case(folder, f"c{number}", number, oblique_affine(codes, (4.0, 4.4, 5.0)))
    (folder / "images" / "c3_0000.nii.gz").write_bytes(b"no scan")
    torch.manual_seed(0)
    save_weights(SwinXSeg(out_channels=15, **{name: SMALL[name] for name in OF_NETWORK}), folder / "model.pt")
    return folder


def given(data: Path, out: Path) -> dict[str, object]:
    return SMALL | {
        "dataset_dir": data / "images",
        "checkpoint": data / "model.pt",
        "output_dir": out,
        "backend": "torch",
    }


def in_processes(data: Path, out: Path, count: int = 2, **more: object) -> subprocess.CompletedProcess[str]:
    files = str([f"{CONFIGS}/inference.json", f"{CONFIGS}/multi_gpu_inference.json"])
    words = ["-m", "monai.bundle", "run", "inference", "--config_file", files, *arguments(**given(data, out), **more)]
    return run_in_processes(words, ROOT, count)


def summary(out: Path) -> dict:
    return json.loads((out / "cases.json").read_text())


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("alone")
    assert run_bundle("inference", "inference", **given(data, out)).returncode == 1, "one case is no scan"
    return out


def assert_same(one: Path, other: Path) -> None:
    """Labels, and what records say besides times, memory and places."""
    names = sorted(path.name for path in one.glob("*.nii.gz"))
    assert names == [f"c{number}.nii.gz" for number in (0, 1, 2, 4)]
    assert names == sorted(path.name for path in other.glob("*.nii.gz"))
    for name in names:
        labels = [nib.load(folder / name) for folder in (one, other)]
        np.testing.assert_array_equal(*(np.asarray(label.dataobj) for label in labels))
        np.testing.assert_array_equal(*(label.affine for label in labels))
    first, second = summary(one), summary(other)
    assert first["results"] == second["results"]
    assert first["failed"] == second["failed"]
    varying = {"seconds", "peak_memory", "prediction"}
    for before, after in zip(first["done"], second["done"], strict=True):
        assert {k: v for k, v in before.items() if k not in varying} == {
            k: v for k, v in after.items() if k not in varying
        }


def test_two_processes_segment_as_one_and_a_second_run_leaves_out_what_is_done(data, alone, tmp_path):
    out = tmp_path / "out"
    finished = in_processes(data, out)
    assert finished.returncode == 1, "one case is no scan"
    assert_same(alone, out)
    assert [failure["case"] for failure in summary(out)["failed"]] == ["c3"]
    log = (out / "inference.log").read_text()
    assert log.count("4 of 5 cases segmented") == log.count("not segmented: c3") == 1
    (out / "c1.nii.gz").unlink()
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.nii.gz")}
    in_processes(data, out, resume=True)
    assert_same(alone, out)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_more_processes_than_pending_cases_end_together(data, alone, tmp_path):
    """One of them has nothing to do, and still waits for the summary."""
    out = tmp_path / "out"
    run_bundle("inference", "inference", **given(data, out))
    (out / "c0.nii.gz").unlink()
    finished = in_processes(data, out, resume=True)
    assert finished.returncode == 1, finished.stderr[-2000:]
    assert_same(alone, out)
