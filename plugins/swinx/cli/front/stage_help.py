"""Help of a stage: its settings, from the table that also checks them, with the defaults of its configuration."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swinx.bundle import SECTIONS
from swinx.files import read_json

__all__ = ["default_text", "stage_help"]

_WIDTH = 110
_PLACE = re.compile(r"\$os\.path\.join\((output_root\(@bundle_root\)|@dataset_dir), (.*)\)")
_AMP = "$torch.device(@device).type == 'cuda'"
_OF_WEIGHTS = re.compile(r"\$@trained\.get\('\w+', (.*)\)")


def stage_help(name: str, summary: str, data: str, stage: str, configs: Sequence[Path]) -> str:
    """Return the help of a stage.

    Args:
        name: The command.
        summary: What it does.
        data: What its first argument is.
        stage: Name of the stage in the table of settings.
        configs: Its configurations, of which later ones change earlier ones.
    """
    values: dict[str, Any] = {}
    for config in configs:
        values |= read_json(config)
    parser = argparse.ArgumentParser(
        prog=f"swinx {name}",
        usage=f"swinx {name} DATA [--profile NAME] [--SETTING VALUE ...]",
        description=f"{summary} Prints the run of MONAI that does it, and runs it.",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=34, width=_WIDTH),
    )
    parser.add_argument("DATA", help=_plain(data))
    overlays = "overlays of the bundle by name, or files, with commas between, such as that of swinx data plan"
    parser.add_argument("--profile", "--overlay", metavar="NAME", help=overlays)
    for heading, rows in SECTIONS.items():
        listed = [row for row in rows if stage in row.stages and row.name in values and row.name != "dataset_dir"]
        group = parser.add_argument_group(heading[0].lower() + heading[1:])
        for row in listed:
            told = f"{row.meaning}: {row.wanted}. Default: {default_text(values[row.name])}."
            group.add_argument(f"--{row.name}", metavar="VALUE", help=_plain(told))
    return parser.format_help().rstrip()


def default_text(value: Any) -> str:
    """Return a default of a configuration in words; that of an expression may depend on the run.

    Examples:
        >>> default_text("$@trained.get('roi_size', [96, 96, 96])"), default_text(None), default_text(0.5)
        ('that of the weights, or [96, 96, 96]', 'none', '0.5')
        >>> default_text("$os.path.join(output_root(@bundle_root), 'models', 'model.pt')")
        'models/model.pt in the folder of the bundle, or of its name here if it is installed'
    """
    if value is None:
        return "none"
    text = str(value)
    if found := _OF_WEIGHTS.fullmatch(text):
        return f"that of the weights, or {found[1]}"
    if found := _PLACE.fullmatch(text):
        place = "/".join(part.strip().strip("'") for part in found[2].split(","))
        root = "the folder of the data" if "dataset_dir" in found[1] else "the folder of the bundle"
        return f"{place} in {root}" + ("" if "dataset_dir" in found[1] else ", or of its name here if it is installed")
    if text.startswith("$own_weights("):
        return "those of the last training here, or else those that come with swinx"
    if text == _AMP:
        return "true on a CUDA GPU, else false"
    if "is_available" in text:
        return "a GPU if there is one, else cpu"
    return "chosen by the run" if text[:1] in ("$", "@", "%") else text


def _plain(text: str) -> str:
    return text.replace("`", "").replace("%", "%%")
