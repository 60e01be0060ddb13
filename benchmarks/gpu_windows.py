"""One window on a GPU: precisions, layouts, a CUDA graph, margins, peers, beside the ceiling of convolutions.

    python benchmarks/gpu_windows.py --seconds 90

Part of ``benchmarks/gpu.py``. A window of 96 x 96 x 96 goes through the full-size network in all ways, and through
MONAI's SwinUNETR-48, SegResNet-32 and a plain U-Net. The ceiling is the largest rate that a single 3 x 3 x 3
convolution of the network's widths reaches in the same run, in each precision. Writes ``gpu_windows_<machine>.json``,
or with ``--compiled``, which measures ``torch.compile`` alone, ``gpu_compile_<machine>.json``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any

import torch
from gpu_part import SMALL_NETWORK, Part
from monai.networks.nets import DynUNet, SegResNet, SwinUNETR
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from windows import middle_part, read_out, relative_difference

from swinx.inference import TorchBackend
from swinx.networks import SwinXSeg

CLASSES = 15
PRECISIONS: dict[str, tuple[torch.dtype, bool]] = {
    "fp32": (torch.float32, False),
    "TF32": (torch.float32, True),
    "bf16": (torch.bfloat16, True),
    "fp16": (torch.float16, True),
}
# Channels and sides of the convolutions that take most of the network's arithmetic, at a window of 96.
CONVOLUTIONS = ((48, 96), (96, 48), (192, 24), (384, 12))
Run = Callable[[Tensor], Tensor]


class Windows:
    """The ways to run one window.

    Args:
        part: Options, time and record.
    """

    def __init__(self, part: Part) -> None:
        self.part = part
        self.side = 32 if part.small else 96
        self.seconds = 0.0 if part.small else 1.0
        self.network = SwinXSeg(**(SMALL_NETWORK if part.small else {})).eval().requires_grad_(False).to(part.device)
        self.window = torch.rand(1, 1, *(self.side,) * 3, device=part.device)
        with precision(part.device, "fp32"):
            self.reference = self.network(self.window).float()
        self.gflop = count_gflop(self.network, self.window)

    def work(self) -> dict[str, Callable[[], dict[str, Any]]]:
        """Return, by name, what measures a way."""
        on_gpu = self.part.device.type == "cuda"
        halves = ["bf16", "fp16"] if on_gpu else ["bf16"]
        made: dict[str, Callable[[], dict[str, Any]]] = {}
        for name in [*(["fp32", "TF32"] if on_gpu else ["fp32"]), *halves]:
            made[name] = partial(self.row, self.network, name)
        for name in halves:
            made[f"{name}, channels last"] = partial(self.channels_last, name)
        for name in halves:
            made[f"{name}, batch of 4"] = partial(self.row, self.network, name, batch=4)
            for margin in (0.0, 0.125, 0.25):
                made[f"{name}, split, margin {margin:g}"] = partial(self.split, name, margin)
        if on_gpu:
            made["fp16, CUDA graph"] = partial(self.graph, "fp16")
            made["bf16, CUDA graph"] = partial(self.graph, "bf16")
        for name in [*(["TF32"] if on_gpu else ["fp32"]), halves[-1]]:
            for peer in self.peers():
                made[f"{peer}, {name}"] = partial(self.peer, peer, name)
        return made

    def row(self, run: Run, name: str, batch: int = 1, difference: bool = True) -> dict[str, Any]:
        """Time a run in a precision; return seconds a window, GFLOP/s, peak of memory, difference to fp32."""
        window = self.window.expand(batch, -1, -1, -1, -1).contiguous()
        with precision(self.part.device, name):
            scores = run(window)
            gflop = count_gflop(run, window)
            found = time_runs(lambda: run(window), self.part.device, self.seconds)
        found["seconds"] /= batch
        if gflop:
            found["gflop_a_window"] = round(gflop / batch, 1)
            found["gflop_per_second"] = round(gflop / batch / found["seconds"], 1)
        if difference:
            found["largest_difference"] = relative_difference(self.reference, scores[:1].float())
        return found

    def channels_last(self, name: str) -> dict[str, Any]:
        """Measure with the channels last in memory."""
        self.network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload] # missing in torch's stubs
        try:
            return self.row(lambda x: self.network(x.contiguous(memory_format=torch.channels_last_3d)), name)
        finally:
            self.network.to(memory_format=torch.contiguous_format)

    def split(self, name: str, margin: float) -> dict[str, Any]:
        """Measure the network in parts, as the inference runs it, with the ends of a window left out."""
        run = read_out(TorchBackend()(self.network, (self.side,) * 3))
        return self.row(lambda x: run(x, middle_part(self.side, margin)), name)

    def graph(self, name: str) -> dict[str, Any]:
        """Measure a CUDA graph of the whole network."""
        with precision(self.part.device, name, cache_enabled=False):
            replay = record_graph(self.network, self.window)
        found = time_runs(lambda: replay(self.window), self.part.device)
        found["gflop_per_second"] = round(self.gflop / found["seconds"], 1)
        return found | {"largest_difference": relative_difference(self.reference, replay(self.window).float())}

    def compiled(self, name: str) -> dict[str, Any]:
        """Measure ``torch.compile``; the time it takes to compile is told apart."""
        started = time.monotonic()
        run = torch.compile(self.network)
        with precision(self.part.device, name):
            run(self.window)
        return {"seconds_to_compile": round(time.monotonic() - started, 1)} | self.row(run, name)

    def peers(self) -> dict[str, Callable[[], nn.Module]]:
        """Return other networks for such a window."""
        widths = (8, 16, 24) if self.part.small else (32, 64, 128, 256, 320, 320)
        strides = (1, *(2,) * (len(widths) - 1))
        feature_size = 12 if self.part.small else 48
        return {
            f"SwinUNETR-{feature_size}": lambda: SwinUNETR(1, CLASSES, feature_size=feature_size),
            "SegResNet-32": lambda: SegResNet(3, 32, 1, CLASSES, blocks_down=(1, 2, 2, 4)),
            "plain U-Net (DynUNet)": lambda: DynUNet(
                3, 1, CLASSES, (3,) * len(widths), strides, strides[1:], filters=widths, norm_name="instance"
            ),
        }

    def peer(self, peer: str, name: str) -> dict[str, Any]:
        """Measure another network."""
        network = self.peers()[peer]().eval().requires_grad_(False).to(self.part.device)
        parameters = sum(parameter.numel() for parameter in network.parameters())
        return {"parameters": parameters} | self.row(network, name, difference=False)


@contextmanager
def precision(device: torch.device, name: str, cache_enabled: bool = True) -> Iterator[None]:
    """Compute in a precision of ``PRECISIONS``, without gradients."""
    dtype, tensor_float = PRECISIONS[name]
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tensor_float
    half = dtype != torch.float32
    try:
        with torch.no_grad(), torch.autocast(device.type, dtype if half else None, half, cache_enabled):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def time_runs(run: Callable[[], object], device: torch.device, seconds: float = 1.0) -> dict[str, Any]:
    """Run for a second, at least three times after a first one; return the median, and the peak of device memory."""
    on_gpu = device.type == "cuda"
    run()
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    taken: list[float] = []
    while len(taken) < 3 or (sum(taken) < seconds and len(taken) < 100):
        started = time.perf_counter()
        run()
        if on_gpu:
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    found: dict[str, Any] = {"seconds": median(taken), "runs": len(taken)}
    return found | ({"peak_gpu_mb": round(torch.cuda.max_memory_allocated() / 2**20, 1)} if on_gpu else {})


def count_gflop(run: Run, window: Tensor) -> float:
    """Return the arithmetic of convolutions and matrix products of a run in 10^9 operations."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run(window)
    return counter.get_total_flops() / 1e9


