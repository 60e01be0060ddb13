"""Segmentations as 3D Slicer stores them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["write_layers"]

_HEADER = """NRRD0004
type: uint8
dimension: 4
space: left-posterior-superior
sizes: {layers} 6 5 4
space directions: none (2,0,0) (0,2,0) (0,0,5)
kinds: list domain domain domain
encoding: raw
space origin: (0,0,0)
{segments}

"""


def write_layers(path: Path, layers: int = 2) -> Path:
    """Write segments that overlap, each in a layer of its own."""
    masks = np.zeros((layers, 6, 5, 4), np.uint8)
    for index in range(layers):
        masks[index, index : index + 3] = 1
    segments = "\n".join(f"Segment{index}_ID:=Segment_{index + 1}" for index in range(layers))
    path.write_bytes(_HEADER.format(layers=layers, segments=segments).encode() + masks.tobytes(order="F"))
    return path
