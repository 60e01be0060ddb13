"""What one window costs: the network in every way that it can be run, and its peers.

    .venv/bin/python benchmarks/windows.py --rounds 3 --compiled --bfloat16

runs a window of 96 x 96 x 96 through the full-size network, and through MONAI's SwinUNETR-48, SegResNet-32 and a plain
U-Net of 31 million parameters, all in turns, and writes medians to ``benchmarks/results/windows_<machine>.json``:
seconds of clock and of processor, and the peak of memory: of the GPU where there is one, and else of a process that
runs this way alone, while it runs. Weights are random: cost does not depend on them. Differences are those of
scores, to the network as it is, relative to the largest score.
"""

from __future__ import annotations

import argparse
import copy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from bundle_trial import ROOT, write_record
from monai.networks.nets import SegResNet, SwinUNETR
from torch import Tensor, nn

from swinx.export.torch_formats import load_onnx, write_onnx
from swinx.inference import OpenVINOBackend, PartLogits, TorchBackend, compile_for_cpu, import_openvino
from swinx.inference.backends.window_part import WindowPart, window_part
from swinx.networks import SwinXSeg
from swinx.resources import ResourceMonitor

CLASSES = 15
MARGINS = (0.0, 0.125, 0.25)
Run = Callable[[], Tensor]
PEERS: dict[str, Callable[[], nn.Module]] = {
    "SwinUNETR-48": lambda: SwinUNETR(in_channels=1, out_channels=CLASSES, feature_size=48),
    "SegResNet-32": lambda: SegResNet(init_filters=32, in_channels=1, out_channels=CLASSES, blocks_down=(1, 2, 2, 4)),
    "plain U-Net, 31M": lambda: plain_unet(),
}


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
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    options.add_argument("--memory-of", help="run this way alone, once, and print the peak of memory in MiB")
    given = options.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(given.seed)
    small: dict[str, Any] = (
        {"embed_dim": 12, "depths": (2,), "num_heads": (1,), "decoder_channels": 4} if given.small else {}
    )
    network = SwinXSeg(**small).eval().requires_grad_(False).to(device)
    window = torch.rand(1, 1, *(given.side,) * 3, device=device)
    made = {**ways(network, window, given.compiled, given.bfloat16), **({} if given.small else peers(window))}
    if given.memory_of:
        print(peak_of(made[given.memory_of]))
        return
    if unknown := set(given.only or ()) - set(made):
        options.error(f"--only {', '.join(sorted(unknown))}: none of {', '.join(made)}")
    runs = {name: make() for name, make in made.items() if not given.only or name in ("as it is", *given.only)}
    costs = time_in_turns(runs, given.rounds, device)
    if device.type == "cpu":
        for name in costs:
            costs[name]["peak_rss_mb"] = peak_alone(name)
    settings = {name: getattr(given, name) for name in ("side", "rounds", "seed", "small")}
    write_record(given.out, "windows" + "_small" * given.small, settings | {"device": str(device), "window": costs})
    for name, cost in costs.items():
        print(f"{name:28s}", cost)


def ways(network: SwinXSeg, window: Tensor, compiled: bool, half: bool) -> dict[str, Callable[[], Run]]:
    """Return the network in all ways: by name, what makes ready what runs the window."""
    sides = window.shape[2:]
    parts = {margin: middle_part(sides[0], margin) for margin in MARGINS}
    made: dict[str, Callable[[], Run]] = {"as it is": lambda: lambda: network(window)}
    if compiled:
        made["compiled"] = lambda: partial(torch.compile(copy.deepcopy(network)), window)
    last = cache(lambda: copy.deepcopy(network).to(memory_format=torch.channels_last_3d))  # type: ignore[call-overload] # missing in torch's stubs
    made["channels last"] = lambda: lambda: last()(window.contiguous(memory_format=torch.channels_last_3d))
    halves = [torch.bfloat16, torch.float16] if window.is_cuda else [torch.bfloat16] if half else []
    split = cache(lambda: read_out(TorchBackend()(network, sides)))
    openvino = cache(lambda half: read_out(OpenVINOBackend(half)(network, sides)))
    for dtype in halves:
        name = f"channels last, {str(dtype).removeprefix('torch.')}"
        made[name] = lambda dtype=dtype: under_autocast(made["channels last"](), dtype)  # type: ignore[misc]
    for margin, part in parts.items():
        name = f"split, margin {margin:g}"
        made[name] = lambda part=part: partial(split(), window, part)  # type: ignore[misc]
        for dtype in halves if window.is_cuda else []:
            mixed = f"{name}, {str(dtype).removeprefix('torch.')}"
            made[mixed] = lambda name=name, dtype=dtype: under_autocast(made[name](), dtype)  # type: ignore[misc]
    if not window.is_cuda:
        made["ONNX Runtime"] = lambda: by_onnx(network, window)
        for half_too in (False, True) if half else (False,):
            for margin, part in parts.items():
                name = f"OpenVINO, margin {margin:g}" + ", bfloat16" * half_too
                made[name] = lambda half=half_too, part=part: partial(openvino(half), window, part)  # type: ignore[misc]
    return made


