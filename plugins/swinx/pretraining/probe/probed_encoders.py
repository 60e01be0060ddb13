"""A trained encoder beside the same architecture at random weights."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence

import torch
import torch.nn.functional as functional
from monai.networks.nets.swin_unetr import WindowAttention
from torch import Tensor, nn

from swinx.errors import WeightsError
from swinx.networks import LoadReport, SwinEncoder, SwinFeatures, load_weights

__all__ = ["PRETRAINED", "ProbedEncoders", "random_encoder"]

PRETRAINED = "pretrained"
"""Name of the encoder that has the weights of the checkpoint."""

_BIAS_TABLE_SD = 0.02  # as MONAI's window attention initialises it


class ProbedEncoders(nn.Module):
    """Frozen encoders of one architecture, run side by side on the same windows.

    Args:
        encoder: The encoder to probe; it is not copied.
        random_seeds: Number of encoders with random weights to compare with; their seeds are 0, 1, ...
        feature_levels: Indices of the feature maps to return: the skips, shallow to deep, then the bottleneck.

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
        random = {f"random_{seed}": random_encoder(encoder, seed) for seed in range(random_seeds)}
        self.encoders = nn.ModuleDict({PRETRAINED: encoder} | random)
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> dict[str, list[Tensor]]:
        """Return the chosen feature maps of every encoder by name, each ``(B, C, d, h, w)``."""
        maps = {name: _feature_maps(encoder(image)) for name, encoder in self.encoders.items()}
        return {name: [found[level] for level in self.feature_levels] for name, found in maps.items()}

    def load(self, checkpoint: str | os.PathLike[str] | None) -> LoadReport:
        """Load the encoder of a checkpoint (pretraining, segmentation or published) into the encoder to probe.

        Raises:
            WeightsError: If there is none, or it does not fit; see :func:`swinx.networks.load_weights`.
        """
        if not checkpoint:
            raise WeightsError(
                "checkpoint: none was given; a probe compares a trained encoder with random ones: give the path of a "
                "checkpoint that contains an encoder, such as models/model.pt"
            )
        return load_weights(self.encoders[PRETRAINED], checkpoint, part="encoder")


def _feature_maps(features: SwinFeatures) -> list[Tensor]:
    """Return the inputs of a segmentation decoder: the skips, then the bottleneck.

    The skips pass LayerNorms whose weights pretraining leaves as they were initialised. The bottleneck is normalised
    in the same way, over its channels, without weights.
    """
    bottleneck = features.bottleneck.movedim(1, -1)
    normalised = functional.layer_norm(bottleneck, bottleneck.shape[-1:]).movedim(-1, 1)
    return [*features.skips, normalised]


def random_encoder(encoder: SwinEncoder, seed: int) -> SwinEncoder:
    """Return a copy of an encoder, initialised anew as its constructor does it.

    The weights are drawn on the CPU, so that a seed gives the same ones on every device; torch's global generator is
    left as it was.

    Raises:
        ValueError: If a module of the encoder has weights of an unknown initialisation.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        copied = copy.deepcopy(encoder).cpu()
        for name, module in copied.named_modules():
            if isinstance(module, WindowAttention):
                nn.init.trunc_normal_(module.relative_position_bias_table, std=_BIAS_TABLE_SD)
            elif callable(initialise := getattr(module, "reset_parameters", None)):
                initialise()
            elif list(module.parameters(recurse=False)):
                raise ValueError(f"unknown initialisation of the weights of {name}, a {type(module).__name__}")
    return copied.to(next(encoder.parameters()).device)
