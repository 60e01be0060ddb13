"""Fusion policies: the sources of each voxel of a refined label, annotators or teachers.

A policy is called as ``policy(truth, pseudo, annotated, affine, pseudo_classes)``:

- ``truth``: annotated label, uint8 ``(X, Y, Z)``; all 0 for a case without a label; 255 is unknown and stays so.
- ``pseudo``: one or several pseudo labels, uint8, same shape; of several teachers, or folds of one.
- ``annotated``: class ids whose annotation is complete in the case.
- ``affine``: ``(4, 4)``, voxel index to mm.
- ``pseudo_classes``: class ids that the teachers can predict.

It returns a :class:`swinx.refinement.Fusion`, and leaves its arguments as they are. ``protected`` are the
classes whose annotated voxels it never changes and to which it adds nothing where they were annotated.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from swinx.labels import NUM_CLASSES, ORGANS, UNKNOWN, FlareLabel
from swinx.refinement.policies.fusion import Fusion, LabelMap, fill_background, provenance, restrict_classes
from swinx.refinement.policies.tumor_hosts import DEFAULT_HOSTS, keep_hosted_tumors

__all__ = ["Agreement", "FillUnannotated", "FusionPolicy", "OverwriteOrgans", "TruthOnly", "TumorHostChecked"]

_ALL = tuple(range(1, NUM_CLASSES))


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
        pseudo_classes: Collection[int] = _ALL,
    ) -> Fusion: ...


@dataclass(frozen=True)
class TruthOnly:
    """Annotations only; unannotated classes stay unknown, for a loss for partial labels."""

    protected: tuple[int, ...] = field(default=_ALL, init=False)

    def __call__(
        self,
        truth: LabelMap,
        pseudo: Sequence[LabelMap],  # noqa: ARG002 - policies are called alike
        annotated: Collection[int],
        affine: NDArray[np.float64],  # noqa: ARG002
        pseudo_classes: Collection[int] = (),  # noqa: ARG002
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
    """

    tumor: bool = True
    protected: tuple[int, ...] = field(default=_ALL, init=False)

    def __post_init__(self) -> None:
        _check(isinstance(self.tumor, bool), f"tumor must be True or False, not {self.tumor!r}")

    def __call__(
        self,
        truth: LabelMap,
        pseudo: Sequence[LabelMap],
        annotated: Collection[int],
        affine: NDArray[np.float64],  # noqa: ARG002 - policies are called alike
        pseudo_classes: Collection[int] = _ALL,
    ) -> Fusion:
        """Return the truth, filled with the first pseudo label."""
        taken, claims = _claims(pseudo[0], annotated, pseudo_classes)
        if not self.tumor and FlareLabel.TUMOR in taken:
            taken = taken - {int(FlareLabel.TUMOR)}
            claims[claims == FlareLabel.TUMOR] = UNKNOWN
        label = fill_background(truth, claims)
        return Fusion(label, provenance(label, truth), _known(annotated, taken))


@dataclass(frozen=True)
class TumorHostChecked:
    """As :class:`FillUnannotated`, but a pseudo tumour counts only if it is large enough and at an expected organ.

    One that does not count becomes background, as everything that a filter removes.

    Args:
        minimum_volume_mm3: Least volume of a connected tumour.
        reach_mm: How far from a host's nearest voxel a tumour may be.
        hosts: Class ids of the organs in which tumours are expected.
    """

    minimum_volume_mm3: float = 100.0
    reach_mm: float = 3.0
    hosts: tuple[int, ...] = DEFAULT_HOSTS
    protected: tuple[int, ...] = field(default=_ALL, init=False)

    def __post_init__(self) -> None:
        _check(self.minimum_volume_mm3 >= 0, f"minimum_volume_mm3 must not be negative: {self.minimum_volume_mm3}")
        _check(self.reach_mm >= 0, f"reach_mm must not be negative: {self.reach_mm}")
        _check(set(self.hosts) <= set(map(int, ORGANS)), f"hosts {self.hosts} must be ids of organs, 1..13")

    def __call__(
        self,
        truth: LabelMap,
        pseudo: Sequence[LabelMap],
        annotated: Collection[int],
        affine: NDArray[np.float64],
        pseudo_classes: Collection[int] = _ALL,
    ) -> Fusion:
        """Return the truth, filled with the first pseudo label."""
        taken, claims = _claims(pseudo[0], annotated, pseudo_classes)
        organs = fill_background(truth, restrict_classes(claims, ORGANS))
        claims = keep_hosted_tumors(claims, organs, affine, self.minimum_volume_mm3, self.reach_mm, self.hosts)
        label = fill_background(truth, claims)
        return Fusion(label, provenance(label, truth), _known(annotated, taken))


@dataclass(frozen=True)
class OverwriteOrgans:
    """Organs of the teacher everywhere, annotated or not, under the annotated tumours.

    For truths whose organs are less reliable than the teacher. An annotated organ that the teacher cannot predict
    stays.
    Tumours are as in :class:`FillUnannotated`.
    """

    protected: tuple[int, ...] = field(default=(int(FlareLabel.TUMOR),), init=False)

    def __call__(
        self,
        truth: LabelMap,
        pseudo: Sequence[LabelMap],
        annotated: Collection[int],
        affine: NDArray[np.float64],  # noqa: ARG002 - policies are called alike
        pseudo_classes: Collection[int] = _ALL,
    ) -> Fusion:
        """Return the first pseudo label, with what only the truth has on top."""
        organs = set(map(int, pseudo_classes)) - {int(FlareLabel.TUMOR)}
        taken, claims = _claims(pseudo[0], set(annotated) - organs, pseudo_classes)
        label = fill_background(restrict_classes(truth, set(_ALL) - organs), claims)
        return Fusion(label, provenance(label, truth), _known(annotated, taken))


@dataclass(frozen=True)
class Agreement:
    """As :class:`FillUnannotated`, but only voxels on which several pseudo labels agree; the others become 255.

    Pseudo voxels of annotated classes count as background; then the maps vote.

    Args:
        minimum_agreeing: Number of maps that must agree on a voxel; by default all.
    """

    minimum_agreeing: int | None = None
    protected: tuple[int, ...] = field(default=_ALL, init=False)

    def __call__(
        self,
        truth: LabelMap,
        pseudo: Sequence[LabelMap],
        annotated: Collection[int],
        affine: NDArray[np.float64],  # noqa: ARG002 - policies are called alike
        pseudo_classes: Collection[int] = _ALL,
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
            taken, restricted = _claims(labels, annotated, pseudo_classes)
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


def _claims(pseudo: LabelMap, annotated: Collection[int], pseudo_classes: Collection[int]) -> tuple[set[int], LabelMap]:
    """Return the classes left to the teacher, and its label map of these alone."""
    taken = set(map(int, pseudo_classes)) - set(map(int, annotated))
    return taken, restrict_classes(pseudo, taken)


def _known(*classes: Collection[int]) -> tuple[int, ...]:
    return tuple(sorted({int(value) for some in classes for value in some}))
