"""Values that shall replace those of a configuration: the same kind, and in range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swinx.bundle.settings.kinds import MisfitError, is_expression, is_list
from swinx.bundle.settings.settings_table import SETTINGS
from swinx.files import shown
from swinx.rules import SettingRules

__all__ = ["setting_fault"]

_MIXED = ("folds",)  # nnU-Net numbers them, and calls the one of all cases "all"
_KINDS = ("a number", "true or false", "a text")


def setting_fault(name: str, value: Any, stands: Any) -> str:
    """Return the fault of a value that is to replace that of a configuration; empty if there is none.

    A setting of the table (:data:`swinx.bundle.SETTINGS`) must be in its range as well, where the value that stands is.

    A command line makes a text of ``many`` and a number of ``40``; a component that gets one where it needs the other
    fails with an error that names neither. A number may become a list of numbers, which some settings take as well, and
    expressions can become anything.

    Args:
        name: Of the setting.
        value: That is given.
        stands: The value in the configuration.

    Examples:
        >>> setting_fault("embed_dim", "many", 48)
        "embed_dim is 'many', where 48 stands: give a number"
        >>> setting_fault("roi_size", 40, [96, 96, 96])
        'roi_size is 40, where [96, 96, 96] stands: give a list, such as "[96, 96, 96]"'
        >>> setting_fault("embed_dim", -3, 48)
        'embed_dim is -3; give a whole number from 1 to 4096'
        >>> setting_fault("folds", ["all"], [0])
        ''
        >>> setting_fault("decoder_channels", [16, 48, 48, 48, 48], 48)
        ''
    """
    return _kind_fault(name, value, stands) or _range_fault(name, value, stands)


def _kind_fault(name: str, value: Any, stands: Any) -> str:
    if name in _MIXED or stands is None or value is None or is_expression(value) or is_expression(stands):
        return ""
    said = f"{name} is {value!r}, where {stands!r} stands: give"
    if isinstance(stands, Mapping):
        return "" if isinstance(value, Mapping) else f"{said} an object"
    if is_list(stands):
        if not is_list(value):
            return f'{said} a list, such as "{list(stands)}"'
        wanted = _kind(stands[0]) if stands else ""
        wrong = wanted in _KINDS and any(_kind(item) not in (wanted, "an expression") for item in value)
        return f"{said} a list of the same kind" if wrong else ""
    wanted = _kind(stands)
    found = {_kind(item) for item in value} if is_list(value) and wanted == "a number" else {_kind(value)}
    return "" if found == {wanted} else f"{said} {wanted}"


def _range_fault(name: str, value: Any, stands: Any) -> str:
    """Return the fault by the table of settings; empty where the name means something else in this configuration."""
    if name not in SETTINGS or not _fits(name, stands) or _fits(name, value):
        return ""
    return SettingRules.VALUE.says(name=name, value=shown(value), wanted=SETTINGS[name].wanted)


def _fits(name: str, value: Any) -> bool:
    if is_expression(value):
        return True
    try:
        SETTINGS[name].read(value)
    except MisfitError:
        return False
    return True


def _kind(value: Any) -> str:
    if is_expression(value):
        return "an expression"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a text" if isinstance(value, str) else type(value).__name__
