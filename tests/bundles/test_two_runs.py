"""Two runs of a bundle that would write into one folder."""

from __future__ import annotations

import json

import pytest

from support.bundles import ROOT, SMALL, run_bundle
from support.other_runs import another_run
from swinx.errors import RunError
from swinx.runs import open_run

CONFIGURATIONS = sorted(ROOT.glob("bundles/*/configs/*.json"))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_every_run_is_opened_once_and_before_it_writes_anything(path):
    steps = json.loads(path.read_text()).get("run", [])
    opened = [step for step in steps if step.startswith("$open_run(@bundle_root, @output_dir, ")]
    assert len(opened) == bool(steps)
    assert not steps or [step for step in steps if "set_determinism" not in step].index(opened[0]) == 1


def test_a_run_is_locked_before_it_writes_a_log(tmp_path):
    with another_run(tmp_path), pytest.raises(RunError, match="being written by another run"):
        open_run(str(ROOT / "bundles" / "swinx_seg"), str(tmp_path), "training.log")
    assert not (tmp_path / "training.log").exists()


@pytest.mark.slow
def test_a_second_run_ends_with_a_sentence_that_names_the_first_and_writes_nothing(tmp_path):
    (tmp_path / "out").mkdir()
    with another_run(tmp_path / "out") as first:
        before = sorted((tmp_path / "out").iterdir())
        finished = run_bundle("inference", "inference", dataset_dir=tmp_path, output_dir=tmp_path / "out", **SMALL)
        assert sorted((tmp_path / "out").iterdir()) == before
    assert finished.returncode == 1
    last = finished.stderr.strip().splitlines()[-1]
    assert f"{tmp_path / 'out'} is being written by another run: process {first.pid} on " in last
