"""Label sets: the classes of a segmentation, and what is known of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from types import MappingProxyType
from typing import Any

from swinx.errors import LabelSetError
from swinx.labels.class_names import name_words, side_of
from swinx.rules import LabelSetRules as Rule
from swinx.visible_text import first_of, visible

__all__ = ["BACKGROUND", "UNKNOWN", "LabelClass", "LabelSet"]

BACKGROUND = "background"
"""Name of class 0 of every label set."""

UNKNOWN = 255
"""Value of voxels of unknown class in a label map; loss and scores leave them out."""

_DEFAULT_TOLERANCE_MM = 2.0
_FEW = 3


@dataclass(frozen=True)
class LabelClass:
    """One class of a label set.

    Attributes:
        name: Name in tables and pictures, e.g. ``"right kidney"``.
        value: Its number in label files.
        colour: ``#rrggbb``.
        tolerance_mm: Tolerance of the normalised surface Dice, in mm.
        code: SNOMED CT code and its meaning, without the side; None if unknown.
        aliases: Other names of the class in files of labels.
        mirror: Name of the class that it becomes when a scan is mirrored left to right; None if it stays itself.
        inside: Names of the classes in which a lesion lies, none for lesions anywhere; None for a class that is no
            lesion.
        volume_ml: Least and largest plausible volume of an adult, in ml; None if any is.
    """

    name: str
    value: int
    colour: str
    tolerance_mm: float = _DEFAULT_TOLERANCE_MM
    code: tuple[str, str] | None = None
    aliases: tuple[str, ...] = ()
    mirror: str | None = None
    inside: tuple[str, ...] | None = None
    volume_ml: tuple[float, float] | None = None

    @property
    def is_lesion(self) -> bool:
        """True if the class lies inside others, as a tumour does."""
        return self.inside is not None

    @property
    def side(self) -> str | None:
        """``"left"`` or ``"right"`` where the name says so."""
        return side_of(self.name)


@dataclass(frozen=True)
class LabelSet:
    """The classes of a segmentation, in the order of a network's channels; background is class 0.

    A class id is a position in this order. Label files hold the ``value`` of each class, which is the same number
    unless the values have gaps; :class:`swinx.labels.ClassNumbers` turns one into the other.

    Attributes:
        classes: The classes without the background; class ``classes[i]`` has the id ``i + 1``.
        name: Name of the set, for messages and records; it does not count when sets are compared.
    """

    classes: tuple[LabelClass, ...]
    name: str = field(default="", compare=False)

    def __reduce__(self) -> tuple[type[LabelSet], tuple[tuple[LabelClass, ...], str]]:
        """Survive a copy and the trip to another process, which mappings of cached properties do not."""
        return type(self), (self.classes, self.name)

    def __len__(self) -> int:
        """Return the number of classes without the background."""
        return len(self.classes)

    @property
    def num_classes(self) -> int:
        """Number of classes with the background: the output channels of a network."""
        return len(self.classes) + 1

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names in class order, from ``"background"``; the index is the class id."""
        return (BACKGROUND, *(each.name for each in self.classes))

    @property
    def foreground(self) -> range:
        """Ids of all classes but the background."""
        return range(1, self.num_classes)

    @cached_property
    def values(self) -> tuple[int, ...]:
        """Numbers in label files, in class order, from 0."""
        return (0, *(each.value for each in self.classes))

    @property
    def has_gaps(self) -> bool:
        """True if the numbers in label files differ from the class ids."""
        return self.values != tuple(range(self.num_classes))

    @cached_property
    def lesions(self) -> tuple[int, ...]:
        """Ids of the classes that lie inside others."""
        return tuple(label for label in self.foreground if self[label].is_lesion)

    @cached_property
    def organs(self) -> tuple[int, ...]:
        """Ids of the classes that are no lesions."""
        return tuple(label for label in self.foreground if not self[label].is_lesion)

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Ids of right and left partners, which trade places when a scan is mirrored."""
        found = []
        for label in self.foreground:
            mirror = self[label].mirror
            if mirror is not None and (self[label].side == "right" or (self[label].side is None)):
                pair = label, self.names.index(mirror)
                if pair[::-1] not in found:
                    found.append(pair)
        return tuple(found)

    @cached_property
    def colours(self) -> Mapping[int, str]:
        """Class id to ``#rrggbb``."""
        return MappingProxyType({label: self[label].colour for label in self.foreground})

    @cached_property
    def tolerances_mm(self) -> Mapping[int, float]:
        """Class id to the tolerance of the normalised surface Dice."""
        return MappingProxyType({label: self[label].tolerance_mm for label in self.foreground})

    @cached_property
    def volumes_ml(self) -> Mapping[int, tuple[float, float]]:
        """Class id to least and largest plausible volume, for classes where these are known."""
        return MappingProxyType(
            {label: volume for label in self.foreground if (volume := self[label].volume_ml) is not None}
        )

    def hosts(self, lesion: int) -> tuple[int, ...]:
        """Return the ids of the classes in which a lesion may lie; all organs if the set names none."""
        inside = self[lesion].inside or ()
        return tuple(self.names.index(name) for name in inside) or self.organs

    def __getitem__(self, label: int) -> LabelClass:
        """Return the class of an id from 1 on.

        Raises:
            IndexError: If there is none.
        """
        if not 1 <= label < self.num_classes:
            raise IndexError(f"class {label} of {self.num_classes}")
        return self.classes[label - 1]

    def find(self, name: str) -> int | None:
        """Return the id of the class that a name or an alias means; None if there is none.

        Case, the order of words and what separates them do not matter.
        """
        return self._by_words.get(name_words(name))

    def id_of(self, given: Any, source: str) -> int:
        """Return the id of a class that is given by its name, an alias or its number in label files.

        Args:
            given: Name or number; background is allowed.
            source: Where it stands, for the message.

        Raises:
            LabelSetError: If the set has no such class.
        """
        found: int | None = None
        if isinstance(given, str) and not given.isdecimal():
            found = self.find(given)
        elif isinstance(given, int | str) and not isinstance(given, bool):
            found = self._by_value.get(int(given))
        if found is None:
            raise LabelSetError(Rule.NO_CLASS.says(source=source, given=visible(repr(given)), known=self._near(given)))
        return found

    def ids_of(self, given: Collection[Any], source: str) -> list[int]:
        """Return the sorted ids of classes without the background, each once, see :meth:`id_of`.

        Raises:
            LabelSetError: If the set has no such class, or one is the background.
        """
        ids = sorted({self.id_of(one, source) for one in given})
        if 0 in ids:
            raise LabelSetError(Rule.BACKGROUND_GIVEN.says(source=source))
        return ids

    @property
    def title(self) -> str:
        """Words for the set after "label set" in messages: its name, or "of" and its first classes."""
        return self.name or f"of {self.listed(self.foreground, most=_FEW)}"

    def listed(self, labels: Iterable[int], most: int | None = None) -> str:
        """Return the names of class ids, separated by commas; of more than ``most``, their number and the first few."""
        names = [self.names[label] for label in labels]
        if most is None or len(names) <= most:
            return ", ".join(names)
        return f"{len(names)} classes ({', '.join(names[:_FEW])} ...)"

    def numbered(self, labels: Iterable[int], most: int = 10) -> str:
        """Return the numbers in files and the names of class ids, separated by commas; of the first ``most``."""
        shown = [f"{self.values[label]} {self.names[label]}" for label in labels]
        return first_of(shown, most)

    def same_classes(self, other: LabelSet) -> bool:
        """Return whether another set has the same classes by name and order, whatever else is known of them."""
        return [name_words(name) for name in self.names] == [name_words(name) for name in other.names]

    def may_be_empty(self, annotated: Collection[int] | None) -> bool:
        """Return whether a label without any class is plausible: annotated classes are recorded, and not all were.

        A scan in which only tumours, or only the gallbladder, were looked for may have none. Without a record, or where
        all classes were looked for, an empty label is more likely a file that went wrong.

        Args:
            annotated: Ids of the annotated classes; None if they are not recorded.
        """
        return annotated is not None and 0 < len(set(annotated)) < len(self)

    def as_json(self) -> dict[str, Any]:
        """Return the set as plain data, which :func:`swinx.labels.read_label_set` turns into an equal one."""
        labels = {BACKGROUND: 0} | {each.name: each.value for each in self.classes}
        classes: dict[str, dict[str, Any]] = {}
        for each in self.classes:
            facts = {"colour": each.colour, "tolerance_mm": each.tolerance_mm, "aliases": list(each.aliases)}
            facts |= {"code": list(each.code) if each.code else None, "mirror": each.mirror}
            facts |= {"inside": None if each.inside is None else list(each.inside)}
            classes[each.name] = facts | {"volume_ml": list(each.volume_ml) if each.volume_ml else None}
        return {"name": self.name, "labels": labels, "classes": classes, "sha256": self.digest}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the names and numbers of the classes; a record with another one was changed by hand."""
        return hashlib.sha256(json.dumps([self.names, self.values]).encode()).hexdigest()

    @cached_property
    def _by_words(self) -> dict[frozenset[str], int]:
        aliases = {name_words(alias): label for label in self.foreground for alias in self[label].aliases}
        return aliases | {name_words(name): label for label, name in enumerate(self.names)}

    @cached_property
    def _by_value(self) -> dict[int, int]:
        return {value: label for label, value in enumerate(self.values)}

    def _near(self, given: Any) -> str:
        if isinstance(given, str) and (near := get_close_matches(given.lower(), self.names, n=3)):
            return f"did you mean {' or '.join(near)}?"
        shown = [f"{each.value} {each.name}" for each in self.classes[:20]]
        return f"it has {', '.join(shown)}{' ...' if len(self) > len(shown) else ''}"
