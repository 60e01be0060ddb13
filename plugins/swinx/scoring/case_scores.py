"""Scores of pairs of files, case by case; a failed case is named and the others are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from tqdm import tqdm

from swinx.data import name_fault
from swinx.errors import CaseError
from swinx.geometry import axial_axis, voxel_sizes_mm
from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.metrics import CaseScores, Protocol, score_case
from swinx.rules import ScoreRules
from swinx.scoring.case_pairs import CasePair, header_spacing_mm, read_label_pair

__all__ = ["CONSEQUENCE", "CaseRecord", "ScoredCases", "score_all"]

CONSEQUENCE: dict[Protocol, str] = {"flare23": "left out", "standard": "scored 0"}
"""What comes of a case without a prediction."""


@dataclass(frozen=True)
class CaseRecord:
    """Record of a scored case in ``summary.json``.

    Attributes:
        patient: The patient; None if it is not recorded.
        annotated: Ids of the classes that people annotated in it; None if they are not recorded.
        reference: Ids of the classes that the reference has, among these.
        unknown_voxels: Voxels of the reference that are 255.
    """

    patient: str | None
    annotated: tuple[int, ...] | None
    reference: tuple[int, ...]
    unknown_voxels: int


@dataclass
class ScoredCases:
    """Scores, records, faults and notes of the cases, by name."""

    scores: dict[str, CaseScores] = field(default_factory=dict)
    records: dict[str, CaseRecord] = field(default_factory=dict)
    bad_cases: list[CaseError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def score_all(
    pairs: Sequence[CasePair], protocol: Protocol, show_progress: bool = True, label_set: LabelSet = FLARE23
) -> ScoredCases:
    """Score pairs of files.

    A missing or unusable prediction is a bad case; ``standard`` scores it 0 where the reference has the class, too.

    Args:
        pairs: Reference and prediction of each case, with what was annotated.
        protocol: By which rule.
        show_progress: Show a progress bar.
        label_set: The classes.
    """
    found = ScoredCases()
    for pair in tqdm(pairs, desc="scoring", unit="case", disable=not show_progress):
        if fault := name_fault(pair.case):
            found.bad_cases.append(CaseError(pair.reference, fault))
            continue
        if pair.prediction is None:
            reason = f"no prediction for {pair.reference}; {CONSEQUENCE[protocol]}"
            found.bad_cases.append(CaseError(pair.case, reason))
            if protocol == "flare23":
                continue
        try:
            _score_pair(pair, protocol, found, label_set)
        except CaseError as error:
            found.bad_cases.append(error)
            if protocol == "flare23" or pair.prediction is None:
                continue
            try:  # a prediction that cannot be used is worth no more than none
                _score_pair(replace(pair, prediction=None), protocol, found, label_set)
            except CaseError:
                continue  # it is the reference that cannot be used
    return found


def _score_pair(pair: CasePair, protocol: Protocol, found: ScoredCases, label_set: LabelSet) -> None:
    labels = read_label_pair(pair, label_set)
    if protocol == "flare23":
        spacing_mm, axis = header_spacing_mm(pair.reference, labels.affine), 2
    else:
        spacing_mm, axis = tuple(voxel_sizes_mm(labels.affine).tolist()), axial_axis(labels.affine)
    annotated = _annotated(pair.annotated, labels.drawn)
    scores = score_case(labels.reference, labels.prediction, spacing_mm, protocol, axis, annotated, label_set)
    counts = np.bincount(labels.reference.ravel(), minlength=UNKNOWN + 1)
    has = [int(label) for label in np.flatnonzero(counts[: label_set.num_classes]) if label]
    drawn = tuple(label for label in has if annotated is None or label in annotated)
    unknown = int(counts[UNKNOWN])
    notes = list(labels.notes)
    if unknown:
        notes.append(ScoreRules.UNKNOWN_VOXELS.says(count=unknown, percent=100 * unknown / counts.sum()))
    found.scores[pair.case] = scores
    found.records[pair.case] = CaseRecord(pair.patient, annotated, drawn, unknown)
    found.notes += [f"{pair.case}: {note}" for note in notes]


def _annotated(recorded: tuple[int, ...] | None, drawn: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Return the annotated classes: those that are recorded, and of which there is a mask where there are masks."""
    if recorded is None or drawn is None:
        return drawn if recorded is None else recorded
    return tuple(label for label in recorded if label in drawn)
