"""Agreement of a bundle's configuration, metadata and weights on the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.networks.utils import eval_mode
from torch import nn

from swinx.bundle import settings_of_network
from swinx.errors import BundleError, reason_of
from swinx.labels import FLARE23, LabelSet
from swinx.networks import load_weights

__all__ = ["check_classes", "check_fit"]


def check_classes(metadata: Mapping[str, Any], path: Path, label_set: LabelSet = FLARE23) -> None:
    """Refuse other names, or another order, of the classes than a label set has.

    A segmentation with as many channels as there are classes is taken for one of them; one with more or fewer is
    another network's, of which nothing is known here.

    Args:
        metadata: Metadata that satisfy :func:`swinx.packaging.metadata_faults`.
        path: Their file, for the message.
        label_set: Classes of the network.

    Raises:
        BundleError: If a channel has another name than its class.
    """
    told = metadata["network_data_format"]["outputs"]["pred"]
    names = {int(number): name for number, name in told["channel_def"].items()}
    if told["format"] != "segmentation" or len(names) != label_set.num_classes:
        return
    wrong = [
        f"{number} is {names.get(number)!r}, not {name!r}"
        for number, name in enumerate(label_set.names)
        if names.get(number) != name
    ]
    if wrong:
        raise BundleError(
            f"{path}: pred, channel_def: {'; '.join(wrong)}; these are the labels that are written: correct it"
        )


def check_fit(configuration: Mapping[str, Any], metadata: Mapping[str, Any], weights: Path, folder: Path) -> None:
    """Build the network, load its weights, and send one window through it.

    Args:
        configuration: Content of ``inference.json``; its ``network_def`` is built.
        metadata: Its ``network_data_format`` says what goes in and comes out.
        weights: Checkpoint, or the folder of an nnU-Net model, which becomes ``teacher_dir``.
        folder: Where both files lie, for the messages.

    Raises:
        BundleError: If the network cannot be built, or gives something else than the metadata say.
        WeightsError: If the weights do not fit the network.
    """
    places = {"device": torch.device("cpu")} | ({"teacher_dir": str(weights)} if weights.is_dir() else {})
    parser = ConfigParser({**configuration, **{key: value for key, value in places.items() if key in configuration}})
    try:
        network = parser.get_parsed_content("network_def")
    except Exception as error:  # whatever the configuration calls may raise
        raise BundleError(f"{folder / 'inference.json'}: network_def cannot be built: {reason_of(error)}") from error
    if weights.is_dir():
        return
    settings = [name for name in settings_of_network(configuration) if name != "roi_size"]  # no weights depend on it
    options = ", ".join(f"--{name}" for name in settings)
    load_weights(network, weights, advice=f"give the settings of their training ({options})")
    _try_window(network, metadata["network_data_format"], folder / "metadata.json")


def _try_window(network: nn.Module, told: Mapping[str, Any], path: Path) -> None:
    """Refuse a network that gives something else than its metadata say."""
    given, pred = told["inputs"]["image"], told["outputs"]["pred"]
    sizes = given["spatial_shape"]
    if not all(isinstance(size, int) for size in sizes):
        raise BundleError(
            f"{path}: image has the spatial_shape {sizes}, and inference.json no roi_size: there is no size to try the "
            "network with; give numbers in one of them"
        )
    image = torch.zeros(1, given["num_channels"], *sizes)
    try:
        with eval_mode(network):
            output = network(image)
    except Exception as error:  # of any layer
        raise BundleError(
            f"{path}: the network does not take an image of the shape {tuple(image.shape[1:])} that it is told to "
            f"(spatial_shape is the configuration's roi_size, where it has one): {reason_of(error)}"
        ) from error
    want = (pred["num_channels"], *pred["spatial_shape"])
    found = tuple(output.shape[1:]) if isinstance(output, torch.Tensor) else type(output).__name__
    if len(found) != len(want) or any(isinstance(a, int) and a != b for a, b in zip(want, found, strict=True)):
        raise BundleError(
            f"{path}: pred is told to be {want}, and the network gives {found}; correct num_channels, channel_def or "
            "spatial_shape"
        )
