"""Selection of the refined cases and pseudo classes to train on.

A rule is called with the reports of all cases (case name -> report of :class:`swinx.refinement.RefineLabelsd`), since
some rules compare cases, and returns a :class:`Verdict` for those that it objects to. A report has ``before_ml`` and
``after_ml`` (class id as text -> ml), ``annotated``, ``pseudo``, ``known`` and ``at_border`` (class ids),
``disagreement`` and ``confidence`` (numbers, or None), and ``disagreement_by_class`` (class id as text -> number).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from swinx.labels import FLARE23, UNKNOWN, LabelSet, PlausibleVolumes

__all__ = [
    "HasAnnotatedTumor",
    "LowDisagreement",
    "MinimumConfidence",
    "PlausibleVolume",
    "PredictedSomewhere",
    "SelectionRule",
    "Verdict",
    "require_something_known",
    "select_cases",
]

Reports = Mapping[str, Mapping[str, Any]]


class Verdict(NamedTuple):
    """Objection of a rule to a case.

    Attributes:
        drop_case: Do not train on it at all.
        drop_classes: Class ids whose pseudo labels are dropped.
        reason: Why, with the numbers.
    """

    drop_case: bool
    drop_classes: tuple[int, ...]
    reason: str


class SelectionRule(Protocol):
    """Interface of the rules; see the module."""

    def __call__(self, reports: Reports) -> Mapping[str, Verdict]: ...  # noqa: D102


@dataclass(frozen=True)
class HasAnnotatedTumor:
    """Rule that keeps cases with an annotated tumour: the 735 that the paper fine-tunes on.

    Args:
        label_set: The classes; tumours are its lesions.

    Raises:
        ValueError: If it has none.
    """

    label_set: LabelSet = field(default=FLARE23, repr=False)

    def __post_init__(self) -> None:
        if not self.label_set.lesions:
            name = self.label_set.name or "the label set"
            raise ValueError(f"{name} has no class inside others, so that no case has a tumour; leave this rule out")

    def __call__(self, reports: Reports) -> dict[str, Verdict]:
        """Object to cases without one."""
        keys = [str(lesion) for lesion in self.label_set.lesions]
        return {
            case: Verdict(True, (), "no tumour is annotated")
            for case, r in reports.items()
            if not any(r["before_ml"].get(key) for key in keys)
        }


@dataclass(frozen=True)
class LowDisagreement:
    """Rule that keeps the cases, or in each case the classes, on which rounds, folds or teachers disagree least.

    Args:
        quantile: Share of the cases to keep; the winner of FLARE-22 kept 1,924 of 2,000.
        by: ``"case"``; or ``"class"``, to judge each class among the cases that have it, and to drop it alone.
        label_set: The classes.

    Raises:
        ValueError: If the share is not above 0 and at most 1, or ``by`` is another word.
    """

    quantile: float = 0.962
    by: Literal["case", "class"] = "case"
    label_set: LabelSet = field(default=FLARE23, repr=False)

    def __post_init__(self) -> None:
        if self.by not in ("class", "case"):
            raise ValueError(f"by must be 'class' or 'case', not {self.by!r}")
        if not 0 < self.quantile <= 1:
            raise ValueError(f"quantile must be above 0 and at most 1, not {self.quantile}")

    def __call__(self, reports: Reports) -> dict[str, Verdict]:
        """Object to the cases above the quantile, and to those of which no disagreement is known.

        Raises:
            ValueError: If no case has a disagreement: there was one pseudo label of each.
        """
        scores = {case: report["disagreement"] for case, report in reports.items()}
        known = [score for score in scores.values() if score is not None]
        if scores and not known:
            raise ValueError(
                f"none of the {len(scores)} cases has a disagreement: it takes two or more pseudo labels a case "
                "(per_fold, several teachers, or earlier rounds)"
            )
        if self.by == "class":
            return self._classes(reports)
        limit = float(np.quantile(known, self.quantile)) if known else 0.0
        verdicts = {}
        for case, score in scores.items():
            if score is None:
                verdicts[case] = Verdict(
                    True, (), "its disagreement is not known: there is one pseudo label of it only"
                )
            elif score > limit:
                text = f"disagreement {score:.4g} is above {limit:.4g}, the {self.quantile:g} quantile"
                verdicts[case] = Verdict(True, (), text)
        return verdicts

    def _classes(self, reports: Reports) -> dict[str, Verdict]:
        """Object to the classes above the quantile of their own class; an annotated class is not judged."""
        scores: dict[int, dict[str, float]] = {}
        for case, report in reports.items():
            for value in report["pseudo"]:
                if (score := report["disagreement_by_class"].get(str(value))) is not None:
                    scores.setdefault(value, {})[case] = score
        bad: dict[str, list[tuple[int, str]]] = {}
        for value, found in sorted(scores.items()):
            limit = float(np.quantile(list(found.values()), self.quantile))
            for case, score in found.items():
                if score > limit:
                    text = f"disagreement on {self.label_set.names[value]} {score:.4g} is above {limit:.4g}"
                    bad.setdefault(case, []).append((value, text))
        return {
            case: Verdict(False, tuple(value for value, _ in faults), "; ".join(text for _, text in faults))
            for case, faults in bad.items()
        }


@dataclass(frozen=True)
class MinimumConfidence:
    """Rule that keeps the cases with a confident teacher.

    Args:
        minimum: Least mean probability of the winning class, in [0, 1].

    Raises:
        ValueError: If it is not in that range.
    """

    minimum: float = 0.8

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= 1:
            raise ValueError(f"minimum must be a probability in [0, 1], not {self.minimum}")

    def __call__(self, reports: Reports) -> dict[str, Verdict]:
        """Object to the cases below it; of a case without foreground nothing is known, and it is kept.

        Raises:
            ValueError: If the teacher gave no confidences.
        """
        if reports and all(report.get("confidence") is None for report in reports.values()):
            raise ValueError("no case has a confidence: give the teacher confidence=True, if it can tell")
        return {
            case: Verdict(True, (), f"the teacher's confidence {value:.3f} is below {self.minimum:g}")
            for case, report in reports.items()
            if (value := report.get("confidence")) is not None and value < self.minimum
        }


@dataclass(frozen=True)
class PlausibleVolume:
    """Rule that drops pseudo organs of implausible volume.

    A class that does not occur is not judged, since a scan need not show it; nor is one that was annotated. The least
    volume holds only for a class that does not touch the border of the volume.

    Args:
        by: ``"class"`` to drop the class, ``"case"`` to drop the case.
        ranges_ml: Least and largest volume by name or by number in label files; by default those of the label set.
        label_set: The classes.

    Raises:
        ValueError: If ``by`` is another word, or a range is not valid.
    """

    by: Literal["class", "case"] = "class"
    ranges_ml: Mapping[Any, Sequence[float]] | None = None
    label_set: LabelSet = field(default=FLARE23, repr=False)

    def __post_init__(self) -> None:
        if self.by not in ("class", "case"):
            raise ValueError(f"by must be 'class' or 'case', not {self.by!r}")
        for key, (low, high) in (self.ranges_ml or {}).items():
            if not 0 <= low <= high:
                raise ValueError(f"ranges_ml has {key}: [{low}, {high}]; give classes, with least and largest volume")
        self._ranges()

    def __call__(self, reports: Reports) -> dict[str, Verdict]:
        """Object to classes, or cases, outside the ranges."""
        ranges = self._ranges()
        verdicts = {}
        for case, report in reports.items():
            volumes = {value: report["after_ml"].get(str(value), 0.0) for value in report["pseudo"]}
            bad = PlausibleVolumes(ranges).outside(volumes, report.get("at_border", ()), volumes)
            if bad:
                words = [
                    f"{self.label_set.names[v]} {ml:.1f} ml, not {ranges[v][0]:g}..{ranges[v][1]:g}"
                    for v, ml in bad.items()
                ]
                verdicts[case] = Verdict(self.by == "case", tuple(sorted(bad)), "; ".join(words))
        return verdicts

    def _ranges(self) -> Mapping[int, tuple[float, float]]:
        """Return least and largest volume by class id."""
        if self.ranges_ml is None:
            return self.label_set.volumes_ml
        given = self.ranges_ml.items()
        return {self.label_set.id_of(key, "ranges_ml"): (float(low), float(high)) for key, (low, high) in given}


@dataclass(frozen=True)
class PredictedSomewhere:
    """Rule that drops pseudo classes which the teacher predicts in no case.

    A teacher that has not learned a class predicts it nowhere. Without this rule the student would learn that the
    class does not exist.

    Args:
        label_set: The classes.
    """

    label_set: LabelSet = field(default=FLARE23, repr=False)

    def __call__(self, reports: Reports) -> dict[str, Verdict]:
        """Object to the classes that are left to the teacher and that no pseudo label has in any case."""
        asked = {value for report in reports.values() for value in report["pseudo"]}
        found = {
            value for report in reports.values() for value in report["pseudo"] if report["after_ml"].get(str(value))
        }
        never = asked - found
        verdicts = {}
        for case, report in reports.items():
            if dropped := tuple(sorted(never & set(report["pseudo"]))):
                text = f"the teacher predicts no {self.label_set.listed(dropped)} in any case"
                verdicts[case] = Verdict(False, dropped, text)
        return verdicts


def select_cases(reports: Reports, rules: Sequence[SelectionRule]) -> dict[str, Verdict]:
    """Apply rules together: a case is kept if no rule drops it, a class if no rule drops it.

    Args:
        reports: By case name.
        rules: Any number; each sees all cases.

    Returns:
        A verdict for every case, in the order of ``reports``; the reason is empty if no rule objects.
    """
    verdicts = [rule(reports) for rule in rules]
    joined = {}
    for case in reports:
        said = [verdict[case] for verdict in verdicts if case in verdict]
        dropped = tuple(sorted({value for verdict in said for value in verdict.drop_classes}))
        joined[case] = Verdict(any(v.drop_case for v in said), dropped, "; ".join(v.reason for v in said))
    return joined


def require_something_known(verdict: Verdict, report: Mapping[str, Any]) -> Verdict:
    """Return the verdict on a case, dropped if its refined label is empty or no class is known in it."""
    if not any(int(value) != UNKNOWN for value in report["after_ml"]):
        missing = "its refined label is empty"
    elif not set(report["known"]) - set(verdict.drop_classes):
        missing = "no class is known in it"
    else:
        return verdict
    reasons = [verdict.reason, missing]
    return Verdict(True, verdict.drop_classes, "; ".join(reason for reason in reasons if reason))
