"""TensorRT on NVIDIA GPUs, by Torch-TensorRT. Written after its documentation; never run yet."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from swinx.errors import ExportError
from swinx.inference.backends.window_batches import check_window, exported_file

__all__ = ["TensorRTNetwork", "load_tensorrt", "write_tensorrt"]


@torch.no_grad()
def write_tensorrt(network: nn.Module, example: Tensor, path: Path) -> None:
    """Build an engine for one window, in single precision, and write it. Not verified: it has never been run.

    Args:
        network: In evaluation mode; back on the CPU afterwards.
        example: An input ``(1, C, X, Y, Z)``.
        path: The file. It holds for GPUs of this kind and for this version of TensorRT alone.

    Raises:
        ExportError: If torch_tensorrt is not installed or there is no GPU.
    """
    tensorrt = _torch_tensorrt()
    image = example.cuda()
    try:
        program = torch.export.export(network.cuda(), (image,))
        engine = tensorrt.dynamo.compile(program, inputs=[image], disable_tf32=True)
        tensorrt.save(engine, str(path), arg_inputs=[image])
    finally:
        network.cpu()


def load_tensorrt(path: Path) -> Callable[[Tensor], Tensor]:
    """Return the network of a file, whatever windows it takes."""
    return TensorRTNetwork(path)


class TensorRTNetwork(nn.Module):
    """A network that TensorRT runs, window by window. Not verified: it has never been run.

    Args:
        path: The file that ``swinx export --to tensorrt`` wrote, or a TorchScript with engines as MONAI's
            ``trt_export`` writes it.
        roi_size: Sides of the windows that it shall be given; not checked by default.
        in_channels: Channels that it shall be given, checked with ``roi_size``.
        out_channels: Classes that it shall return, checked with ``roi_size``.

    Raises:
        ExportError: If torch_tensorrt is not installed, there is no GPU, the file is missing or cannot be read, or
            it takes other windows.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        roi_size: Sequence[int] | None = None,
        in_channels: int = 1,
        out_channels: int = 15,
    ) -> None:
        super().__init__()
        file = exported_file(path, "tensorrt")
        tensorrt = _torch_tensorrt()
        try:
            loaded: Any = tensorrt.load(str(file))
        except Exception as error:  # whatever foreign bytes make of it
            raise ExportError(f"{file}: cannot be read by torch_tensorrt: {error}") from error
        self._run: Callable[[Tensor], Tensor] = loaded.module() if isinstance(loaded, ExportedProgram) else loaded
        if roi_size is not None:
            self._try_window(file, (in_channels, *roi_size), (out_channels, *roi_size))

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Return class scores ``(B, classes, X, Y, Z)`` of windows ``(B, C, X, Y, Z)``, on their device."""
        moved = image.float().cuda()
        return torch.cat([self._run(window[None]) for window in moved]).to(image.device)

    def _try_window(self, file: Path, wanted_in: tuple[int, ...], wanted_out: tuple[int, ...]) -> None:
        try:
            found = tuple(self.forward(torch.zeros(1, *wanted_in)).shape[1:])
        except Exception as error:  # a guard of the graph, or TensorRT itself
            sizes = " x ".join(map(str, wanted_in))
            raise ExportError(
                f"{file}: does not take this workflow's windows of {sizes} voxels (channels first): {error}; give the "
                "roi_size it was exported for, or export it again for this one"
            ) from error
        check_window(file, wanted_in, found, wanted_in, wanted_out)


def _torch_tensorrt() -> Any:
    try:
        import torch_tensorrt
    except ImportError as error:
        raise ExportError(f"TensorRT needs torch_tensorrt ({error}): pip install torch-tensorrt") from error
    if not torch.cuda.is_available():
        raise ExportError("TensorRT needs an NVIDIA GPU, and PyTorch finds none here; use another format")
    return torch_tensorrt
