"""Names of a configuration that something in it refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["is_plain", "names_in_use", "tracking_names"]

_MARKS = ("$", "@", "%")


def names_in_use(configuration: Mapping[str, Any]) -> set[str]:
    """Return the top-level names that values of a configuration refer to by ``@name`` or ``@name::id``.

    Examples:
        >>> sorted(names_in_use({"net": {"dim": "@dim"}, "rate": "$@lr::low * 2", "mail": "a@b", "dim": 4}))
        ['dim', 'lr']
    """
    from monai.bundle.reference_resolver import ReferenceResolver

    found: set[str] = set()
    for value in configuration.values():
        for text in _texts(value):
            found |= {id_.split(ReferenceResolver.sep)[0] for id_ in ReferenceResolver.match_refs_pattern(text)}
    return found


def is_plain(value: Any) -> bool:
    """Return whether a value has neither components nor expressions."""
    if isinstance(value, Mapping):
        return all(not str(name).startswith("_") and is_plain(item) for name, item in value.items())
    if isinstance(value, list | tuple | set):
        return all(is_plain(item) for item in value)
    return not (isinstance(value, str) and value[:1] in _MARKS)


def tracking_names(tracking: Any) -> set[str]:
    """Return the names that MONAI's argument ``tracking`` brings into a configuration."""
    if tracking is None:
        return set()
    names = {"tracking_uri", "experiment_name", "run_name", "save_execute_config", "is_not_rank0"}
    if isinstance(tracking, dict) or (isinstance(tracking, str) and tracking.endswith((".json", ".yaml", ".yml"))):
        from monai.bundle import ConfigParser

        names |= set(ConfigParser.load_config_files(tracking).get("configs", ()))
    return names


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
