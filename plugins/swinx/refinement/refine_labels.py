"""Merge of a partial label and pseudo labels: M_GT + M_Pseudo -> M_Refined."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from numpy.typing import NDArray

from swinx.data import unlisted_note
from swinx.errors import CaseError
from swinx.geometry import compare_grids, reader_notes
from swinx.labels import FLARE23, UNKNOWN, LabelSet, PlausibleVolumes
from swinx.refinement.policies.fusion import Fusion, check_fusion, check_label_sets, drop_classes
from swinx.refinement.policies.fusion_policies import FillUnannotated, FusionPolicy
from swinx.refinement.policies.label_volumes import (
    classes_at_border,
    conflicts_ml,
    disagreement,
    disagreement_by_class,
    volumes_ml,
)
from swinx.refinement.policies.pseudo_filters import PseudoFilter, filter_changes
from swinx.rules import TeacherRules, TruthRules

__all__ = ["RefineLabelsd"]


class RefineLabelsd(MapTransform):
    """Transform that merges a partial truth with the pseudo labels of one or several teachers.

    The filters are applied to each pseudo label in their order, then the policy merges. The invariants of the policy
    are checked on every case, also that merging again changes nothing. Voxels of a class that is not listed as
    annotated stay, with a note, and the teachers may add to them.

    It reads ``case``, and ``annotated``, the class ids annotated in the case, which is absent for one without a label.
    It adds ``source``, the provenance map ``(1, X, Y, Z)`` uint8, see :class:`swinx.refinement.Source`, and the report
    ``refinement``, a dictionary that JSON can express: ``annotated``, ``pseudo``, ``known`` (class ids), ``before_ml``,
    ``after_ml`` and ``implausible`` (class -> ml), ``at_border`` (class ids), ``conflicts_ml`` (annotated -> pseudo ->
    ml, of the first unfiltered pseudo label), ``filters`` (changes of each, by class), ``disagreement`` of the
    unfiltered pseudo labels (None if there is one only) and ``disagreement_by_class``.

    Args:
        keys: The truth, ``(1, X, Y, Z)``, class ids and 255; absent for a case without a label.
        pseudo_key: Pseudo labels, ``MetaTensor`` ``(N, X, Y, Z)``, class ids, on the grid of the scan.
        policy: Fusion policy, of the same label set; by default :class:`swinx.refinement.FillUnannotated`.
        filters: Filters of the pseudo labels, applied before the merge.
        pseudo_classes: Class ids that the teachers can predict; by default all.
        plausible: Ranges of volume. A filtered organ of the teacher outside its range is rejected: its pseudo voxels
            become 255, its class is not known in the case, and the report has it under ``implausible`` (class -> ml).
            None accepts every volume.
        label_set: The classes.

    Raises:
        ValueError: If there is more than one key, or policy or a filter is of another label set.
    """

    def __init__(
        self,
        keys: KeysCollection = "label",
        pseudo_key: str = "pred",
        policy: FusionPolicy | None = None,
        filters: Sequence[PseudoFilter] = (),
        pseudo_classes: Collection[int] | None = None,
        plausible: PlausibleVolumes | None = None,
        label_set: LabelSet = FLARE23,
    ) -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"one truth makes one refined label; got the keys {self.keys}")
        self.pseudo_key = pseudo_key
        self.policy: FusionPolicy = FillUnannotated(label_set=label_set) if policy is None else policy
        self.filters = tuple(filters)
        check_label_sets([self.policy, *self.filters], label_set)
        asked = label_set.foreground if pseudo_classes is None else pseudo_classes
        self.pseudo_classes = tuple(sorted(map(int, asked)))
        self.plausible = plausible
        self.label_set = label_set

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a shallow copy of ``data`` with refined label, provenance map, report and ``notes``.

        Raises:
            CaseError: If truth and pseudo labels do not lie on one grid, or one holds ids that no class has.
            ValueError: If the policy broke an invariant.
        """
        out = dict(data)
        key, case = self.keys[0], str(out.get("case", "?"))
        pseudo = out[self.pseudo_key]
        affine = pseudo.affine.cpu().numpy().astype(np.float64)
        raw = [self._as_labels(case, "the pseudo label", each) for each in torch.as_tensor(pseudo).cpu().numpy()]
        annotated = sorted({int(value) for value in out.get("annotated", ())})
        truth = self._truth(case, out.get(key), pseudo)
        filtered, changes = self._filter(raw, affine)
        fusion = self.policy(truth, filtered, annotated, affine, self.pseudo_classes)
        check_fusion(fusion, truth, annotated, self.policy.protected, label_set=self.label_set)
        self._check_idempotence(case, fusion, filtered, annotated, affine)
        bad = self._implausible(filtered, annotated, affine)
        fusion = drop_classes(fusion, bad) if bad else fusion
        out[key] = MetaTensor(torch.from_numpy(fusion.label)[None], affine=pseudo.affine, meta={"case": case})
        out["source"] = MetaTensor(torch.from_numpy(fusion.source)[None], affine=pseudo.affine)
        drawn = np.flatnonzero(np.bincount(truth.ravel(), minlength=256))
        unlisted = unlisted_note(drawn.tolist(), {"annotated": annotated}, self.label_set)
        told = [unlisted] if unlisted else []
        out["notes"] = [*reader_notes(data), *told, *(pseudo.meta.get("notes") or ()), *self._tell(bad)]
        out["refinement"] = {
            "annotated": annotated,
            "pseudo": self._of_teachers(fusion.known, annotated),
            "known": list(fusion.known),
            "before_ml": _as_text(volumes_ml(truth, affine)),
            "after_ml": _as_text(volumes_ml(fusion.label, affine)),
            "at_border": [value for value in classes_at_border(fusion.label) if value != UNKNOWN],
            "implausible": _as_text(bad),
            "conflicts_ml": {str(value): _as_text(row) for value, row in conflicts_ml(truth, raw[0], affine).items()},
            "filters": changes,
            "disagreement": round(disagreement(raw), 6) if len(raw) > 1 else None,
            "disagreement_by_class": by_class_as_text(raw) if len(raw) > 1 else {},
            "confidence": _mean(pseudo.meta.get("confidence")),
        }
        return out

    def _implausible(
        self, pseudo: Sequence[NDArray[np.uint8]], annotated: Sequence[int], affine: NDArray[np.float64]
    ) -> dict[int, float]:
        """Return the classes left to the teachers of which one has an implausible volume, with that volume in ml."""
        if self.plausible is None:
            return {}
        asked = set(self.pseudo_classes) - (set(annotated) & set(self.policy.protected))
        found: dict[int, float] = {}
        for labels in pseudo:
            found = self.plausible.outside(volumes_ml(labels, affine), classes_at_border(labels), asked) | found
        return dict(sorted(found.items()))

    def _tell(self, bad: Mapping[int, float]) -> list[str]:
        ranges = self.plausible.ranges_ml if self.plausible is not None else {}
        return [
            TeacherRules.IMPLAUSIBLE.says(
                organ=self.label_set.names[value], found=f"{ml:.1f}", low=ranges[value][0], high=ranges[value][1]
            )
            for value, ml in bad.items()
        ]

    def _of_teachers(self, known: Sequence[int], annotated: Sequence[int]) -> list[int]:
        """Return the known classes that the teachers labelled, also those where the policy overrules the annotators."""
        given = set(self.pseudo_classes) - set(self.policy.protected)
        return [value for value in known if value not in annotated or value in given]

    def _truth(self, case: str, truth: Any, pseudo: MetaTensor) -> NDArray[np.uint8]:
        if truth is None:
            return np.zeros(pseudo.shape[1:], dtype=np.uint8)
        labels = self._as_labels(case, "the label", torch.as_tensor(truth).cpu().numpy()[0])
        affine = truth.affine if isinstance(truth, MetaTensor) else pseudo.affine
        faults, _ = compare_grids(pseudo.affine.cpu().numpy(), pseudo.shape[1:], affine.cpu().numpy(), labels.shape)
        if faults:
            raise CaseError(case, TruthRules.OTHER_GRID.says(detail="; ".join(faults)))
        return labels

    def _as_labels(self, case: str, what: str, volume: NDArray[Any]) -> NDArray[np.uint8]:
        labels: NDArray[np.uint8] = np.ascontiguousarray(volume).astype(np.uint8)
        if not np.array_equal(labels, volume):
            raise CaseError(case, TruthRules.NOT_WHOLE.says(what=what, low=volume.min(), high=volume.max()))
        found = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
        if strange := [int(value) for value in found if value >= self.label_set.num_classes and value != UNKNOWN]:
            last = self.label_set.num_classes - 1
            raise CaseError(case, TruthRules.OUTSIDE.says(what=what, ids=strange, last=last, unknown=UNKNOWN))
        return labels

    def _filter(
        self, raw: Sequence[NDArray[np.uint8]], affine: NDArray[np.float64]
    ) -> tuple[list[NDArray[np.uint8]], list[dict[str, Any]]]:
        """Return the filtered maps, and the changes of each filter in the first of them."""
        maps, changes = list(raw), []
        for step in self.filters:
            results = [step(labels, affine) for labels in maps]
            by_class = filter_changes(maps[0], results[0], affine)
            changes.append({"filter": type(step).__name__, "classes": {str(k): v for k, v in by_class.items()}})
            maps = results
        return maps, changes

    def _check_idempotence(
        self,
        case: str,
        fusion: Fusion,
        pseudo: Sequence[NDArray[np.uint8]],
        annotated: Sequence[int],
        affine: NDArray[np.float64],
    ) -> None:
        again = self.policy(fusion.label, pseudo, annotated, affine, self.pseudo_classes)
        if not np.array_equal(again.label, fusion.label):
            changed = int(np.count_nonzero(again.label != fusion.label))
            raise ValueError(f"{case}: merging a second time changed {changed} voxels; {self.policy} is at fault")


def _mean(values: Any) -> float | None:
    """Return the mean of the confidences of several maps; None if there is none, or one without foreground."""
    numbers = np.atleast_1d(np.asarray([] if values is None else values, dtype=np.float64))
    return round(float(numbers.mean()), 6) if numbers.size and np.isfinite(numbers).all() else None


def by_class_as_text(maps: Sequence[NDArray[np.uint8]]) -> dict[str, float]:
    """Return the disagreement of each class as JSON has it."""
    return {str(value): score for value, score in disagreement_by_class(maps).items()}


def _as_text(volumes: Mapping[int, float]) -> dict[str, float]:
    return {str(value): ml for value, ml in volumes.items()}
