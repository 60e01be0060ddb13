"""The configurations of a bundle as they are packed: with the settings that its weights were trained with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from swinx.bundle import nearest, setting_fault
from swinx.errors import BundleError, reason_of
from swinx.networks import window_sides

__all__ = [
    "is_whole",
    "read_configs",
    "read_json",
    "set_settings",
    "value_of",
    "window_of",
    "with_script_window",
    "with_window",
]

_LEFT_OUT = ("demo.json", "metadata.json")
_SCRIPTABLE = "swinx.networks.SwinXSeg"


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        BundleError: If it is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path}: no such file; give the folder of a bundle") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: cannot be read as JSON: {error}") from error


def read_configs(folder: Path) -> dict[str, Any]:
    """Return the configurations in a folder by file name, without the metadata and what is about the demo.

    Raises:
        BundleError: If one cannot be read.
    """
    return {path.name: read_json(path) for path in sorted(folder.glob("*.json")) if path.name not in _LEFT_OUT}


def is_whole(config: Mapping[str, Any]) -> bool:
    """Return whether a configuration is complete alone; an overlay is not."""
    return "bundle_root" in config


def set_settings(configs: Mapping[str, Any], settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return configurations in which each setting is set wherever one that is complete alone has it at its top.

    Args:
        configs: Contents by file name.
        settings: Values by name.
        folder: Where the configurations lie, for the messages.

    Raises:
        BundleError: If no configuration has a setting of this name, or a value is of another kind than the one before.
    """
    whole = {name: config for name, config in configs.items() if is_whole(config)}
    if unknown := sorted(set(settings) - {setting for config in whole.values() for setting in config}):
        near = nearest(unknown[0], {name for config in whole.values() for name in config})
        raise BundleError(
            f"{folder}: no configuration has {', '.join(unknown)}{near}; settings stand at the top of the files"
        )
    changed = {
        name: {setting: value for setting, value in settings.items() if setting in config}
        for name, config in whole.items()
    }
    for name, values in changed.items():
        for setting, value in values.items():
            if fault := setting_fault(setting, value, whole[name][setting]):
                raise BundleError(f"{folder / name}: {fault}")
    return {name: {**config, **changed[name]} if name in changed else config for name, config in configs.items()}


def window_of(config: Mapping[str, Any], path: Path) -> tuple[int, int, int] | None:
    """Return the ``roi_size`` of a configuration, in voxels; None if it has none.

    Args:
        config: Content of the file, which is not changed.
        path: The file, for the message.

    Raises:
        BundleError: If it has not three sides.
    """
    if "roi_size" not in config:
        return None
    sides = value_of(config, "roi_size", path)
    try:
        return window_sides(sides)
    except (ValueError, TypeError) as error:
        raise BundleError(f"{path}: roi_size: {error}") from error


def value_of(config: Mapping[str, Any], name: str, path: Path) -> Any:
    """Return the value of an item of a configuration, which may be an expression.

    Raises:
        BundleError: If it cannot be evaluated.
    """
    try:
        return ConfigParser(deepcopy(dict(config))).get_parsed_content(name)
    except Exception as error:  # an expression may raise anything
        raise BundleError(f"{path}: {name}: {reason_of(error)}") from error


def with_script_window(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration whose ``SwinXSeg``, where somebody scripts it, takes the windows of the configuration.

    MONAI's ``ckpt_export`` and the checks of the Model Zoo script ``network_def``, and know of no window then.
    """
    network = config.get("network_def")
    if not isinstance(network, Mapping) or network.get("_target_") != _SCRIPTABLE or "roi_size" not in config:
        return dict(config)
    return {**config, "network_def": {"script_window": "@roi_size", **network}}


def with_window(metadata: Mapping[str, Any], roi_size: Sequence[int] | None) -> dict[str, Any]:
    """Return the metadata with the window of the configuration as shape of inputs and outputs.

    Args:
        metadata: Metadata that satisfy :func:`swinx.packaging.metadata_faults`.
        roi_size: Three sizes in voxels; None where the bundle has no windows, and all stays as it is.
    """
    told: dict[str, Any] = deepcopy(dict(metadata))
    if roi_size is not None:
        for side in told["network_data_format"].values():
            for tensor in side.values():
                tensor["spatial_shape"] = list(roi_size)
    return told
