"""Lines on a collection as a whole: what many of its labels have in common, and which of them differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from swinx.data.label_facts import LabelFacts, exchanged_sides, implausible
from swinx.data.numbering_notes import numbering_line
from swinx.data.numberings import OtherNumbering
from swinx.labels import LabelSet, known_label_sets, read_label_set
from swinx.rules import CollectionRules as Rule
from swinx.visible_text import first_of

__all__ = ["CheckedLabel", "collection_lines"]


@dataclass(frozen=True)
class CheckedLabel:
    """A label that was read.

    Attributes:
        case: Name of the case.
        facts: Its classes; None if it could not be used.
        unknown_percent: Share of voxels of unknown class.
        numbers: The same by the numbers in its file, where these are meant to be those of the label set.
        is_outside: Whether it has numbers that are no class.
        strange: These numbers.
        unlisted: Whether classes occur that are not listed as annotated.
        left_out: Names of its masks or regions that are of no class.
    """

    case: str
    facts: LabelFacts | None = None
    unknown_percent: float = 0.0
    numbers: LabelFacts | None = None
    is_outside: bool = False
    strange: tuple[int, ...] = ()
    unlisted: bool = False
    left_out: tuple[str, ...] = ()


def collection_lines(
    labels: Sequence[CheckedLabel],
    label_set: LabelSet,
    complete: Collection[str] = (),
    numberings: Sequence[OtherNumbering] = (),
) -> tuple[str, ...]:
    """Return a line for each thing that is to be said of several labels at once.

    Args:
        labels: All labels that were read.
        label_set: Their classes.
        complete: Names of the listed cases with a label that record no annotated classes.
        numberings: Labels that contradict the numbering of the others.
    """
    lines = [Rule.COMPLETE.says(count=len(complete), cases=first_of(complete))] if complete else []
    if outside := [label.case for label in labels if label.is_outside]:
        numbers = sorted({number for label in labels for number in label.strange})
        strange = {"numbers": first_of([f"{number}" for number in numbers]) or "?", "cases": first_of(outside)}
        lines.append(Rule.OUTSIDE.says(count=len(outside), name=label_set.title, **strange))
    if left_out := Counter(name for label in labels for name in label.left_out):
        names = [f"{name} ({count})" for name, count in left_out.most_common()]
        lines.append(Rule.LEFT_OUT.says(count=len(left_out), name=label_set.title, names=first_of(names)))
    if unknown := [label.unknown_percent for label in labels if label.unknown_percent]:
        lines.append(Rule.UNKNOWN.says(count=len(unknown), total=len(labels), most=max(unknown)))
    if unlisted := [label.case for label in labels if label.unlisted]:
        lines.append(Rule.UNLISTED.says(count=len(unlisted), cases=first_of(unlisted)))
    judged = [(label, label.facts) for label in labels if label.facts is not None]
    volumes = [(label.case, list(implausible(facts, label_set))) for label, facts in judged]
    sides = [(label.case, [right for right, _ in exchanged_sides(facts, label_set)]) for label, facts in judged]
    for rule, found in ((Rule.VOLUMES, volumes), (Rule.SIDES, sides)):
        if odd := [(case, classes) for case, classes in found if classes]:
            counts = Counter(one for _, classes in odd for one in classes)
            told = first_of([f"{label_set.names[one]} ({count})" for one, count in counts.most_common()])
            lines.append(rule.says(count=len(odd), total=len(judged), classes=told))
    lines += [numbering_line(group, label_set) for group in numberings]
    return (*lines, *_numberings(labels, label_set, is_told=bool(numberings)))


def _numberings(labels: Sequence[CheckedLabel], label_set: LabelSet, is_told: bool) -> Iterable[str]:
    """Yield lines on labels that seem to have another numbering than the label set's."""
    judged = [label for label in labels if label.facts is not None or label.numbers is not None]
    odd = {label.case: count for label in judged if (count := _oddity(label, label_set))}
    better = _better_fits([label for label in judged if label.case in odd], label_set, odd)
    name, cases = max(better.items(), key=lambda one: (len(one[1]), _shared(one[0], label_set)), default=("", []))
    if cases and 2 * len(cases) >= len(judged):
        yield Rule.OTHER_SET.says(count=len(cases), total=len(judged), fits=name, name=label_set.title)
    elif 0 < len(odd) < len(judged):
        if not is_told:
            yield Rule.TWO.says(count=len(odd), total=len(judged), cases=first_of(odd))
        if cases:
            yield Rule.FITS.says(count=len(cases), fits=name)


def _better_fits(
    labels: Sequence[CheckedLabel], label_set: LabelSet, oddities: Mapping[str, int]
) -> dict[str, list[str]]:
    """Return known label sets with other numbers, and the cases that each fits better.

    A set of which no volumes are known would fit anything: at least half as many classes must be judged by it.
    """
    found: dict[str, list[str]] = {}
    for name in known_label_sets():
        known = read_label_set(name)
        for label in labels:
            if label.numbers is None:
                continue
            strange, odd, judged = _fit(label.numbers, known)
            enough = judged and 2 * judged >= _fit(label.numbers, label_set)[2]
            if not strange and odd < oddities[label.case] and enough:
                found.setdefault(name, []).append(label.case)
    return found


def _shared(name: str, label_set: LabelSet) -> int:
    """Return how many classes a known label set has under the number of another."""
    known = {each.value: each.name for each in read_label_set(name).classes}
    return sum(known.get(each.value) == each.name for each in label_set.classes)


def _oddity(label: CheckedLabel, label_set: LabelSet) -> int:
    """Return the number of numbers that are no class, implausible volumes and exchanged sides."""
    if label.facts is not None:
        return _oddities(label.facts, label_set)
    return 0 if label.numbers is None else sum(_fit(label.numbers, label_set)[:2])


def _fit(numbers: LabelFacts, label_set: LabelSet) -> tuple[int, int, int]:
    """Return how many numbers are no class of a label set, what is odd of the others, and how many have a range."""
    ids = {value: label for label, value in enumerate(label_set.values) if label}
    facts = numbers.renamed(ids)
    judged = len(facts.volumes_ml.keys() & label_set.volumes_ml.keys())
    return len(numbers.volumes_ml.keys() - ids.keys()), _oddities(facts, label_set), judged


def _oddities(facts: LabelFacts, label_set: LabelSet) -> int:
    return len(implausible(facts, label_set)) + len(exchanged_sides(facts, label_set))
