"""Maps from the classes of another tool to those of FLARE, by name or by number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from swinx.errors import TeacherError
from swinx.labels import CLASS_NAMES, NUM_CLASSES, TOTALSEGMENTATOR_TO_FLARE

__all__ = ["ClassMap", "flare_id", "known_class_map", "map_classes", "read_class_map"]

ClassMap = Mapping[int | str, int | str]
"""Foreign id or name to FLARE id or name; 0 or "background" for what FLARE does not have."""

_TOTALSEGMENTATOR_CLASSES = 117

_SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "ivc": "inferior vena cava",
        "postcava": "inferior vena cava",
        "rag": "right adrenal gland",
        "lag": "left adrenal gland",
        "adrenal right": "right adrenal gland",
        "adrenal left": "left adrenal gland",
        "oesophagus": "esophagus",
        "gall bladder": "gallbladder",
        "tumour": "tumor",
    }
)


def flare_id(name: str) -> int | None:
    """Return the FLARE id that a name means, or None.

    Case, the order of words and what separates them do not matter.

    Examples:
        >>> flare_id("kidney_right"), flare_id("Inferior Vena Cava"), flare_id("colon")
        (2, 6, None)
    """
    return _BY_WORDS.get(_words(name))


def map_classes(names: Mapping[int, str], class_map: ClassMap | str | None, source: str) -> dict[int, int]:
    """Return the FLARE id of each class of a model.

    Args:
        names: The model's classes by id, without or with background 0.
        class_map: FLARE ids by id or name, given by the user, for all classes; or the name of a map, see
            :func:`known_class_map`. By default the names decide; a class that is called by its number (``{3: "3"}``)
            has FLARE's meaning of that number.
        source: File that states the names, for messages.

    Returns:
        FLARE id 0..14 for each id, background included.

    Raises:
        TeacherError: If a class has no FLARE class, is mapped to something that is none, or nothing but background
            is left.
    """
    if class_map is None:
        ids = {old: _by_name(old, name, source) for old, name in names.items()}
    else:
        if isinstance(class_map, str):
            class_map = {old: new for old, new in known_class_map(class_map, source).items() if old in names}
        by_id = _by_given_id(names, class_map, source)
        ids = {old: _value(value, source) for old, value in by_id.items()}
        if lost := {old: name for old, name in names.items() if old and old not in ids}:
            raise TeacherError(f"{source}: the label map lacks {lost}; add them, with 0 for background")
    return _complete(ids, source)


def read_class_map(class_map: ClassMap | str, source: str) -> dict[int, int]:
    """Return a user's map from foreign ids to FLARE ids with background added, or the map of that name.

    Raises:
        TeacherError: If an id is not a whole number from 0 on, or a value is no FLARE class.
    """
    if isinstance(class_map, str):
        return known_class_map(class_map, source)
    ids = {}
    for key, value in class_map.items():
        if not str(key).isdecimal():
            raise TeacherError(f"{source}: the label map has {key!r} where an id of the predictions is needed")
        ids[int(key)] = _value(value, source)
    return _complete(ids, source)


def known_class_map(name: str, source: str) -> dict[int, int]:
    """Return the map that is called ``"flare"`` or ``"totalsegmentator"`` (version 2, task total).

    Other classes of TotalSegmentator are background; ids beyond its 117 are unknown.

    Raises:
        TeacherError: If there is no map of that name.
    """
    if name == "flare":
        return {index: index for index in range(NUM_CLASSES)}
    if name == "totalsegmentator":
        return {old: int(TOTALSEGMENTATOR_TO_FLARE.get(old, 0)) for old in range(_TOTALSEGMENTATOR_CLASSES + 1)}
    raise TeacherError(f"{source}: no label map {name!r}; choose 'flare', 'totalsegmentator' or give a dictionary")


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+|\d+", name.lower()))


_BY_WORDS: Mapping[frozenset[str], int] = MappingProxyType(
    {_words(name): index for index, name in enumerate(CLASS_NAMES)}
    | {_words(other): CLASS_NAMES.index(name) for other, name in _SYNONYMS.items()}
)


def _by_name(old: int, name: str, source: str) -> int:
    found = flare_id(name)
    if found is None and name == str(old) and old < NUM_CLASSES:
        found = old
    if found is None:
        raise TeacherError(
            f"{source}: class {old} is called {name!r}, which is no FLARE class; give a label map, for instance "
            f"{{{old}: 'liver'}}, or {{{old}: 0}} for background"
        )
    return found


def _by_given_id(names: Mapping[int, str], class_map: ClassMap, source: str) -> dict[int, int | str]:
    ids_by_name = {name: old for old, name in names.items()}
    by_id: dict[int, int | str] = {}
    for key, value in class_map.items():
        old = ids_by_name.get(key) if isinstance(key, str) else key
        if old is None and str(key).isdecimal():
            old = int(key)
        if old is None or (old and old not in names):
            raise TeacherError(f"{source}: the label map names {key!r}, which the model does not have: {dict(names)}")
        by_id[old] = value
    return by_id


def _value(value: int | str, source: str) -> int:
    found = int(value) if str(value).isdecimal() else flare_id(str(value))
    if found is None or isinstance(value, bool) or found >= NUM_CLASSES:
        raise TeacherError(
            f"{source}: the label map has {value!r} where a FLARE class is needed; give 0..{NUM_CLASSES - 1} or a "
            f"name: {', '.join(CLASS_NAMES)}"
        )
    return found


def _complete(ids: dict[int, int], source: str) -> dict[int, int]:
    if ids.setdefault(0, 0) != 0:
        raise TeacherError(f"{source}: the label map makes background class {ids[0]}; id 0 must stay background")
    if not any(ids.values()):
        raise TeacherError(f"{source}: the label map leaves no class but background")
    return ids
