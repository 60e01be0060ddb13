"""Whether a value can be that of a knob, and which knobs a network has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["knob_fault", "knobs_of_network"]

_REFERENCE = re.compile(r"@(\w+)")
_MIXED = ("folds",)  # nnU-Net numbers them, and calls the one of all cases "all"
_KINDS = ("a number", "true or false", "a text")


def knob_fault(name: str, value: Any, stands: Any) -> str:
    """Return what is wrong with a value that shall replace that of a configuration; empty if nothing is.

    A command line makes a text of ``many`` and a number of ``40``; a component that gets one where it needs the other
    fails with an error that names neither. A number may become a list of numbers, which some knobs take as well; null
    and expressions can become anything.

    Args:
        name: Of the knob.
        value: That is given.
        stands: The value in the configuration.

    Examples:
        >>> knob_fault("embed_dim", "many", 48)
        "embed_dim is 'many', where 48 stands: give a number"
        >>> knob_fault("roi_size", 40, [96, 96, 96])
        'roi_size is 40, where [96, 96, 96] stands: give a list, such as "[96, 96, 96]"'
        >>> knob_fault("folds", ["all"], [0])
        ''
        >>> knob_fault("decoder_channels", [16, 48, 48, 48, 48], 48)
        ''
    """
    if name in _MIXED or stands is None or value is None or _is_expression(value) or _is_expression(stands):
        return ""
    said = f"{name} is {value!r}, where {stands!r} stands: give"
    if isinstance(stands, Mapping):
        return "" if isinstance(value, Mapping) else f"{said} an object"
    if _is_list(stands):
        if not _is_list(value):
            return f'{said} a list, such as "{list(stands)}"'
        wanted = _kind(stands[0]) if stands else ""
        wrong = wanted in _KINDS and any(_kind(item) not in (wanted, "an expression") for item in value)
        return f"{said} a list of the same kind" if wrong else ""
    wanted = _kind(stands)
    found = {_kind(item) for item in value} if _is_list(value) and wanted == "a number" else {_kind(value)}
    return "" if found == {wanted} else f"{said} {wanted}"


def knobs_of_network(configuration: Mapping[str, Any], id_: str = "network_def") -> list[str]:
    """Return the knobs that a component of a configuration refers to, in the order in which they stand there.

    Examples:
        >>> knobs_of_network({"dim": 48, "lr": 1, "network_def": {"_target_": "Net", "dim": "@dim"}})
        ['dim']
    """
    found = _REFERENCE.findall(repr(configuration.get(id_)))
    return [name for name in dict.fromkeys(found) if name in configuration]


def _kind(value: Any) -> str:
    if _is_expression(value):
        return "an expression"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a text" if isinstance(value, str) else type(value).__name__


def _is_expression(value: Any) -> bool:
    return isinstance(value, str) and value[:1] in ("$", "@", "%")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
