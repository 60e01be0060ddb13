"""Table, page and picture of a probe, made from the content of its ``probe.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from swinx.labels import FLARE23, LabelSet
from swinx.metrics import aligned_table
from swinx.pretraining.probe.probed_encoders import PRETRAINED

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_probe", "probe_page", "probe_table"]

_KINDS = {
    "linear": "logistic regression on standardised features, every class with the same weight",
    "knn": "20 nearest neighbours by cosine on standardised features, weighted by distance",
}

_BARS_IN_COLUMN = 40


def probe_table(content: Mapping[str, Any], label_set: LabelSet = FLARE23) -> pd.DataFrame:
    """Return one row per encoder and class."""
    rows = [
        {
            "encoder": encoder,
            "class_id": label_set.names.index(name),
            "class": name,
            "recall": scores["recall"][name],
            "f1": scores["f1"][name],
            "fit_voxels": content["fit_voxels"][name],
            "test_voxels": sum(scores["confusion"][row]),
        }
        for encoder, scores in content["encoders"].items()
        for row, name in enumerate(content["classes"])
    ]
    import pandas as pd

    return pd.DataFrame(rows)


def probe_page(content: Mapping[str, Any]) -> str:
    """Return a Markdown page with the figures, how to read them, and the cases that were left out."""
    trained, random, paired = content["encoders"][PRETRAINED], content["random"], content["paired"]
    count = len(content["encoders"]) - 1
    scores = [(one["balanced_accuracy"], one["macro_f1"]) for one in (trained, random)]
    summary = [
        ["encoder", "balanced accuracy (%)", "macro F1 (%)"],
        ["pretrained", *map(_percent, scores[0])],
        [f"random weights (n = {count})", *map(_percent, scores[1])],
        ["chance", _percent(content["chance"]), "-"],
    ]
    classes = [["class", "fit voxels", "test voxels", "pretrained: recall (%)", "random: recall (%)"]]
    for name, row in zip(content["classes"], trained["confusion"], strict=True):
        voxels = [str(content["fit_voxels"][name]), str(sum(row))]
        classes.append([name, *voxels, _percent(trained["recall"][name]), _percent(random["recall"][name])])
    parts = [
        "# Probe of the frozen features",
        f"Fitted on {_cases(content, 'fit')}, tested on {_cases(content, 'test')}; {_KINDS[content['probe']]}.",
        aligned_table(summary),
        f"Pretrained minus random, by case: {100 * paired['mean']:+.2f} points of balanced accuracy over "
        f"{_number(paired['cases'], 'case')} of {_number(paired['patients'], 'patient')} (rank-biserial effect "
        f"{paired['effect']:+.2f}, Wilcoxon p = {paired['p']:.3g}).",
        aligned_table(classes),
        "Balanced accuracy is the mean of the classes' recalls. Random weights: mean ± standard deviation over "
        f"{count} draws of the same encoder's weights, on the same voxels. Voxels are sampled, about equally many of "
        "each class: these are no figures of a segmentation. The p-value is about patients, not about draws of random "
        "weights: compare the difference with their standard deviation, too.",
        *(f"- Not used: {failure['case']}: {failure['reason']}" for failure in content["failed"]),
        *(f"- Not used: {case}: none of its annotated classes is in the scan" for case in content["empty"]),
        *(f"- The classifier stopped before it had converged: {name}" for name in _stopped(content)),
    ]
    return "\n\n".join(parts) + "\n"


def draw_probe(content: Mapping[str, Any]) -> Figure:
    """Draw two bars per class, trained and random, below those of their mean; pyplot's state is not touched.

    Of many classes there are several columns of bars.
    """
    trained, random = content["encoders"][PRETRAINED], content["random"]
    names = ["balanced accuracy", *content["classes"]]
    recall = [trained["balanced_accuracy"], *trained["recall"].values()]
    others = [random["balanced_accuracy"], *random["recall"].values()]
    columns = -(-len(names) // _BARS_IN_COLUMN)
    rows = -(-len(names) // columns)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0 * columns, 1.9 + 0.42 * rows), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    for column in range(columns):
        shown = slice(column * rows, (column + 1) * rows)
        _draw_bars(figure.add_subplot(1, columns, column + 1), content, names[shown], recall[shown], others[shown])
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.suptitle(f"Frozen features: {content['probe']} probe, tested on {_cases(content, 'test')}", weight="bold")
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _draw_bars(
    axes: Axes,
    content: Mapping[str, Any],
    names: Sequence[str],
    recall: Sequence[float],
    others: Sequence[Mapping[str, Any]],
) -> None:
    places = np.arange(len(names), dtype=np.float64)
    if names[0] not in content["classes"]:
        places[1:] += 0.4  # apart from the mean
    bars = axes.barh(places - 0.19, recall, height=0.38, color="#1f5fa8", label="pretrained")
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=9, color="#1f5fa8")
    means, sd = [one["mean"] for one in others], [one["sd"] or 0.0 for one in others]
    count = len(content["encoders"]) - 1
    label = f"random weights, n = {count}{' (mean ± SD)' if count > 1 else ''}"
    axes.barh(places + 0.19, means, height=0.38, color="#b9b9b9", xerr=sd, ecolor="0.25", label=label)
    axes.axvline(
        content["chance"], color="black", linewidth=1, linestyle="--", label=f"chance ({content['chance']:.2f})"
    )
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.08), xlabel="recall (share of a class's voxels that are predicted as that class)")
    axes.spines[["top", "right"]].set_visible(False)


def _stopped(content: Mapping[str, Any]) -> list[str]:
    return [name for name, scores in content["encoders"].items() if not scores["converged"]]


def _cases(content: Mapping[str, Any], part: str) -> str:
    return f"{_number(len(content['cases'][part]), 'case')} of {content['sections'][part]}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _percent(value: float | Mapping[str, float | None]) -> str:
    if not isinstance(value, Mapping):
        return f"{100 * value:.2f}"
    mean, sd = value["mean"], value["sd"]
    assert mean is not None
    return f"{100 * mean:.2f}" if sd is None else f"{100 * mean:.2f} ± {100 * sd:.2f}"
