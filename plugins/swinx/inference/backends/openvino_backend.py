"""OpenVINO as the backend on CPUs, compiled from the loaded weights: no exported file is needed."""

from __future__ import annotations

import copy
import logging
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.jit import TracerWarning  # type: ignore[attr-defined] # not in its __all__

from swinx.inference.backends.kept_models import compiled_or_kept
from swinx.inference.backends.openvino_package import compile_for_cpu, import_openvino
from swinx.inference.backends.part_logits import PartLogits, SplitLogits, WholeLogits, is_whole, weights_version
from swinx.inference.backends.split_network import SplitNetwork
from swinx.networks import SwinXSeg

__all__ = ["OpenVINOBackend"]

_logger = logging.getLogger(__name__)


class OpenVINOBackend:
    """Run a ``SwinXSeg`` on the CPU by OpenVINO, with as many threads as PyTorch has.

    For :class:`swinx.inference.SlidingWindowLabelInferer`. The network is split
    (:class:`swinx.inference.SplitNetwork`), or whole where its norms are no batch norms, traced and compiled at the
    first window, which takes as long as a few windows; the result is kept until other weights come, unless they are
    hidden from autograd by ``.data``, and on the disk for the next process
    (:func:`swinx.inference.backends.kept_models.cache_folder`).

    Args:
        bfloat16: Compute in bfloat16 and not in single precision, which is faster where the CPU has instructions for
            it (:func:`swinx.inference.backends.openvino_package.has_bfloat16_instructions`), and slower elsewhere.

    Raises:
        ExportError: If openvino is not installed.
    """

    def __init__(self, bfloat16: bool = False) -> None:
        import_openvino()
        self.bfloat16 = bfloat16
        self._made: tuple[object, PartLogits] | None = None

    @property
    def name(self) -> str:
        """Return its name in records."""
        return "openvino" + ", bfloat16" * self.bfloat16

    def __call__(self, network: SwinXSeg, roi_size: Sequence[int]) -> PartLogits:
        """Return the function that runs this network on windows of this size.

        Raises:
            TypeError: If it is no ``SwinXSeg``.
        """
        version = (weights_version(network), tuple(roi_size))
        if self._made is None or self._made[0] != version:
            started = time.perf_counter()
            self._made = (
                version,
                self._whole(network, roi_size) if is_whole(network) else self._split(network, roi_size),
            )
            precision = "bfloat16" if self.bfloat16 else "single precision"
            _logger.info("network prepared for OpenVINO in %s in %.1f s", precision, time.perf_counter() - started)
        return self._made[1]

    def _whole(self, network: SwinXSeg, roi_size: Sequence[int]) -> WholeLogits:
        """Return the function that runs a network whose norms take means over the window."""
        window = (1, network.encoder.in_channels, *roi_size)
        copied = copy.deepcopy(network).cpu().eval().requires_grad_(False)
        return WholeLogits(_compile(copied, self.bfloat16, [torch.zeros(window)], [window]))

    def _split(self, network: SwinXSeg, roi_size: Sequence[int]) -> SplitLogits:
        split = SplitNetwork(network).cpu()
        window = (1, split.in_channels, *roi_size)
        features = _compile(split.features, self.bfloat16, [torch.zeros(window)], [window])
        middle = self._compile_for_parts(split.middle, split.skip_channels, split.coarse_channels)
        head = self._compile_for_parts(split.last, split.in_channels, split.feature_channels)
        return SplitLogits(features, middle, head, output_layer=split.output_layer)

    def _compile_for_parts(self, module: nn.Module, fine: int, coarse: int) -> _OneByOne:
        """Return the function that runs convolutions on maps of so many channels, the second of half the size."""
        # Any size serves to trace a convolution, and a small one is quick.
        example = [torch.zeros(1, fine, 8, 8, 8), torch.zeros(1, coarse, 4, 4, 4)]
        return _compile(module, self.bfloat16, example, [(1, channels, -1, -1, -1) for channels in (fine, coarse)])


class _OneByOne:
    """A compiled model that takes single windows, given any number of them; it returns as many tensors as it makes."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self.run = run

    def __call__(self, *inputs: Tensor) -> Any:
        count, device = inputs[0].shape[0], inputs[0].device
        arrays = [np.ascontiguousarray(tensor.detach().cpu().float().numpy()) for tensor in inputs]
        runs = []
        for i in range(count):
            made = self.run([array[i : i + 1] for array in arrays])
            runs.append([made[port].copy() for port in range(len(made))])
        outputs = (np.concatenate(parts) if count > 1 else parts[0] for parts in zip(*runs, strict=True))
        tensors = [torch.from_numpy(output).to(device) for output in outputs]
        return tensors if len(tensors) > 1 else tensors[0]


def _compile(module: nn.Module, bfloat16: bool, example: list[Tensor], shapes: list[tuple[int, ...]]) -> _OneByOne:
    with torch.no_grad(), warnings.catch_warnings():
        for category in (TracerWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category)
        traced = torch.jit.trace(module, tuple(example), check_trace=False)  # type: ignore[no-untyped-call]

        def compile_model() -> Any:
            # The weights are copied: shared ones would have to outlive what is compiled from them.
            model = import_openvino().convert_model(traced, share_weights=False)
            model.reshape({port: list(shape) for port, shape in zip(model.inputs, shapes, strict=True)})
            return compile_for_cpu(model, bfloat16)

        return _OneByOne(compiled_or_kept(traced, shapes, bfloat16, compile_model))
