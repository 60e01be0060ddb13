"""The end of a run that fails: its reason as the last line.

Symptom: MONAI wraps what goes wrong in a bundle in several layers of its own errors, and its command line has no place
to catch them: the reason is buried in the middle of a long traceback.
Report: none found; a bundle has no hook for errors.
Can go: when MONAI's command line ends with the innermost error. MONAI 1.6.1 does not.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import TracebackType

from swinx.errors import is_known, reason_of
from swinx.visible_text import visible_lines

__all__ = ["end_with_reason"]


def end_with_reason() -> None:
    """Let an uncaught error end the process with its reason as the last line.

    For a reason that was written for users (:func:`swinx.errors.is_known`) the traceback goes to the log file alone;
    any other error goes to the hook that was there before, too, which shows it in the terminal.
    """
    if not isinstance(sys.excepthook, _Hook):
        sys.excepthook = _Hook(sys.excepthook)
    for handler in logging.getLogger().handlers:
        _hide_frames(handler)


class _Hook:
    """The hook for uncaught errors, in front of the one that was there before.

    Args:
        before: That one.
    """

    def __init__(self, before: Callable[[type[BaseException], BaseException, TracebackType | None], object]) -> None:
        self.before = before

    def __call__(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if not isinstance(error, Exception):
            self.before(kind, error, traceback)
            return
        if not is_known(error):
            self.before(kind, error, traceback)
        logger = logging.getLogger("swinx")
        _to_files(logger.makeRecord(logger.name, logging.ERROR, "", 0, "traceback", (), (kind, error, traceback)))
        logger.error("stopped: %s", reason_of(error))
        if not any(_is_terminal(handler) for handler in logging.getLogger().handlers):
            sys.stderr.write(f"stopped: {visible_lines(reason_of(error), indent='    ')}\n")


def _to_files(record: logging.LogRecord) -> None:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handle(record)


def _is_terminal(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)


def _hide_frames(handler: logging.Handler) -> None:
    """Keep tracebacks of known reasons, which handlers of MONAI log as well, out of a terminal."""
    if not _is_terminal(handler) or any(isinstance(f, _NoKnownFrames) for f in handler.filters):
        return
    handler.addFilter(_NoKnownFrames())


class _NoKnownFrames(logging.Filter):
    """Refuses records with the traceback of an error whose reason will end the run."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not (isinstance(error, Exception) and is_known(error))
