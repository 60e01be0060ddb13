"""A picture of what a network makes of the hidden blocks of a scan."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from swinx.figures import VIEWS, cut, draw_orientation, draw_scale_bar, plane_size_mm, to_canonical, write_figure
from swinx.geometry import voxel_sizes_mm
from swinx.pretraining.reconstruction.reconstruction_panels import COLUMNS, draw_plane, new_figure, write_row_name

__all__ = ["draw_reconstruction"]

_PANEL_WIDTH_IN = 3.2
_PANEL_HEIGHT_IN = 6.0
_MIN_WIDTH_IN = 9.5
_EDGE_IN = 0.5
_TITLE_IN = 1.35
_BAR_IN = 0.95
_GAP_IN = 0.08
_NOTE = "Reconstruction and difference: the network's output in hidden blocks, the scan itself elsewhere."


def draw_reconstruction(
    path: str | os.PathLike[str],
    original: npt.NDArray[np.generic],
    reconstruction: npt.NDArray[np.generic],
    hidden: npt.NDArray[np.bool_],
    affine: npt.ArrayLike,
    case: str,
    window_hu: Sequence[float],
    errors: Mapping[str, float | None],
    dpi: int = 110,
) -> None:
    """Write a PNG with the middle axial, coronal and sagittal slice of one scan.

    Columns are the masked input, the reconstruction, the original, and the absolute difference of the last two.
    The reconstruction shows the network's output in hidden voxels only; elsewhere it shows the scan.

    Args:
        path: The PNG file; it appears whole or not at all.
        original: HU, ``(X, Y, Z)``, any orientation.
        reconstruction: HU, the same shape; the network's output.
        hidden: True where a voxel was hidden, the same shape.
        affine: Voxel indices to RAS millimetres, ``(4, 4)``.
        case: Headline.
        window_hu: Lowest and highest HU of the grey scale.
        errors: ``hidden_share``, ``mae_hu`` and ``baseline_mae_hu``, as of
            :func:`swinx.pretraining.reconstruction.reconstruction_error.hidden_errors`.
        dpi: Pixels per inch; the page is at most 15 inches wide.

    Raises:
        ValueError: If the volumes are not 3D or differ in shape.
        OSError: If the file cannot be written.
    """
    if original.ndim != 3 or not original.shape == reconstruction.shape == hidden.shape:
        raise ValueError(
            f"original {original.shape}, reconstruction {reconstruction.shape} and hidden {hidden.shape} must be 3D "
            "and of one shape"
        )
    matrix = np.asarray(affine, dtype=np.float64)
    scan, upright = to_canonical(original, matrix)
    output, cover = to_canonical(reconstruction, matrix)[0], to_canonical(hidden, matrix)[0]
    layout = _Layout(scan.shape, voxel_sizes_mm(upright).tolist())
    figure = new_figure(layout.width_in, layout.height_in, case, _EDGE_IN)
    for text, below_in, colour in ((_error_text(errors), 0.58, "black"), (_NOTE, 0.83, "0.35")):
        place = (_EDGE_IN / layout.width_in, 1 - below_in / layout.height_in)
        figure.text(*place, text, fontsize=12, va="center", color=colour)
    images: list[AxesImage] = []
    for row, (view, size_mm) in enumerate(zip(VIEWS, layout.sizes_mm, strict=True)):
        middle = scan.shape[view.axis] // 2
        planes = (cut(scan, view, middle), cut(output, view, middle), cut(cover, view, middle))
        position_mm = _position_mm(upright, scan.shape, view.axis, middle)
        name = f"{view.name}\n{'xyz'[view.axis]} = {position_mm:.0f} mm"
        write_row_name(figure, 0.26, layout.middle_in(row), name)
        for column, title in enumerate(COLUMNS):
            axes = figure.add_axes(layout.panel(row, column))
            images.append(draw_plane(axes, title, *planes, size_mm, (window_hu[0], window_hu[1])))
            draw_orientation(axes, view)
            if column == 0:
                draw_scale_bar(axes, *size_mm)
            if row == 0:
                axes.set_title(title, fontsize=13, pad=6)
    _add_colour_bar(figure.add_axes(layout.colour_bar()), images[-1])
    write_figure(figure, path, dpi)


@dataclass
class _Layout:
    """Places on a page with a row per view and a column per entry of :data:`COLUMNS`.

    A millimetre is as long in every panel; a very long scan gets a smaller scale, not a longer page.

    Attributes:
        shape: Voxels of the upright volume.
        spacing_mm: Their sides.
    """

    shape: tuple[int, ...]
    spacing_mm: Sequence[float]

    def __post_init__(self) -> None:
        self.sizes_mm = [plane_size_mm(self.shape, self.spacing_mm, view) for view in VIEWS]
        widest, highest = (max(size[side] for size in self.sizes_mm) for side in (0, 1))
        scale = min(_PANEL_WIDTH_IN / widest, _PANEL_HEIGHT_IN / highest)
        self.panels_in = [(width * scale, height * scale) for width, height in self.sizes_mm]
        self.column_in = max(widest * scale, (_MIN_WIDTH_IN - _EDGE_IN - _BAR_IN) / len(COLUMNS) - _GAP_IN)
        self.width_in = _EDGE_IN + len(COLUMNS) * (self.column_in + _GAP_IN) + _BAR_IN
        self.height_in = _TITLE_IN + sum(height + _GAP_IN for _, height in self.panels_in)

    def middle_in(self, row: int) -> float:
        """Return the height of a row's middle in inches from the bottom of the page."""
        above = sum(height + _GAP_IN for _, height in self.panels_in[:row])
        return self.height_in - _TITLE_IN - above - self.panels_in[row][1] / 2

    def panel(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Return left, bottom, width and height of a panel as shares of the page."""
        width, height = self.panels_in[row]
        left = _EDGE_IN + column * (self.column_in + _GAP_IN) + (self.column_in - width) / 2
        return self._share(left, self.middle_in(row) - height / 2, width, height)

    def colour_bar(self) -> tuple[float, float, float, float]:
        """Return the place of the colour bar, beside the first row."""
        height = self.panels_in[0][1]
        left = _EDGE_IN + len(COLUMNS) * (self.column_in + _GAP_IN) + 0.05
        return self._share(left, self.middle_in(0) - height / 2, 0.15, height)

    def _share(self, left: float, bottom: float, width: float, height: float) -> tuple[float, float, float, float]:
        return left / self.width_in, bottom / self.height_in, width / self.width_in, height / self.height_in


def _add_colour_bar(axes: Axes, image: AxesImage) -> None:
    axes.figure.colorbar(image, cax=axes, extend="max").set_label("HU", fontsize=10)
    axes.tick_params(labelsize=9)


def _error_text(errors: Mapping[str, float | None]) -> str:
    ours, baseline = errors["mae_hu"], errors["baseline_mae_hu"]
    if ours is None:
        return "nothing hidden"
    text = f"{errors['hidden_share']:.0%} hidden (blue); mean absolute error there: network {ours:.1f} HU"
    return text if baseline is None else f"{text}, mean of the visible voxels {baseline:.1f} HU"


def _position_mm(affine: npt.NDArray[np.float64], shape: Sequence[int], axis: int, index: int) -> float:
    """Return the world coordinate of the centre of a slice along its own axis."""
    point = (np.array(shape) - 1) / 2
    point[axis] = index
    return float(affine[axis, :3] @ point + affine[axis, 3])
