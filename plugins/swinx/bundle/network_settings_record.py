"""Settings that a network of a configuration has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["knobs_of_network"]

_REFERENCE = re.compile(r"@(\w+)")


def knobs_of_network(configuration: Mapping[str, Any], id_: str = "network_def") -> list[str]:
    """Return the knobs that a component of a configuration refers to, in the order in which they stand there.

    Examples:
        >>> knobs_of_network({"dim": 48, "lr": 1, "network_def": {"_target_": "Net", "dim": "@dim"}})
        ['dim']
    """
    found = _REFERENCE.findall(repr(configuration.get(id_)))
    return [name for name in dict.fromkeys(found) if name in configuration]
