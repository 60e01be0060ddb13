"""Numberings of label files: cases in which a number is another structure than in the others.

Two cases are compared by the volumes of their classes and by where these lie to each other, so that neither names nor
known ranges are needed, and the pose, the field of view and the size of the patient do not matter. If exchanging some
numbers explains one case by the other, and the numbers as they are do not, the two contradict each other. A single
pair proves little: two cases or more must contradict two or more others, in the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from swinx.data.label_facts import LabelFacts

__all__ = ["OtherNumbering", "other_numberings"]

_LOG_VOLUME = 0.6
"""Standard deviation of the difference of two patients' volumes of one structure, as a natural logarithm."""
_PLACE_MM = 45.0
"""Standard deviation of the difference of its place relative to another structure, along each axis."""
_LOG_SIZE = 0.8
"""Standard deviation of the logarithm of the ratio of two patients' volumes as a whole; a child's organs are small."""
_LARGEST_LOG_SIZE = 2.5
"""Largest such logarithm that counts as a difference of size: volumes of 12 to 1."""
_BAD = 9.0
"""Squared deviation, in units of the above, from which a class does not fit: three standard deviations."""
_WORST = 25.0
"""Most that one class can say against a pair of cases."""
_CLEAR_RATIO = 3.0
"""Least ratio of the misfit of the numbers as they are to that after an exchange, for the exchange to explain it."""
_CLEAR_GAIN = 12.0
"""Least difference of the two misfits, in squared standard deviations."""
_MANY = 4
"""Classes in common from which one may not fit: an exchange moves two."""
_MOST_CLASSES = 12
"""Classes in common that are compared, the largest."""
_MOST_TARGETS = 40
"""Classes of a case that those of another may turn out to be, the largest."""
_MOST_ANCHORS = 4
"""Classes that are tried as the one by which two cases are put in place."""
_MOST_CASES = 40
"""Cases of the sample in which groups are found."""
_COMPARED = 6
"""Members of a group that a case is compared with."""
_MOST_AGREE = 0.8
"""Least share of the pairs of a group that agree, for it to be one group."""


_Moved = dict[int, int]


@dataclass(frozen=True)
class OtherNumbering:
    """Cases whose numbers mean something else than in the others.

    Attributes:
        cases: Their names.
        others: Names of the cases that they contradict.
        moved: Class id as read in these cases to the class id that the structure has in the others.
    """

    cases: tuple[str, ...]
    others: tuple[str, ...]
    moved: Mapping[int, int]


def other_numberings(
    facts: Mapping[str, LabelFacts], lesions: Collection[int] = (), seed: int = 0
) -> list[OtherNumbering]:
    """Return the groups of cases that contradict the largest group of cases that agree with each other.

    The groups are found in a seeded sample of 40 cases; every other case is then compared with members of each.

    Args:
        facts: Measures of the label of each case.
        lesions: Class ids that are not compared, since they may have any volume and place.
        seed: Of the sample.

    Returns:
        Groups of two cases or more; none where cases have fewer than two classes in common.
    """
    pairs = _Pairs({case: _Structures.of(each, lesions) for case, each in facts.items() if len(each.volumes_ml) > 1})
    names = sorted(pairs.found)
    chosen = set(np.random.default_rng(seed).permutation(len(names))[:_MOST_CASES].tolist())
    sample = [name for index, name in enumerate(names) if index in chosen]
    usual = _agreeing(sample, pairs)
    if not _is_one(usual, pairs):
        return []
    moved = {case: moves for case in sample if case not in usual and (moves := pairs.moves(case, usual))}
    groups = [group for group in _groups(moved, pairs) if _is_one(group, pairs)]
    rest = [name for index, name in enumerate(names) if index not in chosen] if groups else []
    others = (*usual, *(case for case in rest if pairs.agrees(case, usual)))
    result = []
    for group in groups:
        joined = (case for case in rest if pairs.agrees(case, group) and not pairs.agrees(case, usual))
        result.append(OtherNumbering((*group, *joined), others, _merged(moved[case] for case in group)))
    return result


