"""The ``swinx`` command: scans, stages, data sets, scores, pictures and reports, beside the runs of bundles."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any

from swinx import __version__
from swinx.cli.front.command_table import commands, load_command
from swinx.cli.front.help_pages import command_help, command_list, group_help
from swinx.errors import reason_of
from swinx.visible_text import guard_log_handlers, visible, visible_lines

__all__ = ["main"]

_HELP = ("-h", "--help")


def main() -> None:
    """Run the command line; an error ends it with its reason and exit code 1, or 2 for an unknown command."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    guard_log_handlers()
    words = sys.argv[1:]
    if not words or words[0] in (*_HELP, "help"):
        print(command_list())
        return
    if words[0] in ("--version", "-V"):
        print(__version__)
        return
    known = commands()
    if words[0] not in known:
        _end(f"there is no command {visible(words[0])}{_nearest(words[0], known)}; swinx --help lists all", 2)
    try:
        _run(words[0], load_command(known[words[0]]), words[1:])
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except Exception as error:
        logging.getLogger(__name__).debug("stopped", exc_info=error)
        _end(reason_of(error), 1)


def _run(name: str, command: Any, words: Sequence[str]) -> None:
    """Print the help that is asked for, or run a command: a stage by its own words, all others by Fire."""
    methods = {} if callable(command) else _methods(command)
    asked = bool(set(words) & set(_HELP))
    if methods and words and words[0] not in methods and not asked:
        _end(f"there is no command {name} {visible(words[0])}{_nearest(words[0], methods)}; see swinx {name} --help", 2)
    if methods and (not words or (asked and words[0] not in methods)):
        print(group_help(name, methods))
    elif asked:
        function = methods[words[0]] if methods else command
        here = f"swinx {name} {words[0]}" if methods else f"swinx {name}"
        print(command.help() if hasattr(command, "help") else command_help(here, function))
    elif hasattr(command, "help"):
        command(words)
    else:
        import fire

        from swinx.cli.front.command_words import words_fault
        from swinx.cli.front.terminal import take_texts_as_they_are

        function, called = (methods[words[0]], f"{name} {words[0]}") if methods else (command, name)
        if fault := words_fault(f"swinx {called}", function, words[1:] if methods else words):
            _end(fault, 2)
        take_texts_as_they_are(function)
        fire.Fire({name: command}, name="swinx")


def _methods(group: object) -> dict[str, Callable[..., Any]]:
    return {name: getattr(group, name) for name in vars(type(group)) if not name.startswith("_")}


def _nearest(name: str, known: Sequence[str] | dict[str, Any]) -> str:
    from swinx.bundle import nearest

    return nearest(name, known)


def _end(reason: str, code: int) -> None:
    """End with an error; control characters are escaped, and all lines but the first indented."""
    sys.stderr.write(f"{visible_lines(f'error: {reason}', indent='  ')}\n")
    raise SystemExit(code) from None
