"""The hierarchical Swin encoder of the published network, on MONAI's blocks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, cast

from monai.networks.blocks import PatchEmbed
from monai.networks.nets.swin_unetr import PatchMergingV2, SwinTransformerBlock, compute_mask, get_window_size
from torch import Tensor, nn

from swinx.networks.window_order import PublishedOrderBlock, record_window_order

__all__ = ["SwinEncoder", "SwinFeatures", "SwinStage", "find_encoder"]


class SwinFeatures(NamedTuple):
    """Feature maps of :class:`SwinEncoder`, channel first.

    Attributes:
        skips: One map per stage, shallow to deep, each through its own LayerNorm:
            ``(B, C * 2**i, D / 2**(i + 1), H / 2**(i + 1), W / 2**(i + 1))`` for stage ``i`` from 0.
        merged: Output of every patch merging, not normalised: ``(B, C * 2**(i + 1), D / 2**(i + 2), ...)``
            after stage ``i``. As tokens: ``merged[i].flatten(2).transpose(1, 2)``.
    """

    skips: tuple[Tensor, ...]
    merged: tuple[Tensor, ...]

    @property
    def bottleneck(self) -> Tensor:
        """Output of the last patch merging: ``(B, C * 2**n, D / 2**(n + 1), ...)`` for ``n`` stages."""
        return self.merged[-1]


class SwinStage(nn.Module):
    """Swin blocks at one resolution: regular and shifted windows in turn.

    Note:
        Sides that are no multiple of the window are padded at the far end; along a side no longer
        than the window, MONAI takes one window of that side and does not shift.

    Note:
        MONAI's ``use_flash_attention`` stays off. It changes the graph when autograd is off, so
        that ``torch.jit.trace``, which checks its result without autograd, refuses a network
        traced with it.

    Args:
        dim: Channels.
        num_heads: Attention heads; must divide ``dim``.
        window_size: Side of the cubic window, in tokens.
        drop_path: Stochastic depth rate of each block; its length is the depth.
        qkv_bias: Learn a bias for queries, keys and values.
        dropout: Rate on attention projections and MLPs.
        use_checkpoint: Recompute activations in the backward pass.
        published_window_order: See :mod:`swinx.networks.window_order`.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: int,
        drop_path: Sequence[float],
        qkv_bias: bool,
        dropout: float,
        use_checkpoint: bool,
        published_window_order: bool,
    ) -> None:
        super().__init__()
        self.window = (window_size,) * 3
        self.shift = (window_size // 2,) * 3
        block_type = PublishedOrderBlock if published_window_order else SwinTransformerBlock
        self.blocks = nn.ModuleList(
            block_type(
                dim,
                num_heads,
                self.window,
                self.shift if index % 2 else (0, 0, 0),
                qkv_bias=qkv_bias,
                drop=dropout,
                drop_path=rate,
                use_checkpoint=use_checkpoint,
            )
            for index, rate in enumerate(drop_path)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens ``(B, D, H, W, C)`` to tokens of the same shape."""
        sides = tuple(tokens.shape[1:4])
        window, shift = get_window_size(sides, self.window, self.shift)  # type: ignore[no-untyped-call]
        padded = [side + (-side) % extent for side, extent in zip(sides, window, strict=True)]
        mask = compute_mask(padded, window, shift, tokens.device)  # type: ignore[no-untyped-call]
        for block in self.blocks:
            tokens = block(tokens, mask)
        return tokens


class SwinEncoder(nn.Module):
    """Patch embedding and stages of Swin blocks, each followed by patch merging.

    Unlike MONAI's ``SwinTransformer``, the skip of a stage is taken after its blocks and before
    its merging, through an affine LayerNorm of its own. ``forward`` is ``encode(embed(image))``:
    self-supervised pretraining puts its mask token between the two. The published pretraining
    encoder is ``SwinEncoder(depths=(2, 2, 4, 2), num_heads=(4, 4, 4, 4), qkv_bias=False,
    published_window_order=True)``.

    The state dictionary records the window order under ``_extra_state``. Loading never changes
    the order that the constructor chose: ``load_state_dict`` warns if the record disagrees, and
    :func:`swinx.networks.load_weights` refuses.

    Args:
        in_channels: Channels of the image.
        embed_dim: Channels ``C`` after the patch embedding; doubled by every stage.
        depths: Blocks per stage.
        num_heads: Attention heads per stage.
        window_size: Side of the cubic attention window, in tokens.
        qkv_bias: Learn a bias for queries, keys and values.
        dropout: Rate on the embedded tokens, attention projections and MLPs.
        drop_path_rate: Stochastic depth of the last block; rises linearly from 0 over all blocks.
        use_checkpoint: Recompute the blocks' activations in the backward pass to save memory.
        published_window_order: Reproduce the misplaced windows of the published code, which its
            checkpoints need (:mod:`swinx.networks.window_order`).

    Raises:
        ValueError: If ``depths`` and ``num_heads`` differ in length, or heads do not divide channels.

    Reference:
        Liu et al., "Swin Transformer", ICCV 2021, https://arxiv.org/abs/2103.14030; Jiang et al.,
        "Self-supervised 3D anatomy segmentation using self-distilled masked image transformer
        (SMIT)", MICCAI 2022, https://arxiv.org/abs/2205.10342.
    """

    def __init__(
        self,
        in_channels: int = 1,
        embed_dim: int = 48,
        depths: Sequence[int] = (2, 2, 2, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int = 4,
        qkv_bias: bool = True,
        dropout: float = 0.0,
        drop_path_rate: float = 0.3,
        use_checkpoint: bool = False,
        published_window_order: bool = False,
    ) -> None:
        super().__init__()
        self.channels = tuple(embed_dim * 2**stage for stage in range(len(depths)))
        _check_heads(self.channels, depths, num_heads)
        self.in_channels = in_channels
        self.published_window_order = published_window_order
        self.stride = 2 ** (len(depths) + 1)
        self.patch_embed = PatchEmbed(patch_size=2, in_chans=in_channels, embed_dim=embed_dim, norm_layer=nn.LayerNorm)
        self.token_dropout = nn.Dropout(dropout)
        rates = _drop_path_rates(drop_path_rate, depths)
        self.stages = nn.ModuleList(
            SwinStage(dim, heads, window_size, rate, qkv_bias, dropout, use_checkpoint, published_window_order)
            for dim, heads, rate in zip(self.channels, num_heads, rates, strict=True)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for dim in self.channels)
        self.mergings = nn.ModuleList(PatchMergingV2(dim) for dim in self.channels)

    def forward(self, image: Tensor) -> SwinFeatures:
        """Encode an image ``(B, in_channels, D, H, W)``.

        Raises:
            ValueError: If a side is not a multiple of ``stride`` (32 for four stages).
        """
        return self.encode(self.embed(image))

    def embed(self, image: Tensor) -> Tensor:
        """Return the normalised patch tokens ``(B, D / 2, H / 2, W / 2, C)`` of an image.

        Raises:
            ValueError: If a side is not a multiple of ``stride`` (32 for four stages).
        """
        if image.ndim != 5 or any(side % self.stride or side < 1 for side in image.shape[2:]):
            found = tuple(map(int, image.shape))  # within a trace they are tensors
            raise ValueError(
                f"image {found} must be (batch, channels, D, H, W) with sides that are multiples of "
                f"{self.stride}, got sides {found[2:]}: pad it, or run it through windows (roi_size) of such sides"
            )
        return cast(Tensor, self.patch_embed(image)).movedim(1, -1)

    def encode(self, tokens: Tensor) -> SwinFeatures:
        """Run the stages on tokens as :meth:`embed` returns them."""
        skips, merged = [], []
        tokens = self.token_dropout(tokens)
        for stage, norm, merging in zip(self.stages, self.norms, self.mergings, strict=True):
            tokens = stage(tokens)
            skips.append(norm(tokens).movedim(-1, 1))
            tokens = merging(tokens)
            merged.append(tokens.movedim(-1, 1))
        return SwinFeatures(tuple(skips), tuple(merged))

    def get_extra_state(self) -> Tensor:
        """Return the record of the window order for the state dictionary."""
        return record_window_order(self.published_window_order)

    def set_extra_state(self, state: Tensor) -> None:
        """Warn if the loaded weights were trained with the other window order; change nothing."""
        if bool(state) != self.published_window_order:
            warnings.warn(
                f"these weights were trained with published_window_order={bool(state)}, "
                f"this network was built with {self.published_window_order}: its output will be wrong",
                stacklevel=2,
            )


def _check_heads(channels: Sequence[int], depths: Sequence[int], num_heads: Sequence[int]) -> None:
    if len(depths) != len(num_heads):
        raise ValueError(f"depths {tuple(depths)} and num_heads {tuple(num_heads)} differ in length")
    if any(dim % heads for dim, heads in zip(channels, num_heads, strict=True)):
        raise ValueError(f"num_heads {tuple(num_heads)} must divide the stages' channels {tuple(channels)}")


def _drop_path_rates(last: float, depths: Sequence[int]) -> list[list[float]]:
    total = sum(depths)
    rates = [last * index / max(1, total - 1) for index in range(total)]
    return [rates[end - depth : end] for depth, end in zip(depths, accumulate(depths), strict=True)]


def find_encoder(network: nn.Module) -> tuple[str, SwinEncoder]:
    """Return the prefix of the names of an encoder's parameters in a network, and that encoder.

    Raises:
        ValueError: If the network has no encoder, or several.
    """
    encoders = [(name, module) for name, module in network.named_modules() if isinstance(module, SwinEncoder)]
    if len(encoders) != 1:
        raise ValueError(f"{type(network).__name__} has {len(encoders)} Swin encoders; give a network with one")
    name, encoder = encoders[0]
    return f"{name}." if name else "", encoder
