"""A probe as text for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from swinx.labels import CLASS_NAMES
from swinx.metrics import aligned_table
from swinx.pretraining.probe.probe_comparison import ProbeComparison, Spread

__all__ = ["probe_as_markdown", "probe_table"]

_KINDS = {
    "linear": "logistic regression on standardised features, every class weighted the same",
    "knn": "20 nearest neighbours by cosine on standardised features, weighted by distance",
}


def probe_table(found: ProbeComparison, fit_voxels: Sequence[int]) -> str:
    """Return the figures of the encoders and a line on the paired comparison, then the recall of every class.

    Args:
        found: The probes.
        fit_voxels: Voxels of each class that the probes were fitted on.
    """
    trained, paired, count = found.pretrained, found.paired, len(found.random)
    summary = [
        ["encoder", "balanced accuracy (%)", "macro F1 (%)"],
        ["pretrained", _percent(trained.balanced_accuracy), _percent(trained.macro_f1)],
        [f"random weights (n = {count})", _spread(found.balanced_accuracy), _spread(found.macro_f1)],
        ["chance", _percent(found.chance), "-"],
    ]
    line = (
        f"Pretrained minus random, by case: {100 * paired.mean:+.2f} points of balanced accuracy over {paired.cases} "
        f"case{'' if paired.cases == 1 else 's'} of {paired.patients} "
        f"patient{'' if paired.patients == 1 else 's'} (rank-biserial effect {paired.effect:+.2f}, Wilcoxon p = "
        f"{paired.p:.3g})."
    )
    head = ["class", "fit voxels", "test voxels", "pretrained: recall (%)", "random: recall (%)"]
    voxels = [sum(row) for row in trained.confusion]
    rows = zip(trained.classes, fit_voxels, voxels, trained.recall, found.recall, strict=True)
    classes = [
        [CLASS_NAMES[label], str(fit), str(test), _percent(recall), _spread(random)]
        for label, fit, test, recall, random in rows
    ]
    return f"{aligned_table(summary)}\n\n{line}\n\n{aligned_table([head, *classes])}"


def probe_as_markdown(
    found: ProbeComparison,
    fit_voxels: Sequence[int],
    kind: str,
    cases: tuple[str, str],
    notes: Sequence[str],
) -> str:
    """Return a page with the figures, what they mean, and what went wrong.

    Args:
        found: The probes.
        fit_voxels: Voxels of each class that the probes were fitted on.
        kind: ``"linear"`` or ``"knn"``.
        cases: What it was fitted on and what it was tested on, such as ``"8 cases of training"``.
        notes: Remarks, one sentence each.
    """
    parts = [
        "# Probe of the frozen features",
        f"Fitted on {cases[0]}, tested on {cases[1]}; {_KINDS[kind]}.",
        probe_table(found, fit_voxels),
        "Balanced accuracy is the mean of the classes' recalls. Random weights: mean ± standard deviation over "
        f"{len(found.random)} draws of the same encoder's weights, on the same voxels. Voxels are sampled, about "
        "equally many of each class: these are no figures of a segmentation. The p-value is about patients, not about "
        "draws of random weights: hold the difference against their standard deviation, too.",
    ]
    if notes:
        parts.append("## Notes\n\n" + "\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts) + "\n"


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"


def _spread(spread: Spread) -> str:
    return _percent(spread.mean) if math.isnan(spread.sd) else f"{_percent(spread.mean)} ± {_percent(spread.sd)}"
