"""Parts of a MONAI Bundle that segment one scan, built from its configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose, LoadImaged, SaveImage, SaveImaged
from torch import Tensor, nn

from swinx.errors import TeacherError, WeightsError, reason_of
from swinx.files import check_overrides, read_json
from swinx.labels import LabelSet
from swinx.networks import SwinEncoder, load_weights, read_checkpoint

__all__ = ["BundleParts", "build_parts", "load_bundle_weights", "read_channel_names"]

_NEEDED = ("preprocessing", "network_def", "inferer", "postprocessing")


@dataclass(frozen=True)
class BundleParts:
    """Parts that segment a scan.

    Attributes:
        image_key: Key under which the transforms expect the scan.
        preprocessing: The bundle's transforms without its loading of files.
        network: The network on its device, without trained weights.
        inferer: Called as ``inferer(inputs, network)``.
        postprocessing: The bundle's transforms without its writing of files.
        amp: Whether the bundle's evaluator predicts in mixed precision.
        label_set: Label set that the configuration builds; None if it builds none.
    """

    image_key: str
    preprocessing: Compose
    network: nn.Module
    inferer: Callable[[Tensor, nn.Module], Any]
    postprocessing: Compose
    amp: bool
    label_set: LabelSet | None = None


def build_parts(
    root: Path, config: Path, overrides: Mapping[str, Any], device: torch.device, checkpoint: Path | None = None
) -> BundleParts:
    """Build the parts that ``config`` describes under MONAI's names.

    A configuration is a program: it imports and calls what it names. Use bundles that you trust.

    Args:
        root: Folder of the bundle; becomes its ``bundle_root``, and its own modules can be imported.
        config: JSON or YAML file.
        overrides: Plain values by id (``"preprocessing::transforms::2::pixdim"``) that replace those of the file.
        device: Becomes ``device``, if the configuration has one.
        checkpoint: Becomes ``checkpoint``, if the configuration has one: what it takes from beside the weights.

    Raises:
        RecordError: If an override is more than a plain value, or names a part of the configuration's program.
        TeacherError: If a part is missing or cannot be built, or an override names nothing in the file.
    """
    check_overrides(overrides, f"overrides of {config}")
    if not config.is_file():
        raise TeacherError(f"{config}: no such file; give the name of a configuration in the bundle's configs folder")
    parser = ConfigParser()
    try:
        parser.read_config(str(config))
    except Exception as error:  # JSON, YAML and their contents fail in many ways
        raise TeacherError(f"{config}: cannot be read as a configuration: {error}") from error
    missing = [part for part in _NEEDED if part not in parser]
    unknown = [name for name in overrides if name not in parser]
    if missing or unknown:
        faults = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has no {unknown} to override"] * bool(unknown)
        raise TeacherError(f"{config}: {' and '.join(faults)}")
    metadata = root / "configs" / "metadata.json"
    if metadata.is_file():
        parser.read_meta(str(metadata))
    places = {"bundle_root": str(root), "device": device, "checkpoint": checkpoint and str(checkpoint)}
    for name, value in places.items():
        if name in parser and value is not None:
            parser[name] = value
    for name, value in overrides.items():
        parser[name] = value
    try:
        with _importable(root):
            built = {part: parser.get_parsed_content(part) for part in _NEEDED}
            amp = "evaluator::amp" in parser and bool(parser.get_parsed_content("evaluator::amp"))
            label_set = parser.get_parsed_content("label_set") if "label_set" in parser else None
    except Exception as error:  # whatever the configuration calls may raise
        raise TeacherError(f"{config}: cannot be built: {reason_of(error)}") from error
    return _check_parts(built, amp, config, device, label_set if isinstance(label_set, LabelSet) else None)


def load_bundle_weights(network: nn.Module, checkpoint: Path) -> None:
    """Load all weights of a network from a file of tensors, without running code in it.

    Raises:
        WeightsError: If the file cannot be read, or its tensors are not exactly those of the network.
    """
    if any(isinstance(module, SwinEncoder) for module in network.modules()):
        load_weights(network, checkpoint)  # it knows about window orders
        return
    try:
        network.load_state_dict(read_checkpoint(checkpoint))
    except RuntimeError as error:
        raise WeightsError(f"{checkpoint}: does not fit the bundle's network_def: {error}") from error


def read_channel_names(root: Path) -> dict[int, str]:
    """Return the names of the classes that ``metadata.json`` states, background included; empty if it has none.

    Raises:
        TeacherError: If the file is missing or is no metadata.
    """
    path = root / "configs" / "metadata.json"
    try:
        metadata = read_json(path)
        outputs = metadata.get("network_data_format", {}).get("outputs", {})
        tensor = outputs.get("pred", next(iter(outputs.values()), {}))
        return {int(index): str(name) for index, name in tensor.get("channel_def", {}).items()}
    except FileNotFoundError as error:
        raise TeacherError(f"{path}: no such file; a MONAI Bundle has one") from error
    except (OSError, ValueError, AttributeError) as error:
        raise TeacherError(f"{path}: not the metadata of a bundle: {error}") from error


def _check_parts(
    built: Mapping[str, Any], amp: bool, config: Path, device: torch.device, label_set: LabelSet | None
) -> BundleParts:
    before, after = built["preprocessing"], built["postprocessing"]
    for part, kind in {"preprocessing": Compose, "postprocessing": Compose, "network_def": nn.Module}.items():
        if not isinstance(built[part], kind):
            raise TeacherError(f"{config}: {part} is a {type(built[part]).__name__}, not a {kind.__name__}")
    loaders = [step for step in before.transforms if isinstance(step, LoadImaged)]
    kept = [step for step in after.transforms if not isinstance(step, SaveImaged | SaveImage)]
    return BundleParts(
        image_key=str(loaders[0].keys[0]) if loaders else "image",
        preprocessing=Compose([step for step in before.transforms if step not in loaders], lazy=before.lazy),
        network=built["network_def"].to(device),
        inferer=built["inferer"],
        postprocessing=Compose(kept, lazy=after.lazy),
        amp=amp,
        label_set=label_set,
    )


@contextmanager
def _importable(root: Path) -> Iterator[None]:
    """Let the bundle's configuration import modules that lie beside its ``configs``."""
    place = os.fspath(root)
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)
