"""Recovery when the memory of a device runs out."""

from __future__ import annotations

import logging

import torch

__all__ = ["after_out_of_memory", "is_out_of_memory"]

_logger = logging.getLogger(__name__)

_SAYINGS = ("out of memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error says that memory, of a GPU or of the host, ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(saying in str(error).lower() for saying in _SAYINGS)


def after_out_of_memory(batch: int) -> int:
    """Free what is held without need, and return half the batch that did not fit."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    half = max(batch // 2, 1)
    _logger.warning("memory ran out with %d windows at once; going on with %d", batch, half)
    return half
