"""Locks that keep a second run out of a folder, or a file, that a run is writing."""

from __future__ import annotations

import atexit
import logging
import os
import shlex
import socket
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from swinx.errors import RunError
from swinx.files.atomic import write_json
from swinx.files.partial_files import remove_leftovers
from swinx.files.paths import real_path
from swinx.files.plain_json import read_object
from swinx.rules import LockRules
from swinx.visible_text import visible

__all__ = ["hold", "holding", "release"]

_logger = logging.getLogger(__name__)

_SHOWN = 200
_LONGEST_LOOK_S = 1.0
_held: dict[Path, FileLock] = {}


def hold(place: str | os.PathLike[str], wait_seconds: float = 0.0, is_file: bool = False) -> bool:
    """Keep other processes out of a folder until this process ends, however it ends.

    The system frees the lock when the process dies, so that none is left over. A small JSON file beside it says who
    holds it. A folder that this process holds already is its own. Where there are no file locks, as on some network
    disks, or none may be made, that is logged and nothing is locked.

    Args:
        place: The folder, which is made if need be.
        wait_seconds: How long to wait for another process.
        is_file: ``place`` is a file, which need not be there, and the lock is on it alone.

    Returns:
        True if the lock was taken by this call.

    Raises:
        RunError: If another process holds it; the message says which.
    """
    target = real_path(place)
    if target in _held:
        return False
    file = target.with_name(f".{target.name}.lock") if is_file else target / ".run.lock"
    lock = FileLock(file, timeout=wait_seconds, thread_local=False)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise RunError(LockRules.IN_USE.says(place=visible(place), **_look_up_holder(file))) from None
    except (OSError, NotImplementedError) as error:
        detail = getattr(error, "strerror", None) or error
        _logger.warning("%s", LockRules.NO_LOCK.says(place=visible(place), detail=detail))
        return False
    if not _held:
        atexit.register(_release_all)
    _held[target] = lock
    with suppress(OSError):  # it only tells others who holds the lock
        write_json(_record(file), _facts())
    if not is_file:
        remove_leftovers(target, of_other_machines=True)
    return True


def release(place: str | os.PathLike[str]) -> None:
    """Give back what :func:`hold` took; nothing happens to what this process does not hold."""
    lock = _held.pop(real_path(place), None)
    if lock is None:
        return
    for path in (_record(Path(lock.lock_file)), Path(lock.lock_file)):
        with suppress(OSError):
            path.unlink(missing_ok=True)
    lock.release()


@contextmanager
def holding(place: str | os.PathLike[str], wait_seconds: float = 0.0, is_file: bool = False) -> Iterator[None]:
    """Hold a folder, or a file, within a block; see :func:`hold`."""
    taken = hold(place, wait_seconds, is_file)
    try:
        yield
    finally:
        if taken:
            release(place)


def _release_all() -> None:
    for place in list(_held):
        release(place)


def _record(lock_file: Path) -> Path:
    return lock_file.with_suffix(".lock.json")


def _facts() -> dict[str, Any]:
    command = [Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]]
    return {
        "process": os.getpid(),
        "machine": socket.gethostname(),
        "since": datetime.now().astimezone().isoformat(" ", "seconds"),
        "command": textwrap.shorten(shlex.join(command), _SHOWN, placeholder=" ..."),
    }


def _look_up_holder(lock_file: Path) -> dict[str, str]:
    """Return the record that the holder of a lock wrote; one that has just begun is given a moment."""
    unknown = dict.fromkeys(("process", "machine", "since", "command"), "?")
    until = time.monotonic() + _LONGEST_LOOK_S
    while True:
        try:
            found = read_object(_record(lock_file))
            return {name: visible(str(found.get(name, "?"))[:_SHOWN]) for name in unknown}
        except (OSError, ValueError):
            if time.monotonic() > until:
                return unknown
            time.sleep(0.1)
