"""The keys that sidecars have, and of which kind each is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from swinx.errors import RecordError
from swinx.files import check_settings, shown
from swinx.rules import PlainDataRules
from swinx.tracking.addresses import without_credentials
from swinx.visible_text import visible

__all__ = ["check_run_record", "check_sidecar"]

_HASH = re.compile(r"[0-9a-fA-F]{1,64}")
_RUN_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
_LONGEST_LINE = 1024
_LONGEST_PATH = 4096


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_LINE and visible(value) == value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _is_run_id(value: Any) -> bool:
    return isinstance(value, str) and _RUN_ID.fullmatch(value) is not None


def _is_path(value: Any) -> bool:
    """Return whether a value is a text; file systems allow nearly all, and it is only shown."""
    return isinstance(value, str) and len(value) <= _LONGEST_PATH


def _is_list_of_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(_is_number(item) for item in value)


def _is_lines_by_name(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_line(name) and _is_line(text) for name, text in value.items())


def _is_numbers_by_name(value: Any) -> bool:
    return isinstance(value, dict) and all(n is None or _is_number(n) for n in value.values())


def _is_counts_by_section(value: Any) -> bool:
    """Return whether a value is what :func:`swinx.training.data_counts` gives."""
    return isinstance(value, dict) and all(
        _is_line(section)
        and isinstance(counts, dict)
        and counts.keys() <= {"cases", "annotated", "pseudo"}
        and _is_number(counts.get("cases"))
        and all(_is_numbers_by_name(counts.get(name, {})) for name in ("annotated", "pseudo"))
        for section, counts in value.items()
    )


_Kind = tuple[str, Callable[[Any], bool]]
_LINE: _Kind = ("one line of text", _is_line)
_ADDRESS: _Kind = ("an address", _is_path)
_NUMBER: _Kind = ("a number", _is_number)
_SHA: _Kind = ("a hash in hexadecimal", _is_hash)
_ID: _Kind = ("the id of a run", _is_run_id)
_RUN: Mapping[str, _Kind] = {"name": _LINE, "run_id": _ID, "tracking_uri": _ADDRESS}
_SOURCE: Mapping[str, _Kind] = {
    **_RUN,
    "path": ("a path", _is_path),
    "sha256": _SHA,
    "matches": ("true or false", lambda value: isinstance(value, bool)),
}
_SIDECAR: Mapping[str, _Kind] = {
    **dict.fromkeys(("run_id",), _ID),
    **dict.fromkeys(("sha256", "config_sha256", "data_sha256"), _SHA),
    **dict.fromkeys(("about", "stage", "bundle", "swinx", "torch", "date", "metric", "format"), _LINE),
    **dict.fromkeys(("epoch", "max_epochs", "value", "max_difference", "largest_score"), _NUMBER),
    **dict.fromkeys(("same_labels", "tolerance"), _NUMBER),
    "tracking_uri": _ADDRESS,
    "window": ("a list of numbers", _is_list_of_numbers),
    "versions": ("an object of texts", _is_lines_by_name),
    "metrics": ("an object of numbers", _is_numbers_by_name),
    "settings": ("an object of settings", lambda value: isinstance(value, dict)),
    "class_dice": ("an object of numbers", _is_numbers_by_name),
    "data": ("an object of sections with counts", _is_counts_by_section),
    "labels": ("a label set", lambda value: isinstance(value, dict)),
    "upstream": ("a list of objects", lambda value: isinstance(value, list)),
}


def check_sidecar(content: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return the entries of a sidecar that this version knows, checked; null is taken for each.

    Entries of other names are left out: a later version may write more, and nothing here reads them.

    Args:
        content: An object that :func:`swinx.files.read_object` has read.
        source: Its file, for the message.

    Raises:
        RecordError: If an entry is of another kind than its name says, or a setting is more than a plain value.
    """
    known = _checked(content, _SIDECAR, source)
    check_settings(known.get("settings") or {}, source)
    if "upstream" in known:
        sources = known["upstream"] or []
        if not all(isinstance(item, dict) and item.get("name") and item.get("path") for item in sources):
            wanted = "a list of objects with name and path"
            raise RecordError(
                f"{source}: {PlainDataRules.OTHER_KIND.says(key='upstream', value=shown(sources), wanted=wanted)}"
            )
        known["upstream"] = [_checked(item, _SOURCE, source, f"upstream[{n}].") for n, item in enumerate(sources)]
    return known


def check_run_record(content: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return name, id and store of a run as ``mlflow_run.json`` has them, checked.

    Raises:
        RecordError: If an entry is of another kind than its name says.
    """
    return _checked(content, _RUN, source)


def _checked(content: Mapping[str, Any], kinds: Mapping[str, _Kind], source: str, prefix: str = "") -> dict[str, Any]:
    known = {name: value for name, value in content.items() if name in kinds}
    for name, value in known.items():
        wanted, fits = kinds[name]
        if value is not None and not fits(value):
            fault = PlainDataRules.OTHER_KIND.says(key=prefix + name, value=shown(value), wanted=wanted)
            raise RecordError(f"{source}: {fault}")
    if known.get("tracking_uri") is not None:
        known["tracking_uri"] = without_credentials(known["tracking_uri"])
    return known
