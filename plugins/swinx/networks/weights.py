"""Loading of weights into a network, with a report of what was loaded."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from swinx.errors import WeightsError
from swinx.networks.checkpoint import bare_network, find_tensors, read_checkpoint
from swinx.networks.convert import convert_reference_weights, is_reference
from swinx.networks.swin_encoder import SwinEncoder, find_encoder
from swinx.visible_text import first_of

__all__ = ["LoadReport", "MisShaped", "load_weights"]

_RECORD = "_extra_state"
_SHOWN = 5
_STAGES = ("stages.", "mergings.", "norms.")


class MisShaped(NamedTuple):
    """A tensor with the same name but another shape in checkpoint and network."""

    name: str
    in_network: tuple[int, ...]
    in_checkpoint: tuple[int, ...]


@dataclass(frozen=True)
class LoadReport:
    """Report of :func:`load_weights`, in the names of the network.

    Attributes:
        source: The file, or ``"state dictionary"``.
        part: ``"all"`` or ``"encoder"``.
        window_order: The record of the checkpoint: ``"standard"``, ``"published"`` or ``"unrecorded"``.
        matched: Names with the same shape on both sides: these are loaded.
        missing: Names that the checkpoint lacks.
        unexpected: Names of the checkpoint that the network, or its encoder, lacks.
        mis_shaped: Names whose shapes differ.
        encoder_fraction: Matched share of the encoder's parameters, by element, 0 to 1.
        total_fraction: Matched share of all parameters of what was to be loaded (the network, or its encoder), by
            element, 0 to 1.
    """

    source: str
    part: Literal["all", "encoder"]
    window_order: Literal["standard", "published", "unrecorded"]
    matched: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mis_shaped: tuple[MisShaped, ...]
    encoder_fraction: float
    total_fraction: float

    def __str__(self) -> str:
        """Return a few lines for people."""
        whole = f", {self.total_fraction:.1%} of the network's" if self.part == "all" else ""
        lines = [
            f"{self.source}: {self.encoder_fraction:.1%} of the encoder's parameters matched"
            f"{whole}; {len(self.matched)} tensors, {self.window_order} window order"
        ]
        shapes = [f"{name} {want} in the network, {found} in the file" for name, want, found in self.mis_shaped]
        for title, names in (("mis-shaped", shapes), ("missing", self.missing), ("unexpected", self.unexpected)):
            if names:
                lines.append(f"  {title}: {first_of(names, _SHOWN, '; ')}")
        return "\n".join(lines)

    def in_one_line(self) -> str:
        """Return the faults in one line: one name of each kind, and the number of others."""
        shapes = [f"{name} {want} in the network, {found} in the file" for name, want, found in self.mis_shaped]
        parts = [f"{self.source}: {self.encoder_fraction:.1%} of the encoder's parameters matched"]
        for title, names in (("mis-shaped", shapes), ("missing", self.missing), ("unexpected", self.unexpected)):
            if names:
                parts.append(f"{title}: {names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}")
        return "; ".join(parts)


def load_weights(
    network: nn.Module,
    path_or_dict: str | os.PathLike[str] | Mapping[str, Any],
    part: Literal["all", "encoder"] = "all",
    min_matched: float = 0.9,
    allow_window_order_mismatch: bool = False,
    advice: str = "build it as it was trained (channels, depths, heads, classes), or load part='encoder'",
    quiet: bool = False,
) -> LoadReport:
    """Load a checkpoint into a network, or refuse it and leave the network unchanged.

    Takes swinx's own checkpoints, those of the published code (converted on the fly) and both under
    any prefix (``module.``, ``student.encoder.``): the prefix under which most names match is used.
    The report is printed to standard error.

    Args:
        network: A network with one :class:`~swinx.networks.SwinEncoder`, or that encoder itself.
        path_or_dict: A checkpoint file, or its content.
        part: ``"all"`` demands that every tensor matches; ``"encoder"`` loads the encoder alone and
            leaves the rest as it is.
        min_matched: For ``"encoder"``: the least matched share of its parameters, 0 to 1.
        allow_window_order_mismatch: Load weights trained with the other window order all the
            same (:mod:`swinx.networks.window_order`). Without further training, the network's output
            is then wrong.
        advice: What the error tells to do if ``"all"`` is asked for and the weights are another network's.
        quiet: Print nothing; the caller tells what was loaded.

    Returns:
        What was matched and loaded.

    Raises:
        WeightsError: If the file cannot be read, the weights do not fit, are not finite, or were
            trained with the other window order. The message says what to do.
        ValueError: If ``part`` or ``min_matched`` is out of range, or the network has no or several encoders.
    """
    if part not in ("all", "encoder") or not 0 <= min_matched <= 1:
        raise ValueError(f"part {part!r} must be 'all' or 'encoder', min_matched {min_matched} within 0..1")
    network = bare_network(network)
    scope, encoder = find_encoder(network)
    source, state = _read(path_or_dict)
    module, scope = (encoder, "") if part == "encoder" else (network, scope)
    report, found = _compare(module, scope, state, source, part)
    _refuse_misfit(report, min_matched, advice)
    _refuse_diverged(report, found)
    if not allow_window_order_mismatch:
        _refuse_other_order(report, encoder)
    module.load_state_dict(found, strict=False)
    if not quiet:
        print(report, file=sys.stderr)
    return report


def _read(path_or_dict: str | os.PathLike[str] | Mapping[str, Any]) -> tuple[str, dict[str, Tensor]]:
    if isinstance(path_or_dict, Mapping):
        source, state = "state dictionary", find_tensors(path_or_dict)
    else:
        source, state = os.fspath(path_or_dict), read_checkpoint(path_or_dict)
    try:
        return source, convert_reference_weights(state) if is_reference(state) else state
    except WeightsError as error:
        raise WeightsError(f"{source}: {error}") from error


def _compare(
    module: nn.Module, scope: str, state: Mapping[str, Tensor], source: str, part: Literal["all", "encoder"]
) -> tuple[LoadReport, dict[str, Tensor]]:
    """Match a checkpoint with a module whose encoder has the prefix ``scope``; return the tensors to load."""
    wanted = {name: tensor for name, tensor in module.state_dict().items() if not name.endswith(_RECORD)}
    prefix = _best_prefix(wanted, state)
    record = state.get(f"{prefix}{scope}{_RECORD}")
    given = {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if (name.startswith(prefix) or part == "all") and not name.endswith(_RECORD)
    }
    common = [name for name in wanted if name in given]
    found = {name: given[name] for name in common if given[name].shape == wanted[name].shape}
    sizes = {name: parameter.numel() for name, parameter in module.named_parameters()}
    report = LoadReport(
        source=source,
        part=part,
        window_order="unrecorded" if record is None else "published" if bool(record) else "standard",
        matched=tuple(found),
        missing=tuple(name for name in wanted if name not in given),
        unexpected=tuple(name for name in given if name not in wanted),
        mis_shaped=tuple(
            MisShaped(name, tuple(wanted[name].shape), tuple(given[name].shape)) for name in common if name not in found
        ),
        encoder_fraction=_matched_share({n: size for n, size in sizes.items() if n.startswith(scope)}, found),
        total_fraction=_matched_share(sizes, found),
    )
    return report, found


def _best_prefix(wanted: Iterable[str], state: Iterable[str]) -> str:
    """Return the prefix under which most names match; among equals a student's, then the shortest."""
    names = set(wanted)
    votes: Counter[str] = Counter()
    for name in state:
        parts = name.split(".")
        for cut in range(len(parts)):
            if ".".join(parts[cut:]) in names:
                votes[name[: len(name) - len(".".join(parts[cut:]))]] += 1
    return max(votes, key=lambda prefix: (votes[prefix], "teacher" not in prefix, -len(prefix)), default="")


