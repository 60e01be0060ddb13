"""The guides: what they say works, what they say is written is there, and each begins and ends as it should."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from support.bundles import ROOT, spheres
from support.ct_series import write_ct_series
from support.geometry import oblique_affine
from support.guides import GUIDES, follow
from support.segmentation import some_weights
from swinx.segmentation import model_files

NAMES = ["annotate", "deploy", "pretrain", "python", "segment", "train"]
AFFINE = oblique_affine("LPS", spacing_mm=(4.0, 4.0, 5.0))


def write(path: Path, volume: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(volume, affine), path)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """Weights as a training leaves them, of a very small network."""
    folder = tmp_path_factory.mktemp("weights")
    made = some_weights(folder, depths=(2,))
    for suffix in (".pt", ".json"):
        made.with_suffix(suffix).rename(folder / f"model{suffix}")
    return folder / "model.pt"


@pytest.fixture
def folder(weights: Path, tmp_path: Path) -> Path:
    """What the guides ask for: a CT, a series, scans, and a partly labelled collection."""
    for seed, name in enumerate(("ct", "new")):
        write(tmp_path / f"{name}.nii.gz", spheres(seed)[0])
    for seed in (3, 4):
        hu, labels = spheres(seed)
        for place in ("SCANS", "HELD_OUT"):
            write(tmp_path / place / f"scan{seed}.nii.gz", hu)
        write(tmp_path / "LABELS" / f"scan{seed}.nii.gz", np.where(labels == 2, 7, labels).astype(np.uint8))
    for seed in range(4):
        hu, labels = spheres(seed)
        write(tmp_path / "DATA" / f"case{seed}" / "ct.nii.gz", hu)
        for number, name in ((1, "liver"), (2, "right_kidney")):
            if number == 1 or seed % 2:  # of every second case the kidney was not drawn
                write(
                    tmp_path / "DATA" / f"case{seed}" / "masks" / f"{name}.nii.gz", (labels == number).astype(np.uint8)
                )
    write_ct_series(tmp_path / "SERIES", spheres(5)[0].clip(-1024), AFFINE)
    for suffix in (".pt", ".json"):
        shutil.copyfile(weights.with_suffix(suffix), tmp_path / f"model{suffix}")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_a_guide_says_works_and_is_written(name, folder, weights, monkeypatch, capsys):
    monkeypatch.setattr(model_files, "own_weights", lambda _: weights)
    text = (GUIDES / f"{name}.md").read_text()
    if name == "pretrain":  # its training reads a list, which the guide on training makes
        first = (GUIDES / "train.md").read_text().partition("## 3.")[0]
        follow(first, folder, monkeypatch)
    follow(text, folder, monkeypatch)
    if name == "pretrain":
        assert "100.0% of the encoder's parameters matched" in capsys.readouterr().err
    for told in re.findall(r"`(\w+/[^`\s<*]+)`", text):
        if (folder / told.split("/")[0]).is_dir():
            assert (folder / told).exists(), f"{name}.md says that {told} is there"


@pytest.mark.parametrize("name", NAMES)
def test_a_guide_begins_with_what_is_needed_and_ends_with_a_picture(name):
    text = (GUIDES / f"{name}.md").read_text()
    title, _, rest = text.partition("\n\n")
    assert title.startswith("# ")
    assert "\n" not in title
    assert rest.startswith("**You need** ")
    pictures = re.findall(r"!\[[^\]]{20,}\]\(([^)]+)\)", text)
    assert len(pictures) == 1
    assert (GUIDES / pictures[0]).is_file()
    assert len(text.partition(pictures[0])[2].splitlines()) < 10
    assert f"guides/{name}.md" in (ROOT / "mkdocs.yml").read_text()


def test_every_guide_is_followed():
    assert sorted(path.stem for path in GUIDES.glob("*.md")) == NAMES