def _agreeing(sample: Sequence[str], pairs: _Pairs) -> list[str]:
    """Return the largest set of cases that all agree with one of them."""
    groups = ([case, *(other for other in sample if other != case and pairs.agree(case, other))] for case in sample)
    return max(groups, key=len, default=[])


def _groups(moved: Mapping[str, _Moved], pairs: _Pairs) -> list[list[str]]:
    """Return the cases that have the same other numbering."""
    groups = []
    left = list(moved)
    while left:
        first = left[0]
        same = (case for case in left[1:] if _compatible(moved[case], moved[first]) and pairs.agree(case, first))
        groups.append([first, *same])
        left = [case for case in left if case not in groups[-1]]
    return groups


def _is_one(group: Sequence[str], pairs: _Pairs) -> bool:
    """Return whether a group has two cases or more, most pairs of which agree: some structures differ too much."""
    decided = [fits for pair in combinations(group, 2) if (fits := pairs.agree(*pair)) is not None]
    return bool(decided) and sum(decided) >= _MOST_AGREE * len(decided)


def _compatible(one: _Moved, other: _Moved) -> bool:
    """Return whether two cases have classes of another numbering in common, and all of these mean the same."""
    common = [label for label in one if label in other]
    return any(one[label] != label for label in common) and all(one[label] == other[label] for label in common)


def _merged(moves: Iterable[_Moved]) -> _Moved:
    found: _Moved = {}
    for each in moves:
        found |= {label: target for label, target in each.items() if label != target and label not in found}
    return dict(sorted(found.items()))


class _Pairs:
    """Known agreements of pairs of cases."""

    def __init__(self, found: Mapping[str, _Structures]) -> None:
        self.found = found
        self._known: dict[tuple[str, str], bool | None] = {}

    def agree(self, case: str, other: str) -> bool | None:
        """Return whether each class of a case fits the class of the same number; None with fewer than two classes."""
        pair = (min(case, other), max(case, other))
        if pair not in self._known:
            self._known[pair] = _agree(self.found[pair[0]], self.found[pair[1]])
        return self._known[pair]

    def agrees(self, case: str, group: Sequence[str]) -> bool:
        """Return whether a case agrees with most of the first cases of a group."""
        decided = [fits for other in group[:_COMPARED] if (fits := self.agree(case, other)) is not None]
        return bool(decided) and 2 * sum(decided) > len(decided)

    def moves(self, case: str, usual: Sequence[str]) -> _Moved:
        """Return the classes that a case numbers otherwise than most others; {} unless it clearly contradicts them."""
        decided = [other for other in usual if self.agree(case, other) is not None][:_COMPARED]
        found = [_moves(self.found[case], self.found[other]) for other in decided if not self.agree(case, other)]
        contradicting = [moves for moves in found if moves]
        if len(contradicting) < 2 or len(contradicting) < 3 * (len(decided) - len(found)):
            return {}
        votes = Counter((label, target) for moves in contradicting for label, target in moves.items())
        asked = Counter(label for moves in contradicting for label in moves)
        return {label: target for (label, target), count in votes.items() if 4 * count >= 3 * asked[label]}


