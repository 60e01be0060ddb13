"""Help of the commands, formatted by argparse from the signatures and docstrings of the functions."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from swinx.cli.front.command_table import GROUPS

__all__ = ["command_help", "command_list", "group_help"]

_WIDTH = 110
_KINDS = {"str": "TEXT", "int": "N", "float": "NUMBER", "bool": "", "tuple": "'[X,Y,Z]'"}
_ARGUMENT = re.compile(r"^ {4}\*{0,2}(\w+): (.*(?:\n {6,}.*)*)", re.MULTILINE)


def command_list() -> str:
    """Return the help of ``swinx`` itself: all commands, sorted by what they are for."""
    lines = [
        "usage: swinx COMMAND [ARGUMENTS]",
        "",
        "Segment organs and tumours in CT, and train networks that do.",
        "",
    ]
    for heading, found in GROUPS.items():
        lines += [f"{heading}:", *(f"  {name:<10}{command.summary}" for name, command in found.items()), ""]
    lines += ["swinx COMMAND --help tells the arguments of a command; swinx --version prints the version."]
    return "\n".join(lines)


def group_help(name: str, methods: Mapping[str, Callable[..., Any]]) -> str:
    """Return the help of a group of commands, such as ``swinx data``."""
    width = max(map(len, methods)) + 2
    lines = [f"usage: swinx {name} COMMAND [ARGUMENTS]", "", "commands:"]
    lines += [f"  {method:<{width}}{_summary(function)}" for method, function in methods.items()]
    return "\n".join([*lines, "", f"swinx {name} COMMAND --help tells the arguments of a command."])


_OPTIONAL_PLACES = {"swinx bundles": ("action", "name", "folder"), "swinx data example": ("folder",)}
"""Arguments with a default that are given by their place: Fire knows no default of positional-only ones."""


def command_help(name: str, function: Callable[..., Any]) -> str:
    """Return the help of a command.

    Args:
        name: The words that call it, such as ``swinx data check``.
        function: With annotations, and a docstring in Google style.
    """
    told = dict(_ARGUMENT.findall(_section(inspect.getdoc(function) or "", "Args:")))
    parser = argparse.ArgumentParser(prog=name, description=_description(function), formatter_class=_layout)
    for argument in inspect.signature(function).parameters.values():
        meaning = " ".join(told.get(argument.name, "").split()).replace("`", "").replace("%", "%%")
        if argument.kind is argument.VAR_KEYWORD:
            parser.add_argument("--SETTING", metavar="VALUE", help=meaning)
        elif argument.kind is argument.VAR_POSITIONAL:
            parser.add_argument(argument.name, nargs="*", metavar=argument.name.upper(), help=meaning)
        elif argument.default is argument.empty:
            parser.add_argument(argument.name, metavar=argument.name.upper(), help=meaning)
        elif argument.name in _OPTIONAL_PLACES.get(name, ()):
            words = _with_default(meaning, argument.default)
            parser.add_argument(argument.name, nargs="?", metavar=argument.name.upper(), help=words)
        else:
            _add_option(parser, argument, meaning)
    return parser.format_help().rstrip()


def _add_option(parser: argparse.ArgumentParser, argument: inspect.Parameter, meaning: str) -> None:
    kind = _KINDS.get(re.split(r"\W", str(argument.annotation))[0], "VALUE")
    words = _with_default(meaning, argument.default)
    option = f"--{argument.name}"
    if kind:
        parser.add_argument(option, metavar=kind, help=words)
    else:
        parser.add_argument(option, action="store_true", help=words)


def _with_default(meaning: str, default: Any) -> str:
    return meaning if default in (None, False, "", ()) else f"{meaning} Default: {str(default).replace('%', '%%')}."


def _layout(prog: str) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(prog, max_help_position=30, width=_WIDTH)


def _description(function: Callable[..., Any]) -> str:
    """Return a docstring up to its first section, without marks."""
    text = (inspect.getdoc(function) or "").split("\n\nArgs:")[0]
    return " ".join(text.split()).replace("`", "")  # argparse reads % in the texts of arguments alone


def _summary(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0].replace("`", "")


def _section(text: str, heading: str) -> str:
    return text.partition(f"\n{heading}\n")[2].split("\n\n")[0]
