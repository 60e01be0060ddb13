"""A picture of a few views during pretraining: masked, reconstructed, as they are."""

from __future__ import annotations

import os

import numpy as np
from torch import Tensor

from swinx.figures import VIEWS, cut, draw_orientation, plane_size_mm, write_figure
from swinx.pretraining.masking import enlarge_blocks
from swinx.pretraining.reconstruction.reconstruction_panels import COLUMNS, draw_plane, new_figure, write_row_name

__all__ = ["draw_triplets"]

_PANEL_IN = 2.6
_EDGE_IN = 0.5
_TITLE_IN = 0.95
_GAP_IN = 0.08
_NOTE = (
    "Reconstruction: the network's output in hidden blocks (blue), the view itself elsewhere. "
    "Error: of all hidden voxels."
)


def draw_triplets(
    path: str | os.PathLike[str],
    views: Tensor,
    masks: Tensor,
    reconstructions: Tensor,
    title: str,
    dpi: int = 100,
) -> None:
    """Write a PNG with one row per view: masked, reconstruction, original; the middle axial slice.

    The reconstruction shows the network's output in hidden blocks only, elsewhere the view. The mean absolute
    error beside a row is over all hidden voxels of the view, not of the slice.

    Args:
        path: The PNG file; it appears whole or not at all.
        views: Intensities in [0, 1], ``(n, 1, X, Y, Z)``, axes to the right, front and head.
        masks: 1 where a block is hidden, ``(n, 1, x, y, z)``; sides divide those of the views.
        reconstructions: The network's output, the shape of ``views``.
        title: Headline.
        dpi: Pixels per inch.

    Raises:
        ValueError: If there is no view, or the tensors do not belong together.
        OSError: If the file cannot be written.
    """
    _check(views, masks, reconstructions)
    scans, outputs = (tensor.detach().float().cpu().numpy()[:, 0] for tensor in (views, reconstructions))
    covers = enlarge_blocks(masks.detach().cpu(), views.shape[2:]).numpy()[:, 0] > 0
    axial = VIEWS[0]
    size = plane_size_mm(scans.shape[1:], (1.0, 1.0, 1.0), axial)  # in voxels, since a view does not know its spacing
    row_in = _PANEL_IN * size[1] / size[0]
    width_in = _EDGE_IN + 3 * (_PANEL_IN + _GAP_IN)
    height_in = _TITLE_IN + len(scans) * (row_in + _GAP_IN)
    figure = new_figure(width_in, height_in, title, _EDGE_IN)
    figure.text(_EDGE_IN / width_in, 1 - 0.51 / height_in, _NOTE, fontsize=9, va="center", color="0.35")
    for row, (scan, output, cover) in enumerate(zip(scans, outputs, covers, strict=True)):
        middle = scan.shape[axial.axis] // 2
        planes = (cut(scan, axial, middle), cut(output, axial, middle), cut(cover, axial, middle))
        bottom_in = height_in - _TITLE_IN - row * (row_in + _GAP_IN) - row_in
        error = f"error {np.abs(output - scan)[cover].mean():.3f}" if cover.any() else "nothing hidden"
        write_row_name(figure, 0.26, bottom_in + row_in / 2, f"view {row + 1}\n{error}")
        for column, name in enumerate(COLUMNS[:3]):
            left_in = _EDGE_IN + column * (_PANEL_IN + _GAP_IN)
            box = (left_in / width_in, bottom_in / height_in, _PANEL_IN / width_in, row_in / height_in)
            axes = figure.add_axes(box)
            draw_plane(axes, name, *planes, size, (0.0, 1.0))
            if row == 0:
                axes.set_title(name, fontsize=12, pad=6)
            draw_orientation(axes, axial, fontsize=9)
    write_figure(figure, path, dpi)


def _check(views: Tensor, masks: Tensor, reconstructions: Tensor) -> None:
    if views.ndim != 5 or not len(views) or views.shape[1] != 1 or reconstructions.shape != views.shape:
        raise ValueError(
            f"views {tuple(views.shape)} and reconstructions {tuple(reconstructions.shape)} must be of one shape "
            "(n, 1, X, Y, Z), at least one"
        )
    if masks.ndim != 5 or masks.shape[:2] != views.shape[:2]:
        raise ValueError(f"masks {tuple(masks.shape)} must be (n, 1, x, y, z) for views {tuple(views.shape)}")
