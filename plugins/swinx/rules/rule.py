"""Rows of the tables of what swinx refuses, warns of and repairs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

__all__ = ["Action", "Rule", "Rules"]

Action = Literal["refused", "warned", "repaired", "skipped"]

_FIELD = re.compile(r"\{(\w+)[^}]*\}")


@dataclass(frozen=True)
class Rule:
    """A kind of fault in data, with the action of swinx and the message to the user.

    Attributes:
        action: ``"refused"``: the case (or the file) is not used; ``"warned"``: it is used, and the log and the
            record of the case say so; ``"repaired"``: it is used with the value that is certainly meant, and the log
            says so; ``"skipped"``: the file is no case, and the log says so.
        concerns: Where the fault occurs, such as ``"NIfTI, NRRD"`` or ``"folders"``.
        message: A sentence with named fields, as :meth:`str.format` takes it: what was found and what to do.
    """

    action: Action
    concerns: str
    message: str

    def as_row(self) -> str:
        """Return the row of a Markdown table; a field appears by its name in italics."""
        shown = _FIELD.sub(r"*\1*", self.message).replace("|", r"\|")
        return f"| {self.action} | {self.concerns} | {shown} |"


class Rules(Enum):
    """Base of the tables. A member's value is its :class:`Rule`, and its name is the name of the fault."""

    def says(self, **values: Any) -> str:
        """Return the message with its fields filled in.

        Raises:
            KeyError: If a field of the message is not given.
        """
        rule: Rule = self.value
        return rule.message.format(**values)
