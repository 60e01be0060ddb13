"""Prepared scans on the disk: what a case costs in the first epoch, in later ones, and without.

    .venv/bin/python benchmarks/scan_cache.py

loads the patches of one epoch after the other by the bundles' own configurations, in this process and without a
network, from copies of the real CT of the demo: two epochs without ``cache_dir``, then the first and the second with
it, in turns. Writes the seconds of processor of a case, their ratio, and the size of an entry, to
``benchmarks/results/scan_cache_<machine>.json``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from bundle_trial import ROOT, write_record
from monai.bundle import ConfigParser
from monai.data import Dataset

from training import SMALL, make_data

BUNDLES = ("swinx_seg", "ssl_smit")


def main() -> None:
    """Measure and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=3)
    options.add_argument("--repeats", type=int, default=2)
    options.add_argument("--small", action="store_true", help="the sizes of the demo's network, at 4 mm")
    options.add_argument("--cache", type=Path, default=ROOT / "work" / "demo" / "cache")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        data = make_data(Path(folder), given.cache, given.cases + 1)
        for bundle in BUNDLES:
            taken = [measure(bundle, data, Path(folder, f"{bundle}{n}"), given) for n in range(given.repeats)]
            found[bundle] = {key: round(median(one[key] for one in taken), 3) for key in taken[0]}
            print(bundle, found[bundle], flush=True)
    settings = {name: getattr(given, name) for name in ("cases", "repeats", "small")}
    write_record(given.out, "scan_cache_small" if given.small else "scan_cache", {**settings, "a_case": found})


def measure(bundle: str, data: Path, cache: Path, given: argparse.Namespace) -> dict[str, float]:
    """Load the patches of every case four times; return seconds of processor and MB of a case."""
    sizes = SMALL if given.small else {}
    plain = dataset_of(bundle, data, sizes)
    kept = dataset_of(bundle, data, sizes | {"cache_dir": str(cache)})
    seconds_of_a_case(plain, given.cases)  # the files are in the memory of the system from here on
    seconds = {
        "without": seconds_of_a_case(plain, given.cases),
        "first_epoch": seconds_of_a_case(kept, given.cases),
        "later_epochs": seconds_of_a_case(kept, given.cases),
    }
    sizes_mb = [entry.stat().st_size / 1e6 for entry in cache.iterdir()]
    ratio = seconds["without"] / seconds["later_epochs"]
    return {**seconds, "times_as_fast": ratio, "entry_mb": median(sizes_mb)}


def dataset_of(bundle: str, data: Path, settings: dict[str, Any]) -> Dataset:
    """Return the data set of a training, as its configuration makes it."""
    config = json.loads((ROOT / "bundles" / bundle / "configs" / "train.json").read_text(encoding="utf-8"))
    places = {"bundle_root": str(ROOT / "bundles" / bundle), "dataset_dir": str(data)}
    places |= {"datalist": str(data / "datalist.json"), "output_dir": str(data / "out")}
    parser = ConfigParser(config)
    for key, value in (places | {name: value for name, value in settings.items() if name in config}).items():
        parser[key] = value
    dataset: Dataset = parser.get_parsed_content("train#dataset")
    return dataset


def seconds_of_a_case(dataset: Dataset, cases: int) -> float:
    """Return the median processor time of the patches of a case; other work on the machine does not count."""
    taken = []
    for index in range(cases):
        started = time.process_time()
        dataset[index]
        taken.append(time.process_time() - started)
    return median(taken)


if __name__ == "__main__":
    main()
