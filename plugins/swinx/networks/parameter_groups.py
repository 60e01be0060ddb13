"""Parameter groups of optimisers: what decays, and the rates of a fine-tuning."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from typing import Any

from monai.optimizers import generate_param_groups
from torch import Tensor, nn

from swinx.networks.swin_encoder import find_encoder

__all__ = ["decay_groups", "fine_tuning_groups"]

_BLOCK = re.compile(r"stages\.(\d+)\.blocks\.(\d+)\.")
_STAGE = re.compile(r"(?:mergings|norms)\.(\d+)\.")


def decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the trained parameters for an optimiser: matrices and kernels decay, vectors do not.

    Biases, normalisations and the mask token are vectors; pulling them towards zero does not regularise. DINO and
    iBOT do the same.

    Args:
        network: Network; parameters without gradient, such as a teacher's, are left out.
        weight_decay: Decay of the first group.

    Returns:
        Two parameter groups.
    """
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in trained if not _is_vector(parameter)], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trained if _is_vector(parameter)], "weight_decay": 0.0},
    ]


def fine_tuning_groups(
    network: nn.Module,
    learning_rate: float,
    weight_decay: float,
    encoder_learning_rate: float | None = None,
    layer_decay: float = 1.0,
    decay_norms: bool = True,
) -> list[dict[str, Any]]:
    """Return groups of the parameters by rate and decay, each parameter in one of them.

    All but the encoder has ``learning_rate``. The encoder's last block has ``encoder_learning_rate``, and each block
    before it ``layer_decay`` times the rate of the next; a stage's patch merging and the norm of its skip count as its
    last block, the patch embedding as one block before the first. A schedule that multiplies all rates keeps their
    ratios.

    Args:
        network: Network with one :class:`~swinx.networks.SwinEncoder`; parameters without gradient are left out.
        learning_rate: Peak rate of the decoder.
        weight_decay: Weight decay.
        encoder_learning_rate: Peak rate of the encoder; None for that of the decoder.
        layer_decay: Ratio of the rates of two successive blocks, above 0 and at most 1.
        decay_norms: Let norms and biases decay as well, as the paper's training does.

    Returns:
        The decoder's groups first; one group if all settings are the defaults.

    Raises:
        ValueError: If a setting is out of range, or the network has no encoder or several.

    Reference:
        Layer-wise decay of the rate: Clark et al., "ELECTRA", ICLR 2020, https://arxiv.org/abs/2003.10555; Bao et al.,
        "BEiT", ICLR 2022, https://arxiv.org/abs/2106.08254.
    """
    rate = learning_rate if encoder_learning_rate is None else encoder_learning_rate
    if not (0 < layer_decay <= 1 and learning_rate > 0 and rate > 0):
        raise ValueError(
            f"learning_rate {learning_rate} and encoder_learning_rate {rate} must be above 0, and layer_decay "
            f"{layer_decay} above 0 and at most 1"
        )
    scope, encoder = find_encoder(network)
    depths = [len(stage.blocks) for stage in encoder.stages]  # type: ignore[arg-type]

    def place(named: tuple[str, Tensor]) -> tuple[float, bool]:
        name, parameter = named
        decays = decay_norms or not _is_vector(parameter)
        if not name.startswith(scope):
            return learning_rate, decays
        return rate * layer_decay ** (sum(depths) - _block_number(name.removeprefix(scope), depths)), decays

    trained = [named for named in network.named_parameters() if named[1].requires_grad]
    places = list(dict.fromkeys(sorted(map(place, trained), reverse=True)))
    places.sort(key=lambda one: one[0] != learning_rate)  # the rate that a history shows is that of the first group
    groups = generate_param_groups(
        network,
        [_belongs_to(one, place) for one in places],
        ["filter"] * len(places),
        [one[0] for one in places],
        include_others=False,
    )
    return [
        {"params": list(group["params"]), "lr": group["lr"], "weight_decay": weight_decay if decays else 0.0}
        for group, (_, decays) in zip(groups, places, strict=True)
    ]


def _belongs_to(
    wanted: Hashable, place: Callable[[tuple[str, Tensor]], Hashable]
) -> Callable[[tuple[str, Tensor]], bool]:
    return lambda named: named[1].requires_grad and place(named) == wanted


def _block_number(name: str, depths: list[int]) -> int:
    """Return the number of the block that a parameter of the encoder belongs to, from 1; 0 for the patch embedding."""
    if found := _BLOCK.match(name):
        stage, block = map(int, found.groups())
        return sum(depths[:stage]) + block + 1
    if found := _STAGE.match(name):
        return sum(depths[: int(found[1]) + 1])
    return 0


def _is_vector(parameter: Tensor) -> bool:
    return parameter.ndim <= 1
