"""Label sets as JSON has them: by name, by file, or inline."""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from swinx.errors import LabelSetError, RecordError
from swinx.files import is_listed, read_object, shown
from swinx.labels.class_colours import generated_colour
from swinx.labels.class_names import mirrored_name, name_words
from swinx.labels.class_references import check_meaning, check_references
from swinx.labels.label_set import BACKGROUND, UNKNOWN, LabelClass, LabelSet
from swinx.labels.structures import structure
from swinx.rules import LabelSetRules as Rule
from swinx.visible_text import visible

__all__ = ["DEFAULT_LABEL_SET", "known_label_sets", "read_label_set"]

DEFAULT_LABEL_SET = "flare23"
"""Name of the label set where nothing names one."""

_FOLDER = Path(__file__).parent / "known_sets"
_FACTS = ("tolerance_mm", "colour", "code", "aliases", "mirror", "inside", "volume_ml")
_COLOUR = re.compile(r"(#|::)[0-9a-fA-F]{6}")
"""A colour; in a configuration MONAI's parser writes ``::`` for ``#``."""

_LONGEST_NAME = 64
_IGNORE = "ignore"

_logger = logging.getLogger(__name__)


def known_label_sets() -> tuple[str, ...]:
    """Return the names of the label sets that come with the package.

    Examples:
        >>> known_label_sets()
        ('amos', 'btcv', 'flare21', 'flare22', 'flare23', 'flare_lesion', 'totalsegmentator')
    """
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


def read_label_set(
    given: LabelSet | Mapping[str, Any] | str | os.PathLike[str] = DEFAULT_LABEL_SET, source: str = "labels"
) -> LabelSet:
    """Return a label set by name, from a file, or from plain data.

    The short form is that of nnU-Net, ``{"background": 0, "liver": 1}``, or ids to names,
    ``{"0": "background", "1": "liver"}``. The long form has it under ``"labels"``, optionally a ``"name"``, and under
    ``"classes"`` by class name any of ``tolerance_mm``, ``colour`` (``#rrggbb``), ``code`` (SNOMED CT value and
    meaning), ``aliases``, ``mirror``, ``inside`` (classes in which a lesion lies) and ``volume_ml`` (least and
    largest). What is not given is taken from the table of known structures by name (colour, code, aliases, volume), and
    else: a colour unlike its neighbours', a tolerance of 2 mm, and partners from the words left and right. The record
    of a run has ``"sha256"``, the :attr:`swinx.labels.LabelSet.digest` of its names and numbers.

    Args:
        given: Name of a known set (:func:`known_label_sets`), path of a JSON file, plain data, or a label set.
        source: Where plain data stand, for messages.

    Raises:
        LabelSetError: If there is no such set or file, or it breaks a rule; one line.
    """
    if isinstance(given, LabelSet):
        return given
    if isinstance(given, Mapping):
        return _parsed(given, source, "")
    if str(given) in known_label_sets():
        return _known(str(given))
    path = Path(given).expanduser()
    if not path.is_file():
        rule = Rule.NO_FILE if path.suffix or len(path.parts) > 1 else Rule.NO_SET
        told = {"given": visible(repr(str(given))), "known": ", ".join(known_label_sets())}
        raise LabelSetError(rule.says(source=source, **told))
    try:
        content = read_object(path)
    except (RecordError, OSError) as error:
        raise LabelSetError(str(error)) from error
    return _parsed(content, visible(path), path.stem)


@cache
def _known(name: str) -> LabelSet:
    path = _FOLDER / f"{name}.json"
    return _parsed(read_object(path), str(path), name, quiet=True)


def _parsed(content: Mapping[str, Any], source: str, name: str, quiet: bool = False) -> LabelSet:
    labels: Mapping[str, Any] = content
    facts: Mapping[str, Any] = {}
    if isinstance(content.get("labels"), Mapping):
        if other := [key for key in content if key not in ("name", "description", "labels", "classes", "sha256")]:
            raise LabelSetError(Rule.KEY.says(source=source, key=shown(other[0])))
        labels, name = content["labels"], str(content.get("name") or name)
        facts = _facts(content.get("classes"), source)
    numbers = _numbers(labels, source)
    facts = {_composed(key): value for key, value in facts.items()}
    if strange := [key for key in facts if key not in numbers]:
        raise LabelSetError(Rule.FACTS_OF.says(source=source, name=shown(strange[0])))
    mirrors = _mirrors(numbers, facts, source, quiet)
    ordered = sorted((value, each) for each, value in numbers.items())
    classes = [
        _class(each, value, label, facts.get(each), mirrors.get(each), source)
        for label, (value, each) in enumerate(ordered, start=1)
    ]
    label_set = LabelSet(tuple(_with_own_names(classes)), visible(name))
    check_references(label_set, source)
    if labels is not content and content.get("sha256", label_set.digest) != label_set.digest:
        raise LabelSetError(Rule.CHANGED.says(source=source))
    return label_set


def _numbers(labels: Mapping[str, Any], source: str) -> dict[str, int]:
    """Return the number of each class without the background, checked."""
    if labels and all(str(key).isdecimal() and isinstance(value, str) for key, value in labels.items()):
        labels = _turned(labels, source)
    found: dict[str, int] = {}
    words: dict[frozenset[str], str] = {}
    by_number: dict[int, str] = {}
    seen: set[str] = set()
    for given, value in labels.items():
        _check_class(given, value, source)
        if given == _IGNORE:  # nnU-Net's class of voxels without annotation
            continue
        name = _composed(given)
        first = words.setdefault(name_words(name), name)
        if first != name or name in seen:
            raise LabelSetError(Rule.ALIKE.says(source=source, first=shown(first), second=shown(name)))
        if (first := by_number.setdefault(value, name)) != name:
            raise LabelSetError(
                Rule.SAME_NUMBER.says(source=source, first=shown(first), second=shown(name), value=value)
            )
        seen.add(name)
        found[name] = value
    if found.pop(BACKGROUND, 0) != 0 or 0 in found.values():
        raise LabelSetError(Rule.NO_BACKGROUND.says(source=source))
    if not found:
        raise LabelSetError(Rule.NO_CLASSES.says(source=source))
    if max(found.values()) >= UNKNOWN:
        raise LabelSetError(
            Rule.TOO_MANY.says(source=source, count=len(found), largest=max(found.values()), most=UNKNOWN - 1)
        )
    return found


