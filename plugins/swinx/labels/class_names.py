"""Names of classes: which of them mean the same, and the sides that they name."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["mirrored_name", "name_words", "side_of"]

_SIDES = {"left": "right", "right": "left"}
_WORD = re.compile(r"\d+|[^\d\s]+")
_SIDE = re.compile(r"(?<![^\W\d_])(left|right)(?![^\W\d_])", re.IGNORECASE)


def name_words(name: str) -> frozenset[str]:
    """Return the words of a name; names of the same words mean the same class.

    Case, the order of words, what separates them, and the Unicode form of letters do not matter.

    Examples:
        >>> name_words("kidney_right") == name_words("Right Kidney")
        True
        >>> name_words("rib_left_1") == name_words("rib_left_11")
        False
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return frozenset(_WORD.findall("".join(letter if _is_of_a_word(letter) else " " for letter in folded)))


def _is_of_a_word(letter: str) -> bool:
    """Return whether a character is a letter, a digit, or a mark such as a vowel sign that belongs to a letter."""
    return letter.isalnum() or unicodedata.category(letter).startswith("M")


def side_of(name: str) -> str | None:
    """Return ``"left"`` or ``"right"`` if a name has exactly one of these words.

    Examples:
        >>> side_of("kidney_left"), side_of("liver")
        ('left', None)
    """
    sides = {side.lower() for side in _SIDE.findall(name)}
    return sides.pop() if len(sides) == 1 else None


def mirrored_name(name: str) -> str | None:
    """Return a name with its side exchanged; None if it names no side.

    Examples:
        >>> mirrored_name("rib_left_1")
        'rib_right_1'
    """
    side = side_of(name)
    return None if side is None else _SIDE.sub(_SIDES[side], name)
