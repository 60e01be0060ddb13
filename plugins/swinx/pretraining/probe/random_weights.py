"""An encoder as it was before any training."""

from __future__ import annotations

import copy

import torch
from monai.networks.nets.swin_unetr import WindowAttention
from torch import nn

from swinx.networks import SwinEncoder

__all__ = ["random_encoder"]

_BIAS_TABLE_SD = 0.02  # how MONAI's window attention draws it


def random_encoder(encoder: SwinEncoder, seed: int) -> SwinEncoder:
    """Return a copy of an encoder whose weights are drawn anew, as its constructor draws them.

    The weights are drawn on the CPU from a generator of their own: a seed gives the same ones on every device, and
    torch's global generator stays where it was.

    Args:
        encoder: Left as it is.
        seed: The same seed gives the same weights.

    Raises:
        ValueError: If a module of the encoder holds weights that nothing here can draw.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        copied = copy.deepcopy(encoder).cpu()
        for name, module in copied.named_modules():
            _draw(name, module)
    return copied.to(next(encoder.parameters()).device)


@torch.no_grad()
def _draw(name: str, module: nn.Module) -> None:
    own = list(module.parameters(recurse=False))
    if isinstance(module, WindowAttention):
        nn.init.trunc_normal_(module.relative_position_bias_table, std=_BIAS_TABLE_SD)
    elif callable(draw := getattr(module, "reset_parameters", None)):
        draw()
    elif own:
        raise ValueError(f"do not know how to draw the weights of {name}, a {type(module).__name__}")
