"""Warnings of other packages that no user of a bundle can act on."""

from __future__ import annotations

import warnings

__all__ = ["silence_third_parties"]

_MESSAGES: tuple[str, ...] = ()


def silence_third_parties() -> None:
    """Leave out the warnings that are listed here, each by the beginning of its message; all others are shown."""
    for message in _MESSAGES:
        warnings.filterwarnings("ignore", message=message)
