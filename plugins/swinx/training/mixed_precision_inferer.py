"""Forward pass of a training in mixed precision on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monai.inferers import SimpleInferer
from torch import Tensor

from swinx.mixed_precision import has_mixed_precision, in_bfloat16

__all__ = ["MixedPrecisionInferer"]


class MixedPrecisionInferer(SimpleInferer):
    """Inferer that runs the network in bfloat16 on a CPU; MONAI's trainers use mixed precision on GPUs only.

    Args:
        amp: Mixed precision, where the processor computes it; on a GPU the trainer's own ``amp`` is what counts.
    """

    def __init__(self, amp: bool = False) -> None:
        self.amp = amp

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return the network's output, in single precision.

        Args:
            inputs: What the network takes first.
            network: The network.
            args: More of its arguments.
            kwargs: More of its named arguments.
        """
        if self.amp and inputs.device.type == "cpu" and has_mixed_precision("cpu"):
            return in_bfloat16(network, inputs, *args, **kwargs)
        return super().__call__(inputs, network, *args, **kwargs)
