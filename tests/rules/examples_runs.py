"""Inputs that break the rules about runs."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from rules.examples import example
from support.other_runs import another_run
from swinx.errors import RunError
from swinx.folder_lock import hold
from swinx.rules.runs import LockRules


@example(LockRules.IN_USE)
def _in_use(folder: Path) -> str:
    with another_run(folder), pytest.raises(RunError) as refused:
        hold(folder)
    return str(refused.value)


@example(LockRules.NO_LOCK)
def _no_lock(folder: Path) -> str:
    return logged(lambda: hold(folder / "file" / "out"), folder)


def logged(action, folder: Path) -> str:
    """What swinx logs of an action; ``file`` in the folder is no folder."""
    (folder / "file").touch()
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("swinx").addHandler(handler)
    try:
        action()
    finally:
        logging.getLogger("swinx").removeHandler(handler)
    return "\n".join(lines)
