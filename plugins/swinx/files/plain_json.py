"""Plain data: JSON from anywhere that is read, written and shown, and never becomes code.

MONAI evaluates texts of a configuration that begin with ``$``, ``@`` or ``%``, and calls what stands under
``_target_``. So whatever comes from a file of data (a sidecar, a record, a manifest, overrides) passes through here
before it may get near a configuration, and settings that a user gives for weights do, too.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swinx.errors import RecordError
from swinx.files.atomic import object_of
from swinx.files.regular_files import open_regular
from swinx.rules import PlainDataRules as Plain
from swinx.rules import TextRules
from swinx.visible_text import visible, visible_lines

__all__ = [
    "PROGRAM_NAMES",
    "check_overrides",
    "check_setting_of",
    "check_settings",
    "is_listed",
    "is_program",
    "is_setting",
    "read_object",
    "shown",
    "shown_error",
]

PROGRAM_NAMES = frozenset(
    {
        *("imports", "initialize", "run", "finalize", "training", "inference", "evaluate", "refine"),
        *("network_def", "network", "launcher"),
    }
)
"""Names of a configuration that are its program in every bundle: what MONAI runs, and what is built."""

_STEPS = frozenset({"imports", "initialize", "run", "finalize"})
_LARGEST_FILE = 64 << 20
_MOST_ENTRIES = 200_000
_SHOWN = 120
_SHALLOW = 50
_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
_MARKS = frozenset("$@%")


@dataclass(frozen=True)
class _Limits:
    """Limits of plain values.

    Attributes:
        text: Characters of a text.
        depth: Lists and objects in each other.
        lines: Whether texts may have line breaks.
        within: Whether texts may hold ``$``, ``@`` and ``%``.
        leading: Whether texts may begin with one of these.
        ids: Whether names may look like ids of a configuration.
        finite: Refuse NaN and infinity.
    """

    text: int
    depth: int
    lines: bool
    within: bool
    leading: bool
    ids: bool
    finite: bool = True


_RECORD = _Limits(text=20_000, depth=12, lines=True, within=True, leading=True, ids=True)
_SETTING = _Limits(text=1024, depth=6, lines=False, within=False, leading=False, ids=False)
_OVERRIDE = replace(_SETTING, within=True)
_LISTED = replace(_SETTING, lines=True, within=True, ids=True, finite=False)


def read_object(path: str | os.PathLike[str], largest: int = _LARGEST_FILE, finite: bool = True) -> dict[str, Any]:
    """Read a JSON file that holds an object of plain data.

    Args:
        path: The file; a regular one.
        largest: Bytes that it may have.
        finite: Refuse NaN and infinity, which Python writes and JSON does not know.

    Raises:
        RecordError: If it holds anything else, or has two entries of one name; one line that names file and key.
        OSError: If it cannot be read, or is no regular file.
    """
    source = os.fspath(path)
    with open_regular(path) as stream:
        content = stream.read(largest + 1)
    if len(content) > largest:
        found = max(len(content), Path(path).stat().st_size)
        raise RecordError(f"{source}: {Plain.TOO_LARGE.says(found=found, limit=largest)}")
    try:
        found_object = json.loads(content, object_pairs_hook=object_of, parse_constant=_no_constant if finite else None)
    except (ValueError, RecursionError) as error:
        detail = "it is nested too deeply" if isinstance(error, RecursionError) else shown_error(error)
        raise RecordError(TextRules.UNREADABLE.says(path=source, kind="JSON", detail=detail)) from error
    if not isinstance(found_object, dict):
        raise RecordError(f"{source}: {Plain.NO_OBJECT.says(kind=_kind(found_object))}")
    _Check(source, replace(_RECORD, finite=finite)).value(found_object, "", 0)
    return found_object


def check_settings(settings: Mapping[str, Any], source: str) -> None:
    """Refuse settings that are more than plain values under plain names.

    Args:
        settings: Values by name.
        source: The file or the command that they come from, for the message.

    Raises:
        RecordError: If a name is none of a setting, or a value is neither a number, a short text without ``$``, ``@``
            and ``%``, true, false, null, nor a list or an object of such.
    """
    for name, value in settings.items():
        if name in PROGRAM_NAMES or str(name).startswith("_"):
            raise RecordError(f"{source}: {Plain.PROGRAM.says(name=shown(name, quoted=False))}")
        if len(str(name)) > _SETTING.text or not _NAME.fullmatch(str(name)):
            raise RecordError(f"{source}: {Plain.SETTING_NAME.says(name=shown(name))}")
        _Check(source, _SETTING).value(value, name, 0)


def check_overrides(overrides: Mapping[str, Any], source: str) -> None:
    """Refuse values by id that would bring code into the configuration in which they replace others.

    What a user writes on the command line or into a program of theirs, such as the path of a folder, may hold ``$``,
    ``@`` and ``%``, but not begin with one; an id may lead into components, but not to what builds them.

    Args:
        overrides: Plain values by id, such as ``"preprocessing::transforms::2::pixdim"``.
        source: Where they are given, for the message.

    Raises:
        RecordError: If an id is, or leads to, a part of the program, or a value is more than a plain value.
    """
    for id_, value in overrides.items():
        parts = re.split(r"::|#", str(id_))
        if str(id_) in PROGRAM_NAMES or parts[0] in _STEPS or any(part.startswith("_") for part in parts):
            raise RecordError(f"{source}: {Plain.PROGRAM.says(name=shown(id_, quoted=False))}")
        if not all(_NAME.fullmatch(part) or part.isdecimal() for part in parts):
            raise RecordError(f"{source}: {Plain.SETTING_NAME.says(name=shown(id_))}")
        _Check(source, _OVERRIDE).value(value, str(id_), 0)


def is_setting(name: str, value: Any) -> bool:
    """Return whether :func:`check_settings` accepts a value under a name."""
    try:
        check_settings({name: value}, "")
    except RecordError:
        return False
    return True


def is_listed(value: Any) -> bool:
    """Return whether a value may stand in an entry of a data list beside its paths and names.

    As a setting, but texts may have line breaks, and hold ``$``, ``@`` and ``%`` where they do not begin with one.
    """
    try:
        _Check("", _LISTED).value(value, "", 0)
    except RecordError:
        return False
    return True


def check_setting_of(configuration: Mapping[str, Any], settings: Mapping[str, Any], source: str) -> None:
    """Refuse settings that would replace a part of a configuration's program.

    Args:
        configuration: Content of a configuration file.
        settings: Values by name; names that the configuration does not have are passed.
        source: The file or the command that they come from, for the message.

    Raises:
        RecordError: As :func:`check_settings`, and if a component or a list of expressions stands under a name.
    """
    check_settings(settings, source)
    for name in settings:
        if name in configuration and is_program(configuration[name]):
            raise RecordError(f"{source}: {Plain.PROGRAM.says(name=name)}")


def is_program(stands: Any) -> bool:
    """Return whether an item of a configuration is part of its program: component, expressions or macro.

    One expression or reference in the place of a value is not: a plain value may replace it.

    Examples:
        >>> [is_program(x) for x in ({"_target_": "UNet"}, ["$import os"], "%run", "$0.1 * 2", [96, 96], {"3": [0, 1]})]
        [True, True, True, False, False, False]
    """
    if isinstance(stands, str):
        return stands.startswith("%")
    return _holds_program(stands)


def shown(value: Any, quoted: bool = True) -> str:
    """Return a value as a message shows it: short, and on one line."""
    if _is_deep(value):
        return f"a {type(value).__name__} of many levels"
    text = visible(repr(value) if quoted else str(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _is_deep(value: Any, depth: int = _SHALLOW) -> bool:
    """Return whether ``repr`` may run out of stack."""
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return depth == 0 or any(_is_deep(part, depth - 1) for part in parts)


def shown_error(error: BaseException) -> str:
    """Return the text of an error as a message shows it: on one line."""
    return visible(" ".join(str(error).split()))[:200]


class _Check:
    """One walk through data."""

    def __init__(self, source: str, limits: _Limits) -> None:
        self.source = source
        self.limits = limits
        self.entries = 0

    def value(self, value: Any, key: str, depth: int) -> None:
        if value is None or isinstance(value, bool | int):
            return
        if isinstance(value, float):
            self._refuse_if(self.limits.finite and not math.isfinite(value), Plain.NOT_FINITE, key, value=value)
        elif isinstance(value, str):
            self._text(value, key)
        elif isinstance(value, list | tuple):
            self._enter(value, key, depth)
            for number, item in enumerate(value):
                self.value(item, f"{key}[{number}]", depth + 1)
        elif isinstance(value, Mapping):
            self._enter(value, key, depth)
            for name, item in value.items():
                self._name(name, key)
                self.value(item, f"{key}.{name}" if key else str(name), depth + 1)
        else:
            self._refuse_if(True, Plain.NO_PLAIN_VALUE, key, value=shown(value))

    def _enter(self, value: Any, key: str, depth: int) -> None:
        limit = self.limits.depth
        self._refuse_if(depth >= limit, Plain.TOO_DEEP, key, limit=limit)
        self.entries += len(value)
        self._refuse_if(self.entries > _MOST_ENTRIES, Plain.TOO_MANY, key, found=self.entries, limit=_MOST_ENTRIES)

    def _name(self, name: Any, key: str) -> None:
        text = str(name)  # Fire makes numbers of names
        self._text(text, f"{key}.{text}" if key else text)
        builds = text.startswith("_") and text.endswith("_") and len(text) > 1
        leads = text.startswith(("_", "+", "~")) or "#" in text or "::" in text
        self._refuse_if(builds or (leads and not self.limits.ids), Plain.COMPONENT, key or "it", name=shown(name))

    def _text(self, value: str, key: str) -> None:
        limit = self.limits.text
        self._refuse_if(len(value) > limit, Plain.LONG_TEXT, key, found=len(value), limit=limit)
        text = value.replace("\r\n", "\n") if self.limits.lines else value
        clean = visible_lines(text) if self.limits.lines else visible(text)
        self._refuse_if(clean != text, Plain.CONTROL, key, value=shown(value))
        marked = (not self.limits.leading and value[:1] in _MARKS) or (not self.limits.within and _MARKS & set(value))
        self._refuse_if(bool(marked), Plain.EXPRESSION, key, value=shown(value))

    def _refuse_if(self, fault: bool, rule: Plain, key: str, **fields: Any) -> None:
        if fault:
            raise RecordError(f"{self.source}: {rule.says(key=shown(key or 'it', quoted=False), **fields)}")


def _holds_program(stands: Any) -> bool:
    if isinstance(stands, Mapping):
        return any(str(name).startswith("_") or _holds_program(item) for name, item in stands.items())
    if isinstance(stands, list | tuple):
        return any(_holds_program(item) for item in stands)
    return isinstance(stands, str) and stands[:1] in _MARKS


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number that JSON knows")


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")
