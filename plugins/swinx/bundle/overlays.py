"""Overlays: configurations that are complete only together with the one that they change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swinx.rules import SettingRules
from swinx.visible_text import visible

__all__ = ["overlay_fault"]

_OVERLAYS = ("evaluate", "refine")
_BASE = "inference.json"


def overlay_fault(configuration: Mapping[str, Any], folder: Path | None) -> str | None:
    """Return a sentence with the right command if a run has an overlay alone; None otherwise.

    The overlays that run something are ``evaluate.json`` and ``refine.json``, both over ``inference.json``, which
    defines the ``bundle_root``.

    Args:
        configuration: Values by name, of all files together.
        folder: Folder of the bundle.

    Examples:
        >>> overlay_fault({"evaluate": "%run"}, Path("swinx_seg"))[:44]
        'evaluate.json is an overlay; give --config_f'
    """
    name = next((name for name in _OVERLAYS if name in configuration), None)
    if name is None or folder is None or "bundle_root" in configuration:
        return None
    here = Path.cwd()
    configs = (folder.relative_to(here) if folder.is_relative_to(here) else folder) / "configs"
    files = ",".join(f"'{configs / file}'" for file in (_BASE, f"{name}.json"))
    return SettingRules.OVERLAY.says(name=f"{name}.json", files=visible(files))
