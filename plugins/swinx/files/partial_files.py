"""Temporary files beside those that are being written, and what killed processes left of them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import threading
from pathlib import Path

import psutil

__all__ = ["partial_name", "remove_leftovers", "sweep_once"]

_LONGEST_NAME_BYTES = 255
_ROOM_FOR_PARTIAL = 56
"""Bytes of a temporary name besides that of the file: dots, machine, process, the random part and both suffixes."""

_PARTIAL = re.compile(r"\..+\.(?P<machine>[0-9a-f]{6})-(?P<process>\d+)-\w+\.partial(\.\w+)*", re.DOTALL)
_swept: set[Path] = set()
_turn = threading.Lock()


def partial_name(name: str, suffix: str = "") -> tuple[str, str]:
    """Return how the temporary name of a file begins and ends, for :mod:`tempfile`.

    It says which process of which machine writes it. A name that leaves no room is replaced by its hash.

    Args:
        name: Of the file.
        suffix: Extension for writers that look at it.
    """
    if len(os.fsencode(name)) > _LONGEST_NAME_BYTES - _ROOM_FOR_PARTIAL:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return f".{name}.{_machine()}-{os.getpid()}-", f".partial{suffix}"


def sweep_once(folder: Path) -> None:
    """Remove what killed processes of this machine left in a folder, the first time that this process writes there.

    So the next run of a command removes what the one before could not. A file of a process that is running stays.
    """
    with _turn:  # nothing of this process is being written there before
        place = folder.absolute()
        if place not in _swept:
            _swept.add(place)
            remove_leftovers(folder)


def remove_leftovers(folder: Path, of_other_machines: bool = False) -> None:
    """Remove temporary files in a folder whose process is gone; what cannot be removed stays.

    Call it before this process writes into the folder.

    Args:
        folder: The folder; those in it are not searched.
        of_other_machines: Remove those of other machines, too, of which nobody knows whether their process is running:
            only where no other process may be writing.
    """
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        found = _PARTIAL.fullmatch(entry.name)
        if found is None or not _is_left(found["machine"], int(found["process"]), of_other_machines):
            continue
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(path, ignore_errors=True)
        else:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                continue


def _is_left(machine: str, process: int, of_other_machines: bool) -> bool:
    if machine != _machine():
        return of_other_machines
    return process == os.getpid() or not _is_running(process)


def _is_running(process: int) -> bool:
    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:  # of another user
        return True


def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]
