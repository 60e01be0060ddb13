"""Student and teacher of the self-distilled masked image transformer (SMIT)."""

from __future__ import annotations

import copy
from typing import NamedTuple, cast

import torch
from monai.networks.utils import pixelshuffle
from torch import Tensor, nn

from swinx.networks import SwinEncoder, SwinFeatures, load_weights
from swinx.pretraining.distillation_head import DistillationHead
from swinx.pretraining.masking import masked_share
from swinx.pretraining.pyramid_reconstruction import PyramidReconstruction

__all__ = ["RECONSTRUCTION_HEADS", "SmitNetwork", "SmitOutput", "SmitPretrainer"]

RECONSTRUCTION_HEADS = ("linear", "unet")
"""Kinds of reconstruction: that of the paper from the bottleneck alone, and a light decoder with the skips."""


class SmitOutput(NamedTuple):
    """Output of :meth:`SmitNetwork.distil` for ``B`` views with ``N`` patch tokens each.

    Attributes:
        patch_logits: ``(B, N, K)``, in [-1, 1].
        image_logits: ``(B, 1, K)``, in [-1, 1].
        patch_tokens: Normalised tokens before the head, ``(B, N, C)``.
        image_token: Their mean, ``(B, C)``.
        token_mask: Masked share of the voxels of each patch token, ``(B, N)``, in [0, 1].
        reconstruction: ``(B, in_channels, D, H, W)``; None for a network without reconstruction.
    """

    patch_logits: Tensor
    image_logits: Tensor
    patch_tokens: Tensor
    image_token: Tensor
    token_mask: Tensor
    reconstruction: Tensor | None

    def detached(self) -> SmitOutput:
        """Return the same without gradient."""
        return SmitOutput(*(None if value is None else value.detach() for value in self))  # type: ignore[arg-type]