def record_graph(network: Run, window: Tensor) -> Run:
    """Return a function that replays the network on other windows of this shape."""
    held = window.clone()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            network(held)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        scores = network(held)

    def replay(given: Tensor) -> Tensor:
        held.copy_(given)
        graph.replay()
        return scores

    return replay


def ceiling(name: str, part: Part) -> dict[str, Any]:
    """Return the largest rate of a single convolution of the network's widths, in GFLOP/s, and which one it is."""
    rates = {}
    for channels, side in [(8, 16)] if part.small else CONVOLUTIONS:
        layer = nn.Conv3d(channels, channels, 3, padding=1, bias=False).to(part.device)
        maps = torch.rand(1 if side > 48 else 8, channels, side, side, side, device=part.device)
        with precision(part.device, name):
            taken = time_runs(partial(layer, maps), part.device, 0.3)["seconds"]
        rates[f"{channels} channels, {side}^3"] = round(2 * 27 * channels * maps.numel() / taken / 1e9, 1)
    return {"gflop_per_second": max(rates.values()), "of": rates}


def main() -> None:
    """Measure and write the results."""
    part = Part("gpu_compile" if "--compiled" in sys.argv else "gpu_windows", __doc__)
    windows = Windows(part)
    part.content |= {"side": windows.side, "gflop_a_window": round(windows.gflop, 1)}
    on_gpu = part.device.type == "cuda"
    if part.compiled:
        names = ["bf16", "fp16"] if on_gpu else ["fp32"]
        part.rows("window", {f"{name}, torch.compile": partial(windows.compiled, name) for name in names})
        return
    names = list(PRECISIONS) if on_gpu else ["fp32", "bf16"]
    part.rows("ceiling", {name: partial(ceiling, name, part) for name in names})
    part.rows("window", windows.work())
    for name, row in part.content["window"].items():
        highest = part.content["ceiling"].get(name.replace(",", " ").split()[0], {}).get("gflop_per_second")
        if highest and "gflop_per_second" in row:
            row["of_ceiling"] = round(row["gflop_per_second"] / highest, 3)
    part.write()


if __name__ == "__main__":
    main()
