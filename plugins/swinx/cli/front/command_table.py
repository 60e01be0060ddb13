"""The commands of ``swinx`` by name, each imported only when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

__all__ = ["GROUPS", "Command", "commands", "load_command"]


class Command(NamedTuple):
    """One command.

    Attributes:
        module: Module of ``swinx.cli`` that has it.
        name: A function there; or a class whose methods are commands.
        summary: One line for the list of commands.
    """

    module: str
    name: str
    summary: str


GROUPS: dict[str, dict[str, Command]] = {
    "segment scans": {
        "segment": Command("segment_command", "segment", "Segment a scan, or all scans of a folder."),
    },
    "train your own network, stage by stage": {
        "pretrain": Command("front.stage_commands", "PRETRAIN", "Pretrain the encoder on scans without labels."),
        "refine": Command("front.stage_commands", "REFINE", "Complete partial labels by a teacher."),
        "train": Command("front.stage_commands", "TRAIN", "Train the segmentation network."),
        "evaluate": Command("front.stage_commands", "EVALUATE", "Segment and score the cases of a section."),
        "data": Command("data_commands", "DataCommands", "Make and check data sets and their data lists."),
        "settings": Command("settings_command", "settings", "Print meaning and values of settings."),
    },
    "look at results": {
        "score": Command("result_commands", "score", "Score predicted label maps."),
        "overlays": Command("result_commands", "overlays", "Draw slices with reference and prediction."),
        "report": Command("result_commands", "report", "Write one HTML page for an evaluation."),
        "lineage": Command("result_commands", "lineage", "Print where a model or a data list came from."),
    },
    "share and deploy": {
        "bundles": Command("bundles_command", "bundles", "List the bundles, or copy one to edit it."),
        "pack": Command("pack_command", "pack", "Pack a bundle with its weights into one zip."),
        "export": Command("export_command", "export", "Export the network for other programs."),
        "dicom": Command("dicom_commands", "DicomCommands", "Files for programs that speak DICOM."),
    },
    "this installation": {
        "doctor": Command("doctor", "doctor", "Print what is installed and what is missing."),
        "version": Command("version_command", "version", "Print the version."),
    },
}
"""The commands by the heading under which the help lists them."""


def commands() -> dict[str, Command]:
    """Return all commands by name."""
    return {name: command for group in GROUPS.values() for name, command in group.items()}


def load_command(command: Command) -> Any:
    """Import a command: a function, a stage, or an object whose methods are commands."""
    found = getattr(importlib.import_module(f"swinx.cli.{command.module}"), command.name)
    return found() if isinstance(found, type) else found
