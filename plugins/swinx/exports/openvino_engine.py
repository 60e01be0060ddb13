"""OpenVINO as what runs the windows of a bundle on CPUs, from the weights at hand: no exported file is needed."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.jit import TracerWarning  # type: ignore[attr-defined] # not in its __all__

from swinx.exports.openvino_package import compile_for_cpu, import_openvino
from swinx.networks import SplitNetwork, SplitScores, SwinXSeg, weights_version

__all__ = ["OpenVINOEngine"]

_logger = logging.getLogger(__name__)


class OpenVINOEngine:
    """Run a ``SwinXSeg`` on the CPU by OpenVINO, in single precision, with as many threads as PyTorch has.

    For :class:`swinx.inferers.SlidingWindowLabelInferer`. The network is split
    (:class:`swinx.networks.SplitNetwork`), traced and compiled at the first window, which takes as long as a few
    windows; the result is kept until other weights come.

    Raises:
        ExportError: If openvino is not installed.
    """

    def __init__(self) -> None:
        import_openvino()
        self._made: tuple[object, SplitScores] | None = None

    def __call__(self, network: SwinXSeg, roi_size: Sequence[int]) -> SplitScores:
        """Return what runs this network on windows of this size.

        Raises:
            TypeError: If it is no ``SwinXSeg``.
        """
        version = (weights_version(network), tuple(roi_size))
        if self._made is None or self._made[0] != version:
            started = time.perf_counter()
            split = SplitNetwork(network).cpu()
            example = torch.zeros(1, split.in_channels, *roi_size)
            features = _OneByOne(_compile(split.features, (example,), example.shape))
            self._made = (version, SplitScores(features, _Heads(split.head)))
            _logger.info("network compiled by OpenVINO in %.1f s", time.perf_counter() - started)
        return self._made[1]


class _OneByOne:
    """A compiled model that takes single windows, given any number of them."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self.run = run

    def __call__(self, *inputs: Tensor) -> Tensor:
        count, device = inputs[0].shape[0], inputs[0].device
        arrays = [np.ascontiguousarray(tensor.detach().cpu().float().numpy()) for tensor in inputs]
        found = [self.run([array[i : i + 1] for array in arrays])[0].copy() for i in range(count)]
        return torch.from_numpy(np.concatenate(found) if count > 1 else found[0]).to(device)


class _Heads:
    """The head, compiled for each shape of a part that comes along: at most 27, and 8 in scans larger than a window."""

    def __init__(self, head: nn.Module) -> None:
        self.head = head
        self.compiled: dict[tuple[tuple[int, ...], ...], _OneByOne] = {}

    def __call__(self, image: Tensor, features: Tensor, trim: Sequence[int]) -> Tensor:
        shapes = (tuple(image.shape[1:]), tuple(features.shape[1:]), tuple(trim))
        if shapes not in self.compiled:
            # Any size serves to trace a convolution; a small one is quick.
            small = [8 + image.shape[axis] - 2 * features.shape[axis] for axis in (2, 3, 4)]
            example = (image.new_zeros((1, image.shape[1], *small)), image.new_zeros((1, features.shape[1], 4, 4, 4)))
            head = _Trimmed(self.head, trim)
            self.compiled[shapes] = _OneByOne(_compile(head, example, (1, *shapes[0]), (1, *shapes[1])))
        return self.compiled[shapes](image, features)


class _Trimmed(nn.Module):
    """A head at a fixed place."""

    def __init__(self, head: nn.Module, trim: Sequence[int]) -> None:
        super().__init__()
        self.head = head
        self.trim = tuple(trim)

    def forward(self, image: Tensor, features: Tensor) -> Any:
        return self.head(image, features, self.trim)


def _compile(module: nn.Module, example: tuple[Tensor, ...], *shapes: Sequence[int]) -> Any:
    with torch.no_grad(), warnings.catch_warnings():
        for category in (TracerWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category)
        traced = torch.jit.trace(module, example, check_trace=False)  # type: ignore[no-untyped-call]
        model = import_openvino().convert_model(traced)
    model.reshape({port: list(shape) for port, shape in zip(model.inputs, shapes, strict=True)})
    return compile_for_cpu(model)