def _matched_share(sizes: Mapping[str, int], found: Mapping[str, Tensor]) -> float:
    return sum(size for name, size in sizes.items() if name in found) / max(1, sum(sizes.values()))


def _refuse_misfit(report: LoadReport, min_matched: float, advice: str) -> None:
    if report.part == "encoder":
        other = [item.name for item in report.mis_shaped if not item.name.startswith("patch_embed.")]
        other += [name for name in report.unexpected if name.startswith(_STAGES)]
        if other:
            raise WeightsError(
                f"{report.in_one_line()}: this is an encoder of another shape ({other[0]}): check embed_dim, depths, "
                "num_heads and qkv_bias; nothing was loaded"
            )
        if report.encoder_fraction < min_matched:
            raise WeightsError(
                f"{report.in_one_line()}: at least {min_matched:.0%} of the encoder must match: check embed_dim, "
                "depths, num_heads and qkv_bias, or lower min_matched; nothing was loaded"
            )
    elif report.missing or report.unexpected or report.mis_shaped:
        raise WeightsError(
            f"{report.in_one_line()}: these are weights of another network: {advice}; nothing was loaded"
        )


def _refuse_diverged(report: LoadReport, found: Mapping[str, Tensor]) -> None:
    diverged = [name for name, tensor in found.items() if not torch.isfinite(tensor).all()]
    if diverged:
        raise WeightsError(
            f"{report.source}: {len(diverged)} tensors hold NaN or infinity, {diverged[0]} first: the training "
            "diverged; use an earlier checkpoint; nothing was loaded"
        )


def _refuse_other_order(report: LoadReport, encoder: SwinEncoder) -> None:
    trained_published = report.window_order == "published"
    if report.window_order == "unrecorded" or trained_published == encoder.published_window_order:
        return
    raise WeightsError(
        f"{report.source}: these weights were trained with the {report.window_order} window order. The published "
        "code puts attention windows back at the wrong voxels, and its checkpoints only work that way. Build the "
        f"network with published_window_order={trained_published}, which is a setting of the bundles; to load them all "
        "the same, as a start for further training, pass allow_window_order_mismatch=True; nothing was loaded"
    )
