"""``swinx export``: the network of a bundle in the format of another program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swinx.cli.front.terminal import check_paths, say

__all__ = ["export"]


def export(
    bundle: str,
    to: str,
    checkpoint: str | None = None,
    out: str | None = None,
    tolerance: float | None = None,
    config_file: str | Sequence[str] | None = None,
    **overrides: Any,
) -> None:
    """Export the network of a bundle, compare it with PyTorch, and keep the file if they agree.

    Args:
        bundle: Folder of the bundle, or the name of one that comes with swinx, such as swinx_seg.
        to: torchscript, onnx, torch_export or openvino.
        checkpoint: Weights; by default models/model.pt of the bundle.
        out: The file; by default models/model with the format's ending.
        tolerance: Largest difference of a class score that is let pass; 0.001 by default.
        config_file: Configuration files; by default configs/inference.json of the bundle.
        **overrides: Settings of the configuration, such as --roi_size "[64,64,64]" or --embed_dim 12; those of the
            training that made the weights come from the file beside them, where there is one.
    """
    check_paths(bundle, to, checkpoint, out)
    from swinx.bundle import chosen_bundle, output_root
    from swinx.errors import ExportError
    from swinx.export import FORMATS, TOLERANCE, export_network, format_of, read_bundle_network
    from swinx.tracking import upstream_of

    if to not in FORMATS:
        raise ExportError(f"cannot export to {to!r}; known are {', '.join(FORMATS)}")
    root = chosen_bundle(bundle)
    limit = TOLERANCE if tolerance is None else tolerance
    if isinstance(limit, bool) or not isinstance(limit, int | float):
        raise ExportError(f"tolerance {limit!r} must be a number above 0")
    target = Path(out) if out else Path(output_root(root), "models", f"model{FORMATS[to].suffix}")
    format_of(to, target)  # before the weights are read, which takes a while
    found = read_bundle_network(root, checkpoint, config_file, overrides)
    facts = {
        "bundle": root.absolute().name,
        "settings": {name: repr(value) for name, value in found.settings.items()},
        "upstream": [upstream_of("weights", found.checkpoint)],
    }
    agreement = export_network(found.network, found.window, to, target, float(limit), facts, found.inference)
    say(f"{target}: {to} for windows of {' x '.join(map(str, found.window))}, against PyTorch: {agreement}")
