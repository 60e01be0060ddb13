"""A trained encoder beside the same one at random weights."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch.nn.functional as functional
from torch import Tensor, nn

from swinx.errors import WeightsError
from swinx.networks import LoadReport, SwinEncoder, SwinFeatures, load_weights
from swinx.pretraining.probe.random_weights import random_encoder

__all__ = ["PRETRAINED", "ProbedEncoders", "feature_maps"]

PRETRAINED = "pretrained"
"""Name of the encoder that holds the weights of the checkpoint."""


class ProbedEncoders(nn.Module):
    """Run frozen encoders of one architecture side by side on the same windows.

    Args:
        encoder: The encoder to probe; it is not copied.
        random_seeds: How many encoders with random weights to compare it with; their seeds are 0, 1, ...
        feature_levels: Which maps of :func:`feature_maps` to return.

    Raises:
        ValueError: If there is no random encoder, or a level that the encoder does not have.
    """

    def __init__(self, encoder: SwinEncoder, random_seeds: int = 3, feature_levels: Sequence[int] = (0, 1, 2, 3, 4)):
        super().__init__()
        if random_seeds < 1:
            raise ValueError(
                f"random_seeds must be 1 or more, not {random_seeds}: a probe needs encoders to compare with"
            )
        highest = len(encoder.channels)
        if not feature_levels or any(not 0 <= level <= highest for level in feature_levels):
            raise ValueError(f"feature_levels {list(feature_levels)} must be some of {list(range(highest + 1))}")
        self.feature_levels = tuple(feature_levels)
        named = {PRETRAINED: encoder} | {
            f"random_{seed}": random_encoder(encoder, seed) for seed in range(random_seeds)
        }
        self.encoders = nn.ModuleDict(named)
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> dict[str, list[Tensor]]:
        """Return the chosen maps of every encoder by name, each ``(B, C, d, h, w)``; image as the encoder takes it."""
        maps = {name: feature_maps(encoder(image)) for name, encoder in self.encoders.items()}
        return {name: [found[level] for level in self.feature_levels] for name, found in maps.items()}

    def load(self, checkpoint: str | os.PathLike[str] | None) -> LoadReport:
        """Load the encoder of a checkpoint (pretraining, segmentation or published) into the encoder to probe.

        Raises:
            WeightsError: If there is none, or it does not fit; see :func:`swinx.networks.load_weights`.
        """
        if not checkpoint:
            raise WeightsError(
                "checkpoint: none was given; a probe compares a trained encoder with random ones: give the path of a "
                "checkpoint that holds an encoder, such as models/model.pt"
            )
        return load_weights(self.encoders[PRETRAINED], checkpoint, part="encoder")


def feature_maps(features: SwinFeatures) -> list[Tensor]:
    """Return the maps that a segmentation decoder gets: a skip per stage, shallow to deep, then the bottleneck.

    The skips come out of their LayerNorms; pretraining leaves these at their start, so that they only normalise. The
    bottleneck is normalised in the same way, over its channels, without weights.
    """
    bottleneck = features.bottleneck.movedim(1, -1)
    normalised = functional.layer_norm(bottleneck, bottleneck.shape[-1:]).movedim(-1, 1)
    return [*features.skips, normalised]
