"""Verdict of paired trainings: a hierarchical bootstrap, sign flips, Holm's correction, and one of three words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test

__all__ = ["HELPS_ABOVE", "NO_CHANGE_WITHIN", "Claim", "bootstrap_interval", "holm", "judge", "sign_flip_p"]

HELPS_ABOVE = 1.0
"""Points of Dice that the interval of a gain that helps is above."""

NO_CHANGE_WITHIN = 2.0
"""Points of Dice on either side of zero that the interval of a gain that does not help is within."""

Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Claim:
    """What one comparison of two arms says, in points of Dice.

    Attributes:
        mean: Mean of the differences, over seeds and cases.
        interval: Its 95 % interval.
        by_seed: Mean difference with each seed.
        p: Of sign flips over the seeds.
        p_holm: The same, corrected for the number of claims.
        verdict: ``"helps"``, ``"does not"`` or ``"undecided"``.
        decided_by: About how many seeds would decide it; None if it is decided, or if no number of this order would.
    """

    mean: float
    interval: tuple[float, float]
    by_seed: tuple[float, ...]
    p: float
    p_holm: float
    verdict: str
    decided_by: int | None

    def as_json(self) -> dict[str, Any]:
        """Return plain values; None for a p value that one seed alone does not have."""
        nan = {name for name in ("p", "p_holm") if math.isnan(getattr(self, name))}
        return {name: None if name in nan else value for name, value in asdict(self).items()}


def bootstrap_interval(differences: Scores, draws: int = 10_000, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of the mean of paired differences by a hierarchical bootstrap.

    Seeds are drawn with replacement, and in each the cases: the interval has the spread of trainings and of scans.

    Args:
        differences: ``(seeds, cases)``, in points.
        draws: Bootstrap samples.
        seed: Seed of the draws.
    """
    seeds, cases = differences.shape
    random = np.random.default_rng(seed)
    rows = random.integers(seeds, size=(draws, seeds))
    columns = random.integers(cases, size=(draws, seeds, cases))
    means = differences[rows[:, :, None], columns].mean(axis=(1, 2))
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def sign_flip_p(by_seed: Sequence[float]) -> float:
    """Return the two-sided p value that differences of either sign were as likely; exact for up to 13 seeds."""
    if len(by_seed) < 2:
        return math.nan
    found = permutation_test(
        (np.asarray(by_seed),), np.mean, permutation_type="samples", n_resamples=10_000, random_state=0
    )
    return float(found.pvalue)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p values corrected by Holm's step-down method; nan stays nan and counts as a claim.

    Reference:
        Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.

    Examples:
        >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
        {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    corrected, least = dict(p_values), 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        if not math.isnan(p_values[name]):
            least = max(least, min(1.0, (len(p_values) - rank) * p_values[name]))
            corrected[name] = least
    return corrected


def judge(differences: Mapping[str, Scores]) -> dict[str, Claim]:
    """Return a claim for each comparison.

    A gain helps if its interval is above +1 point and p, corrected, below 0.05; it does not if its interval is within
    2 points of zero, or wholly below zero; anything else is undecided.

    Args:
        differences: By name, ``(seeds, cases)``, in points.
    """
    by_seed = {name: tuple(float(value) for value in rows.mean(axis=1)) for name, rows in differences.items()}
    p_values = {name: sign_flip_p(values) for name, values in by_seed.items()}
    corrected = holm(p_values)
    claims = {}
    for name, rows in differences.items():
        low, high = bootstrap_interval(rows)
        mean = float(rows.mean())
        verdict = _verdict(low, high, corrected[name])
        needed = _seeds_needed(len(rows), mean, (high - low) / 2) if verdict == "undecided" else None
        claims[name] = Claim(mean, (low, high), by_seed[name], p_values[name], corrected[name], verdict, needed)
    return claims


def _verdict(low: float, high: float, p: float) -> str:
    if low > HELPS_ABOVE and p < 0.05:
        return "helps"
    if high < 0 or (low > -NO_CHANGE_WITHIN and high < NO_CHANGE_WITHIN):
        return "does not"
    return "undecided"


def _seeds_needed(seeds: int, mean: float, half_width: float) -> int | None:
    """Return the seeds with which an interval of this spread around this mean would be decided; None beyond 1,000."""
    room = max(mean - HELPS_ABOVE, NO_CHANGE_WITHIN - abs(mean))
    if room <= 0:
        return None
    needed = math.ceil(seeds * (half_width / room) ** 2)
    return max(needed, seeds + 1) if needed <= 1000 else None