class SmitNetwork(nn.Module):
    """The Swin encoder with a mask token, distillation heads and a reconstruction.

    Patch tokens are the output of the last but one patch merging (with four stages the third: one token
    for 16 voxels along each axis), through a LayerNorm; the image token is their mean. The reconstruction of the paper
    is one 1x1 convolution of the bottleneck whose channels are rearranged to cubes of voxels; that of ``"unet"`` is a
    :class:`~swinx.pretraining.pyramid_reconstruction.PyramidReconstruction`.

    Note:
        The reconstruction starts at zero. With random weights, differences between views are at first noise in the
        reconstruction, and the encoder learns to suppress them: tokens of different scans become alike, and the
        error stays at that of a constant.

    Args:
        encoder: The encoder to pretrain, exactly as it will be fine-tuned.
        out_dim: Prototypes ``K`` of the heads.
        hidden_dim: Width of the heads' hidden layers.
        bottleneck_dim: Width of the heads before the prototypes.
        shared_head: One head for patch tokens and image token.
        reconstruct: Build the reconstruction.
        reconstruction_head: Its kind, one of :data:`RECONSTRUCTION_HEADS`.

    Raises:
        ValueError: If the encoder has fewer than two stages, or the kind of reconstruction is unknown.

    Reference:
        Jiang et al., "Self-supervised 3D anatomy segmentation using self-distilled masked image transformer
        (SMIT)", MICCAI 2022, https://arxiv.org/abs/2205.10342.
    """

    def __init__(
        self,
        encoder: SwinEncoder,
        out_dim: int = 8192,
        hidden_dim: int = 2048,
        bottleneck_dim: int = 256,
        shared_head: bool = False,
        reconstruct: bool = True,
        reconstruction_head: str = "linear",
    ) -> None:
        super().__init__()
        if reconstruction_head not in RECONSTRUCTION_HEADS:
            raise ValueError(f"reconstruction_head must be linear or unet, not {reconstruction_head!r}")
        if len(encoder.channels) < 2:
            raise ValueError(f"SMIT needs an encoder with two stages or more, not {len(encoder.channels)}")
        self.encoder = encoder
        self.token_stride = encoder.stride // 2
        self.mask_token = nn.Parameter(torch.zeros(encoder.channels[0]))
        token_dim = encoder.channels[-1]
        self.token_norm = nn.LayerNorm(token_dim, eps=1e-6)
        self.patch_head = DistillationHead(token_dim, out_dim, hidden_dim, bottleneck_dim)
        self.image_head = (
            self.patch_head if shared_head else DistillationHead(token_dim, out_dim, hidden_dim, bottleneck_dim)
        )
        self.reconstruction: nn.Conv3d | PyramidReconstruction | None = None
        if reconstruct and reconstruction_head == "unet":
            self.reconstruction = PyramidReconstruction(encoder.channels, encoder.in_channels)
        elif reconstruct:
            voxels = encoder.in_channels * encoder.stride**3
            self.reconstruction = _zeroed(nn.Conv3d(2 * token_dim, voxels, kernel_size=1))

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Reconstruct an image of which blocks may be masked.

        Args:
            image: ``(B, in_channels, D, H, W)`` in [0, 1], sides that are multiples of the encoder's stride.
            mask: 1 where a block is masked, ``(B, 1, d, h, w)``; a block is one or several embedded tokens of 2 voxels,
                and its side a multiple or a divisor of a patch token's.

        Returns:
            Intensities of the shape of ``image``, not clipped.

        Raises:
            ValueError: If image or mask have other sides, or the network has no reconstruction.
        """
        _, features = self._encode(image, mask)
        return self._reconstruct(features)

    def distil(self, image: Tensor, mask: Tensor | None = None) -> SmitOutput:
        """Return the output that the losses need; arguments as for :meth:`forward`."""
        token_mask, features = self._encode(image, mask)
        tokens = self.token_norm(features.merged[-2].flatten(2).transpose(1, 2))
        image_token = tokens.mean(dim=1)
        return SmitOutput(
            patch_logits=self.patch_head(tokens),
            image_logits=self.image_head(image_token.unsqueeze(1)),
            patch_tokens=tokens,
            image_token=image_token,
            token_mask=token_mask,
            reconstruction=None if self.reconstruction is None else self._reconstruct(features),
        )

    def cancel_prototype_gradients(self) -> None:
        """Remove the gradients of the heads' last layers.

        Without a gradient an optimiser leaves a parameter as it is, weight decay included.
        """
        for head in (self.patch_head, self.image_head):
            head.last_layer.weight.grad = None

    def _encode(self, image: Tensor, mask: Tensor | None) -> tuple[Tensor, SwinFeatures]:
        embedded = self.encoder.embed(image)
        grid = [side // self.token_stride for side in image.shape[2:]]
        if mask is None:
            mask = embedded.new_zeros(len(image), 1, 1, 1, 1)
        _check_mask(mask, image, list(embedded.shape[1:4]), grid)
        masked = masked_share(mask, list(embedded.shape[1:4])).to(embedded.dtype).movedim(1, -1)
        embedded = embedded * (1 - masked) + self.mask_token.to(embedded.dtype) * masked
        return masked_share(mask, grid).flatten(1), self.encoder.encode(embedded)

    def _reconstruct(self, features: SwinFeatures) -> Tensor:
        if self.reconstruction is None:
            raise ValueError("this network was built without a reconstruction; the student has one")
        if isinstance(self.reconstruction, PyramidReconstruction):
            return cast(Tensor, self.reconstruction(features))
        cubes = self.reconstruction(features.bottleneck)
        return pixelshuffle(cubes, spatial_dims=3, scale_factor=self.encoder.stride)


class SmitPretrainer(nn.Module):
    """A student, and a teacher that is its moving average and never gets a gradient.

    The teacher starts as a copy of the student and is always in evaluation mode (no drop path). The LayerNorms of the
    encoder's skips are pretrained only by a reconstruction that reads the skips; otherwise they keep their initial
    values and get no gradient.

    Args:
        student: A network with reconstruction.
        distil: Run the teacher. Without, in a training by masked image prediction alone, its output is the student's,
            without gradient, which saves a quarter of the time; it still follows the student.

    Raises:
        ValueError: If the student has none.
    """

    def __init__(self, student: SmitNetwork, distil: bool = True) -> None:
        super().__init__()
        if student.reconstruction is None:
            raise ValueError("the student must have a reconstruction")
        self.distil = distil
        self.student = student
        self.teacher = copy.deepcopy(student)
        self.teacher.reconstruction = None
        self.teacher.requires_grad_(False)
        self.student.encoder.norms.requires_grad_(isinstance(student.reconstruction, PyramidReconstruction))
        self.train()

    def train(self, mode: bool = True) -> SmitPretrainer:
        """Set the student's mode; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def forward(self, views: Tensor, mask: Tensor) -> tuple[SmitOutput, SmitOutput]:
        """Return the student's output for the masked views, and the teacher's for the unmasked ones.

        Args:
            views: ``(2B, in_channels, D, H, W)`` in [0, 1].
            mask: ``(2B, 1, d, h, w)``, 1 where masked for the student.
        """
        student = self.student.distil(views, mask)
        if not self.distil:
            return student, student.detached()
        with torch.no_grad():
            teacher = self.teacher.distil(views)
        return student, teacher

    @torch.no_grad()
    def update_teacher(self, momentum: float) -> None:
        """Move the teacher's parameters to ``momentum * teacher + (1 - momentum) * student``.

        Raises:
            ValueError: If the momentum is not in [0, 1].
        """
        if not 0 <= momentum <= 1:
            raise ValueError(f"the teacher's momentum must be in [0, 1], not {momentum}")
        student = dict(self.student.named_parameters())
        for name, parameter in self.teacher.named_parameters():
            parameter.mul_(momentum).add_(student[name], alpha=1 - momentum)

    def start_from(self, checkpoint: str | None) -> None:
        """Load the encoder of a checkpoint, if there is one, into student and teacher.

        Args:
            checkpoint: Weights file, see :func:`swinx.networks.load_weights`; None keeps the student's weights.
        """
        if checkpoint:
            load_weights(self.student, checkpoint, part="encoder")
        self.restart_teacher()

    def restart_teacher(self) -> None:
        """Make the teacher a copy of the student again, after weights were loaded into the student."""
        self.update_teacher(momentum=0.0)


def _zeroed(layer: nn.Conv3d) -> nn.Conv3d:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def _check_mask(mask: Tensor, image: Tensor, embedded: list[int], grid: list[int]) -> None:
    blocks = list(mask.shape[2:])
    if (
        mask.ndim != 5
        or mask.shape[:2] != (len(image), 1)
        or any(n % m for n, m in zip(embedded, blocks, strict=True))
        or any(max(n, m) % min(n, m) for n, m in zip(grid, blocks, strict=True))
    ):
        raise ValueError(
            f"a mask {tuple(mask.shape)} does not fit an image {tuple(image.shape)} of {tuple(grid)} patch tokens: it "
            f"must be (batch, 1, d, h, w) with sides that divide {tuple(embedded)}, and divide the tokens' or are "
            "multiples of them"
        )
