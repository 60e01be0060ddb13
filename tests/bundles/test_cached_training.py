"""Trainings that keep their prepared scans on the disk are the trainings that do not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from support.bundles import PRETRAINING, SMALL, SMALL_PRETRAINING, run_bundle

pytestmark = pytest.mark.slow


def trained(folder: Path, cohort: Path, configs: str | None = None, **settings: object) -> pd.DataFrame:
    """Train two epochs; return what the history says of the losses."""
    where = {} if configs is None else {"configs": configs}
    sizes = SMALL if configs is None else SMALL_PRETRAINING | {"scans_per_batch": 3, "picture_interval": 0}
    places = {"dataset_dir": cohort, "output_dir": folder / "out", "checkpoint": folder / "model.pt"}
    length = {"max_epochs": 2, "warmup_epochs": 1}
    finished = run_bundle("training", "train", **where, **(sizes | places | length | settings))
    assert finished.returncode == 0, finished.stderr[-3000:]
    history = pd.read_csv(folder / "out" / "history.csv")
    return history[[column for column in history.columns if "loss" in column or "dice" in column]]


def test_a_training_with_a_cache_on_the_disk_is_the_same(cohort, tmp_path):
    plain = trained(tmp_path / "plain", cohort)
    cached = trained(tmp_path / "cached", cohort, cache_dir=tmp_path / "cache")
    pd.testing.assert_frame_equal(cached, plain, rtol=1e-4)
    assert len(list((tmp_path / "cache").iterdir())) == 6, "four scans for training, two for validation"


def test_a_pretraining_keeps_each_scan_once(cohort, tmp_path):
    trained(tmp_path, cohort, PRETRAINING, cache_dir=tmp_path / "cache", datalist=cohort / "datalist.json")
    entries = list((tmp_path / "cache").iterdir())
    assert len(entries) == 4
