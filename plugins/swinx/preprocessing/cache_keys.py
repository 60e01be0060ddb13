"""Names of prepared scans in a cache: by case, by the settings of the preprocessing, and by the state of the files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from enum import Enum
from os import PathLike, fspath
from typing import Any

import numpy as np

from swinx import __version__
from swinx.data import stamp_of

__all__ = ["case_key", "files_key", "settings_key"]

_FORMAT = 1
"""Goes up when entries are written another way."""

_DIGITS = 16
_NAMES = frozenset({"case", "section", "number"})
"""What an item is called, which changes nothing of what is read for it."""


def case_key(item: Mapping[Hashable, Any]) -> str:
    """Return a hash of the paths of a case and of all that its list says of it, such as the annotated classes."""
    return _hash({str(key): value for key, value in item.items() if key not in _NAMES})


def files_key(item: Mapping[Hashable, Any], keys: Sequence[Hashable]) -> str:
    """Return a hash that changes when a file of a case is written or replaced, see :func:`swinx.data.stamp_of`.

    Args:
        item: A case.
        keys: Items that are a path, or several of them by name, such as the masks of a label.

    Raises:
        OSError: If a file is missing.
    """
    return _hash([[str(key), _stamps(item[key])] for key in keys if key in item])


def settings_key(transforms: Sequence[Any]) -> str:
    """Return a hash of the settings of transforms, whatever they are made of, and of the version of the package.

    Settings are the attributes of a transform, and those of the objects among them, such as a reader or a label set.

    Examples:
        >>> from monai.transforms import Spacingd
        >>> fine, coarse = Spacingd("image", 1.0), Spacingd("image", 2.0)
        >>> settings_key([fine]) == settings_key([coarse])
        False
        >>> settings_key([fine]) == settings_key([Spacingd("image", 1.0)])
        True
    """
    return _hash([_FORMAT, __version__, [_described(transform, ()) for transform in transforms]])


def _stamps(place: Any) -> Any:
    if isinstance(place, str | PathLike):
        return stamp_of(place)
    if isinstance(place, Mapping):
        return {str(name): _stamps(part) for name, part in place.items()}
    if isinstance(place, list | tuple):
        return [_stamps(part) for part in place]
    return None


def _described(value: Any, around: tuple[int, ...]) -> Any:
    """Return a value as JSON; an object by its class and its attributes, one in itself by its class."""
    if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, PathLike):
        return fspath(value)
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if id(value) in around:
        return name
    inside = (*around, id(value))
    if isinstance(value, Mapping):
        return [[_described(key, inside), _described(part, inside)] for key, part in value.items()]
    if isinstance(value, list | tuple):
        return [_described(part, inside) for part in value]
    if isinstance(value, set | frozenset):
        return sorted((_described(part, inside) for part in value), key=json.dumps)
    if isinstance(value, Enum):
        return [name, value.name]
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return f"{value.__module__}.{value.__qualname__}"
    return [name, _described(dict(sorted(getattr(value, "__dict__", {}).items())), inside)]


def _hash(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