def peers(window: Tensor) -> dict[str, Callable[[], Run]]:
    """Return other networks on the same window, in PyTorch, and on a CPU by OpenVINO."""
    networks = {
        name: cache(lambda make=make: make().eval().requires_grad_(False).to(window.device))
        for name, make in PEERS.items()
    }
    made: dict[str, Callable[[], Run]] = {
        name: lambda get=get: partial(get(), window) for name, get in networks.items()
    }  # type: ignore[misc]
    if not window.is_cuda:
        del networks["SwinUNETR-48"]  # its padding, as MONAI has it, is none that OpenVINO 2026.4 can follow
        for name, get in networks.items():
            made[f"{name}, OpenVINO"] = lambda get=get: by_openvino(get(), window)  # type: ignore[misc]
    return made


def by_openvino(network: nn.Module, window: Tensor) -> Run:
    """Convert and compile a network for this window, and return what runs it."""
    model = import_openvino().convert_model(torch.jit.trace(network, window, check_trace=False), share_weights=False)
    model.reshape(list(window.shape))
    compiled = compile_for_cpu(model)
    return lambda: torch.from_numpy(compiled([window.numpy()])[0].copy())


def by_onnx(network: nn.Module, window: Tensor) -> Run:
    """Export a network as ONNX, and return what runs it."""
    with tempfile.TemporaryDirectory() as folder:
        write_onnx(network, window, Path(folder) / "model.onnx")
        return partial(load_onnx(Path(folder) / "model.onnx"), window)


@torch.no_grad()
def peak_of(make: Callable[[], Run]) -> float:
    """Return the peak of resident memory, in MiB, of two runs in this process."""
    run, monitor = make(), ResourceMonitor()
    monitor.start()
    run()
    run()
    return monitor.stop().rss_mb


def peak_alone(name: str) -> float:
    """Return the peak of resident memory, in MiB, of this program when it runs this way alone."""
    words = [sys.executable, *sys.argv, "--memory-of", name]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return round(float(done.stdout.split()[-1]), 1)


def read_out(part_logits: PartLogits) -> Callable[[Tensor, WindowPart], Tensor]:
    """Return a function from windows to logits, whether the backend returns these or features."""
    layer = part_logits.output_layer
    if layer is None:
        return part_logits
    return lambda window, part: torch.stack([layer.logits(features) for features in part_logits(window, part)])


def under_autocast(run: Run, dtype: torch.dtype) -> Run:
    """Return a run in mixed precision."""

    def mixed() -> Tensor:
        with torch.autocast("cuda" if torch.cuda.is_available() else "cpu", dtype=dtype):
            return run()

    return mixed


def middle_part(side: int, margin: float) -> WindowPart:
    """Return the part of a window that has neighbours on all sides."""
    return window_part([slice(side, 2 * side)] * 3, [3 * side] * 3, [side] * 3, margin)


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
        if differences.get(name) is not None and not name.startswith(tuple(PEERS)):
            found[name]["largest_difference"] = differences[name]
    return found


def relative_difference(reference: Tensor, scores: Tensor) -> float:
    """Return the largest difference of scores in the part that both have, of the largest score."""
    cut = [(a - b) // 2 for a, b in zip(reference.shape[2:], scores.shape[2:], strict=True)]
    x, y, z = (slice(c, c + length) for c, length in zip(cut, scores.shape[2:], strict=True))
    return float((reference[:, :, x, y, z] - scores).abs().max() / reference.abs().max())


if __name__ == "__main__":
    main()
