"""Text of others: it neither forges lines of a log nor steers a terminal."""

from __future__ import annotations

import io
import logging

import pytest

from swinx.visible_text import VisibleFormatter, guard_log_handlers, visible, visible_lines

FORGED = "a\n2026-01-01 00:00:00 ERROR swinx: forged"


def test_ordinary_text_of_any_language_stays_as_it_is():
    for text in ("Müller", "症例", "a b", "🙂", "C:\\x"):
        assert visible(text) == visible_lines(text) == text


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\x9b", "\x00", "\u2028", "\u202e", "\udcff"])
def test_what_steers_a_terminal_is_escaped(character):
    assert character not in visible(f"a{character}b")
    visible_lines(f"a{character}b").encode()


def test_a_message_cannot_pass_for_two_lines_of_a_log():
    stream = io.StringIO()
    logger = logging.Logger("test")
    logger.addHandler(logging.StreamHandler(stream))
    logger.handlers[0].setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    guard_log_handlers(logger)
    guard_log_handlers(logger)
    logger.info("saved %s", FORGED)
    try:
        raise ValueError(FORGED)
    except ValueError:
        logger.exception("failed")
    assert stream.getvalue().splitlines()[0] == "INFO saved a"
    assert not [line for line in stream.getvalue().splitlines() if line.startswith("2026")]


def test_a_formatter_without_another_writes_the_message():
    record = logging.LogRecord("x", logging.INFO, "", 0, "a %s", ("b",), None)
    assert VisibleFormatter().format(record) == "a b"
