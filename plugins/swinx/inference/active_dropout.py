"""Networks that answer a little differently each time, to see how sure they are."""

from __future__ import annotations

import copy
from typing import TypeVar

from monai.networks.layers import DropPath
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

__all__ = ["with_active_dropout"]

Network = TypeVar("Network", bound=nn.Module)


def with_active_dropout(network: Network) -> Network:
    """Return a copy of a network in which dropout and stochastic depth are at work, and nothing else is of training.

    A network in training mode would also normalise by the batch at hand, which for one window is another network, and
    change its running statistics. The copy leaves the network itself as it is, so that several threads may share it.

    Args:
        network: In whatever mode.

    Returns:
        The copy: its dropout layers are in training mode, and all others in evaluation mode.

    Reference:
        Gal and Ghahramani, Dropout as a Bayesian Approximation, ICML 2016, https://arxiv.org/abs/1506.02142.

    Examples:
        >>> noisy = with_active_dropout(nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5)))
        >>> [layer.training for layer in noisy]
        [False, True]
    """
    copied = copy.deepcopy(network).eval()
    for module in copied.modules():
        if isinstance(module, _DropoutNd | DropPath):
            module.train()
    return copied
