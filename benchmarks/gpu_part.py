"""What the parts of ``benchmarks/gpu.py`` share: options, a share of the time, a record after each row, phantoms."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bundle_trial import RESULTS, write_record
from numpy.typing import NDArray
from torch import Tensor

from swinx.nifti import write_nifti

__all__ = ["SMALL_NETWORK", "SPACING_MM", "Part", "phantom", "write_phantom"]

SMALL_NETWORK: dict[str, Any] = {"embed_dim": 12, "num_heads": [1, 2, 4, 8], "decoder_channels": 4}
"""Settings of a network that a CPU runs in a tenth of a second."""

SPACING_MM = (0.75, 0.75, 2.5)

# Centres and half axes as shares of the field of view, and HU: liver, kidneys, spleen, aorta, stomach, spine.
_ORGANS = (
    (1, (0.34, 0.48, 0.62), (0.16, 0.14, 0.16), 110),
    (2, (0.36, 0.64, 0.42), (0.06, 0.05, 0.10), 180),
    (13, (0.64, 0.64, 0.42), (0.06, 0.05, 0.10), 180),
    (3, (0.70, 0.58, 0.64), (0.08, 0.07, 0.10), 130),
    (5, (0.52, 0.60, 0.50), (0.025, 0.025, 0.50), 250),
    (11, (0.60, 0.42, 0.60), (0.09, 0.07, 0.08), 40),
    (0, (0.50, 0.72, 0.50), (0.05, 0.05, 0.50), 400),
)


@dataclass
class Part:
    """One part of the check: its options, the time that is left, and its record.

    Attributes:
        name: Beginning of the record's file name.
        description: Help text of the program.
        content: What the record says; written by :meth:`write` as it grows.
    """

    name: str
    description: str | None
    content: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        options = argparse.ArgumentParser(
            description=self.description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        options.add_argument("--seconds", type=float, default=90, help="share of the time; no row begins after it")
        options.add_argument("--seed", type=int, default=0)
        options.add_argument("--small", action="store_true", help="tiny sizes, to try this program on a CPU")
        options.add_argument("--compiled", action="store_true", help="of the windows: torch.compile alone")
        options.add_argument("--out", type=Path, default=RESULTS)
        given = options.parse_args()
        self.small: bool = given.small
        self.compiled: bool = given.compiled
        self.out: Path = given.out
        self.seconds: float = given.seconds
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._end = time.monotonic() + given.seconds
        torch.manual_seed(given.seed)
        self.content |= {"device": str(self.device), "small": self.small, "seed": given.seed, "seconds": given.seconds}

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self._end - time.monotonic()

    def write(self) -> None:
        """Write the record as it is now."""
        write_record(self.out, self.name + "_small" * self.small, self.content)

    def rows(self, place: str, work: dict[str, Callable[[], dict[str, Any]]], at_least: float = 2) -> None:
        """Do one piece of work after the other while there is time, and record each as soon as it is done.

        Args:
            place: Where the rows go in the record.
            work: By name, what measures a row. An error costs its row alone.
            at_least: Seconds that must be left for a row to begin.
        """
        rows = self.content.setdefault(place, {})
        for name, measure in work.items():
            if self.left < at_least:
                self.content.setdefault("no_time_for", []).append(f"{place}: {name}")
                continue
            try:
                rows[name] = measure()
            except Exception as error:  # a row that fails is a finding, and must not cost the others
                first_line = next(iter(str(error).strip().splitlines()), "")
                rows[name] = {"failed": f"{type(error).__name__}: {first_line}"[:300]}
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
            print(f"{place}: {name}: {rows[name]}", flush=True)
            self.write()
        self.write()


def phantom(shape: tuple[int, int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return a body with some organs of plausible HU, made on the device.

    Args:
        shape: Voxels along x (left), y (back), z (head).
        device: Where it is made.

    Returns:
        HU as int16 and FLARE-23 classes as uint8, both of ``shape``.
    """
    x, y, z = (
        torch.linspace(0, 1, side, device=device).reshape([-1 if i == axis else 1 for i in range(3)])
        for axis, side in enumerate(shape)
    )
    noise = torch.randn(shape, device=device) * 12
    body = ((x - 0.5) / 0.42) ** 2 + ((y - 0.55) / 0.3) ** 2 < 1
    inner = ((x - 0.5) / 0.38) ** 2 + ((y - 0.55) / 0.26) ** 2 < 1
    image = torch.where(body, torch.where(inner, 30.0, -95.0), -1000.0).expand(shape).clone()
    label = torch.zeros(shape, dtype=torch.uint8, device=device)
    for number, centre, half_axes, hu in _ORGANS:
        inside = sum(((a - c) / h) ** 2 for a, c, h in zip((x, y, z), centre, half_axes, strict=True)) < 1
        image[inside], label[inside] = float(hu), number
    return (image + noise).round().to(torch.int16), label


def write_phantom(folder: Path, name: str, shape: tuple[int, int, int], device: torch.device) -> tuple[Path, Path]:
    """Write a phantom and its labels as uncompressed NIfTI of 0.75 x 0.75 x 2.5 mm; return both paths."""
    volumes: list[NDArray[np.generic]] = [volume.cpu().numpy() for volume in phantom(shape, device)]
    affine = np.diag([-SPACING_MM[0], -SPACING_MM[1], SPACING_MM[2], 1.0])
    paths = folder / f"{name}_0000.nii", folder / f"{name}.nii"
    for path, volume in zip(paths, volumes, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_nifti(path, volume, affine)
    return paths
