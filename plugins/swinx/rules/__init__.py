"""What swinx refuses, warns of and repairs: the tables behind its messages and behind the page that lists them."""

from __future__ import annotations

from swinx.rules.rule import Action, Rule, Rules
from swinx.rules.scans import ByteRules, GeometryRules, ValueRules

__all__ = ["ALL_RULES", "Action", "ByteRules", "GeometryRules", "Rule", "Rules", "ValueRules"]

ALL_RULES: dict[str, tuple[type[Rules], ...]] = {
    "Files of scans": (ByteRules, GeometryRules, ValueRules),
}
"""The tables by the heading of their section."""
