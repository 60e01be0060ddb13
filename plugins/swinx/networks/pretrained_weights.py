"""Start of a training from the weights of another one, whatever its classes were."""

from __future__ import annotations

import logging
import os

import torch
from torch import Tensor, nn

from swinx.labels import LabelSet
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
    new = [label_set.names[label] for label, row in enumerate(rows) if row is None]
    lost = [name for name in own.names if label_set.find(name) is None]
    if new or lost or not own.same_classes(label_set):
        kept = len(rows) - len(new) - 1
        words = {"new": ", ".join(new) or "none", "lost": ", ".join(lost) or "none"}
        _logger.info(WeightsRules.ROWS.says(path=visible(path), matched=kept, **words))
    return load_weights(network, state)


def match_output_rows(own: LabelSet, wanted: LabelSet) -> list[int | None]:
    """Return, for each class of ``wanted`` with the background, the output row of ``own`` that tells it; None if none.

    Examples:
        >>> from swinx.labels import read_label_set
        >>> match_output_rows(read_label_set("flare22"), read_label_set({"background": 0, "lung": 1, "kidney_left": 2}))
        [0, None, 13]
    """
    return [own.find(each) for each in wanted.names]


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
