"""The network of a bundle with trained weights, ready to be exported."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from monai.bundle import ConfigParser
from torch import nn

from swinx.bundle import nearest, setting_fault, settings_of_network
from swinx.errors import BundleError, ExportError, reason_of
from swinx.files import check_setting_of
from swinx.inference import WindowSettings
from swinx.networks import SwinEncoder, load_weights, window_sides
from swinx.tracking import read_record, recorded_settings, sidecar_path

__all__ = ["BundleNetwork", "read_bundle_network"]

_OF_INFERENCE = ("overlap", "pixdim", "intensity", "window_hu", "body_crop", "body_margin_mm", "antialias")


class BundleNetwork(NamedTuple):
    """The network of a bundle, for an export.

    Attributes:
        network: In evaluation mode, on the CPU, with weights.
        window: Channels and sides ``(C, X, Y, Z)`` of the windows that its inference cuts.
        checkpoint: The file of the weights.
        settings: What was set in the configuration: settings that the weights' sidecar records, and overrides.
        inference: What another program needs to run the network: ``classes`` (number in files by name, in the order of
            the channels) and settings of preprocessing and windows, as far as the configuration has them.
    """

    network: nn.Module
    window: tuple[int, ...]
    checkpoint: Path
    settings: dict[str, Any]
    inference: dict[str, Any]


def read_bundle_network(
    bundle: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str] | None = None,
    config_file: str | Sequence[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> BundleNetwork:
    """Build ``network_def`` of a bundle's inference and load weights into it.

    Settings that the sidecar of the weights records take the place of those in the first file; what further files and
    ``overrides`` say goes before them. A configuration is a program: it imports and calls what it names. Use bundles
    that you trust.

    Args:
        bundle: Folder with ``configs``.
        checkpoint: Weights; by default those that the configuration names as ``checkpoint``.
        config_file: Configuration files, of which later ones change earlier ones; by default the bundle's
            ``configs/inference.json``.
        overrides: Plain values by name, such as ``embed_dim``, that replace those of the files.

    Raises:
        ExportError: If the bundle, a file or an id is missing, a value is of another kind than the one it replaces, or
            the network cannot be built.
        BundleError: If the weights were changed after their sidecar was written.
        RecordError: If the sidecar or ``overrides`` hold more than plain values, or a name of a part of a
            configuration's program.
        WeightsError: If the weights cannot be read or do not fit.
    """
    root = Path(bundle)
    if not root.is_dir():
        raise ExportError(f"{root}: no such folder; give the folder of a MONAI Bundle, or a name of swinx bundles")
    chosen = [config_file] if isinstance(config_file, str) else [str(file) for file in config_file or ()]
    files = chosen or [str(root / "configs" / "inference.json")]
    name = ", ".join(files)
    given = dict(overrides or {})
    parser = _read_configs(files)
    check_setting_of(parser.get(), given, "swinx export")
    _set_values(parser, {"bundle_root": str(root), **given}, name)
    try:
        weights = Path(checkpoint or parser.get_parsed_content("checkpoint"))
        recorded = _recorded(parser, files[1:], weights)
        check_setting_of(parser.get(), recorded, str(sidecar_path(weights)))
        settings = recorded | given
        _set_values(parser, settings, name)
        parser["checkpoint"] = str(weights)  # classes come from its record
        network, roi_size = (parser.get_parsed_content(part) for part in ("network_def", "roi_size"))
        window = window_sides(roi_size)
    except (BundleError, ExportError):
        raise
    except Exception as error:  # whatever the configuration calls may raise
        raise ExportError(f"{name}: cannot be built: {reason_of(error)}") from error
    encoders = [part for part in network.modules() if isinstance(part, SwinEncoder)]
    if len(encoders) != 1:
        raise ExportError(f"{name}: network_def is a {type(network).__name__}, not a network with one SwinEncoder")
    options = ", ".join(f"--{setting}" for setting in settings_of_network(parser.get()))
    load_weights(network, weights, advice=f"give the settings of their training ({options})")
    for part in network.modules():
        if hasattr(part, "use_checkpoint"):
            part.use_checkpoint = False  # saves memory in trainings alone, and cannot be exported
    inputs = (encoders[0].in_channels, *window)
    return BundleNetwork(network.eval().requires_grad_(False), inputs, weights, settings, _inference(parser, window))


def _inference(parser: ConfigParser, window: Sequence[int]) -> dict[str, Any]:
    """Return the settings of an inference as plain values."""
    found: dict[str, Any] = {"roi_size": list(window), "sigma_scale": WindowSettings(window).sigma_scale}
    if "label_set" in parser:
        label_set = parser.get_parsed_content("label_set")
        found["classes"] = dict(zip(label_set.names, label_set.values, strict=True))
    return found | {name: parser.get_parsed_content(name) for name in _OF_INFERENCE if name in parser}


def _recorded(parser: ConfigParser, overlays: Sequence[str], weights: Path) -> dict[str, Any]:
    """Return the settings that weights were trained with, but for those that overlays set."""
    if not weights.is_file():
        return {}  # what loads them says so
    chosen = {str(name) for file in overlays for name in ConfigParser.load_config_file(file)}
    return recorded_settings(read_record(weights), {str(name) for name in parser.get()} - chosen)


def _read_configs(files: Sequence[str]) -> ConfigParser:
    """Return the configuration of some files."""
    name = ", ".join(files)
    if missing := [file for file in files if not Path(file).is_file()]:
        raise ExportError(f"{missing[0]}: no such file; give --config_file as paths from here")
    parser = ConfigParser()
    try:
        parser.read_config(list(files))
    except Exception as error:  # JSON, YAML and their contents fail in many ways
        raise ExportError(f"{name}: cannot be read as a configuration: {error}") from error
    if lacking := [part for part in ("network_def", "roi_size") if part not in parser]:
        raise ExportError(f"{name}: has no {' and no '.join(lacking)}; only networks that take windows are exported")
    return parser


def _set_values(parser: ConfigParser, values: Mapping[str, Any], name: str) -> None:
    """Put values in the place of those of a configuration of this name."""
    if unknown := [key for key in values if key not in parser and key != "bundle_root"]:
        raise ExportError(f"{name}: has no {', '.join(unknown)} to override{nearest(unknown[0], parser.get())}")
    for key, value in values.items():
        if key in parser and (fault := setting_fault(key, value, parser[key])):
            raise ExportError(f"{name}: {fault}")
    for key, value in values.items():
        parser[key] = value
