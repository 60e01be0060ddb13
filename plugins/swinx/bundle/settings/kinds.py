"""Kinds of values that a setting can have, and the words that name them in messages."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = [
    "Choice",
    "Device",
    "Either",
    "Flag",
    "Kind",
    "Many",
    "MisfitError",
    "Number",
    "Object",
    "PathName",
    "Text",
    "Whole",
    "is_expression",
    "is_list",
    "takes_text",
]

_TRUE = ("true", "yes", "on")
_FALSE = ("false", "no", "off")
_DEVICE = re.compile(r"(cpu|cuda|mps|xpu)(:\d+)?")


class MisfitError(ValueError):
    """A value that a kind does not take."""


class Kind(Protocol):
    """A kind of values."""

    @property
    def wanted(self) -> str:
        """The values, as a message names them after "give"."""

    def read(self, value: Any) -> Any:
        """Return the value that is meant.

        Raises:
            MisfitError: If it is none of this kind.
        """


@dataclass(frozen=True)
class Flag:
    """True or false, also as the words of a command line: yes, no, on, off, 1, 0."""

    wanted: str = "True or False"

    def read(self, value: Any) -> bool:
        """Return the value that is meant, see :meth:`Kind.read`."""
        word = value.strip().lower() if isinstance(value, str) else value
        if isinstance(word, bool) or (isinstance(word, int) and word in (0, 1)):
            return bool(word)
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise MisfitError


@dataclass(frozen=True)
class Number:
    """A finite number in a range.

    Attributes:
        low: The smallest value.
        high: The largest value.
        above: ``low`` itself is left out.
        unit: Added to the range in messages, such as ``"mm"``.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    unit: str = ""
    _noun = "a number"

    @property
    def wanted(self) -> str:
        """The values, as a message names them after "give"."""
        return f"{self._noun}{_range(self.low, self.high, self.above)}{f' {self.unit}' if self.unit else ''}"

    def read(self, value: Any) -> float | int:
        """Return the value that is meant, see :meth:`Kind.read`."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise MisfitError
        if not self.low <= value <= self.high or (self.above and value == self.low):
            raise MisfitError
        return value


@dataclass(frozen=True)
class Whole(Number):
    """A whole number in a range."""

    low: float = 0
    _noun = "a whole number"

    def read(self, value: Any) -> int:
        """Return the value that is meant, see :meth:`Kind.read`."""
        number = super().read(value)
        if number != int(number):
            raise MisfitError
        return int(number)


@dataclass(frozen=True)
class Choice:
    """One of a few texts."""

    names: tuple[str, ...]

    @property
    def wanted(self) -> str:
        """The values, as a message names them after "give"."""
        return " or ".join([", ".join(self.names[:-1]), self.names[-1]] if len(self.names) > 1 else self.names)

    def read(self, value: Any) -> str:
        """Return the value that is meant, see :meth:`Kind.read`."""
        if value not in self.names:
            raise MisfitError
        return str(value)


@dataclass(frozen=True)
class Text:
    """A text that is not empty."""

    wanted: str = "a text"

    def read(self, value: Any) -> str:
        """Return the value that is meant, see :meth:`Kind.read`."""
        if not isinstance(value, str) or not value.strip():
            raise MisfitError
        return value


@dataclass(frozen=True)
class PathName(Text):
    """The path of a file or a folder."""

    wanted: str = "a path"


@dataclass(frozen=True)
class Device:
    """A device of PyTorch."""

    wanted: str = "cpu, cuda, or a GPU by its number, such as cuda:0"

    def read(self, value: Any) -> str:
        """Return the value that is meant, see :meth:`Kind.read`."""
        if not isinstance(value, str) or not _DEVICE.fullmatch(value):
            raise MisfitError
        return value


@dataclass(frozen=True)
class Object:
    """Values by name."""

    wanted: str

    def read(self, value: Any) -> Any:
        """Return the value that is meant, see :meth:`Kind.read`."""
        if not isinstance(value, Mapping):
            raise MisfitError
        return value


@dataclass(frozen=True)
class Many:
    """A list of values of one kind.

    Attributes:
        item: The kind of each.
        example: How it is written on a command line.
        length: The number of values; any by default.
        least: The smallest number of values where any is taken.
    """

    item: Kind
    example: str
    length: int | None = None
    least: int = 0

    @property
    def wanted(self) -> str:
        """The values, as a message names them after "give"."""
        count = "a list" if self.length is None else f"a list of {self.length}"
        return f'{count}, each {self.item.wanted}, such as "{self.example}"'

    def read(self, value: Any) -> list[Any]:
        """Return the value that is meant, see :meth:`Kind.read`."""
        if not is_list(value) or len(value) < self.least or (self.length is not None and len(value) != self.length):
            raise MisfitError
        return [item if is_expression(item) else self.item.read(item) for item in value]


@dataclass(frozen=True)
class Either:
    """A value of any of several kinds; the first one that takes it reads it."""

    kinds: tuple[Kind, ...]

    @property
    def wanted(self) -> str:
        """The values, as a message names them after "give"."""
        return ", or ".join(kind.wanted for kind in self.kinds)

    def read(self, value: Any) -> Any:
        """Return the value that is meant, see :meth:`Kind.read`."""
        for kind in self.kinds:
            try:
                return kind.read(value)
            except MisfitError:
                continue
        raise MisfitError


def takes_text(kind: Kind) -> bool:
    """Return whether a kind accepts any text, alone or among others."""
    return isinstance(kind, Text) or (isinstance(kind, Either) and any(takes_text(one) for one in kind.kinds))


def is_list(value: Any) -> bool:
    """Return whether a value is a JSON list, or the tuple that a command line makes of one."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def is_expression(value: Any) -> bool:
    """Return whether MONAI evaluates or replaces a value of a configuration."""
    return isinstance(value, str) and value[:1] in ("$", "@", "%")


def _range(low: float, high: float, above: bool) -> str:
    if high < math.inf:
        return (
            f" above {_digits(low)} and up to {_digits(high)}" if above else f" from {_digits(low)} to {_digits(high)}"
        )
    if low > -math.inf:
        return f" above {_digits(low)}" if above else f", {_digits(low)} or more"
    return ""


def _digits(number: float) -> str:
    """Return a bound as a person writes it: whole numbers with all digits."""
    return str(int(number)) if number == int(number) else f"{number:g}"
