"""Simple classifiers on frozen features: their fit, their scores, and the comparison of encoders."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import stats

from swinx.metrics import patient_codes, rank_biserial

# scikit-learn is imported where it is used: the bundles that segment do without it.

__all__ = ["PROBES", "Probe", "ProbeScores", "VoxelFeatures", "compare_cases", "compare_encoders", "run_probe"]

Probe = Literal["linear", "knn"]
PROBES: tuple[Probe, ...] = get_args(Probe)
"""Logistic regression, or nearest neighbours by cosine, on standardised features."""

_INVERSE_PENALTY = 0.01  # of 0.0001 to 1 the best for one random encoder with all levels, on phantoms
_STEPS = 1000
_NEIGHBOURS = 20


@dataclass(frozen=True)
class VoxelFeatures:
    """Sampled voxels of several cases: features ``(N, F)``, class ids ``(N,)`` and case names ``(N,)``."""

    features: npt.NDArray[np.floating[Any]]
    classes: npt.NDArray[np.int64]
    cases: npt.NDArray[np.str_]

    def of_classes(self, classes: Collection[int]) -> VoxelFeatures:
        """Return the voxels of the given classes."""
        kept = np.isin(self.classes, list(classes))
        return VoxelFeatures(self.features[kept], self.classes[kept], self.cases[kept])


@dataclass(frozen=True)
class ProbeScores:
    """Scores of a probe, in 0..1.

    Attributes:
        classes: Class ids, in rising order, which is the order of the scores.
        balanced_accuracy: Mean of the recalls.
        macro_f1: Mean of the F1 scores.
        recall: Share of the voxels of each class that are predicted as such.
        f1: Harmonic mean of recall and precision of each class; 0 if it is never predicted.
        confusion: Voxels by true class (rows) and predicted class (columns).
        case_accuracy: Case name to the mean recall over the classes of the case.
        converged: False if the classifier stopped before it had converged.
    """

    classes: tuple[int, ...]
    balanced_accuracy: float
    macro_f1: float
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]
    case_accuracy: Mapping[str, float]
    converged: bool


def run_probe(fit: VoxelFeatures, test: VoxelFeatures, kind: Probe = "linear") -> ProbeScores:
    """Fit a classifier on the voxels of some cases and test it on those of others.

    Features are standardised by the voxels of ``fit``, since maps of several levels differ in scale. Every class has
    the same weight in the linear probe, however many voxels it has. No random numbers are drawn.

    Reference:
        Alain and Bengio, "Understanding intermediate layers using linear classifier probes", ICLR 2017 workshop,
        https://arxiv.org/abs/1610.01644.

    Raises:
        ValueError: If the kind is unknown, there are fewer than two classes, the classes of the two differ, or a
            feature is not finite.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    of_fit, of_test = np.unique(fit.classes).tolist(), np.unique(test.classes).tolist()
    if len(of_fit) < 2 or of_fit != of_test:
        raise ValueError(
            f"fit has the classes {of_fit} and test {of_test}: a probe needs two or more classes, the same in both"
        )
    for name, voxels in (("fit", fit), ("test", test)):
        if not np.isfinite(voxels.features).all():
            raise ValueError(
                f"features of the {name} voxels hold NaN or infinity: the encoder's training diverged, or half "
                "precision overflowed (try --amp False)"
            )
    classifier = make_pipeline(StandardScaler(), _classifier(kind, len(fit.classes)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        classifier.fit(fit.features, fit.classes)
    converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return _score(of_test, test, np.asarray(classifier.predict(test.features)), converged)


def _classifier(kind: Probe, voxels: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    if kind not in PROBES:
        raise ValueError(f"probe {kind!r} is not one of {PROBES}")
    if kind == "knn":
        return KNeighborsClassifier(min(_NEIGHBOURS, voxels), weights="distance", metric="cosine", algorithm="brute")
    return LogisticRegression(C=_INVERSE_PENALTY, class_weight="balanced", max_iter=_STEPS)


def _score(classes: list[int], test: VoxelFeatures, predicted: npt.NDArray[Any], converged: bool) -> ProbeScores:
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, recall_score

    _, recall, f1, _ = precision_recall_fscore_support(test.classes, predicted, labels=classes, zero_division=0)
    case_accuracy = {}
    for case in dict.fromkeys(test.cases.tolist()):
        true, told = (values[test.cases == case] for values in (test.classes, predicted))
        case_accuracy[case] = float(recall_score(true, told, labels=np.unique(true), average="macro"))
    return ProbeScores(
        classes=tuple(classes),
        balanced_accuracy=float(recall.mean()),
        macro_f1=float(f1.mean()),
        recall=tuple(recall.tolist()),
        f1=tuple(f1.tolist()),
        confusion=tuple(map(tuple, confusion_matrix(test.classes, predicted, labels=classes).tolist())),
        case_accuracy=case_accuracy,
        converged=converged,
    )


def compare_encoders(
    pretrained: ProbeScores, random: Sequence[ProbeScores], patients: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Compare a trained encoder's probe with those of random encoders, on the same voxels.

    Returns:
        ``chance``, the balanced accuracy of guessing; ``random`` with the mean and the sample standard deviation (None
        for one encoder) of ``balanced_accuracy``, ``macro_f1`` and, class by class, ``recall`` over the random
        encoders; ``paired``, the result of :func:`compare_cases` for the balanced accuracy of each case.

    Raises:
        ValueError: If there is no random encoder, or the probes are of other classes.
    """
    if not random or any(scores.classes != pretrained.classes for scores in random):
        raise ValueError("need the probe of at least one random encoder, all of the same classes")
    means = {case: float(np.mean([s.case_accuracy[case] for s in random])) for case in random[0].case_accuracy}
    return {
        "chance": 1 / len(pretrained.classes),
        "random": {
            "balanced_accuracy": _mean_and_sd([scores.balanced_accuracy for scores in random]),
            "macro_f1": _mean_and_sd([scores.macro_f1 for scores in random]),
            "recall": [_mean_and_sd(values) for values in zip(*(scores.recall for scores in random), strict=True)],
        },
        "paired": compare_cases(means, pretrained.case_accuracy, patients),
    }


def compare_cases(
    first: Mapping[str, float], second: Mapping[str, float], patients: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Test for a difference between two methods, patient by patient.

    Args:
        first: Case name to score of the first method.
        second: The same of the second method.
        patients: Case name to patient; cases of one patient are averaged before the test. A case that is not in it is
            a patient of its own.

    Returns:
        Numbers of ``cases`` and ``patients``; ``mean`` of the second minus the first; ``effect``, the matched-pairs
        rank-biserial correlation, 1 if the second is better in every patient; ``p`` of the two-sided Wilcoxon
        signed-rank test, 1 without a difference. With n patients it is 2 / 2**n or more: five never reach 0.05.

    Raises:
        ValueError: If they have no case in common.
    """
    cases = [case for case in first if case in second]
    if not cases:
        raise ValueError("the two have no case in common")
    gains = np.array([second[case] - first[case] for case in cases])
    codes = patient_codes(cases, patients)
    # As in the table of scores: digits beyond these are noise that would break ties between ranks.
    differences = np.round(np.bincount(codes, weights=gains) / np.bincount(codes), 10)
    p = float(stats.wilcoxon(differences, zero_method="wilcox").pvalue) if differences.any() else 1.0
    counts = {"cases": len(cases), "patients": len(differences)}
    return {**counts, "mean": float(gains.mean()), "effect": rank_biserial(differences), "p": p}


def _mean_and_sd(values: Sequence[float]) -> dict[str, float | None]:
    return {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None}
