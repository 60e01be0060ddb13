"""Which variables of the environment reach the commands of make."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = ("Makefile", "pipeline.mk", "label.mk")
FROM_OUTSIDE = {"PYTHON", "VENV", "PIP_ARGS", "OMP_WAIT_POLICY", "LABEL_VENV"}
STRANGE = "strange-value-of-the-environment"


def run_make(target: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A dry run of make, as from a shell: the tests may themselves run under make."""
    command = ["make", "-n", target, *words]
    clean = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(command, cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=False)


def made(target: str, *words: str, **environment: str) -> str:
    """The commands that make would run."""
    done = run_make(target, *words, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def variables() -> set[str]:
    """All variables that the files of make use."""
    return {name for file in FILES for name in re.findall(r"\$\((\w+)\)", (ROOT / file).read_text()) if name != "MAKE"}


@pytest.mark.parametrize("target", ["demo", "pack", "pipeline", "label-server", "clean", "sync", "lint", "test-apps"])
def test_variables_of_common_names_in_the_environment_redirect_nothing(target):
    names = sorted(variables() - FROM_OUTSIDE)
    assert {"HOST", "PORT", "DATA", "OUT", "BUNDLE", "WEIGHTS", "STUDIES", "TRAIN_ARGS"} <= set(names)
    assert STRANGE not in made(target, **dict.fromkeys(names, STRANGE))


def test_what_is_given_to_make_counts():
    said = made("label-server", "BUNDLE=my.zip", "STUDIES=scans", "HOST=0.0.0.0", "PORT=8001", "LABEL_ARGS=--more")
    for word in ('--bundle "my.zip"', '--studies "scans"', '--host "0.0.0.0"', '--port "8001"', "--more"):
        assert word in said
    assert '--host "127.0.0.1" --port "8000"' in made("label-server")
    assert '--weights "a.pt"' in made("pack", "WEIGHTS=a.pt")
    assert "--weights" not in made("pack")
    steps = made("pipeline", "DATA=/cohort", "OUT=/runs", "TRAIN_ARGS=--max_epochs 2")
    for word in ('"/cohort/datalist.json"', '--dataset_dir "/runs/data"', "/runs/models/model.pt", "--max_epochs 2"):
        assert word in steps


def test_places_of_environments_may_come_from_the_environment(tmp_path):
    places = {"VENV": str(tmp_path / "venv"), "LABEL_VENV": str(tmp_path / "label"), "PYTHON": "python-of-mine"}
    said = made("test-apps", **places, PIP_ARGS="--of-mine")
    assert f"python-of-mine -m venv {tmp_path / 'venv'}" in said
    assert f"{tmp_path / 'label'}/bin/python -m pip" in said
    assert "--of-mine" in said


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("PRETRAIN_ARG=--max_epochs 2", "there is no variable PRETRAIN_ARG; did you mean PRETRAIN_ARGS?"),
        ("Data=/cohort", "there is no variable Data; did you mean DATA?"),
        ("WIEGHTS=a.pt", "there is no variable WIEGHTS; did you mean WEIGHTS?"),
        ("PIP_ARG=--quiet", "there is no variable PIP_ARG; did you mean PIP_ARGS?"),
        ("XYZZY=1", "there is no variable XYZZY. For the environment of programs write NAME=value before make"),
    ],
)
@pytest.mark.parametrize("target", ["pipeline", "pipeline-train", "demo", "pack", "label-server", "clean"])
def test_a_misspelt_variable_ends_make_and_names_the_nearest(target, word, said):
    done = run_make(target, word)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_variables_of_make_and_of_programs_are_known():
    steps = made(
        "pipeline-train", "DATA=/cohort", "CUDA_VISIBLE_DEVICES=1", "OMP_WAIT_POLICY=ACTIVE", "SHELL=/bin/bash"
    )
    assert "train.json" in steps
