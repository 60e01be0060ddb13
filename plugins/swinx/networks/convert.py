"""Conversion of published checkpoints to the names of swinx.

Every published checkpoint was trained with misplaced windows (:mod:`swinx.networks.window_order`).
The converted weights carry a record of it: they belong in networks built with
``published_window_order=True``, and :func:`swinx.networks.load_weights` refuses to put them into
any other.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from swinx.errors import WeightsError
from swinx.networks.checkpoint import find_tensors
from swinx.networks.window_order import record_window_order

__all__ = ["convert_reference_weights", "is_reference"]

logger = logging.getLogger(__name__)

_REFERENCE_NEIGHBOURS = ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1), (1, 1, 1))
_NEIGHBOUR_ORDER = [_REFERENCE_NEIGHBOURS.index(offset) for offset in itertools.product((0, 1), repeat=3)]
"""Where ``PatchMergingV2``'s neighbours stand among those of the published code."""

_ANCHORS = ("patch_embed.proj.weight", "layers.0.blocks.0.attn.qkv.weight")
_ENCODER_NAMES = (
    (re.compile(r"patch_embed\.(.+)"), r"patch_embed.\1"),
    (re.compile(r"layers\.(\d+)\.blocks\.(\d+)\.mlp\.fc([12])\.(.+)"), r"stages.\1.blocks.\2.mlp.linear\3.\4"),
    (re.compile(r"layers\.(\d+)\.blocks\.(\d+)\.((?:norm[12]|attn)\..+)"), r"stages.\1.blocks.\2.\3"),
    (re.compile(r"layers\.(\d+)\.downsample\.(.+)"), r"mergings.\1.\2"),
    (re.compile(r"norm(\d+)\.(.+)"), r"norms.\1.\2"),
)
_DECODER_MODULES = {
    "encoder0": "image_block",
    "encoder1.layer": "skip_reductions.0",
    "encoder2.layer": "skip_reductions.1",
    "encoder3.layer": "skip_reductions.2",
    "encoder4.layer": "skip_reductions.3",
    "encoder10.layer": "bottleneck_reduction",
    "decoder1": "up_blocks.0",
    "decoder2": "up_blocks.1",
    "decoder3": "up_blocks.2",
    "decoder4": "up_blocks.3",
    "decoder5": "up_blocks.4",
    "out": "out",
}


def is_reference(state: Mapping[str, Any]) -> bool:
    """Return whether tensor names are those of the published code, under any prefix."""
    return bool(_encoder_prefixes(state))


def convert_reference_weights(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Convert a checkpoint of the published code to the names of swinx.

    Takes fine-tuned checkpoints, which become the state of a
    :class:`~swinx.networks.SwinXSeg`, and pretraining checkpoints: an encoder under
    ``transformer.`` becomes one under ``encoder.``, a bare encoder the state of a
    :class:`~swinx.networks.SwinEncoder`. Names that neither network has (pretraining heads)
    are left out, with a warning in the log.

    The values stay as they are but for patch merging, whose eight neighbours MONAI
    concatenates in another order: columns of ``reduction.weight`` and entries of ``norm``
    are permuted. What the published code does not store (indices of relative positions,
    batch counts) is filled in, so that ``load_state_dict`` can be strict.

    Note:
        The result records that it needs ``published_window_order=True``. With it, the network
        computes what the published one does; without it, ``load_weights`` refuses and
        ``load_state_dict`` warns.

    Args:
        state_dict: Tensors by published name, also inside a checkpoint (key ``state_dict``,
            ``model``, ``student``...) or under prefixes such as ``module.``.

    Returns:
        Tensors by swinx's name.

    Raises:
        WeightsError: If these are not weights of the published 3D networks.
    """
    state = find_tensors(state_dict)
    prefixes = _encoder_prefixes(state)
    if not prefixes:
        raise WeightsError(
            f"no weights of the published network: {', '.join(_ANCHORS)} missing under every prefix; "
            f"found {', '.join(list(state)[:3])}..."
        )
    prefix = min(prefixes, key=lambda name: ("teacher" in name, len(name)))
    root, scope = (prefix.removesuffix("transformer."), "encoder.") if prefix.endswith("transformer.") else (prefix, "")
    converted: dict[str, Tensor] = {}
    left_out = []
    for name, tensor in state.items():
        if name.startswith(prefix) and (ours := _encoder_name(name.removeprefix(prefix))):
            converted[scope + ours] = _reorder_neighbours(ours, tensor)
        elif scope and name.startswith(root) and (ours := _decoder_name(name.removeprefix(root))):
            converted[ours] = tensor
        else:
            left_out.append(name)
    if left_out:
        logger.warning("%d tensors have no place in swinx and were left out: %s", len(left_out), left_out[:8])
    _fill_buffers(converted)
    converted[f"{scope}_extra_state"] = record_window_order(published=True)
    return converted


def _encoder_prefixes(state: Mapping[str, Any]) -> list[str]:
    first, *others = _ANCHORS
    prefixes = [name.removesuffix(first) for name in state if name.endswith(first)]
    return [prefix for prefix in prefixes if all(prefix + other in state for other in others)]


def _encoder_name(name: str) -> str | None:
    for pattern, ours in _ENCODER_NAMES:
        if match := pattern.fullmatch(name):
            return match.expand(ours)
    return None


def _decoder_name(name: str) -> str | None:
    for module, ours in _DECODER_MODULES.items():
        if name.startswith(f"{module}."):
            return ours + name.removeprefix(module)
    return None


def _reorder_neighbours(name: str, tensor: Tensor) -> Tensor:
    if not name.startswith("mergings."):
        return tensor
    if tensor.shape[-1] % 8 or (tensor.ndim == 2 and tensor.shape[1] != 4 * tensor.shape[0]):
        raise WeightsError(f"{name} has shape {tuple(tensor.shape)}: not the patch merging of a 3D network")
    neighbours = tensor.reshape(*tensor.shape[:-1], 8, -1)
    return neighbours[..., _NEIGHBOUR_ORDER, :].reshape(tensor.shape)


def _fill_buffers(converted: dict[str, Tensor]) -> None:
    for name, tensor in list(converted.items()):
        module, _, leaf = name.rpartition(".")
        if leaf == "running_mean":
            converted.setdefault(f"{module}.num_batches_tracked", torch.tensor(0))
        elif leaf == "relative_position_bias_table":
            converted.setdefault(f"{module}.relative_position_index", _position_index(name, rows=tensor.shape[0]))


def _position_index(name: str, rows: int) -> Tensor:
    window = (round(rows ** (1 / 3)) + 1) // 2
    if (2 * window - 1) ** 3 != rows:
        raise WeightsError(f"{name} has {rows} rows: not the relative positions in a cubic 3D window")
    axis = torch.arange(window)
    tokens = torch.cartesian_prod(axis, axis, axis)
    span = 2 * window - 1
    offsets = tokens[:, None] - tokens[None] + window - 1
    index: Tensor = (offsets[..., 0] * span + offsets[..., 1]) * span + offsets[..., 2]
    return index
