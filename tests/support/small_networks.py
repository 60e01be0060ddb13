"""Small networks, and weights of the published code drawn from their names."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from swinx.networks import SwinEncoder, SwinXSeg

GOLDEN = Path(__file__).parents[1] / "golden"


def draw_tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the tensor that the golden vectors assign to a name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    normal = rng.standard_normal(shape).astype(np.float32)
    leaf = name.rpartition(".")[2]
    if leaf == "running_var":
        values = 0.5 + rng.random(shape)
    elif leaf in ("running_mean", "bias"):
        values = 0.1 * normal
    elif leaf == "relative_position_bias_table":
        values = 0.5 * normal
    elif len(shape) == 1:
        values = 1 + 0.1 * normal
    else:
        values = normal / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


@pytest.fixture(scope="session")
def golden_facts() -> dict:
    return json.loads((GOLDEN / "swinx_small.json").read_text())


@pytest.fixture(scope="session")
def reference_weights(golden_facts: Mapping) -> dict[str, torch.Tensor]:
    """A fine-tuned checkpoint of the published code; do not change it."""
    return {name: draw_tensor(name, tuple(shape)) for name, shape in golden_facts["tensors"].items()}


@pytest.fixture
def reference_network(golden_facts: Mapping) -> Callable[..., SwinXSeg]:
    """Build a network that fits ``reference_weights``."""

    def build(published_window_order: bool) -> SwinXSeg:
        return SwinXSeg(
            out_channels=golden_facts["classes"],
            embed_dim=golden_facts["embed_dim"],
            num_heads=golden_facts["num_heads"],
            decoder_channels=golden_facts["embed_dim"],
            published_window_order=published_window_order,
        ).eval()

    return build


@pytest.fixture
def build() -> Callable[..., SwinXSeg]:
    """Build a tiny network with weights from a seed, in evaluation mode."""

    def network(seed: int = 0, **changes: object) -> SwinXSeg:
        arguments = {"out_channels": 3, "embed_dim": 4, "num_heads": (1, 1, 2, 2), "decoder_channels": 4, **changes}
        return _seeded(SwinXSeg, seed, arguments)

    return network


@pytest.fixture
def build_encoder() -> Callable[..., SwinEncoder]:
    """Build a tiny encoder with weights from a seed, in evaluation mode."""

    def encoder(seed: int = 0, **changes: object) -> SwinEncoder:
        return _seeded(SwinEncoder, seed, {"embed_dim": 4, "num_heads": (1, 1, 2, 2), **changes})

    return encoder


def _seeded(network_type: type, seed: int, arguments: Mapping[str, object]) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network_type(**arguments).eval()


@pytest.fixture
def image() -> torch.Tensor:
    """Not a cube: ``(1, 1, 32, 64, 32)``."""
    return torch.rand(1, 1, 32, 64, 32, generator=torch.Generator().manual_seed(0))
