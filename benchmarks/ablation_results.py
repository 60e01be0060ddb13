"""What the arms of the experiment reached: means, comparisons, a record of several runs, a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from bundle_trial import write_record
from scipy import stats

from swinx.metrics import compare_tables

mpl.use("Agg")

from matplotlib import pyplot as plt

__all__ = ["by_case", "draw", "means", "merge", "over_trainings", "paired"]

PAIRS = (
    ("partial_as_complete", "partial_loss"),
    ("partial_as_complete", "refined"),
    ("partial_loss", "refined"),
    ("refined", "refined_pretrained"),
    ("refined_pretrained", "full_truth"),
    ("refined", "full_truth"),
)


def means(tables: list[pd.DataFrame]) -> dict[str, Any]:
    """Return mean Dice of organs and of tumour in percent: over the seeds, and of each."""
    result = {}
    for kind in ("organs", "tumor"):
        seeds = [round(100 * float(np.nanmean(part(table, kind))), 2) for table in tables]
        result[kind] = {"mean": round(float(np.mean(seeds)), 2), "by_seed": seeds}
    return result


def part(table: pd.DataFrame, kind: str) -> np.ndarray[Any, Any]:
    """Return the Dice of the organs, or of the tumour: cases by classes."""
    names = [name for name in table.columns if name.endswith("_dsc")]
    return np.asarray(table[[n for n in names if n.startswith("tumor") == (kind == "tumor")]].to_numpy(dtype=float))


def by_case(tables: list[pd.DataFrame]) -> dict[str, list[float]]:
    """Return the mean Dice over the organs of every test case in percent, one value for each seed."""
    rows = [np.nanmean(part(table, "organs"), axis=1) for table in tables]
    return {str(case): [round(100 * float(row[at]), 2) for row in rows] for at, case in enumerate(tables[0].index)}


def merge(records: list[Path], out_dir: Path) -> None:
    """Write one record of several with other seeds: means over all seeds, and what each step gained with each seed."""
    contents = [json.loads(path.read_text(encoding="utf-8")) for path in records]
    first = contents[0]
    seeds = [seed for content in contents for seed in content["settings"]["seeds"]]
    for path, content in zip(records, contents, strict=True):
        other = [key for key in ("network", "training") if content["settings"][key] != first["settings"][key]]
        if other or content["cohort"] != first["cohort"] or len(set(seeds)) < len(seeds):
            raise SystemExit(f"{path}: another cohort, other settings {other}, or seeds {seeds} that repeat")
    arms: dict[str, Any] = {}
    for name in first["arms"]:
        arms[name] = {}
        for kind in first["arms"][name]:
            values = [value for content in contents for value in content["arms"][name][kind]["by_seed"]]
            arms[name][kind] = {"mean": round(float(np.mean(values)), 2), "by_seed": values}
    steps = {}
    for a, b in PAIRS:
        before, after = (np.array(arms[f"{arm}, overlap 0.5"]["organs"]["by_seed"]) for arm in (a, b))
        gained = [round(float(value), 2) for value in after - before]
        steps[f"{a} to {b}"] = {"mean": round(float(np.mean(gained)), 2), "by_seed": gained, **over_trainings(gained)}
    content = {
        "cohort": first["cohort"],
        "settings": {**first["settings"], "seeds": seeds},
        "merged": [path.name for path in records],
        "refined_labels": [content["refined_labels"] for content in contents],
        "arms": arms,
        "organs_gained_by_step": steps,
    }
    path = write_record(out_dir, f"ablation_small_seeds{''.join(map(str, seeds))}", content)
    draw(arms, path.with_suffix(".png"))


def over_trainings(gained: list[float]) -> dict[str, Any]:
    """Return Student's 95 % interval of the mean gain over trainings, and if it leaves out zero.

    It takes the gains as normally distributed, which a few trainings cannot show.
    """
    if len(gained) < 2:
        return {"interval": None, "decided": False}
    half = float(stats.t.ppf(0.975, len(gained) - 1) * stats.sem(gained))
    mean = float(np.mean(gained))
    return {"interval": [round(mean - half, 2), round(mean + half, 2)], "decided": abs(mean) > half}


def paired(scores: dict[tuple[str, float], list[pd.DataFrame]]) -> list[dict[str, Any]]:
    """Compare arms, and overlaps, case by case; scores of a case are first averaged over the seeds."""
    mean = {key: pd.concat(tables).groupby(level=0).mean(numeric_only=True) for key, tables in scores.items()}
    there = {arm for arm, _ in scores}
    questions = [((a, 0.5), (b, 0.5)) for a, b in PAIRS if {a, b} <= there]
    questions += [((arm, 0.0), (arm, 0.5)) for arm, overlap in scores if overlap == 0.0]
    answers = []
    for first, second in questions:
        table = compare_tables(mean[first], mean[second])
        rows = {}
        for kind, row in (("organs", table.iloc[-2]), ("tumor", table.loc["tumor"])):
            rows[kind] = {
                "cases": int(row["dsc_cases"]),
                "left_out": int(row["dsc_left_out"]),
                "difference": round(100 * float(row["dsc_difference"]), 2),
                "effect": round(float(row["dsc_effect"]), 3),
                "p": round(float(row["dsc_p"]), 4),
            }
        answers.append({"a": list(first), "b": list(second), "b_minus_a": rows})
    return answers


def draw(arms: dict[str, Any], path: Path) -> None:
    """Draw the mean Dice of every arm with its seeds as dots."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained", sharey=True)
    for panel, kind in zip(axes, ("organs", "tumor"), strict=True):
        names = [name for name in arms if name.endswith("0.5")][::-1]
        for row, name in enumerate(names):
            panel.barh(row, arms[name][kind]["mean"], color="#9db4c8", height=0.6)
            panel.plot(arms[name][kind]["by_seed"], [row] * len(arms[name][kind]["by_seed"]), "o", color="#1f3b57")
        panel.set_yticks(range(len(names)), [name.split(",")[0].replace("_", " ") for name in names])
        panel.set_xlabel(f"mean Dice, {kind} (%); dots: seeds")
        panel.set_xlim(0, 100)
    figure.savefig(path, dpi=130)
    plt.close(figure)
