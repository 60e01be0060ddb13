"""The ``swinx`` command: data sets, scores, pictures and reports, beside the runs of bundles."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import fire

from swinx import __version__
from swinx.cli.data_commands import DataCommands
from swinx.cli.dicom_commands import DicomCommands
from swinx.cli.doctor import doctor
from swinx.cli.export_command import export
from swinx.cli.pack_command import pack
from swinx.cli.result_commands import lineage, overlays, report, score
from swinx.cli.settings_command import settings
from swinx.cli.terminal import complain, say, take_texts_as_they_are
from swinx.errors import reason_of
from swinx.visible_text import guard_log_handlers

__all__ = ["main"]


def version() -> None:
    """Print the version."""
    say(__version__)


def main() -> None:
    """Run the command line; an error ends it with its reason and exit code 1."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    guard_log_handlers()
    commands: dict[str, Callable[..., Any] | DataCommands | DicomCommands] = {
        "data": DataCommands(),
        "dicom": DicomCommands(),
        "export": export,
        "score": score,
        "overlays": overlays,
        "lineage": lineage,
        "report": report,
        "pack": pack,
        "settings": settings,
        "doctor": doctor,
        "version": version,
    }
    for command in commands.values():
        for function in [command] if callable(command) else _methods(command):
            take_texts_as_they_are(function)
    try:
        fire.Fire(commands, name="swinx")
    except Exception as error:
        logging.getLogger(__name__).debug("stopped", exc_info=error)
        complain(f"error: {reason_of(error)}")
        raise SystemExit(1) from None


def _methods(group: object) -> list[Callable[..., Any]]:
    return [getattr(group, name) for name in vars(type(group)) if not name.startswith("_")]
