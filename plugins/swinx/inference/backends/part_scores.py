"""Scores of a part of each window, by whatever runs the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from swinx.inference.backends.output_layer import Readout
from swinx.inference.backends.split_network import SplitNetwork
from swinx.inference.windows.window_parts import Slices, WindowPart
from swinx.networks import SwinXSeg

__all__ = ["Engine", "PartScores", "SplitScores", "TorchEngine", "WholeScores", "weights_version"]


class PartScores(Protocol):
    """What turns windows into class scores, or into features that a readout makes scores of.

    Attributes:
        readout: What makes scores of features; None if there are scores already.
    """

    readout: Readout | None

    def __call__(self, windows: Tensor, part: WindowPart) -> Tensor:
        """Return scores ``(N, classes, *part)``, or features, of windows ``(N, C, X, Y, Z)``."""
        ...


class Engine(Protocol):
    """What makes a network ready to run.

    Attributes:
        name: What it is, for records.
    """

    @property
    def name(self) -> str:
        """Return what it is, for records."""
        ...

    def __call__(self, network: Any, roi_size: Sequence[int]) -> PartScores:
        """Return what runs this network on windows of this size."""
        ...


class WholeScores:
    """Any network, as it is: the whole window is computed, and the part is cut out.

    Args:
        network: Maps windows ``(N, C, X, Y, Z)`` to scores ``(N, classes, X, Y, Z)``.
        **kwargs: Passed on to it.
    """

    readout: Readout | None = None

    def __init__(self, network: Callable[..., Tensor], **kwargs: Any) -> None:
        self.network = network
        self.kwargs = kwargs

    def __call__(self, windows: Tensor, part: WindowPart) -> Tensor:
        """Return scores ``(N, classes, *part)``."""
        return self.network(windows, **self.kwargs)[(..., *part.inside)]


class SplitScores:
    """A network in three parts: full and half resolution are computed for the part alone.

    Args:
        features: Maps windows ``(N, C, X, Y, Z)`` to tokens ``(N, E, X / 2, Y / 2, Z / 2)`` and features
            ``(N, F, X / 4, Y / 4, Z / 4)``, as ``WindowFeatures`` of :class:`swinx.inference.SplitNetwork`.
        middle: Maps a part of these to features of half the resolution, as its ``WindowMiddle``.
        head: Maps a part of the windows and of those to logits, as its ``WindowHead``, or to features, as its
            ``WindowDecoder``.
        memory_format: What all are given.
        readout: What makes scores of what ``head`` returns, if these are features.
    """

    def __init__(
        self,
        features: Callable[[Tensor], tuple[Tensor, Tensor]],
        middle: Callable[[Tensor, Tensor], Tensor],
        head: Callable[[Tensor, Tensor], Tensor],
        memory_format: torch.memory_format = torch.contiguous_format,
        readout: Readout | None = None,
    ) -> None:
        self.features = features
        self.middle = middle
        self.head = head
        self.memory_format = memory_format
        self.readout = readout

    def __call__(self, windows: Tensor, part: WindowPart) -> Tensor:
        """Return scores ``(N, classes, *part)``, or features with a readout."""
        skip, coarse = self.features(windows.contiguous(memory_format=self.memory_format))
        features = self.middle(self._cut(skip, part.skip), self._cut(coarse, part.coarse))
        del skip, coarse  # before the full resolution comes
        return self.head(self._cut(windows, part.image), self._cut(features, part.features))[(..., *part.kept)]

    def _cut(self, whole: Tensor, part: Slices) -> Tensor:
        return whole[(..., *part)].contiguous(memory_format=self.memory_format)


class TorchEngine:
    """PyTorch, with the network split (:class:`swinx.inference.SplitNetwork`) and its weights folded, once.

    They are folded anew when the weights have changed, unless this was hidden from autograd by ``.data``.

    Args:
        channels_last: Keep channels last in memory, which is faster at full resolution.
    """

    name = "torch"

    def __init__(self, channels_last: bool = True) -> None:
        self.memory_format = torch.channels_last_3d if channels_last else torch.contiguous_format
        self._made: tuple[object, SplitScores] | None = None

    def __call__(self, network: SwinXSeg, roi_size: Sequence[int]) -> SplitScores:  # noqa: ARG002 # any size will do
        """Return what runs this network.

        Raises:
            TypeError: If it is no ``SwinXSeg``.
        """
        version = weights_version(network)
        if self._made is None or self._made[0] != version:
            split = SplitNetwork(network)
            split.to(memory_format=self.memory_format)  # type: ignore[call-overload] # missing in torch's stubs
            parts = (split.features, split.middle, split.last)
            self._made = (version, SplitScores(*parts, self.memory_format, split.readout))
        return self._made[1]


def weights_version(network: nn.Module) -> object:
    """Return what differs between networks, and after any change of the weights of one."""
    state = (*network.parameters(), *network.buffers())
    return tuple((tensor.data_ptr(), tensor._version, tensor.device) for tensor in state)
