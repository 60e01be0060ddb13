"""Parts of ``strong.json`` that help, on phantoms with few labels: a factorial screen, then pairs.

    .venv/bin/python benchmarks/strong_screen.py                # the screen: 16 arms with 2 seeds
    .venv/bin/python benchmarks/strong_screen.py --pairs 8      # after it: the set that was kept, 8 arms with 8 seeds
    .venv/bin/python benchmarks/strong_screen.py --small        # tiny networks that learn nothing, for the tests

**Screen.** Augmentation, class-balanced centres, deep supervision, Dice of the batch, mean of the weights and group
norm are each on in half of the trainings (``screen_design.py``). A part is kept if its mean effect is above zero; with
two seeds nothing more can be said of it. It is scored on cases that no training has, and that are not the test cases.

**Pairs.** The set that was kept, or that of ``--kept``, is trained with seeds and labelled cases that the screen has
not seen, and scored on the test cases; so is each set in which a single part is switched: off if it was kept, on if it
was not. Each part has a paired hierarchical bootstrap interval, a p value corrected by Holm's method for all of them,
and a verdict (``gain_verdict.py``). Six parts need eight pairs: with fewer no p value can be small enough. The kept set
is also compared with no part at all, as a claim of its own.

The endpoint is the mean Dice of the organs, in points, on the network's grid. Test cases are phantoms like those of the
training: what augmentation does for scans of another kind is not measured here. Flips are off. What is done is kept in
``--work``, and the same command goes on; after every training the record
``benchmarks/results/strong_<screen or pairs>_<machine>.json`` is written anew.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bundle_trial import ROOT, write_record
from gain_cohort import Lists, write_lists
from gain_scores import score, score_once
from gain_verdict import judge
from pretraining_gain import TRAINING, train
from screen_design import FACTORS, Arm, arm_name, contrasts, design, overlay, switched

from swinx.files import write_json

Scores = dict[tuple[Arm, int], dict[str, float]]

ENDPOINT = "mean Dice of the organs, in points, on the network's grid"
COHORT = {"unlabelled": 1, "test": 20, "oracle": 8, "of_a_seed": 4, "shape": 64, "spacing_mm": 5.0, "seed": 0}


@dataclass(frozen=True)
class Size:
    """Everything that differs between the experiment and a trial of its program.

    Attributes:
        cohort: Numbers of phantoms; those of the oracle are scored by the screen.
        labels: Labelled cases of a training.
        settings: Settings of all trainings.
        ema_momentum: Share of a step in the mean of the weights: these trainings are shorter than those of the bundle.
    """

    cohort: dict[str, Any]
    labels: int
    settings: dict[str, Any]
    ema_momentum: float


SETTINGS: dict[str, Any] = {
    "embed_dim": 12,
    "num_heads": [1, 2, 4, 8],
    "pixdim": [5.0, 5.0, 5.0],
    "antialias": True,
    "roi_size": [64, 64, 32],
    "channels_last": False,
    "amp": True,
    "cache_rate": 1.0,
    "num_workers": 0,
    "decoder_channels": 12,
    "drop_path_rate": 0.0,
    "max_epochs": 60,
    "warmup_epochs": 6,
    "learning_rate": 0.003,
    "flip_prob": 0.0,
}
TINY = {"embed_dim": 4, "num_heads": [1, 2, 2, 4], "pixdim": [10.0] * 3, "roi_size": [32, 32, 32]}
TINY |= {"decoder_channels": 8, "max_epochs": 1, "warmup_epochs": 0}
FULL = Size(COHORT, 4, SETTINGS, 0.02)
SMALL = Size(
    COHORT | {"test": 2, "oracle": 2, "of_a_seed": 1, "shape": 32, "spacing_mm": 10.0}, 1, SETTINGS | TINY, 0.02
)


def main() -> None:
    """Run what has not been run yet, and write the records."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--small", action="store_true", help="tiny networks that learn nothing")
    options.add_argument("--factors", nargs="+", choices=FACTORS, default=list(FACTORS), help="the others are on")
    options.add_argument("--seeds", type=int, default=2, help="seeds of the screen")
    options.add_argument("--pairs", type=int, default=0, help="seeds of the kept set; 0 for the screen alone")
    options.add_argument("--kept", nargs="*", choices=FACTORS, help="the kept set, in place of a screen")
    options.add_argument("--jobs", type=int, default=1, help="trainings side by side, each with its share of the cores")
    options.add_argument("--work", type=Path, default=ROOT / "work" / "strong_screen")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    if given.seeds < 1 or given.jobs < 1 or given.pairs < 0 or (given.kept is not None and not given.pairs):
        options.error("--seeds and --jobs are 1 or more, --pairs 0 or more; --kept is for --pairs")
    factors = [name for name in FACTORS if name in given.factors]
    work = given.work.resolve() / ("small" if given.small else "full")
    size = SMALL if given.small else FULL
    lists = write_lists(work / "cohort", size.cohort, range(given.seeds + given.pairs), [size.labels])
    study = Study(work, lists, size, given.jobs, given.out, "_small" if given.small else "")
    kept = None if given.kept is None else frozenset(given.kept)
    if kept is None:
        kept = study.screen(factors, range(given.seeds))
    if given.pairs:
        study.pairs(kept, factors, range(given.seeds, given.seeds + given.pairs))


