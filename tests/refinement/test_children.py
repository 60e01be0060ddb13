"""Workers of nnU-Net and runs of rounds end with the process that started them."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from support.bundles import start
from support.other_runs import another_run
from support.processes import running, started
from swinx.errors import RunError
from swinx.refinement.teachers.nnunet.nnunet_worker import main

SLEEPER = """
import os, sys, time
with open({place!r} + ".tmp", "w") as stream:
    print(os.getpid(), file=stream)
os.rename({place!r} + ".tmp", {place!r})
time.sleep(120)
"""
NNUNET = """
import sys
from pathlib import Path
from swinx.refinement.teachers.nnunet import nnunet_training
nnunet_training._PROGRAM = Path(sys.argv[1], "sleeper.py").read_text()
nnunet_training._run(Path(sys.argv[1]), "plan", {"step": "plan", "num_processes": 1})
"""
ROUNDS = """
import sys
from swinx.refinement import run_rounds
stage = sys.argv[1]
run_rounds(
    2,
    stage + "/out",
    dataset_dir=stage,
    teacher_dir=stage,
    refine_configs=stage + "/refine.json",
    student_bundle=stage + "/student",
    student_configs=stage + "/refine.json",
    student_teacher_config=stage + "/refine.json",
    launcher=(sys.executable, stage + "/sleeper.py"),
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM], ids=lambda kill: kill.name)
@pytest.mark.parametrize("program", [NNUNET, ROUNDS], ids=["nnU-Net", "rounds"])
def test_a_worker_ends_with_its_parent(tmp_path, program, kill):
    place = tmp_path / "processes"
    (tmp_path / "sleeper.py").write_text(SLEEPER.format(place=str(place)))
    (tmp_path / "refine.json").write_text("{}")
    (tmp_path / "student" / "configs").mkdir(parents=True)
    (tmp_path / "student" / "configs" / "inference.json").write_text("{}")
    parent = start([sys.executable, "-c", program, str(tmp_path)])
    workers = started(place)
    parent.send_signal(kill)
    parent.wait(60)
    assert running(workers, 30) == []


def test_no_second_worker_does_a_job_that_one_is_doing(tmp_path, monkeypatch):
    monkeypatch.setattr("swinx.refinement.teachers.nnunet.nnunet_worker._LONGEST_WAIT_S", 0.1)
    job = Path(tmp_path / "plan.json")
    job.write_text(json.dumps({"step": "plan"}))
    with another_run(job, is_file=True), pytest.raises(RunError, match=r"plan\.json is being written by another run"):
        main(str(job))
