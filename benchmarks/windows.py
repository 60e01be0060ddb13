"""What one window costs: the network in every way that it can be run, and its peers.

    .venv/bin/python benchmarks/windows.py --rounds 3

runs a window of 96 x 96 x 96 through the full-size network, and through MONAI's SwinUNETR-48, SegResNet-32 and a plain
U-Net of 31 million parameters, all in turns, and writes medians to ``benchmarks/results/windows_<machine>.json``:
seconds of clock and of processor, and the peak of GPU memory where there is one. Weights are random: cost does not
depend on them. Differences are those of scores, to the network as it is, relative to the largest score.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from bundle_trial import ROOT, write_record
from monai.networks.nets import SegResNet, SwinUNETR
from torch import Tensor, nn

from swinx.exports import OpenVINOEngine
from swinx.networks import SwinXSeg, TorchEngine
from swinx.ops.window_parts import WindowPart, window_part

CLASSES = 15
Run = Callable[[], Tensor]


def main() -> None:
    """Measure and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--side", type=int, default=96)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", nargs="+", help="names of ways")
    options.add_argument("--compiled", action="store_true", help="also torch.compile, which takes minutes on a CPU")
    options.add_argument(
        "--bfloat16", action="store_true", help="also on a CPU; slow where it has no such instructions"
    )
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--small", action="store_true", help="a tiny network, to try this program")
    options.add_argument("--out", type=type(ROOT), default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(given.seed)
    small: dict[str, Any] = {"embed_dim": 12, "num_heads": (1, 2, 4, 8), "decoder_channels": 4} if given.small else {}
    network = SwinXSeg(**small).eval().requires_grad_(False).to(device)
    window = torch.rand(1, 1, *(given.side,) * 3, device=device)
    runs = {**ways(network, window, given.compiled, given.bfloat16), **({} if given.small else peers(window))}
    if given.only:
        runs = {name: run for name, run in runs.items() if name in ("as it is", *given.only)}
    costs = time_in_turns(runs, given.rounds, device)
    settings = {name: getattr(given, name) for name in ("side", "rounds", "seed", "small")}
    write_record(given.out, "windows" + "_small" * given.small, settings | {"device": str(device), "window": costs})
    for name, cost in costs.items():
        print(f"{name:28s}", cost)


def ways(network: SwinXSeg, window: Tensor, compiled: bool, half: bool) -> dict[str, Run]:
    """Return the network in all ways: by name, what runs the window."""
    side = window.shape[2]
    parts = {margin: middle_part(side, margin) for margin in (0.0, 0.125, 0.25)}
    runs: dict[str, Run] = {"as it is": lambda: network(window)}
    last = copy.deepcopy(network)
    last.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload] # missing in torch's stubs
    runs["channels last"] = lambda: last(window.contiguous(memory_format=torch.channels_last_3d))
    halves = [torch.bfloat16, torch.float16] if window.is_cuda else [torch.bfloat16] if half else []
    for dtype in halves:
        runs[f"{str(dtype).removeprefix('torch.')}, channels last"] = under_autocast(runs["channels last"], dtype)
    split = TorchEngine()(network, window.shape[2:])
    for margin, part in parts.items():
        runs[f"split, margin {margin:g}"] = lambda part=part: split(window, part)  # type: ignore[misc]
        for dtype in halves if window.is_cuda else []:
            name = f"split, margin {margin:g}, {str(dtype).removeprefix('torch.')}"
            runs[name] = under_autocast(runs[f"split, margin {margin:g}"], dtype)
    if not window.is_cuda:
        openvino = OpenVINOEngine()(network, window.shape[2:])
        for margin, part in parts.items():
            runs[f"OpenVINO, margin {margin:g}"] = lambda part=part: openvino(window, part)  # type: ignore[misc]
    if compiled:
        faster = torch.compile(copy.deepcopy(network))
        runs["compiled"] = lambda: faster(window)
    return runs


def under_autocast(run: Run, dtype: torch.dtype) -> Run:
    """Return a run in mixed precision."""

    def mixed() -> Tensor:
        with torch.autocast("cuda" if torch.cuda.is_available() else "cpu", dtype=dtype):
            return run()

    return mixed


def middle_part(side: int, margin: float) -> WindowPart:
    """Return the part of a window that has neighbours on all sides."""
    return window_part([slice(side, 2 * side)] * 3, [3 * side] * 3, [side] * 3, margin)


def peers(window: Tensor) -> dict[str, Run]:
    """Return other networks on the same window."""
    networks: dict[str, nn.Module] = {
        "SwinUNETR-48": SwinUNETR(in_channels=1, out_channels=CLASSES, feature_size=48),
        "SegResNet-32": SegResNet(init_filters=32, in_channels=1, out_channels=CLASSES, blocks_down=(1, 2, 2, 4)),
        "plain U-Net, 31M": plain_unet(),
    }
    for network in networks.values():
        network.eval().requires_grad_(False).to(window.device)
    return {name: lambda network=network: network(window) for name, network in networks.items()}  # type: ignore[misc]


def plain_unet() -> nn.Module:
    """Return a U-Net as nnU-Net plans it for windows of this size: six stages of 32 to 320 channels."""
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    network: nn.Module = PlainConvUNet(
        1, 6, (32, 64, 128, 256, 320, 320), nn.Conv3d, 3, (1, 2, 2, 2, 2, 2), 2, CLASSES, 2, conv_bias=True,
        norm_op=nn.InstanceNorm3d, norm_op_kwargs={"affine": True},
        nonlin=nn.LeakyReLU, nonlin_kwargs={"inplace": True},
    )  # fmt: skip
    return network


@torch.no_grad()
def time_in_turns(runs: dict[str, Run], rounds: int, device: torch.device) -> dict[str, dict[str, float]]:
    """Run each once to warm up and then all in turns; return medians, ratios to the first, and peaks of GPU memory."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    differences, memory = {}, {}
    reference: Tensor | None = None
    for turn in range(rounds + 1):
        for name, run in runs.items():
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            clock, processor = time.perf_counter(), time.process_time()
            scores = run()
            if device.type == "cuda":
                torch.cuda.synchronize()
                memory[name] = torch.cuda.max_memory_allocated() / 2**20
            if turn:
                taken[name].append((time.perf_counter() - clock, time.process_time() - processor))
            elif reference is None:
                reference = scores.float()
            else:
                differences[name] = relative_difference(reference, scores.float())
    medians = {name: [median(column) for column in zip(*times, strict=True)] for name, times in taken.items()}
    first = next(iter(medians.values()))
    found = {}
    for name, (clock, processor) in medians.items():
        found[name] = {
            "seconds": round(clock, 4),
            "cpu_seconds": round(processor, 4),
            "of_first": round(clock / first[0], 3),
            "cpu_of_first": round(processor / first[1], 3),
        }
        if name in memory:
            found[name]["peak_gpu_mb"] = round(memory[name], 1)
        if differences.get(name) is not None and not name.startswith(("Swin", "Seg", "plain")):
            found[name]["largest_difference"] = differences[name]
    return found


def relative_difference(reference: Tensor, scores: Tensor) -> float:
    """Return the largest difference of scores in the part that both have, of the largest score."""
    cut = [(a - b) // 2 for a, b in zip(reference.shape[2:], scores.shape[2:], strict=True)]
    x, y, z = (slice(c, c + length) for c, length in zip(cut, scores.shape[2:], strict=True))
    return float((reference[:, :, x, y, z] - scores).abs().max() / reference.abs().max())


if __name__ == "__main__":
    main()
