"""Settings that ``swinx data plan`` writes, in runs as a user starts them."""

from __future__ import annotations

import json
import shlex
import sys

import numpy as np
import pytest

from support.bundles import CONFIGS, SMALL, arguments, run, write_case

pytestmark = pytest.mark.slow
SIZES = {name: value for name, value in SMALL.items() if name not in ("pixdim", "roi_size", "num_workers")}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Three cases at 4 x 4 x 6 mm."""
    folder = tmp_path_factory.mktemp("planned")
    cases = []
    for number in range(3):
        image, label = write_case(folder, f"case{number}", number, np.diag([-4.0, 4.0, 6.0, 1.0]))
        cases.append({"case": f"case{number}", "image": str(image.relative_to(folder))})
        cases[-1] |= {"label": str(label.relative_to(folder)), "annotated": [1, 2]}
    content = {"training": cases[:2], "validation": cases[2:], "testing": cases[2:]}
    (folder / "datalist.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def planned(cohort):
    """What the command prints, and the overlay that it writes."""
    out = cohort / "planned" / "settings.json"
    command = [sys.executable, "-m", "swinx.cli", "data", "plan", str(cohort), "--out", str(out), "--gpu_gb", "0"]
    done = run(command)
    assert done.returncode == 0, done.stderr
    return done.stdout, out


def command_of(printed: str, stage: str) -> list[str]:
    """The command that the plan prints for a run."""
    (line,) = [line for line in printed.splitlines() if line.startswith(f"python -m monai.bundle run {stage} ")]
    return shlex.split(line)[1:]


def test_the_command_prints_the_table_and_the_runs_that_use_the_overlay(planned, cohort):
    printed, overlay = planned
    content = json.loads(overlay.read_text())
    assert content["pixdim"] == [4.0, 4.0, 4.0]
    for name, value in content.items():
        (line,) = [line for line in printed.splitlines() if line.startswith(f"{name} ")]
        assert json.dumps(value) in line
    for stage, file in (("training", "train"), ("inference", "inference")):
        words = command_of(printed, stage)
        assert words[words.index("--config_file") + 1] == f"['{CONFIGS}/{file}.json','{overlay}']"
        assert words[words.index("--dataset_dir") + 1] == str(cohort)


def test_training_and_inference_take_the_overlay_as_it_is_and_say_nothing_of_what_they_do_not_use(planned, cohort):
    printed, overlay = planned
    places = {"output_dir": cohort / "out", "checkpoint": cohort / "model.pt", "mlflow": False}
    short = SIZES | places | {"max_epochs": 1, "warmup_epochs": 0}
    trained = run([sys.executable, *command_of(printed, "training"), *arguments(**short)])
    assert trained.returncode == 0, trained.stdout + trained.stderr
    del places["mlflow"]
    segment = SIZES | places | {"section": "testing", "output_dir": cohort / "segmented", "backend": "torch"}
    segmented = run([sys.executable, *command_of(printed, "inference"), *arguments(**segment)])
    assert segmented.returncode == 0, segmented.stdout + segmented.stderr
    told = segmented.stdout + segmented.stderr
    unused = set(json.loads(overlay.read_text())) - {"pixdim", "roi_size", "overlap", "window_hu", "intensity"}
    assert not [name for name in unused if f"{name} has no effect" in told or f"no setting {name}" in told]
    assert list((cohort / "segmented").glob("**/*.nii.gz"))
