"""Overlays: configurations that are complete only together with the one that they change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swinx.bundle.settings.settings_table import SETTINGS
from swinx.errors import BundleError
from swinx.files import read_json
from swinx.rules import ModelRules, SettingRules
from swinx.visible_text import visible

__all__ = ["check_overlay", "overlay_fault", "overlays_of"]

_OVERLAYS = ("evaluate", "refine")
_BASE = "inference.json"
_NONE = ("evaluate", "inference", "metadata", "mlflow", "refine", "train")
_OF_ALL_STEPS = ("demo",)
_OF_RUNS = ("handlers", "initialize")
"""Entries of runs by MONAI, to which ``swinx segment`` would not listen: it takes the parts that segment alone."""


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


def overlays_of(folder: Path, files: Sequence[str], stage: str) -> list[str]:
    """Return the names of the overlays of one step of a bundle.

    Args:
        folder: Folder of the configurations.
        files: Names of the configurations that run the step.
        stage: Its name in the table of settings.
    """
    names = [path.stem for path in sorted(folder.glob("*.json")) if path.stem not in _NONE]
    return [name for name in names if not _of_another_step(folder / f"{name}.json", files, stage)]


def check_overlay(path: Path, files: Sequence[str], stage: str, known: Sequence[str]) -> None:
    """Refuse an overlay of another step, which sets or changes what this one does not have.

    Args:
        path: The overlay.
        files: Names of the configurations beside it that run the step.
        stage: Name of the step in the table of settings.
        known: Overlays of the step, for the message.

    Raises:
        BundleError: If it is one.
    """
    setting = "another run" if path.stem in _NONE else _of_another_step(path, files, stage)
    if setting:
        raise BundleError(
            ModelRules.OTHER_STEP.says(name=visible(path.stem), setting=visible(setting), known=", ".join(known))
        )


def _of_another_step(path: Path, files: Sequence[str], stage: str) -> str:
    """Return the first name of an overlay that a step does not have; empty if it has all of them."""
    if path.stem in _OF_ALL_STEPS and stage != "inference":  # each step leaves alone what is of the others
        return ""
    stages = {stage, *files}  # a step over inference.json has the settings of an inference, too
    base = {name for file in files for name in read_json(path.parent / f"{file}.json", "a configuration")}
    for name in read_json(path, "a configuration"):
        plain = str(name).lstrip("+~")
        root = plain.replace("#", "::").partition("::")[0]
        of_others = root != plain or (root in SETTINGS and stages.isdisjoint(SETTINGS[root].stages))
        if (root not in base and of_others) or (root in _OF_RUNS and stage == "inference"):
            return plain
    return ""
