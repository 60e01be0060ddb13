"""Rules for what memory decides: patches and scans of a step, cached scans, worker processes.

A training step was measured on a CPU in single precision (docs/performance-tables.md, section Training): 9,911 MiB with
two patches of 96 x 96 x 96 voxels and 15 classes, and 18 GiB with four. Mixed precision on a GPU takes less; that was
not measured, so that plans for a GPU take the same figures and err on the safe side.
"""

from __future__ import annotations

import math

from swinx.planning.fingerprint import Fingerprint, by, in_mib
from swinx.planning.grid_rules import MOST_VOXELS, body_voxels

__all__ = ["plan_batch", "plan_cache", "plan_patches", "plan_workers", "step_mb", "voxels_for"]

_MIB = 2**20
_MEASURED_CLASSES = 15
_FOUR_PATCHES_MB = 18 * 1024
_TWO_PATCHES_MB = 9911
_PATCH_MB = (_FOUR_PATCHES_MB - _TWO_PATCHES_MB) / 2
_FIXED_MB = _TWO_PATCHES_MB - 2 * _PATCH_MB
_CLASS_BYTES = 20
"""Of a class and voxel beyond those that were measured: scores, probabilities, truth and their gradients."""

_PATCHES = 4
_FEW_PATCHES = 2
_STEP_SHARE = 0.8
_GPU_SHARE = 0.9
_CACHE_SHARE = 0.1
_CACHE_SHARE_BESIDE_GPU = 0.6
_WORKERS_SHARE = 0.2
_MOST_WORKERS = 8
_CASES_FOR_TWO = 100
_CACHED_BYTES = 5  # an intensity in single precision, and a class
_LOADED_BYTES = 12  # a scan as it is stored, in single precision, and what is made of it


def step_mb(patches: int, voxels: int, num_classes: int) -> float:
    """Return the memory of a training step in MiB.

    Examples:
        >>> round(step_mb(2, 96**3, 15))
        9911
    """
    more = max(0, num_classes - _MEASURED_CLASSES) * _CLASS_BYTES * voxels / _MIB
    return _FIXED_MB + patches * (_PATCH_MB * voxels / MOST_VOXELS + more)


def voxels_for(fingerprint: Fingerprint) -> float:
    """Return the voxels of the largest window of which the memory takes two patches in a step."""
    a_voxel = step_mb(_FEW_PATCHES, MOST_VOXELS, fingerprint.num_classes) - _FIXED_MB
    return max(0.0, (_for_a_step(fingerprint) - _FIXED_MB) / a_voxel * MOST_VOXELS)


def plan_patches(fingerprint: Fingerprint, roi: list[int]) -> tuple[int, int, str]:
    """Return the patches of a scan centred on a class and elsewhere, and the reason: 2 and 2, or 1 and 1."""
    needed = step_mb(_PATCHES, math.prod(roi), fingerprint.num_classes)
    allowed = _for_a_step(fingerprint)
    count = _PATCHES if needed <= allowed else _FEW_PATCHES
    told = f"a step of {_PATCHES} patches takes {in_mib(needed)} of the {in_mib(allowed)} for it, {_of(fingerprint)}"
    if needed > allowed and step_mb(count, math.prod(roi), fingerprint.num_classes) > allowed:
        told += f"; even {count} patches of the smallest window may be too many"
    return count // 2, count // 2, told


def plan_batch(fingerprint: Fingerprint, roi: list[int], patches: int) -> tuple[int, str]:
    """Return the scans of a step, and the reason: two only where a GPU takes them and scans are many."""
    needed = step_mb(2 * patches, math.prod(roi), fingerprint.num_classes)
    allowed = _for_a_step(fingerprint)
    told = f"two scans would take {in_mib(needed)} of the {in_mib(allowed)} for a step"
    if not fingerprint.gpu_gb:
        return 1, f"{told}, and a step without a GPU is slow ({fingerprint.cores} cores)"
    if needed > allowed:
        return 1, f"{told} on {fingerprint.gpu_gb:g} GiB"
    if fingerprint.labelled < _CASES_FOR_TWO:
        return 1, f"an epoch of {fingerprint.labelled} labelled cases has few steps, {told}"
    return 2, f"{told} on {fingerprint.gpu_gb:g} GiB, and two scans of {fingerprint.labelled} have more of the classes"


def plan_cache(fingerprint: Fingerprint, pixdim: list[float]) -> tuple[float, str]:
    """Return the share of the scans that is kept preprocessed in memory, in tenths, and the reason."""
    share = _CACHE_SHARE_BESIDE_GPU if fingerprint.gpu_gb else _CACHE_SHARE
    allowed = share * fingerprint.memory_mb
    each = math.prod(body_voxels(fingerprint, pixdim)) * _CACHED_BYTES / _MIB
    needed = max(each * fingerprint.labelled, 1e-6)
    rate = math.floor(min(1.0, allowed / needed) * 10) / 10
    room = f"{share:.0%} of {in_mib(fingerprint.memory_mb)}"
    return rate, f"{fingerprint.labelled} labelled scans of {in_mib(each)} each on this grid, {room} for them"


def plan_workers(fingerprint: Fingerprint) -> tuple[int, str]:
    """Return the processes that load scans, and the reason."""
    if not fingerprint.gpu_gb:
        return 1, f"without a GPU the {fingerprint.cores} cores are the network's; a step never waits for a scan"
    each = math.prod(fingerprint.shape) * _LOADED_BYTES / _MIB
    fitting = math.floor(_WORKERS_SHARE * fingerprint.memory_mb / max(each, 1e-6))
    count = max(1, min(_MOST_WORKERS, fingerprint.cores - 1, fitting))
    size = f"{in_mib(each)} to load a scan of {by(fingerprint.shape)} voxels"
    return count, f"{fingerprint.cores} cores, {in_mib(fingerprint.memory_mb)}, {size}"


def _for_a_step(fingerprint: Fingerprint) -> float:
    if fingerprint.gpu_gb:
        return _GPU_SHARE * fingerprint.gpu_gb * 1024
    return _STEP_SHARE * fingerprint.memory_mb


def _of(fingerprint: Fingerprint) -> str:
    if fingerprint.gpu_gb:
        return f"{_GPU_SHARE:.0%} of a GPU of {fingerprint.gpu_gb:g} GiB"
    return f"{_STEP_SHARE:.0%} of the memory of {in_mib(fingerprint.memory_mb)}"
