"""Transforms that begin and end a generated patch: from a source scan to image, label and class weights."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Randomizable, Transform
from numpy.typing import NDArray

from swinx.cohorts.generator.patch_geometry import (
    GeometryRanges,
    draw_positions,
    sample_image,
    sample_structures,
)
from swinx.cohorts.generator.source_scan import FIRST_TISSUE, SourceScan
from swinx.labels import FLARE23, LabelSet, class_numbers

__all__ = ["RandPatchd", "StructuresToLabeld"]


class RandPatchd(Randomizable, Transform):
    """Random patch of a random patient who resembles one of the sources.

    The middle of the patch is near a voxel of a class of the label set, each as likely as another, or, with
    ``other_prob``, or where a source has none of the classes, of any structure.

    Args:
        sources: Scans to draw from, each as often as its share says.
        spatial_size: Voxels of the patch ``(X, Y, Z)``.
        spacing_mm: Its voxel size; its axes point right to left (R), front (A) and head (S).
        other_prob: Probability of a centre on any other structure.
        jitter: Largest distance of the patch's middle from that voxel, as a share of the patch.
        ranges: How much geometry varies.
        label_set: The classes.

    Raises:
        ValueError: If there is no source, or none has a class of the label set.
    """

    def __init__(
        self,
        sources: Sequence[SourceScan],
        spatial_size: Sequence[int] = (64, 64, 64),
        spacing_mm: float = 3.0,
        other_prob: float = 0.2,
        jitter: float = 0.3,
        ranges: GeometryRanges | None = None,
        label_set: LabelSet = FLARE23,
    ) -> None:
        if not sources:
            raise ValueError("no source scan is given, so nothing can be generated")
        self.sources = list(sources)
        share = np.array([source.share for source in self.sources], dtype=np.float64)
        self.share = share / share.sum()
        self.size = tuple(int(n) for n in spatial_size)
        self.spacing_mm, self.other_prob, self.jitter = spacing_mm, other_prob, jitter
        self.ranges = ranges or GeometryRanges()
        numbers = class_numbers(label_set, "totalsegmentator").ids
        wanted = {number for number, label in numbers.items() if 0 < label < label_set.num_classes}
        self.centred = [sorted(wanted & set(source.centres)) for source in self.sources]
        if not any(self.centred):
            names = ", ".join(source.name for source in self.sources)
            raise ValueError(f"no source has a class of the label set {label_set.name or 'given'}: {names}")

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with image (HU), structures, their medians, source and annotated names."""
        number = int(self.R.choice(len(self.sources), p=self.share))
        source = self.sources[number]
        centre = self._draw_centre(source, self.centred[number])
        positions = draw_positions(self.R, source, centre, self.size, self.spacing_mm, self.ranges)
        affine = np.diag([self.spacing_mm] * 3 + [1.0])
        affine[:3, 3] = centre - self.spacing_mm * (np.array(self.size) - 1) / 2
        volumes = sample_image(source, positions), sample_structures(source, positions)
        image, structures = (MetaTensor(volume[None], affine=torch.from_numpy(affine)) for volume in volumes)
        return {
            **data,
            "image": image,
            "structures": structures,
            "hounsfield": source.hounsfield,
            "source": source.name,
            "annotated_structures": source.annotated,
        }

    def _draw_centre(self, source: SourceScan, classes: Sequence[int]) -> NDArray[np.float64]:
        among = sorted(source.centres) if self.R.uniform() < self.other_prob or not classes else classes
        points = source.centres[among[self.R.randint(len(among))]]
        away = self.R.uniform(-1, 1, 3) * self.jitter * np.array(self.size) * self.spacing_mm / 2
        centre: NDArray[np.float64] = points[self.R.randint(len(points))] + away
        return centre


class StructuresToLabeld(Transform):
    """Transform that turns numbers of structures into class ids, and tells which classes are annotated.

    Args:
        label_set: The classes, found by name among those of TotalSegmentator.
        structures_key: Numbers of structures; the item is removed.
        label_key: Class ids to add, uint8.
        annotated_key: Ids of the annotated classes to add: those that TotalSegmentator knows, or fewer where the source
            says so.
    """

    def __init__(
        self,
        label_set: LabelSet = FLARE23,
        structures_key: str = "structures",
        label_key: str = "label",
        annotated_key: str = "annotated",
    ) -> None:
        self.structures_key, self.label_key, self.annotated_key = structures_key, label_key, annotated_key
        self.label_set = label_set
        table = torch.zeros(256, dtype=torch.uint8)
        for number, label in class_numbers(label_set, "totalsegmentator").ids.items():
            if 0 < number < FIRST_TISSUE and label < label_set.num_classes:
                table[number] = label
        self.table = table

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with label and annotated classes in place of the structures."""
        out = {key: value for key, value in data.items() if key not in (self.structures_key, "hounsfield")}
        structures = data[self.structures_key]
        label = structures.clone()
        label[:] = self.table.to(structures.device)[structures.long()]
        names = out.pop("annotated_structures", None)
        known = sorted(set(self.table.tolist()) - {0})
        named = None if names is None else {self.label_set.find(name) for name in names}
        out[self.label_key] = label
        out[self.annotated_key] = known if named is None else [each for each in known if each in named]
        return out
