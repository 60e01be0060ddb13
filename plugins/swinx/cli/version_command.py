"""``swinx version``: the version of the package."""

from __future__ import annotations

from swinx import __version__
from swinx.cli.front.terminal import say

__all__ = ["version"]


def version() -> None:
    """Print the version."""
    say(__version__)
