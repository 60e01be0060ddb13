"""The end of a run that fails: its reason last, and for a known reason alone."""

from __future__ import annotations

import logging
import sys
from types import TracebackType

from swinx.errors import is_known, reason_of
from swinx.visible_text import visible_lines

__all__ = ["end_with_reason"]


def end_with_reason() -> None:
    """Let an uncaught error end the process with its reason as the last line.

    MONAI wraps what goes wrong in a bundle in several layers of its own errors; the reason would be buried in the
    middle of a long traceback. For a reason that was written for users (:func:`swinx.errors.is_known`) the traceback
    goes to the log file alone; any other error shows it in the terminal, too.
    """
    sys.excepthook = _explain
    for handler in logging.getLogger().handlers:
        _hide_frames(handler)


def _explain(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if not isinstance(error, Exception):
        sys.__excepthook__(kind, error, traceback)
        return
    known = is_known(error)
    if not known:
        sys.__excepthook__(kind, error, traceback)
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
