"""Table of known anatomical structures: code, colour, other names and plausible volume, by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from swinx.files import read_object
from swinx.labels.class_names import name_words

__all__ = ["structure"]

_FILE = Path(__file__).parent / "structures.json"


def structure(name: str) -> Mapping[str, Any]:
    """Return the known properties of the structure of a name or an alias; empty if it is unknown.

    Returns:
        Any of ``code`` (SNOMED CT value and meaning, as in the table of TotalSegmentator), ``colour`` (``#rrggbb``),
        ``aliases`` (its other names), and ``volume_ml`` (wide ranges for adults).

    Examples:
        >>> structure("Kidney_Right")["code"]
        ['64033007', 'Kidney']
    """
    return _by_words().get(name_words(name), MappingProxyType({}))


@cache
def _by_words() -> Mapping[frozenset[str], Mapping[str, Any]]:
    table = read_object(_FILE)
    found = {}
    for name, facts in table.items():
        aliases = facts.get("aliases", ())
        for alias in aliases:
            found[name_words(alias)] = facts | {"aliases": [name, *(other for other in aliases if other != alias)]}
    return found | {name_words(name): facts for name, facts in table.items()}
