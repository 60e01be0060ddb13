"""A training's forward pass in mixed precision on a processor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monai.inferers import SimpleInferer
from torch import Tensor

from swinx.mixed_precision import has_mixed_precision, in_bfloat16

__all__ = ["MixedPrecisionInferer"]


class MixedPrecisionInferer(SimpleInferer):
    """Run the network as a whole; on a processor in bfloat16, which MONAI's trainers do on GPUs alone.

    Args:
        amp: Mixed precision, where the processor computes it; on a GPU the trainer's own ``amp`` is what counts.
    """

    def __init__(self, amp: bool = False) -> None:
        self.amp = amp

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what the network makes of the inputs, in single precision.

        Args:
            inputs: What the network takes first.
            network: The network.
            args: More of its arguments.
            kwargs: More of its named arguments.
        """
        if self.amp and inputs.device.type == "cpu" and has_mixed_precision("cpu"):
            return in_bfloat16(network, inputs, *args, **kwargs)
        return super().__call__(inputs, network, *args, **kwargs)