@dataclass(frozen=True)
class Study:
    """Trainings of one size, in one folder."""

    work: Path
    lists: Lists
    size: Size
    jobs: int
    out: Path
    suffix: str

    def screen(self, factors: Sequence[str], seeds: Sequence[int]) -> Arm:
        """Run the screen; return the parts that are kept, those that were not screened included."""
        others = frozenset(FACTORS) - frozenset(factors)
        arms = [arm | others for arm in design(factors)]

        def content(scores: Scores) -> dict[str, Any]:
            effects = {name: claim.as_json() for name, claim in judge(contrasts(scores, factors, seeds)).items()}
            better = {name for name in factors if effects[name]["mean"] > 0}
            return {"effects": effects, "kept": [name for name in FACTORS if name in better | others]}

        scored = "cases that no training has, not the test cases"
        found = self._run("screen", arms, seeds, self.lists.unseen, scored, content)
        return frozenset(found["kept"])

    def pairs(self, kept: Arm, factors: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
        """Compare a set of parts with those in which one is switched, and with none."""
        arms = [kept, *(kept ^ {factor} for factor in factors), frozenset[str]()]

        def content(scores: Scores) -> dict[str, Any]:
            def difference(better: Arm, base: Arm) -> Any:
                return np.array(
                    [[a - b for a, b in _paired(scores[better, seed], scores[base, seed])] for seed in seeds]
                )

            parts = judge({factor: difference(*switched(kept, factor)) for factor in factors})
            whole = judge({f"{arm_name(kept)} over none": difference(kept, frozenset())}) if kept else {}
            return {
                "kept": arm_name(kept),
                "with_a_part_over_without": {name: claim.as_json() for name, claim in parts.items()},
                "whole": {name: claim.as_json() for name, claim in whole.items()},
            }

        return self._run("pairs", list(dict.fromkeys(arms)), seeds, self.lists.test, "test cases", content)

    def _run(
        self, stage: str, arms: Sequence[Arm], seeds: Sequence[int], items: Sequence[Any], scored: str, content: Any
    ) -> dict[str, Any]:
        """Train and score all arms with all seeds; write the record after each, and with its content after the last."""
        threads = max(1, (os.cpu_count() or 1) // self.jobs)
        record = {"endpoint": ENDPOINT, "scored_on": scored, "seeds": list(seeds), **asdict(self.size)}
        name, total = f"strong_{stage}{self.suffix}", len(arms) * len(seeds)
        scores: Scores = {}
        with ThreadPoolExecutor(self.jobs) as pool:
            runs = {
                pool.submit(self.train_and_score, arm, seed, items, stage, threads): (arm, seed)
                for seed in seeds
                for arm in arms
            }
            try:
                for done in as_completed(runs):
                    scores[runs[done]] = done.result()
                    write_record(self.out, name, record | _told(scores, total))
            except BaseException:  # Ctrl-C, too: what has not begun does not begin
                pool.shutdown(cancel_futures=True)
                raise
        ordered = {(arm, seed): scores[arm, seed] for arm in arms for seed in seeds}
        found: dict[str, Any] = content(ordered)
        write_record(self.out, name, record | found | _told(ordered, total))
        print(json.dumps(found, indent=2))
        return found

    def train_and_score(self, arm: Arm, seed: int, items: Sequence[Any], stage: str, threads: int) -> dict[str, float]:
        """Train one arm with one seed and score it, unless that is done; return the Dice by case in points."""
        folder = self.work / stage / f"{arm_name(arm)}_{seed}"
        content = overlay(arm)
        if "ema" in arm:
            content["ema_momentum"] = self.size.ema_momentum
        settings = self.size.settings | {"seed": seed}

        def make() -> dict[str, float]:
            write_json(folder / "overlay.json", content)
            files = [*TRAINING, str(folder / "overlay.json")]
            train(folder, files, self.lists.training[self.size.labels, seed], settings, threads)
            return score(folder / "model.pt", items, settings | {"norm": content.get("norm", "batch")})

        return score_once(folder, json.dumps([settings, content]), make)


def _paired(one: dict[str, float], other: dict[str, float]) -> list[tuple[float, float]]:
    return [(value, other[case]) for case, value in one.items()]


def _told(scores: Scores, total: int) -> dict[str, Any]:
    return {
        "trainings": {"done": len(scores), "of": total},
        "means": {f"{arm_name(arm)}, seed {seed}": round(_mean(dice), 2) for (arm, seed), dice in scores.items()},
        "by_case": {f"{arm_name(arm)}, seed {seed}": dice for (arm, seed), dice in scores.items()},
    }


def _mean(dice: dict[str, float]) -> float:
    return float(np.mean(list(dice.values())))


if __name__ == "__main__":
    main()
