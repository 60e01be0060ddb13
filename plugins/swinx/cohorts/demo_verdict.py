"""Verdict on the demo: aim reached, or the reason and the next command."""

from __future__ import annotations

import os
from pathlib import Path

from swinx.errors import DataListError
from swinx.files import read_rows, read_table

__all__ = ["AIM", "LARGE_ORGANS", "demo_verdict"]

LARGE_ORGANS = ("liver", "spleen", "stomach", "right_kidney", "left_kidney")
AIM = 0.60
"""Dice that the mean over the large organs, and each of them, is to reach."""


def demo_verdict(folder: str | os.PathLike[str], max_epochs: int, command: str) -> tuple[str, bool]:
    """Judge the scores of the demo.

    Args:
        folder: Output folder of the demo, with ``scores.csv`` and ``train/history.csv``.
        max_epochs: Epochs that the training was to have.
        command: What goes on with the training.

    Returns:
        Text for a terminal, the verdict last; and whether the aim is reached by the mean and by each organ.

    Raises:
        DataListError: If the scores cannot be read.
    """
    place = Path(folder)
    try:
        scores = read_table(place / "scores.csv").set_index("case")[[f"{organ}_dsc" for organ in LARGE_ORGANS]]
    except (OSError, KeyError, ValueError) as error:
        raise DataListError(f"{place / 'scores.csv'}: cannot be read as the scores of the demo: {error}") from error
    organs = scores.mean().set_axis(LARGE_ORGANS)
    rows = [f"  {organ.replace('_', ' '):<14}{100 * organs[organ]:5.1f} %" for organ in LARGE_ORGANS]
    mean = float(organs.mean())
    low = [organ.replace("_", " ") for organ in LARGE_ORGANS if not organs[organ] >= AIM]
    text = [f"Mean Dice of the large organs over {len(scores)} test cases (aim: {100 * AIM:.0f} %):", *rows]
    if mean >= AIM and not low:
        return "\n".join([*text, f"The demo reached its aim: {100 * mean:.1f} %."]), True
    reason = _reason(place / "train" / "history.csv", max_epochs)
    missed = f"below it: {', '.join(low)}" if low else "below it in the mean"
    verdict = f"THE DEMO MISSED ITS AIM ({100 * mean:.1f} %; {missed}): {reason}. To go on: {command}"
    return "\n".join([*text, verdict]), False


def _reason(history: Path, max_epochs: int) -> str:
    try:
        epochs = max(float(row["epoch"]) for row in read_rows(history))
    except (OSError, KeyError, ValueError):
        return f"{history} cannot be read, so it is not known how far the training came"
    if epochs < max_epochs:
        return f"the training stopped after epoch {int(epochs)} of {max_epochs}"
    return f"all {max_epochs} epochs were trained, which were too few here"
