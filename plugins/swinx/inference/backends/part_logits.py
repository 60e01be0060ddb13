"""Logits of the used part of each window, by any backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from swinx.inference.backends.output_layer import OutputLayer
from swinx.inference.backends.split_network import SplitNetwork
from swinx.inference.backends.window_part import Slices, WindowPart
from swinx.networks import SwinXSeg

__all__ = ["Backend", "PartLogits", "SplitLogits", "TorchBackend", "WholeLogits", "is_whole", "weights_version"]


class PartLogits(Protocol):
    """A function from windows to logits, or to features that an output layer makes logits of.

    Attributes:
        output_layer: Layer that makes logits of features; None if the function returns logits.
    """

    output_layer: OutputLayer | None

    def __call__(self, windows: Tensor, part: WindowPart) -> Tensor:
        """Return logits ``(N, classes, *part)``, or features, of windows ``(N, C, X, Y, Z)``."""
        ...


class Backend(Protocol):
    """A backend: prepares a network and runs it.

    Attributes:
        name: Its name in records.
    """

    @property
    def name(self) -> str:
        """Return its name in records."""
        ...

    def __call__(self, network: Any, roi_size: Sequence[int]) -> PartLogits:
        """Return the function that runs this network on windows of this size."""
        ...


class WholeLogits:
    """Any network, unchanged: the whole window is computed, and the part is cut out.

    Args:
        network: Maps windows ``(N, C, X, Y, Z)`` to logits ``(N, classes, X, Y, Z)``.
    """

    output_layer: OutputLayer | None = None

    def __init__(self, network: Callable[..., Tensor]) -> None:
        self.network = network

    def __call__(self, windows: Tensor, part: WindowPart) -> Tensor:
        """Return logits ``(N, classes, *part)``."""
        return self.network(windows)[(..., *part.inside)]


class SplitLogits:
    """A network in three parts: full and half resolution are computed for the part alone.

    Args:
        features: Maps windows ``(N, C, X, Y, Z)`` to tokens ``(N, E, X / 2, Y / 2, Z / 2)`` and features
            ``(N, F, X / 4, Y / 4, Z / 4)``, as ``WindowFeatures`` of :class:`swinx.inference.SplitNetwork`.
        middle: Maps a part of these to features of half the resolution, as its ``WindowMiddle``.
        head: Maps a part of the windows and of those to logits, as its ``WindowHead``, or to features, as its
            ``WindowDecoder``.
        memory_format: What all are given.
        output_layer: Layer that makes logits of what ``head`` returns, if these are features.
    """

    def __init__(
        self,
        features: Callable[[Tensor], tuple[Tensor, Tensor]],
        middle: Callable[[Tensor, Tensor], Tensor],
        head: Callable[[Tensor, Tensor], Tensor],
        memory_format: torch.memory_format = torch.contiguous_format,
        output_layer: OutputLayer | None = None,
    ) -> None:
        self.features = features
        self.middle = middle
        self.head = head
        self.memory_format = memory_format
        self.output_layer = output_layer

    def __call__(self, windows: Tensor, part: WindowPart) -> Tensor:
        """Return logits ``(N, classes, *part)``, or features with an output layer."""
        skip, coarse = self.features(windows.contiguous(memory_format=self.memory_format))
        features = self.middle(self._cut(skip, part.skip), self._cut(coarse, part.coarse))
        del skip, coarse  # before the full resolution comes
        return self.head(self._cut(windows, part.image), self._cut(features, part.features))[(..., *part.kept)]

    def _cut(self, whole: Tensor, part: Slices) -> Tensor:
        return whole[(..., *part)].contiguous(memory_format=self.memory_format)


class TorchBackend:
    """PyTorch, with the network split (:class:`swinx.inference.SplitNetwork`) and its weights folded, once.

    A network with other norms than batch norms is run whole: they take means over the window. Weights are folded anew
    when they have changed, unless this was hidden from autograd by ``.data``.

    Args:
        channels_last: Keep channels last in memory, which is faster at full resolution.
    """

    name = "torch"

    def __init__(self, channels_last: bool = True) -> None:
        self.memory_format = torch.channels_last_3d if channels_last else torch.contiguous_format
        self._made: tuple[object, SplitLogits] | None = None

    def __call__(self, network: SwinXSeg, roi_size: Sequence[int]) -> PartLogits:  # noqa: ARG002 # any size will do
        """Return the function that runs this network.

        Raises:
            TypeError: If it is no ``SwinXSeg``.
        """
        if is_whole(network):
            return WholeLogits(lambda windows: network(windows.contiguous(memory_format=self.memory_format)))
        version = weights_version(network)
        if self._made is None or self._made[0] != version:
            split = SplitNetwork(network)
            split.to(memory_format=self.memory_format)  # type: ignore[call-overload] # missing in torch's stubs
            parts = (split.features, split.middle, split.last)
            self._made = (version, SplitLogits(*parts, self.memory_format, split.output_layer))
        return self._made[1]


def is_whole(network: nn.Module) -> bool:
    """Return whether a network can only be run whole: a ``SwinXSeg`` with other norms than batch norms."""
    return isinstance(network, SwinXSeg) and network.norm != "batch"


def weights_version(network: nn.Module) -> object:
    """Return a key that differs between networks, and after any change of the weights of one."""
    state = (*network.parameters(), *network.buffers())
    return tuple((tensor.data_ptr(), tensor._version, tensor.device) for tensor in state)
