"""Two runs of a bundle that would write into one folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.bundles import ROOT, SMALL, run_bundle
from support.other_runs import another_run

RUNS = [(path, name) for path in sorted(ROOT.glob("bundles/*/configs/*.json")) for name in ("run",)]


@pytest.mark.parametrize(
    ("path", "name"), RUNS, ids=lambda value: str(value.name) if isinstance(value, Path) else value
)
def test_every_run_locks_what_it_writes_before_it_writes_a_log(path, name):
    steps = json.loads(path.read_text()).get(name, [])
    writes = [number for number, step in enumerate(steps) if "start_log(" in step]
    locks = [number for number, step in enumerate(steps) if "lock_output(@output_dir" in step]
    assert len(writes) == len(locks)
    assert all(lock < write for lock, write in zip(locks, writes, strict=True))


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
