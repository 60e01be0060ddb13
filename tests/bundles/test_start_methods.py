"""What loads data can be sent to a process that imports everything anew, as on macOS and Windows."""

from __future__ import annotations

from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pytest
from monai.bundle import ConfigParser

from support.bundles import ROOT, SMALL, SMALL_PRETRAINING

LOADERS = [
    ("swinx_seg", "train", "train::dataloader", SMALL),
    ("swinx_seg", "train", "validate::dataloader", SMALL),
    ("swinx_seg", "inference", "dataloader", SMALL),
    ("ssl_smit", "train", "train::dataloader", SMALL_PRETRAINING),
]


@pytest.mark.parametrize(("bundle", "config", "name", "small"), LOADERS)
def test_data_set_and_collation_of_a_loader_are_pickled(bundle, config, name, small, cohort: Path, tmp_path: Path):
    """Fork would hide a lambda or a lock among them; spawn fails at the first batch."""
    folder = ROOT / "bundles" / bundle
    parser = ConfigParser()
    parser.read_config(str(folder / "configs" / f"{config}.json"))
    places = {"bundle_root": str(folder), "dataset_dir": str(cohort), "output_dir": str(tmp_path), "cache_rate": 0.0}
    for key, value in (small | places).items():
        if key in parser:
            parser[key] = value
    loader = parser.get_parsed_content(name)
    parts = (loader.dataset, loader.collate_fn, loader.worker_init_fn)
    dataset, _, _ = ForkingPickler.loads(ForkingPickler.dumps(parts))
    assert len(dataset) == len(loader.dataset) > 0
