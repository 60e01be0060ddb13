"""``make pipeline`` on a small cohort: every step by its documented target, with a real nnU-Net as the teacher."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from support.bundles import run
from support.refinement import partial_cohort
from support.warm_programs import warm_programs

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")]

NETWORK = "--embed_dim 12 --num_heads [1,2,4,8] --pixdim [6,6,6] --roi_size [32,32,32] --num_workers 0"
PRETRAIN = (
    "--region_size [40,40,40] --block_size 16 --scans_per_batch 2 --max_epochs 1 --warmup_epochs 0 "
    "--out_dim 64 --hidden_dim 32 --bottleneck_dim 16"
)
TEACHER = (
    '--classes [1] --folds ["all"] --spacing_mm [6,6,6] --feature_divisor 8 --gpu_memory_gb 0.7 --epochs 1 '
    "--iterations 2 --num_processes 1"
)


@pytest.fixture(scope="module")
def make() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Make with this environment, not one of its own, and with programs that start at once."""
    with warm_programs() as programs:
        words = ["make", "--old-file", f"{Path(sys.prefix)}/.installed", f"BIN={programs}", f"VENV={Path(sys.prefix)}"]
        yield lambda *more: run([*words, *more], timeout=3600)


@pytest.fixture(scope="module")
def pipeline(make, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The outputs of a pipeline, and the words that it was made with."""
    folder = tmp_path_factory.mktemp("pipeline")
    cohort = partial_cohort(folder / "data", labelled=4, unlabelled=2)
    words = [
        f"DATA={cohort}",
        f"OUT={folder / 'out'}",
        f"NETWORK_ARGS={NETWORK}",
        f"PRETRAIN_ARGS={PRETRAIN}",
        f"TEACHER_ARGS={TEACHER}",
        'REFINE_ARGS=--folds ["all"]',
        "TRAIN_ARGS=--decoder_channels 8 --max_epochs 1 --warmup_epochs 0",
        "EVALUATE_ARGS=--decoder_channels 8 --backend torch",
    ]
    finished = make("pipeline", *words)
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-3000:]
    return folder / "out", words


def test_every_step_leaves_what_the_next_one_needs(pipeline):
    out, _ = pipeline
    for name in ("models/pretrained.pt", "refined/datalist.json", "models/model.pt", "evaluation/scores.csv"):
        assert (out / name).is_file(), name
    assert list((out / "teacher" / "results").glob("*/*/fold_all/checkpoint_final.pth"))
    assert list(pd.read_csv(out / "evaluation" / "scores.csv")["case"]) == ["FLARE23Ts_0001"]
    cases = json.loads((out / "refined" / "datalist.json").read_text())["training"]
    assert any(1 in case["pseudo"] for case in cases)


def test_the_report_has_all_parts(pipeline):
    page = (pipeline[0] / "report.html").read_text(encoding="utf-8")
    faults = re.findall(r'class="fault">([^<]*)', page)
    assert all("of implausible volume" in fault for fault in faults), "a teacher of two steps draws odd organs"
    for heading in ("Verdict", "Cases", "Viewer", "Cost", "Refined labels", "Training", "Pretraining", "Origins"):
        assert f">{heading}</h2>" in page, heading


def test_a_step_that_is_done_is_not_done_again(make, pipeline):
    out, words = pipeline
    before = {name: (out / name).stat().st_mtime_ns for name in ("models/pretrained.pt", "models/model.pt")}
    for step in ("pipeline-pretrain", "pipeline-teacher", "pipeline-train"):
        finished = make(step, *words)
        assert finished.returncode == 0, finished.stderr[-3000:]
    assert before == {name: (out / name).stat().st_mtime_ns for name in before}


def test_data_that_are_not_there_are_named(make):
    finished = make("pipeline", "DATA=nowhere")
    assert finished.returncode != 0
    assert "DATA=nowhere is no folder" in finished.stdout + finished.stderr


def test_a_teacher_that_was_interrupted_goes_on_and_one_of_the_users_own_is_left_alone(make, tmp_path):
    """nnU-Net writes ``plans.json`` when it begins: it does not tell that a training has ended."""
    own = tmp_path / "own"
    for folder in (own, tmp_path / "out/teacher/results/Dataset001_FLARE/nnUNetTrainer__nnUNetPlans__3d_fullres"):
        folder.mkdir(parents=True)
        (folder / "plans.json").write_text("{}")
    begun = make("-n", "pipeline-teacher", f"DATA={tmp_path}", f"OUT={tmp_path / 'out'}").stdout
    given = make("-n", "pipeline-teacher", f"DATA={tmp_path}", f"OUT={tmp_path / 'out'}", f"TEACHER={own}").stdout
    assert "training --config_file bundles/pseudolabel" in begun
    assert "test -f" not in begun
    assert f'test -f "{own}/plans.json" || ' in given
