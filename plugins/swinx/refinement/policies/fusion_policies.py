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

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from swinx.geometry import Component, components_of, voxel_sizes_mm
from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.refinement.policies.fusion import Fusion, LabelMap, fill_background, provenance, restrict_classes

__all__ = ["Agreement", "FillUnannotated", "FusionPolicy", "OverwriteOrgans", "TruthOnly", "TumorHostChecked"]


_Affine = NDArray[np.float64]
_Choice = tuple[LabelMap, set[int]]


@dataclass(frozen=True)
class FusionPolicy:
    """Base of the policies: the truth, and what :meth:`_choose` takes of the pseudo labels where it is background."""

    label_set: LabelSet = field(default=FLARE23, repr=False, kw_only=True)

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
        """Return the refined label; see the module."""
        asked = self.label_set.foreground if pseudo_classes is None else pseudo_classes
        left = set(map(int, asked)) - set(map(int, annotated))
        claims, taken = self._choose([restrict_classes(labels, left) for labels in pseudo], left, truth, affine)
        label = fill_background(truth, claims)
        return Fusion(label, provenance(label, truth), _known(annotated, taken))

    def _choose(self, pseudo: list[LabelMap], left: set[int], truth: LabelMap, affine: _Affine) -> _Choice:
        """Return the voxels that are taken from the pseudo labels, and the classes that are then known.

        Args:
            pseudo: Pseudo labels with the classes of ``left`` alone.
            left: Classes that are left to the teachers.
            truth: Annotated label.
            affine: Voxel index to mm.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class TruthOnly(FusionPolicy):
    """Annotations only; unannotated classes stay unknown, for a loss for partial labels.

    Args:
        label_set: The classes.
    """

    def _choose(self, pseudo: list[LabelMap], left: set[int], truth: LabelMap, affine: _Affine) -> _Choice:  # noqa: ARG002
        return np.zeros_like(truth), set()


@dataclass(frozen=True)
class FillUnannotated(FusionPolicy):
    """The policy of the paper: background takes the pseudo label if its class was not annotated.

    Pseudo voxels of an annotated class are dropped: the annotation is complete and has none there.

    Args:
        tumor: Take pseudo tumours where tumours were not annotated. Without it tumours stay unknown there, and a
            pseudo tumour becomes 255.
        label_set: The classes.
    """

    tumor: bool = True

    def __post_init__(self) -> None:
        _check(isinstance(self.tumor, bool), f"tumor must be True or False, not {self.tumor!r}")

    def _choose(self, pseudo: list[LabelMap], left: set[int], truth: LabelMap, affine: _Affine) -> _Choice:  # noqa: ARG002
        refused: set[int] = set() if self.tumor else left & set(self.label_set.lesions)
        pseudo[0][np.isin(pseudo[0], list(refused))] = UNKNOWN
        return pseudo[0], left - refused


@dataclass(frozen=True)
class TumorHostChecked(FusionPolicy):
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

    def __post_init__(self) -> None:
        _check(self.minimum_volume_mm3 >= 0, f"minimum_volume_mm3 must not be negative: {self.minimum_volume_mm3}")
        _check(self.reach_mm >= 0, f"reach_mm must not be negative: {self.reach_mm}")
        organs = self.label_set.organs
        is_organ = self.hosts is None or set(self._given_hosts()) <= set(organs)
        _check(is_organ, f"hosts {self.hosts} must be organs: {self.label_set.listed(organs)}")

    def _choose(self, pseudo: list[LabelMap], left: set[int], truth: LabelMap, affine: _Affine) -> _Choice:
        claims = pseudo[0]
        for lesion in self.label_set.lesions:
            hosts = self.label_set.hosts(lesion) if self.hosts is None else self._given_hosts()
            organs = fill_background(truth, restrict_classes(claims, hosts))
            claims = _keep_hosted_lesions(claims, organs, affine, self.minimum_volume_mm3, self.reach_mm, lesion, hosts)
        return claims, left

    def _given_hosts(self) -> list[int]:
        return self.label_set.ids_of(self.hosts or (), "hosts of TumorHostChecked")


@dataclass(frozen=True)
class OverwriteOrgans(FusionPolicy):
    """Organs of the teacher everywhere, annotated or not, under the annotated tumours.

    For truths whose organs are less reliable than the teacher. An annotated organ that the teacher cannot predict
    stays. Tumours are as in :class:`FillUnannotated`.

    Args:
        label_set: The classes.
    """

    @property
    def protected(self) -> tuple[int, ...]:
        """The lesions."""
        return self.label_set.lesions

    def __call__(
        self,
        truth: LabelMap,
        pseudo: Sequence[LabelMap],
        annotated: Collection[int],
        affine: NDArray[np.float64],
        pseudo_classes: Collection[int] | None = None,
    ) -> Fusion:
        """Return the first pseudo label, with what only the truth has on top."""
        classes = set(self.label_set.foreground)
        organs = set(map(int, classes if pseudo_classes is None else pseudo_classes)) - set(self.label_set.lesions)
        rest = restrict_classes(truth, classes - organs)
        fusion = super().__call__(rest, pseudo, set(annotated) - organs, affine, pseudo_classes)
        return Fusion(fusion.label, provenance(fusion.label, truth), _known(annotated, fusion.known))

    def _choose(self, pseudo: list[LabelMap], left: set[int], truth: LabelMap, affine: _Affine) -> _Choice:  # noqa: ARG002
        return pseudo[0], left


@dataclass(frozen=True)
class Agreement(FusionPolicy):
    """As :class:`FillUnannotated`, but only voxels on which several pseudo labels agree; the others become 255.

    Pseudo voxels of annotated classes count as background; then the maps vote. A case with fewer than two maps, or a
    ``minimum_agreeing`` that is no majority of them, is a ``ValueError``.

    Args:
        minimum_agreeing: Number of maps that must agree on a voxel; by default all.
        label_set: The classes.
    """

    minimum_agreeing: int | None = None

    def _choose(self, pseudo: list[LabelMap], left: set[int], truth: LabelMap, affine: _Affine) -> _Choice:  # noqa: ARG002
        count = len(pseudo)
        needed = count if self.minimum_agreeing is None else self.minimum_agreeing
        if count < 2 or not count < 2 * needed <= 2 * count:
            raise ValueError(
                f"{needed} of {count} pseudo label(s) cannot be made to agree: give two or more (several teachers, or "
                "per_fold of one) and a minimum_agreeing that is more than half of them"
            )
        voted = np.full(truth.shape, UNKNOWN, dtype=np.uint8)
        for candidate in pseudo[: count - needed + 1]:  # a class with enough votes has one among these
            votes = np.sum([candidate == other for other in pseudo], axis=0, dtype=np.uint8)
            np.copyto(voted, candidate, where=votes >= needed)
        return voted, left


def _check(holds: bool, fault: str) -> None:
    if not holds:
        raise ValueError(fault)


def _known(*classes: Collection[int]) -> tuple[int, ...]:
    return tuple(sorted({int(value) for some in classes for value in some}))


def _keep_hosted_lesions(
    pseudo: NDArray[np.uint8],
    organs: NDArray[np.uint8],
    affine: NDArray[np.float64],
    minimum_volume_mm3: float,
    reach_mm: float,
    lesion: int,
    hosts: Collection[int],
) -> NDArray[np.uint8]:
    """Return a pseudo label without lesions of one class that are too small or too far from any host.

    Args:
        pseudo: Pseudo label, ``(X, Y, Z)``.
        organs: Where the organs are, same grid.
        affine: ``(4, 4)``, voxel index to mm.
        minimum_volume_mm3: Least volume of a connected lesion.
        reach_mm: Largest distance from a lesion voxel's centre to that of a host, beyond that of neighbours.
        lesion: Class id of the lesions.
        hosts: Class ids of the hosts; without any the place does not matter.
    """
    kept = pseudo.copy()
    for found in components_of(pseudo, lesion, affine):
        at_home = not hosts or _touches(found, organs, affine, reach_mm, hosts)
        if found.volume_mm3 < minimum_volume_mm3 or not at_home:
            kept[found.box][found.inside] = 0
    return kept


def _touches(
    lesion: Component,
    organs: NDArray[np.uint8],
    affine: NDArray[np.float64],
    reach_mm: float,
    hosts: Collection[int],
) -> bool:
    sizes_mm = voxel_sizes_mm(affine)
    limit_mm = reach_mm + float(sizes_mm.max())
    margins = np.ceil(limit_mm / sizes_mm).astype(int)
    box = tuple(
        slice(max(side.start - margin, 0), side.stop + margin) for side, margin in zip(lesion.box, margins, strict=True)
    )
    near = np.isin(organs[box], list(hosts))
    if not near.any():
        return False
    offsets = [side.start - whole.start for side, whole in zip(lesion.box, box, strict=True)]
    inner = tuple(slice(o, o + length) for o, length in zip(offsets, lesion.inside.shape, strict=True))
    distance = ndimage.distance_transform_edt(~near, sampling=sizes_mm)
    return bool(distance[inner][lesion.inside].min() <= limit_mm)
