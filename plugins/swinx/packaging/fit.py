"""Whether configuration, metadata and weights of a bundle speak of the same network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.networks.utils import eval_mode

from swinx.errors import BundleError, reason_of
from swinx.networks import load_weights

__all__ = ["check_fit"]


def check_fit(configuration: Mapping[str, Any], metadata: Mapping[str, Any], weights: Path) -> None:
    """Build the network, load its weights, and send one window through it.

    Args:
        configuration: Content of ``inference.json``; its ``network_def`` is built.
        metadata: Its ``network_data_format`` says what goes in and comes out.
        weights: Checkpoint, or the folder of an nnU-Net model, which becomes ``teacher_dir``.

    Raises:
        BundleError: If the network cannot be built, or gives something else than the metadata say.
        WeightsError: If the weights do not fit the network.
    """
    places = {"device": torch.device("cpu")} | ({"teacher_dir": str(weights)} if weights.is_dir() else {})
    parser = ConfigParser({**configuration, **{key: value for key, value in places.items() if key in configuration}})
    try:
        network = parser.get_parsed_content("network_def")
    except Exception as error:  # whatever the configuration calls may raise
        raise BundleError(f"inference.json: network_def cannot be built: {reason_of(error)}") from error
    if weights.is_dir():
        return
    load_weights(network, weights)
    (given,) = metadata["network_data_format"]["inputs"].values()
    told = metadata["network_data_format"]["outputs"]["pred"]
    image = torch.zeros(1, given["num_channels"], *given["spatial_shape"])
    try:
        with eval_mode(network):
            output = network(image)
    except Exception as error:  # of any layer
        raise BundleError(
            f"metadata.json: the network does not take an image of the shape {tuple(image.shape[1:])} that is told "
            f"there: {reason_of(error)}"
        ) from error
    want = (told["num_channels"], *told["spatial_shape"])
    found = tuple(output.shape[1:]) if isinstance(output, torch.Tensor) else type(output).__name__
    if found != want:
        raise BundleError(
            f"metadata.json: pred is told to be {want}, and the network gives {found}; correct num_channels, "
            "channel_def or spatial_shape"
        )
