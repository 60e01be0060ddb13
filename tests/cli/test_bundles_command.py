"""``swinx bundles``: what comes with the package, and editable copies."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest

from swinx.bundle import bundle_folder
from swinx.cli.bundles_command import bundles
from swinx.errors import BundleError


def test_every_bundle_is_listed_with_task_data_and_folder(run):
    code, told, _ = run("bundles")
    assert code == 0
    for name in ("pseudolabel", "ssl_smit", "swinx_seg"):
        facts = json.loads((bundle_folder(name) / "configs" / "metadata.json").read_text())
        assert f"{name}: {facts['task']}\n  needs: {facts['data_source']}\n  folder: {bundle_folder(name)}" in told


def test_a_package_that_a_bundle_needs_and_is_missing_is_told_with_its_command(capsys, monkeypatch):
    real = importlib.metadata.version

    def without_nnunet(name: str) -> str:
        if name == "nnunetv2":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", without_nnunet)
    bundles("list")
    assert capsys.readouterr().out.count('not installed: pip install "nnunetv2==2.8.1"') == 1


def test_a_copy_has_all_files_and_can_be_written(tmp_path, capsys, monkeypatch):
    source = tmp_path / "lib" / "seg"
    for name in ("configs/train.json", "docs/README.md", "eval/history.csv"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    (source / "configs" / "train.json").chmod(0o444)
    (source / "configs").chmod(0o555)
    monkeypatch.setattr("swinx.cli.bundles_command.bundle_folder", lambda _: source)
    bundles("copy", "seg", str(tmp_path / "mine"))
    (source / "configs").chmod(0o755)
    copy = tmp_path / "mine" / "seg"
    assert capsys.readouterr().out == f"{copy}\n"
    assert sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()) == [
        "configs/train.json",
        "docs/README.md",
    ]
    assert (copy / "configs" / "train.json").stat().st_mode & 0o200
    assert (copy / "configs").stat().st_mode & 0o200
    with pytest.raises(BundleError, match=f"{copy}: is there already"):
        bundles("copy", "seg", str(tmp_path / "mine"))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("copy",), "swinx bundles copy NAME FOLDER"),
        (("show", "swinx_seg"), "bundles 'show': give"),
        (("copy", "swinx"), "there is no bundle 'swinx'; known are pseudolabel"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(words, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match=reason) as refused:
        bundles(*words)
    assert len(str(refused.value).splitlines()) == 1
    assert not list(Path().iterdir())
