"""Every rule has an input that breaks it, its message is what a user reads, and the page lists it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from rules.examples import EXAMPLES
from swinx.rules import ALL_RULES, Rules
from swinx.rules.refusals_page import rules_page

PAGE = Path(__file__).parents[2] / "docs" / "refusals.md"
for module in sorted(Path(__file__).parent.glob("examples_*.py")):
    importlib.import_module(f"rules.{module.stem}")
RULES = [rule for tables in ALL_RULES.values() for table in tables for rule in table]


def pattern(rule: Rules) -> re.Pattern[str]:
    """The message of a rule with anything in its fields."""
    fixed = re.split(r"\{\w+[^}]*\}", rule.value.message)
    return re.compile(r"(.|\n)*?".join(map(re.escape, fixed)))


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_user_reads_the_message_of_the_rule(rule, tmp_path):
    assert rule in EXAMPLES, f"no input in tests/rules/examples_*.py breaks {rule}"
    assert pattern(rule).search(EXAMPLES[rule](tmp_path))


def test_the_page_is_made_from_the_tables():
    assert PAGE.read_text(encoding="utf-8") == rules_page(), "make sync writes the page anew"


def test_no_two_rules_share_a_message():
    messages = [rule.value.message for rule in RULES]
    assert len(set(messages)) == len(messages)