def _facts(given: Any, source: str) -> Mapping[str, Any]:
    """Return the properties of classes, by name."""
    if given is not None and not isinstance(given, Mapping):
        raise LabelSetError(Rule.FACTS_OF.says(source=source, name=shown(given)))
    return given or {}


def _turned(labels: Mapping[str, str], source: str) -> dict[str, int]:
    """Return names to numbers for numbers to names."""
    turned: dict[str, int] = {}
    for key, name in labels.items():
        if name in turned:
            raise LabelSetError(Rule.TWICE.says(source=source, name=shown(name), first=turned[name], second=key))
        turned[name] = int(key)
    return turned


def _check_class(name: Any, value: Any, source: str) -> None:
    if not isinstance(name, str) or not _is_name(name):
        raise LabelSetError(Rule.NAME.says(source=source, name=shown(name), longest=_LONGEST_NAME))
    if type(value) is not int or value < 0:
        raise LabelSetError(Rule.NUMBER.says(source=source, name=shown(name), value=shown(value)))
    check_meaning(name, source)


def _composed(name: Any) -> Any:
    """Return a name in composed Unicode form, so that names from macOS and other systems are equal."""
    return unicodedata.normalize("NFC", name) if isinstance(name, str) else name


def _is_name(name: str) -> bool:
    """Return whether a text has words to be known by, fits on a line, and is one."""
    on_a_line = len(name) <= _LONGEST_NAME and visible(name) == name
    return on_a_line and bool(name_words(name)) and is_listed({name: 0})


def _mirrors(numbers: Mapping[str, int], facts: Mapping[str, Any], source: str, quiet: bool) -> dict[str, str]:
    """Return the partner of each class whose name has a side, where the set has one."""
    by_words = {name_words(name): name for name in numbers}
    found = {}
    for name in numbers:
        mirror = mirrored_name(name)
        partner = None if mirror is None else by_words.get(name_words(mirror))
        if partner is not None and "mirror" not in (facts.get(name) or {}):
            found[name] = partner
    told = sorted({tuple(sorted(pair)) for pair in found.items()})
    if told and not quiet:
        pairs = "; ".join(" and ".join(pair) for pair in told)
        _logger.info(Rule.PAIRS.says(source=source, pairs=pairs))
    return found


def _class(name: str, value: int, label: int, given: Any, mirror: str | None, source: str) -> LabelClass:
    facts: dict[str, Any] = dict(structure(name)) | {"mirror": mirror}
    if given is not None:
        if not isinstance(given, Mapping) or any(key not in _FACTS for key in given):
            strange = [key for key in given if key not in _FACTS] if isinstance(given, Mapping) else [given]
            raise LabelSetError(
                Rule.FACT.says(source=source, name=name, key=shown(strange[0]), known=", ".join(_FACTS))
            )
        facts |= {key: given[key] for key in _FACTS if key in given}
    for key, (wanted, fits) in _KINDS.items():
        if facts.get(key) is not None and not fits(facts[key]):
            raise LabelSetError(
                Rule.FACT_VALUE.says(source=source, name=name, key=key, value=shown(facts[key]), wanted=wanted)
            )
    if facts.get("tolerance_mm") is None:
        facts.pop("tolerance_mm", None)
    facts["colour"] = f"#{str(facts.get('colour') or generated_colour(label)).lower()[-6:]}"
    for key in ("code", "inside", "volume_ml", "aliases"):
        facts[key] = None if facts.get(key) is None else tuple(facts[key])
    facts["aliases"] = facts["aliases"] or ()
    return LabelClass(name=name, value=value, **facts)


def _with_own_names(classes: Sequence[LabelClass]) -> Iterator[LabelClass]:
    """Yield classes whose partners and hosts have the names that these have in the set."""
    names = {name_words(each.name): each.name for each in classes}
    for each in classes:
        mirror = each.mirror and names.get(name_words(each.mirror), each.mirror)
        inside = each.inside and tuple(names.get(name_words(host), host) for host in each.inside)
        yield replace(each, mirror=mirror, inside=inside)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) and item and is_listed(item) for item in value)


def _is_range(value: Any) -> bool:
    numbers = isinstance(value, list | tuple) and len(value) == 2 and all(_is_size(end) for end in value)
    return numbers and value[0] <= value[1]


def _is_size(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6


_KINDS: Mapping[str, tuple[str, Any]] = {
    "tolerance_mm": ("a length in mm above 0", lambda value: _is_size(value) and value > 0),
    "colour": ("#rrggbb", lambda value: isinstance(value, str) and _COLOUR.fullmatch(value) is not None),
    "code": ("a list of SNOMED CT value and meaning", lambda value: _is_texts(value) and len(value) == 2),
    "aliases": ("a list of names", _is_texts),
    "mirror": ("the name of a class", lambda value: isinstance(value, str)),
    "inside": ("a list of names of classes", _is_texts),
    "volume_ml": ("[least, largest] in ml", _is_range),
}
