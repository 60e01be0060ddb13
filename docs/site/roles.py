"""Docstrings for the site: references such as ``:func:`name``` become plain code."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

ROLE = re.compile(r":(?:func|class|meth|mod|data|attr|exc):`~?([^`]+)`")


class PlainRoles(Extension):
    """Extension of griffe that replaces the roles of Sphinx in all docstrings."""

    def on_instance(self, *, obj: Object, **others: Any) -> None:  # noqa: ARG002
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = ROLE.sub(r"`\1`", obj.docstring.value)
