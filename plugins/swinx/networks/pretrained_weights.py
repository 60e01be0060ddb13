"""Start of a training from the weights of another one, whatever its classes were."""

from __future__ import annotations

import logging
import os
from dataclasses import replace

import torch
from torch import Tensor, nn

from swinx.labels import LabelSet, name_words
from swinx.networks.checkpoint import bare_network, read_checkpoint
from swinx.networks.weights import LoadReport, load_weights
from swinx.rules import WeightsRules
from swinx.visible_text import visible

__all__ = ["load_pretrained", "match_output_rows"]

_OUT = "out."
_DECODER = "up_blocks."
_UNKNOWN_CLASSES = "no record beside it tells its classes"
_OTHER_SHAPES = "its decoder has other shapes than decoder_channels gives"
_logger = logging.getLogger(__name__)


def load_pretrained(
    network: nn.Module, path: str | os.PathLike[str] | None, label_set: LabelSet, own: LabelSet | None = None
) -> LoadReport | None:
    """Load what another training can give: the encoder, or the whole network with the classes that both know.

    A whole network is taken as one if its classes are known, and all but the output layer has the same shapes. Output
    rows are matched by the names of classes; rows of new classes keep their random initialisation. Anything else gives
    its encoder.

    Args:
        network: A :class:`swinx.networks.SwinXSeg`, as it was initialised.
        path: The weights: a pretrained encoder, or a network of this kind with other or the same classes; None leaves
            the network as it is.
        label_set: Classes of ``network``.
        own: Classes of the weights, see :func:`swinx.tracking.recorded_label_set`; None for an encoder, or if unknown.

    Returns:
        What was matched and loaded; None if there are no weights.

    Raises:
        WeightsError: If the file cannot be read, or holds no encoder that fits.
    """
    if path is None:
        return None
    state = read_checkpoint(path)
    if own is None or not _is_whole(state, bare_network(network)):
        if any(_DECODER in name for name in state):
            reason = _UNKNOWN_CLASSES if own is None else _OTHER_SHAPES
            _logger.warning("%s", WeightsRules.ENCODER_ONLY.says(path=visible(path), reason=reason))
        return load_weights(network, path, part="encoder")
    rows = match_output_rows(own, label_set)
    wanted = bare_network(network).state_dict()
    for name in [name for name in state if name.startswith(_OUT)]:
        state[name] = _with_rows(state[name], wanted[name], rows)
    if own.same_classes(label_set):
        return load_weights(network, path)
    report = load_weights(network, state, quiet=True)
    new = [label for label, row in enumerate(rows) if row is None]
    share = _share_without(new, bare_network(network))
    tensors = sum(not name.startswith(_OUT) for name in report.matched)
    told = WeightsRules.ROWS.says(path=visible(path), tensors=tensors, **_told(rows, own, label_set))
    _logger.info("%s", told)
    return replace(report, source=os.fspath(path), total_fraction=share)


def match_output_rows(own: LabelSet, wanted: LabelSet) -> list[int | None]:
    """Return, for each class of ``wanted`` with the background, the output row of ``own`` that tells it; None if none.

    Examples:
        >>> from swinx.labels import read_label_set
        >>> match_output_rows(read_label_set("flare22"), read_label_set({"background": 0, "lung": 1, "kidney_left": 2}))
        [0, None, 13]
    """
    names = [(wanted.names[0],), *((each.name, *each.aliases) for each in wanted.classes)]
    return [next((row for name in given if (row := own.find(name)) is not None), None) for given in names]


def _told(rows: list[int | None], own: LabelSet, wanted: LabelSet) -> dict[str, object]:
    """Return the classes that are taken over, renamed, new and left out, for a message."""
    pairs = [(wanted.names[label], own.names[row]) for label, row in enumerate(rows) if row is not None]
    told = {
        "renamed": [f"{name} as {other}" for name, other in pairs if name_words(name) != name_words(other)],
        "new": [wanted.names[label] for label, row in enumerate(rows) if row is None],
        "lost": [name for row, name in enumerate(own.names) if row not in rows],
    }
    return {"matched": len(pairs) - 1} | {key: ", ".join(names) or "none" for key, names in told.items()}


def _share_without(new: list[int], network: nn.Module) -> float:
    """Return the share of the parameters of a network that is not in the output rows of new classes."""
    sizes = {name: (parameter.numel(), len(parameter)) for name, parameter in network.named_parameters()}
    started = sum(size // rows * len(new) for name, (size, rows) in sizes.items() if name.startswith(_OUT))
    return 1 - started / sum(size for size, _ in sizes.values())


def _is_whole(state: dict[str, Tensor], network: nn.Module) -> bool:
    """Return whether a checkpoint has every tensor of a network, in the same shapes but for the output layer."""
    wanted = {name: tensor for name, tensor in network.state_dict().items() if isinstance(tensor, Tensor)}
    return all(
        name in state and (name.startswith(_OUT) or state[name].shape == tensor.shape)
        for name, tensor in wanted.items()
    )


def _with_rows(found: Tensor, initial: Tensor, rows: list[int | None]) -> Tensor:
    """Return an output weight or bias with the rows of known classes, and the initial ones of new classes."""
    filled = initial.clone()
    with torch.no_grad():
        for label, row in enumerate(rows):
            if row is not None:
                filled[label] = found[row].to(filled.dtype)
    return filled
