"""Fusion policies: the sources of each voxel of a refined label, annotators or teachers.

A policy is called as ``policy(truth, pseudo, annotated, affine, pseudo_classes)``:

- ``truth``: annotated label, uint8 ``(X, Y, Z)``; all 0 for a case without a label; 255 is unknown and stays so.
- ``pseudo``: one or several pseudo labels, uint8, same shape; of several teachers, or folds of one.
- ``annotated``: class ids whose annotation is complete in the case.
- ``affine``: ``(4, 4)``, voxel index to mm.
- ``pseudo_classes``: class ids that the teachers can predict; by default all of the label set.

It returns a :class:`swinx.refinement.Fusion`, and leaves its arguments as they are. ``protected`` are the
classes whose annotated voxels it never changes and to which it adds nothing where they were annotated. Tumours are the
lesions of the policy's label set, of which there may be none, or several classes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.refinement.policies.fusion import Fusion, LabelMap, fill_background, provenance, restrict_classes
from swinx.refinement.policies.tumor_hosts import keep_hosted_lesions

__all__ = ["Agreement", "FillUnannotated", "FusionPolicy", "OverwriteOrgans", "TruthOnly", "TumorHostChecked"]


class FusionPolicy(Protocol):
    """Interface of the policies; see the module."""

    @property
    def protected(self) -> tuple[int, ...]: ...  # noqa: D102

    def __call__(  # noqa: D102
        self,
        truth: LabelMap,
        pseudo: Sequence[LabelMap],
        annotated: Collection[int],
        affine: NDArray[np.float64],
        pseudo_classes: Collection[int] | None = None,
    ) -> Fusion: ...


@dataclass(frozen=True)
class TruthOnly:
    """Annotations only; unannotated classes stay unknown, for a loss for partial labels.

    Args:
        label_set: The classes.
    """

    label_set: LabelSet = field(default=FLARE23, repr=False)

    @property
    def protected(self) -> tuple[int, ...]:
        """All classes."""
        return tuple(self.label_set.foreground)

    def __call__(
        self,
        truth: LabelMap,
        pseudo: Sequence[LabelMap],  # noqa: ARG002 - policies are called alike
        annotated: Collection[int],
        affine: NDArray[np.float64],  # noqa: ARG002
        pseudo_classes: Collection[int] | None = None,  # noqa: ARG002
    ) -> Fusion:
        """Return the truth as the refined label."""
        return Fusion(truth.copy(), provenance(truth, truth), _known(annotated))


@dataclass(frozen=True)
class FillUnannotated:
    """The policy of the paper: background takes the pseudo label if its class was not annotated.

    Pseudo voxels of an annotated class are dropped: the annotation is complete and has none there.

    Args:
        tumor: Take pseudo tumours where tumours were not annotated. Without it tumours stay unknown there, and a
            pseudo tumour becomes 255.
        label_set: The classes.
    """

    tumor: bool = True
    label_set: LabelSet = field(default=FLARE23, repr=False)

    def __post_init__(self) -> None:
        _check(isinstance(self.tumor, bool), f"tumor must be True or False, not {self.tumor!r}")

    @property
    def protected(self) -> tuple[int, ...]:
        """All classes."""
        return tuple(self.label_set.foreground)

    def __call__(
        self,
        truth: LabelMap,
        pseudo: Sequence[LabelMap],
        annotated: Collection[int],
        affine: NDArray[np.float64],  # noqa: ARG002 - policies are called alike
        pseudo_classes: Collection[int] | None = None,
    ) -> Fusion:
        """Return the truth, filled with the first pseudo label."""
        taken, claims = _claims(pseudo[0], annotated, pseudo_classes, self.label_set)
        if not self.tumor and (lesions := taken & set(self.label_set.lesions)):
            taken = taken - lesions
            claims[np.isin(claims, list(lesions))] = UNKNOWN
        label = fill_background(truth, claims)
        return Fusion(label, provenance(label, truth), _known(annotated, taken))


@dataclass(frozen=True)
class TumorHostChecked:
    """As :class:`FillUnannotated`, but a pseudo tumour counts only if it is large enough and at an expected organ.

    One that does not count becomes background, as everything that a filter removes.

    Args:
        minimum_volume_mm3: Least volume of a connected tumour.
        reach_mm: How far from a host's nearest voxel a tumour may be.
        hosts: Organs in which tumours are expected, by name or by number in label files; by default for each class of
            tumours those that the label set names, or else all organs.
        label_set: The classes.
    """

    minimum_volume_mm3: float = 100.0
    reach_mm: float = 3.0
    hosts: Sequence[int | str] | None = None
    label_set: LabelSet = field(default=FLARE23, repr=False)

    def __post_init__(self) -> None:
        _check(self.minimum_volume_mm3 >= 0, f"minimum_volume_mm3 must not be negative: {self.minimum_volume_mm3}")
        _check(self.reach_mm >= 0, f"reach_mm must not be negative: {self.reach_mm}")
        organs = self.label_set.organs
        if self.hosts is not None and not set(self._given_hosts()) <= set(organs):
            raise ValueError(f"hosts {self.hosts} must be organs: {self.label_set.listed(organs)}")

    @property
    def protected(self) -> tuple[int, ...]:
        """All classes."""
        return tuple(self.label_set.foreground)

    def __call__(
        self,
        truth: LabelMap,
        pseudo: Sequence[LabelMap],
        annotated: Collection[int],
        affine: NDArray[np.float64],
        pseudo_classes: Collection[int] | None = None,
    ) -> Fusion:
        """Return the truth, filled with the first pseudo label."""
        taken, claims = _claims(pseudo[0], annotated, pseudo_classes, self.label_set)
        for lesion in self.label_set.lesions:
            hosts = self.label_set.hosts(lesion) if self.hosts is None else self._given_hosts()
            organs = fill_background(truth, restrict_classes(claims, hosts))
            claims = keep_hosted_lesions(claims, organs, affine, self.minimum_volume_mm3, self.reach_mm, lesion, hosts)
        label = fill_background(truth, claims)
        return Fusion(label, provenance(label, truth), _known(annotated, taken))

    def _given_hosts(self) -> list[int]:
        return self.label_set.ids_of(self.hosts or (), "hosts of TumorHostChecked")


@dataclass(frozen=True)
class OverwriteOrgans:
    """Organs of the teacher everywhere, annotated or not, under the annotated tumours.

    For truths whose organs are less reliable than the teacher. An annotated organ that the teacher cannot predict
    stays.
    Tumours are as in :class:`FillUnannotated`.

    Args:
        label_set: The classes.
    """

    label_set: LabelSet = field(default=FLARE23, repr=False)

    @property
    def protected(self) -> tuple[int, ...]:
        """The lesions."""
        return self.label_set.lesions

    def __call__(
        self,
        truth: LabelMap,
        pseudo: Sequence[LabelMap],
        annotated: Collection[int],
        affine: NDArray[np.float64],  # noqa: ARG002 - policies are called alike
        pseudo_classes: Collection[int] | None = None,
    ) -> Fusion:
        """Return the first pseudo label, with what only the truth has on top."""
        asked = self.label_set.foreground if pseudo_classes is None else pseudo_classes
        organs = set(map(int, asked)) - set(self.label_set.lesions)
        taken, claims = _claims(pseudo[0], set(annotated) - organs, pseudo_classes, self.label_set)
        label = fill_background(restrict_classes(truth, set(self.label_set.foreground) - organs), claims)
        return Fusion(label, provenance(label, truth), _known(annotated, taken))


@dataclass(frozen=True)
class Agreement:
    """As :class:`FillUnannotated`, but only voxels on which several pseudo labels agree; the others become 255.

    Pseudo voxels of annotated classes count as background; then the maps vote.

    Args:
        minimum_agreeing: Number of maps that must agree on a voxel; by default all.
        label_set: The classes.
    """

    minimum_agreeing: int | None = None
    label_set: LabelSet = field(default=FLARE23, repr=False)

    @property
    def protected(self) -> tuple[int, ...]:
        """All classes."""
        return tuple(self.label_set.foreground)

    def __call__(
        self,
        truth: LabelMap,
        pseudo: Sequence[LabelMap],
        annotated: Collection[int],
        affine: NDArray[np.float64],  # noqa: ARG002 - policies are called alike
        pseudo_classes: Collection[int] | None = None,
    ) -> Fusion:
        """Return the truth, filled where the maps agree.

        Raises:
            ValueError: If there are fewer than two maps, or ``minimum_agreeing`` is no majority of them.
        """
        count = len(pseudo)
        needed = count if self.minimum_agreeing is None else self.minimum_agreeing
        if count < 2 or not count < 2 * needed <= 2 * count:
            raise ValueError(
                f"{needed} of {count} pseudo label(s) cannot be made to agree: give two or more (several teachers, or "
                "per_fold of one) and a minimum_agreeing that is more than half of them"
            )
        taken: set[int] = set()
        claims = []
        for labels in pseudo:
            taken, restricted = _claims(labels, annotated, pseudo_classes, self.label_set)
            claims.append(restricted)
        voted = np.full(truth.shape, UNKNOWN, dtype=np.uint8)
        for candidate in claims[: count - needed + 1]:  # a class with enough votes has one among these
            votes = np.sum([candidate == other for other in claims], axis=0, dtype=np.uint8)
            np.copyto(voted, candidate, where=votes >= needed)
        label = fill_background(truth, voted)
        return Fusion(label, provenance(label, truth), _known(annotated, taken))


def _check(holds: bool, fault: str) -> None:
    if not holds:
        raise ValueError(fault)


def _claims(
    pseudo: LabelMap, annotated: Collection[int], pseudo_classes: Collection[int] | None, label_set: LabelSet
) -> tuple[set[int], LabelMap]:
    """Return the classes left to the teacher, and its label map of these alone."""
    asked = label_set.foreground if pseudo_classes is None else pseudo_classes
    taken = set(map(int, asked)) - set(map(int, annotated))
    return taken, restrict_classes(pseudo, taken)


def _known(*classes: Collection[int]) -> tuple[int, ...]:
    return tuple(sorted({int(value) for some in classes for value in some}))
