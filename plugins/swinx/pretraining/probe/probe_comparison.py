"""A trained encoder's probe against those of random encoders, and against chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from swinx.metrics import patient_codes, rank_biserial
from swinx.pretraining.probe.linear_probe import ProbeScores

__all__ = ["PairedDifference", "ProbeComparison", "Spread", "compare_cases", "compare_probes"]


@dataclass(frozen=True)
class Spread:
    """One score over several random encoders, in 0..1.

    Attributes:
        mean: Mean.
        sd: Sample standard deviation (divisor n - 1); nan for a single encoder.
    """

    mean: float
    sd: float


@dataclass(frozen=True)
class PairedDifference:
    """One score of the same cases by two methods.

    Attributes:
        cases: Cases that both have.
        patients: Patients that these are of, the pairs of the test.
        mean: Mean of the second minus the first.
        effect: Matched-pairs rank-biserial correlation, -1 (second worse in every case) to 1 (better).
        p: Of the two-sided Wilcoxon signed-rank test; 1 if there is no difference. With n patients it cannot be
            lower than 2 / 2**n: five never reach 0.05.
    """

    cases: int
    patients: int
    mean: float
    effect: float
    p: float


@dataclass(frozen=True)
class ProbeComparison:
    """What training gave an encoder.

    Attributes:
        pretrained: The trained encoder's scores.
        random: Scores of each random encoder.
        balanced_accuracy: Over the random encoders.
        macro_f1: Over the random encoders.
        recall: Over the random encoders, by class, in the order of ``pretrained.classes``.
        chance: Balanced accuracy of guessing.
        paired: Balanced accuracy of each test case, trained minus the random encoders' mean.
    """

    pretrained: ProbeScores
    random: tuple[ProbeScores, ...]
    balanced_accuracy: Spread
    macro_f1: Spread
    recall: tuple[Spread, ...]
    chance: float
    paired: PairedDifference


def compare_probes(
    pretrained: ProbeScores, random: Sequence[ProbeScores], patients: Mapping[str, str] | None = None
) -> ProbeComparison:
    """Compare probes of the same voxels.

    Args:
        pretrained: The trained encoder's scores.
        random: Scores of each random encoder.
        patients: Case name to patient, see :func:`compare_cases`.

    Raises:
        ValueError: If there is no random encoder, or the probes are of other classes or cases.
    """
    if not random or any(scores.classes != pretrained.classes for scores in random):
        raise ValueError("need the probe of at least one random encoder, all of the same classes")
    mean_random = {case: float(np.mean([s.case_accuracy[case] for s in random])) for case in random[0].case_accuracy}
    return ProbeComparison(
        pretrained=pretrained,
        random=tuple(random),
        balanced_accuracy=_spread([scores.balanced_accuracy for scores in random]),
        macro_f1=_spread([scores.macro_f1 for scores in random]),
        recall=tuple(_spread(values) for values in zip(*(scores.recall for scores in random), strict=True)),
        chance=1 / len(pretrained.classes),
        paired=compare_cases(mean_random, pretrained.case_accuracy, patients),
    )


def compare_cases(
    first: Mapping[str, float], second: Mapping[str, float], patients: Mapping[str, str] | None = None
) -> PairedDifference:
    """Test whether the second method scores otherwise than the first, patient by patient.

    Args:
        first: Case name to score.
        second: The same of the second method.
        patients: Case name to patient, whose cases are averaged before the test; a case that is not in it is a patient
            of its own.

    Raises:
        ValueError: If they have no case in common.

    Examples:
        >>> compare_cases({"a": 0.25, "b": 0.5}, {"a": 0.5, "b": 0.75, "c": 1.0})
        PairedDifference(cases=2, patients=2, mean=0.25, effect=1.0, p=0.5)
    """
    cases = [case for case in first if case in second]
    if not cases:
        raise ValueError("the two have no case in common")
    gains = np.array([second[case] - first[case] for case in cases])
    codes = patient_codes(cases, patients)
    # As in the table of scores: digits beyond these are noise that would break ties between ranks.
    differences = np.round(np.bincount(codes, weights=gains) / np.bincount(codes), 10)
    p = float(stats.wilcoxon(differences, zero_method="wilcox").pvalue) if differences.any() else 1.0
    return PairedDifference(len(cases), len(differences), float(gains.mean()), rank_biserial(differences), p)


def _spread(values: Sequence[float]) -> Spread:
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else float("nan"))
