"""Differences between the training that wrote a state and the one that resumes from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from swinx.visible_text import first_of

__all__ = ["data_difference", "settings_difference"]

_SHOWN = 3

Marks = Mapping[str, Mapping[str, Mapping[str, Any]]]


def settings_difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return the settings that differ, with their values; empty if none does.

    Args:
        before: Settings of the state, as JSON.
        now: Settings of this run, as JSON; others in the state do not count.

    Examples:
        >>> settings_difference({"pixdim": "[1.0, 1.0, 1.0]"}, {"pixdim": "[2.0, 2.0, 2.0]"})
        'pixdim: [1.0, 1.0, 1.0] -> [2.0, 2.0, 2.0]'
    """
    other = {name: value for name, value in now.items() if name not in before or _read(before[name]) != _read(value)}
    return ", ".join(f"{name}: {before.get(name, 'not recorded')} -> {value}" for name, value in other.items())


def _read(text: str) -> Any:
    """Return the value in a form in which 1 and 1.0 are the same."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def data_difference(before: Marks, now: Marks) -> str:
    """Return the numbers of added, removed and changed cases by section, with examples; empty if none.

    An image or a label counts as unchanged if its stamp or its sample is the former one.

    Args:
        before: Marks of the state, as :func:`swinx.data.case_marks` gives them.
        now: Marks of this run.

    Examples:
        >>> data_difference({"training": {"a": {"labels": "[1]"}, "b": {}}}, {"training": {"a": {"labels": "[2]"}}})
        'training: 1 removed (b), 1 changed (a: labels)'
    """
    parts = []
    for section in sorted(set(before) | set(now)):
        old, new = before.get(section, {}), now.get(section, {})
        changed = {case: _changed(old[case], new[case]) for case in sorted(set(old) & set(new))}
        kinds = {
            "added": sorted(set(new) - set(old)),
            "removed": sorted(set(old) - set(new)),
            "changed": [f"{case}: {' and '.join(what)}" for case, what in changed.items() if what],
        }
        told = [f"{len(cases)} {kind} ({first_of(cases, _SHOWN)})" for kind, cases in kinds.items() if cases]
        if told:
            parts.append(f"{section}: {', '.join(told)}")
    return "; ".join(parts)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [key for key in ("image", "label", "labels") if not _is_same(old.get(key), new.get(key))]


def _is_same(old: Any, new: Any) -> bool:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return any(old.get(key) == new.get(key) != "unreadable" for key in ("stamp", "sample"))
    return bool(old == new)
