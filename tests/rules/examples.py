"""Inputs that break one rule each, by rule: a function of an empty folder that returns the message found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from swinx.rules import Rules

__all__ = ["EXAMPLES", "example"]

Example = Callable[[Path], str]
EXAMPLES: dict[Rules, Example] = {}


def example(*rules: Rules) -> Callable[[Example], Example]:
    """Register a function as the input that breaks some rules; it returns all that a user would read."""

    def register(function: Example) -> Example:
        for rule in rules:
            EXAMPLES[rule] = function
        return function

    return register
