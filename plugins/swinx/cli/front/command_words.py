"""Words of a command line against the arguments of its function, before Fire reads them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

from swinx.bundle import nearest
from swinx.visible_text import visible

__all__ = ["words_fault"]

_OPTION = re.compile(r"--|-[a-zA-Z]")
_FLAGS = ("true", "false", "yes", "no", "1", "0")
_FEW = 3


def words_fault(called: str, function: Callable[..., Any], words: Sequence[str]) -> str | None:
    """Return a sentence on words that a command cannot take, or needs and lacks; None if there is no fault.

    Fire tells it by a page about itself, and calls the function with the words that it can take before it complains
    of the others.

    Args:
        called: The words that call the command, such as ``swinx data check``.
        function: Its function.
        words: What stands behind them.

    Examples:
        >>> def grow(scan: str, out: str, *, quick: bool = False): ...
        >>> words_fault("swinx grow", grow, ["a.nii.gz"])
        'swinx grow needs SCAN and OUT, got a.nii.gz alone; see swinx grow --help'
    """
    arguments = inspect.signature(function).parameters
    kinds = {argument.kind for argument in arguments.values()}
    placed, options = _sorted_words(list(words), arguments)
    help_page = f"see {called} --help"
    for name, value in options:
        if name not in arguments:
            if inspect.Parameter.VAR_KEYWORD not in kinds:
                return f"{called} has no option --{visible(name)}{nearest(name, arguments)}; {help_page}"
        elif str(arguments[name].annotation) == "bool" and value.lower() not in _FLAGS:
            return f"--{name} is {visible(value)}; give it without a value, or True or False"
    named = {name for name, _ in options}
    places = [
        argument
        for argument in arguments.values()
        if argument.kind is argument.POSITIONAL_OR_KEYWORD and argument.name not in named
    ]
    shown = " ".join(map(visible, placed))
    if len(placed) > len(places) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        takes = _listed([argument.name for argument in places]) if len(places) <= _FEW else f"at most {len(places)}"
        return f"{called} takes {takes}, got {len(placed)}: {shown}; {help_page}"
    if any(argument.default is argument.empty for argument in places[len(placed) :]):
        needed = [argument.name for argument in places if argument.default is argument.empty]
        return f"{called} needs {_listed(needed)}, got {f'{shown} alone' if placed else 'none'}; {help_page}"
    return None


def _sorted_words(words: list[str], arguments: Any) -> tuple[list[str], list[tuple[str, str]]]:
    """Return words by place and options with their values, as Fire sorts them."""
    placed: list[str] = []
    options: list[tuple[str, str]] = []
    if "--" in words:  # what follows is for Fire itself
        words = words[: words.index("--")]
    while words:
        word = words.pop(0)
        if not _OPTION.match(word):
            placed.append(word)
            continue
        name, separator, value = word.lstrip("-").partition("=")
        name = name.replace("-", "_")
        if not separator:
            value = "True" if not words or _OPTION.match(words[0]) else words.pop(0)
            if value == "True" and name not in arguments and name.removeprefix("no") in arguments:
                name, value = name.removeprefix("no"), "False"
        options.append((name, value))
    return placed, options


def _listed(names: Sequence[str]) -> str:
    """Return names of arguments as the help writes them."""
    told = [name.upper() for name in names]
    return " and ".join([", ".join(told[:-1]), told[-1]]) if len(told) > 1 else "".join(told) or "no argument"