@dataclass(frozen=True)
class _Structures:
    """The classes of a case as arrays, the largest first."""

    ids: NDArray[np.int64]
    log_volumes: NDArray[np.float64]
    places: NDArray[np.float64]
    is_cut: NDArray[np.bool_]

    @classmethod
    def of(cls, facts: LabelFacts, lesions: Collection[int]) -> _Structures:
        kept = [label for label, volume in facts.volumes_ml.items() if volume > 0 and label not in lesions]
        kept.sort(key=lambda label: (-facts.volumes_ml[label], label))
        kept = kept[:_MOST_TARGETS]
        return cls(
            np.array(kept, dtype=np.int64),
            np.log([facts.volumes_ml[label] for label in kept]),
            np.array([facts.centres_mm[label] for label in kept], dtype=np.float64).reshape(-1, 3),
            np.array([label in facts.at_border for label in kept], dtype=bool),
        )

    def common(self, other: _Structures) -> _Structures:
        """Return the largest classes that the other case has, too."""
        index = np.flatnonzero(np.isin(self.ids, other.ids))[:_MOST_CLASSES]
        return _Structures(self.ids[index], self.log_volumes[index], self.places[index], self.is_cut[index])


def _agree(one: _Structures, other: _Structures) -> bool | None:
    """Return whether the classes of two cases fit as they are; None with fewer than two in common."""
    costs = _as_they_are(one.common(other), other)
    return None if costs.size < 2 else _fit(costs)


def _fit(costs: NDArray[np.float64]) -> bool:
    """Return whether all classes fit; of four or more, all but one, since an exchange moves two."""
    return bool(np.sort(costs)[-2 if costs.size >= _MANY else -1] <= _BAD)


def _moves(one: _Structures, other: _Structures) -> _Moved:
    """Return which class of the other case each class of one is; {} if no exchange is clearly better than none."""
    part = one.common(other)
    now = _as_they_are(part, other)
    rows = np.arange(part.ids.size)
    best, columns = np.full(rows.size, np.inf), rows
    for row in rows[:_MOST_ANCHORS]:
        for column in range(other.ids.size):
            costs = _misfit(part, other, row, column)
            _, chosen = linear_sum_assignment(costs)
            if costs[rows, chosen].sum() < best.sum():
                best, columns = costs[rows, chosen], chosen
    is_better = now.sum() - best.sum() >= _CLEAR_GAIN and now.sum() >= _CLEAR_RATIO * best.sum()
    if not is_better or not _fit(best):
        return {}
    return {int(label): int(target) for label, target in zip(part.ids, other.ids[columns], strict=True)}


def _as_they_are(part: _Structures, other: _Structures) -> NDArray[np.float64]:
    """Return how badly each class of a part of one case fits the same class of another."""
    rows = np.arange(part.ids.size)
    same = np.array([int(np.flatnonzero(other.ids == label)[0]) for label in part.ids], dtype=np.int64)
    found = (_misfit(part, other, int(row), int(same[row]))[rows, same] for row in rows)
    return min(found, key=lambda costs: float(costs.sum()), default=np.zeros(0))


def _misfit(one: _Structures, other: _Structures, row: int, column: int) -> NDArray[np.float64]:
    """Return how badly each class of one case fits each of another, if ``row`` and ``column`` are one structure.

    What the border of the scan cuts off may be small, and its centre lies elsewhere.
    """
    cut, other_cut = one.is_cut[:, None], other.is_cut[None]
    is_whole = not (one.is_cut[row] or other.is_cut[column])
    size = float(np.clip(one.log_volumes[row] - other.log_volumes[column], -_LARGEST_LOG_SIZE, _LARGEST_LOG_SIZE))
    size = size if is_whole else 0.0
    larger = one.log_volumes[:, None] - other.log_volumes[None] - size
    larger = np.clip(larger, np.where(cut, 0, -np.inf), np.where(other_cut, 0, np.inf))
    offsets = (other.places - other.places[column]) * np.exp(size / 3)
    apart = (one.places - one.places[row])[:, None] - offsets[None]
    tolerance = np.where(cut | other_cut, 2, 1) * _PLACE_MM
    misfit = (larger / _LOG_VOLUME) ** 2 + ((apart / tolerance[..., None]) ** 2).sum(-1)
    misfit[row] += (size / _LOG_SIZE) ** 2
    found: NDArray[np.float64] = np.minimum(misfit, _WORST)
    return found
