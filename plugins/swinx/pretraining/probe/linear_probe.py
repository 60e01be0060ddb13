"""How well a simple classifier on frozen features tells classes apart."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

# scikit-learn is imported where it is used: the bundles that segment do without it.

__all__ = ["PROBES", "Probe", "ProbeScores", "VoxelFeatures", "require_probe", "run_probe"]

Probe = Literal["linear", "knn"]
PROBES: tuple[Probe, ...] = get_args(Probe)
"""Logistic regression, or nearest neighbours by cosine, on standardised features."""

_INVERSE_PENALTY = 0.01  # of 0.0001 to 1 the best for one random encoder with all levels, on phantoms
_STEPS = 1000
_NEIGHBOURS = 20


@dataclass(frozen=True)
class VoxelFeatures:
    """Sampled voxels of several cases.

    Attributes:
        features: ``(N, F)``.
        classes: Class ids, ``(N,)``.
        cases: Case names, ``(N,)``.
    """

    features: npt.NDArray[np.floating[Any]]
    classes: npt.NDArray[np.int64]
    cases: npt.NDArray[np.str_]

    def of_classes(self, classes: Collection[int]) -> VoxelFeatures:
        """Return the voxels of the given classes."""
        kept = np.isin(self.classes, list(classes))
        return VoxelFeatures(self.features[kept], self.classes[kept], self.cases[kept])


@dataclass(frozen=True)
class ProbeScores:
    """What a probe got right; scores in 0..1.

    Attributes:
        classes: Class ids, in rising order; what follows is in this order.
        balanced_accuracy: Mean of the recalls.
        macro_f1: Mean of the F1 scores.
        recall: Share of the voxels of each class that were told as such.
        f1: Harmonic mean of recall and precision of each class; 0 if it was never told.
        confusion: Voxels by true class (rows) and told class (columns).
        case_accuracy: Case name to the mean recall over the classes that the case has.
        converged: False if the classifier was stopped before it had converged.
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

    Features are standardised by the voxels of ``fit``, since maps of several levels differ in scale. Every class
    weighs the same in the linear probe, however many voxels it has. No random numbers are drawn.

    Reference:
        Alain and Bengio, "Understanding intermediate layers using linear classifier probes", ICLR 2017 workshop,
        https://arxiv.org/abs/1610.01644.

    Args:
        fit: Voxels to learn from.
        test: Voxels to tell, of the same classes and with the same features.
        kind: ``"linear"`` or ``"knn"``.

    Raises:
        ValueError: If the kind is unknown, fewer than two classes are there, the classes of the two differ, or a
            feature is not finite.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    require_probe(kind)
    classes = _shared_classes(fit, test)
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
    return _score(classes, test, _tell(classifier, test), converged)


def require_probe(kind: str) -> None:
    """Refuse an unknown kind of probe, before the work.

    Raises:
        ValueError: If ``kind`` is not one of :data:`PROBES`.
    """
    if kind not in PROBES:
        raise ValueError(f"probe {kind!r} is not one of {PROBES}")


def _shared_classes(fit: VoxelFeatures, test: VoxelFeatures) -> tuple[int, ...]:
    of_fit, of_test = np.unique(fit.classes), np.unique(test.classes)
    if len(of_fit) < 2 or not np.array_equal(of_fit, of_test):
        raise ValueError(
            f"fit has the classes {of_fit.tolist()} and test {of_test.tolist()}: a probe needs two or more classes, "
            "the same in both"
        )
    return tuple(int(label) for label in of_fit)


def _classifier(kind: Probe, voxels: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    if kind == "knn":
        return KNeighborsClassifier(min(_NEIGHBOURS, voxels), weights="distance", metric="cosine", algorithm="brute")
    return LogisticRegression(C=_INVERSE_PENALTY, class_weight="balanced", max_iter=_STEPS)


def _tell(classifier: Any, test: VoxelFeatures) -> npt.NDArray[np.int64]:
    return np.asarray(classifier.predict(test.features), dtype=np.int64)


def _score(classes: Sequence[int], test: VoxelFeatures, told: npt.NDArray[np.int64], converged: bool) -> ProbeScores:
    from sklearn.metrics import confusion_matrix

    confusion = confusion_matrix(test.classes, told, labels=list(classes))
    right = confusion.diagonal().astype(np.float64)
    recall = right / confusion.sum(axis=1)
    f1 = 2 * right / (confusion.sum(axis=1) + confusion.sum(axis=0))
    names = dict.fromkeys(test.cases.tolist())
    return ProbeScores(
        classes=tuple(classes),
        balanced_accuracy=float(recall.mean()),
        macro_f1=float(f1.mean()),
        recall=tuple(recall.tolist()),
        f1=tuple(f1.tolist()),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        case_accuracy={case: _mean_recall(test.classes, told, test.cases == case) for case in names},
        converged=converged,
    )


def _mean_recall(true: npt.NDArray[np.int64], told: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_]) -> float:
    here, said = true[chosen], told[chosen]
    return float(np.mean([(said[here == label] == label).mean() for label in np.unique(here)]))
