"""Ensemble of teachers that label the same scan independently."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from monai.data import MetaTensor

from swinx.errors import TeacherError
from swinx.labels import FLARE23, LabelSet
from swinx.refinement.policies.fusion import check_label_sets
from swinx.refinement.teachers.teacher import Prediction, Teacher

__all__ = ["TeacherEnsemble"]


class TeacherEnsemble:
    """One map, or more, of each of several teachers, for :class:`swinx.refinement.Agreement` and the disagreement.

    Only classes that all of them know are asked of them: one that does not know a class cannot agree on it.

    Args:
        teachers: Two or more.
        name: What reports call them; by default their names joined.
        label_set: The classes.

    Raises:
        TeacherError: If there are fewer than two, or no class is known to all.
        ValueError: If one is of another label set.
    """

    def __init__(self, teachers: Sequence[Teacher], name: str | None = None, label_set: LabelSet = FLARE23) -> None:
        if len(teachers) < 2:
            raise TeacherError(f"{len(teachers)} teacher(s) are no ensemble; give two or more")
        check_label_sets(teachers, label_set)
        self.label_set = label_set
        self.teachers = tuple(teachers)
        self.name = name or " + ".join(teacher.name for teacher in teachers)
        self.classes = tuple(sorted(set.intersection(*(set(teacher.classes) for teacher in teachers))))
        if not self.classes:
            raise TeacherError(f"{self.name}: there is no class that all of them know")
        marks = " ".join(teacher.fingerprint for teacher in teachers)
        self.fingerprint = hashlib.sha256(marks.encode()).hexdigest()

    def predict(self, case: str, image: MetaTensor) -> Prediction:
        """Label one scan by each teacher in turn.

        Args:
            case: Name of the case.
            image: HU ``(1, X, Y, Z)`` with its affine.

        Raises:
            CaseError: If one of them cannot.
        """
        said = [teacher.predict(case, image) for teacher in self.teachers]
        notes = [f"{t.name}: {note}" for t, p in zip(self.teachers, said, strict=True) for note in p.notes]
        sure = [value for prediction in said for value in prediction.confidence or ()]
        labels = torch.cat([prediction.labels for prediction in said])
        return Prediction(labels, notes, tuple(sure) if len(sure) == len(labels) else None)
