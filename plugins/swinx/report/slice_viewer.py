"""Axial slices of a case as pictures, for browsers that cannot show volumes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from swinx.figures import VIEWS, choose_slices, colour_table, crop_to_labels, cut, plane_size_mm, to_canonical
from swinx.geometry import voxel_sizes_mm
from swinx.labels import FLARE23, LabelSet
from swinx.report.html_plots import jpeg_as_uri
from swinx.report.overlay_picture import ABDOMEN_WINDOW_HU

__all__ = ["CaseSlices", "draw_slices"]

_PANEL_PIXELS = 320
_MARGIN_MM = 25.0
_FILL = 0.4


@dataclass(frozen=True)
class CaseSlices:
    """Axial slices of a case.

    Attributes:
        heads: Titles of the panels, from left to right.
        slices: ``src``, a data URI, and ``text``, the position, of each slice, from the feet up.
        first: Number of the slice that shows the classes best.
    """

    heads: tuple[str, ...]
    slices: tuple[dict[str, str], ...]
    first: int

    @property
    def size(self) -> int:
        """Number of characters of the pictures."""
        return sum(len(each["src"]) for each in self.slices)


def draw_slices(
    image: npt.NDArray[Any],
    labels: Mapping[str, npt.NDArray[np.uint8]],
    affine: npt.NDArray[np.float64],
    max_slices: int = 40,
    label_set: LabelSet = FLARE23,
) -> CaseSlices:
    """Return axial slices of a CT and of each label map over it, in radiological convention and true proportions.

    Args:
        image: CT in HU, ``(X, Y, Z)``.
        labels: Title to class ids of the same shape; each becomes a panel beside the CT.
        affine: Voxel indices to RAS millimetres, ``(4, 4)``.
        max_slices: Slices at most, evenly spaced over what is labelled.
        label_set: The classes.
    """
    upright, upright_affine = to_canonical(image, affine)
    maps = {title: to_canonical(array, affine)[0] for title, array in labels.items()}
    union = np.maximum.reduce(list(maps.values())) if maps else np.zeros(upright.shape, dtype=np.uint8)
    box = crop_to_labels(union, upright_affine, _MARGIN_MM)
    scan, maps = upright[box], {title: array[box] for title, array in maps.items()}
    shown = np.unique(np.linspace(0, scan.shape[2] - 1, max_slices).round().astype(int))
    spacing = voxel_sizes_mm(upright_affine).tolist()
    width_mm, height_mm = plane_size_mm(scan.shape, spacing, VIEWS[0])
    size = (_PANEL_PIXELS, max(1, round(_PANEL_PIXELS * height_mm / width_mm)))
    corner_mm = upright_affine[2, :3] @ [side.start for side in box] + upright_affine[2, 3]
    slices = tuple(
        {
            "src": jpeg_as_uri(_picture(scan, list(maps.values()), index, size, colour_table(1.0, label_set))),
            "text": f"z = {corner_mm + index * spacing[2]:.0f} mm",
        }
        for index in map(int, shown)
    )
    best = choose_slices(union[box])[2]
    return CaseSlices(("CT", *maps), slices, int(np.abs(shown - best).argmin()))


def _picture(
    scan: npt.NDArray[Any],
    maps: list[npt.NDArray[np.uint8]],
    index: int,
    size: tuple[int, int],
    table: npt.NDArray[np.float32],
) -> bytes:
    low, high = ABDOMEN_WINDOW_HU
    grey = (cut(scan, VIEWS[0], index).astype(np.float32) - low) / (high - low)
    panels = [np.repeat(grey.clip(0, 1)[..., None], 3, axis=2)]
    panels += [_over(panels[0], cut(labels, VIEWS[0], index), table) for labels in maps]
    resized = []
    for panel in panels:
        flipped = (255 * panel[::-1]).astype(np.uint8)  # rows of a picture run from the top
        resized.append(np.asarray(Image.fromarray(flipped).resize(size, Image.Resampling.BILINEAR)))
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(resized, axis=1)).save(buffer, format="JPEG", quality=80)
    return buffer.getvalue()


def _over(
    grey: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8], table: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Blend the classes over a grey picture, with opaque edges."""
    colours = table[labels]
    edge = ndimage.grey_dilation(labels, size=3) != ndimage.grey_erosion(labels, size=3)
    opacity = np.where(edge, 0.9, _FILL)[..., None] * colours[..., 3:]
    mixed: npt.NDArray[np.float32] = (grey * (1 - opacity) + colours[..., :3] * opacity).astype(np.float32)
    return mixed
