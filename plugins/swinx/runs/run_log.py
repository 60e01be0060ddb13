"""A log file beside the results, and the reason of a failure as the last line a user sees."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from swinx.files import real_path
from swinx.visible_text import guard_log_handlers
from swinx.workarounds import end_with_reason

__all__ = ["require_writable", "start_log"]


def start_log(path: str, enabled: bool = True) -> Path | None:
    """Copy all logs, at level INFO or above, to a file, and end an uncaught error with its reason.

    The end of a run is that of :func:`swinx.workarounds.end_with_reason`.

    File names cannot forge lines of a log: control characters are escaped and further lines of a
    message indented, in the file and in what other handlers of the root logger show.

    Args:
        path: The log file, appended to if it exists; its folder is made if need be.
        enabled: False on all but the first process of a distributed run.

    Returns:
        The file, or None if not enabled.

    Raises:
        OSError: If the file cannot be written.
    """
    end_with_reason()
    guard_log_handlers()
    if not enabled:
        return None
    target = real_path(path)
    root = logging.getLogger()
    if any(isinstance(h, logging.FileHandler) and Path(h.baseFilename) == target for h in root.handlers):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(target, encoding="utf-8")
    except OSError as error:
        raise OSError(f"cannot write the log {target}: {error.strerror}; choose another output folder") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.setLevel(logging.INFO)
    root.addHandler(handler)
    guard_log_handlers(root)
    if root.level > logging.INFO or root.level == logging.NOTSET:
        root.setLevel(logging.INFO)
    return target


def require_writable(path: str) -> None:
    """Find out before the work, not after it, whether its result can be written.

    Args:
        path: The file to be; its folder is made if need be, and nothing is left in it.

    Raises:
        OSError: If the folder cannot be made or written to; the message names the file.
    """
    target = Path(path)
    if target.is_dir():
        raise OSError(f"cannot write {target}: it is a folder; give the path of a file")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise OSError(f"cannot write {target}: {error.strerror}; choose another place for it") from error
