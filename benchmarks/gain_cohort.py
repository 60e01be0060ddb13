"""Phantoms and data lists of the experiment on pretraining, and the check that no test scan was pretrained on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swinx.cohorts import write_synthetic_cohort
from swinx.data import load_data_list, write_data_list

__all__ = ["Lists", "common_scans", "write_lists"]

PROBE_FIT_SHARE = 0.6


@dataclass(frozen=True)
class Lists:
    """Data lists, and the cases that are read here.

    Attributes:
        pretraining: Section ``unlabeled``.
        oracle: Section ``training``: all completely labelled cases that no seed trains with.
        probe: The same cases, in ``training`` and ``validation``, to fit a probe on and to test it.
        training: By number of labels and seed: section ``training``.
        unseen: Entries of cases that no pretraining saw, of the oracle's.
        test: Entries of the test cases.
    """

    pretraining: Path
    oracle: Path
    probe: Path
    training: Mapping[tuple[int, int], Path]
    unseen: Sequence[Mapping[str, Any]]
    test: Sequence[Mapping[str, Any]]


def write_lists(folder: Path, cohort: Mapping[str, Any], seeds: Sequence[int], labels: Sequence[int]) -> Lists:
    """Write phantoms and lists, or find those that are there.

    Args:
        folder: The cohort's folder.
        cohort: Numbers of cases ``unlabelled``, ``test``, ``oracle`` and ``of_a_seed`` (labelled; a training with fewer
            labels takes the first of them), and ``shape``, ``spacing_mm``, ``seed``.
        seeds: Seeds of trainings, from 0; each has labelled cases of its own.
        labels: Numbers of labelled cases of a training, at most ``of_a_seed``.

    Raises:
        ValueError: If there are more labels than are kept for a seed, or a test scan is also trained on.
    """
    oracle, block = int(cohort["oracle"]), int(cohort["of_a_seed"])
    if max(labels) > block or min(labels) < 1 or min(seeds) < 0:
        raise ValueError(f"labels {list(labels)} must be from 1 to {block}, and seeds {list(seeds)} from 0 up")
    source = write_synthetic_cohort(
        folder,
        labelled=oracle + max(seeds) * block + max(labels),
        unlabelled=cohort["unlabelled"],
        validation=cohort["test"],
        seed=cohort["seed"],
        shape=cohort["shape"],
        spacing_mm=cohort["spacing_mm"],
    )
    complete = [
        item | {"label": str(folder / "labelsTrFull" / f"{item['case']}.nii.gz"), "annotated": list(range(1, 15))}
        for item in load_data_list(source, "training")
    ]
    unlabelled, test = load_data_list(source, "unlabeled"), load_data_list(source, "validation")
    many = complete[:oracle]
    fit = max(1, round(PROBE_FIT_SHARE * oracle))
    content = {
        "pretraining": {"unlabeled": unlabelled},
        "oracle": {"training": many, "validation": many[:1]},
        "probe": {"training": many[:fit], "validation": many[fit:]},
    }
    for count in labels:
        for seed in seeds:
            first = oracle + seed * block
            own = complete[first : first + count]
            content[f"labels_{count}_seed_{seed}"] = {"training": own, "validation": many[:1]}  # none is validated with
    paths = {name: folder / name / "datalist.json" for name in content}
    for name, sections in content.items():
        if common := common_scans([item for items in sections.values() for item in items], test):
            raise ValueError(f"{', '.join(common)} in {paths[name]} are test scans")
        write_data_list(paths[name], sections, name=f"gain of pretraining, {name}", roots=[folder])
    training = {(count, seed): paths[f"labels_{count}_seed_{seed}"] for count in labels for seed in seeds}
    return Lists(paths["pretraining"], paths["oracle"], paths["probe"], training, many[:8], test)


def common_scans(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the images of ``one`` whose content, by SHA-256, is that of an image of ``other``."""
    known = {_digest(str(item["image"])) for item in other}
    return [Path(str(item["image"])).name for item in one if _digest(str(item["image"])) in known]


_digests: dict[str, str] = {}


def _digest(path: str) -> str:
    if path not in _digests:
        with Path(path).open("rb") as file:
            _digests[path] = hashlib.file_digest(file, "sha256").hexdigest()
    return _digests[path]
