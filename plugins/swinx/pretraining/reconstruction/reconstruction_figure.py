"""Pictures of masked reconstructions: of a whole scan, and of the views of a training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from swinx.figures import VIEWS, View, cut, draw_orientation, draw_scale_bar, plane_size_mm, to_canonical, write_figure
from swinx.geometry import voxel_sizes_mm
from swinx.pretraining.masking import enlarge_blocks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = ["COLUMNS", "MASK_COLOUR", "draw_plane", "draw_reconstruction", "draw_triplets"]

COLUMNS = ("Masked input", "Reconstruction", "Original", "|Difference|")
"""Titles of the columns, in order."""

MASK_COLOUR = "#3f6f94"
"""Colour of masked blocks: blue, so that they are neither air nor tissue."""

_PANEL_IN = (3.2, 6.0)  # most width and height of a panel
_MIN_WIDTH_IN = 9.5
_LEFT_IN, _RIGHT_IN, _GAP_IN = 0.5, 0.95, 0.08
_LINE_IN = 0.27
_NOTE = "Reconstruction and difference: the network's output in masked blocks, the input elsewhere."

Planes = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class _Row:
    """One slice of a page: its name, planes (input, output, mask), view, and size in mm or voxels."""

    name: str
    planes: Planes
    view: View
    size: tuple[float, float]


def draw_reconstruction(
    path: str | os.PathLike[str],
    original: npt.NDArray[np.generic],
    reconstruction: npt.NDArray[np.generic],
    mask: npt.NDArray[np.bool_],
    affine: npt.ArrayLike,
    case: str,
    window_hu: Sequence[float],
    errors: Mapping[str, float | None],
    dpi: int = 110,
) -> None:
    """Write a PNG with the middle axial, coronal and sagittal slice of one scan; the columns are :data:`COLUMNS`.

    Args:
        path: The PNG file; it is written atomically.
        original: HU, ``(X, Y, Z)``, any orientation.
        reconstruction: HU, the same shape; the network's output.
        mask: True where a voxel was masked, the same shape.
        affine: Voxel indices to RAS millimetres, ``(4, 4)``.
        case: Title.
        window_hu: Lowest and highest HU of the grey scale.
        errors: ``hidden_share``, ``mae_hu`` and ``baseline_mae_hu`` of
            :func:`swinx.pretraining.reconstruction.save_reconstruction.masked_errors`.
        dpi: Pixels per inch; the page is at most 15 inches wide.

    Raises:
        ValueError: If the volumes are not 3D or differ in shape.
        OSError: If the file cannot be written.
    """
    if original.ndim != 3 or not original.shape == reconstruction.shape == mask.shape:
        raise ValueError(
            f"original {original.shape}, reconstruction {reconstruction.shape} and mask {mask.shape} must be 3D and of "
            "one shape"
        )
    matrix = np.asarray(affine, dtype=np.float64)
    scan, upright = to_canonical(original, matrix)
    output, cover = to_canonical(reconstruction, matrix)[0], to_canonical(mask, matrix)[0]
    spacing_mm = voxel_sizes_mm(upright).tolist()
    rows = []
    for view in VIEWS:
        middle = scan.shape[view.axis] // 2
        centre = (np.array(scan.shape) - 1) / 2
        centre[view.axis] = middle
        position_mm = upright[view.axis, :3] @ centre + upright[view.axis, 3]
        name = f"{view.name}\n{'xyz'[view.axis]} = {position_mm:.0f} mm"
        planes = (cut(scan, view, middle), cut(output, view, middle), cut(cover, view, middle))
        rows.append(_Row(name, planes, view, plane_size_mm(scan.shape, spacing_mm, view)))
    figure = _new_page(rows, len(COLUMNS), [case, _error_text(errors), _NOTE])
    images = _draw_rows(figure, rows, COLUMNS, (window_hu[0], window_hu[1]))
    for number in range(len(rows)):
        draw_scale_bar(figure.axes[number * len(COLUMNS)], *rows[number].size)
    box = figure.axes[len(COLUMNS) - 1].get_position()
    width_in = figure.get_figwidth()
    axes = figure.add_axes((1 - (_RIGHT_IN - 0.05) / width_in, box.y0, 0.15 / width_in, box.height))
    figure.colorbar(images[-1], cax=axes, extend="max").set_label("HU", fontsize=10)
    write_figure(figure, path, dpi)


def draw_triplets(
    path: str | os.PathLike[str], views: Tensor, masks: Tensor, reconstructions: Tensor, title: str, dpi: int = 100
) -> None:
    """Write a PNG with the middle axial slice of each view: masked, reconstruction, original.

    The mean absolute error beside a row is over all masked voxels of the view, not of the slice.

    Args:
        path: The PNG file; it is written atomically.
        views: Intensities in [0, 1], ``(n, 1, X, Y, Z)``, axes to the right, front and head.
        masks: 1 where a block is masked, ``(n, 1, x, y, z)``; sides divide those of the views.
        reconstructions: The network's output, the shape of ``views``.
        title: Title.
        dpi: Pixels per inch.

    Raises:
        ValueError: If there is no view, or the tensors do not belong together.
        OSError: If the file cannot be written.
    """
    if views.ndim != 5 or not len(views) or views.shape[1] != 1 or reconstructions.shape != views.shape:
        raise ValueError(
            f"views {tuple(views.shape)} and reconstructions {tuple(reconstructions.shape)} must be of one shape "
            "(n, 1, X, Y, Z), at least one"
        )
    if masks.ndim != 5 or masks.shape[:2] != views.shape[:2]:
        raise ValueError(f"masks {tuple(masks.shape)} must be (n, 1, x, y, z) for views {tuple(views.shape)}")
    scans, outputs = (tensor.detach().float().cpu().numpy()[:, 0] for tensor in (views, reconstructions))
    covers = enlarge_blocks(masks.detach().cpu(), views.shape[2:]).numpy()[:, 0] > 0
    axial = VIEWS[0]
    size = plane_size_mm(scans.shape[1:], (1.0, 1.0, 1.0), axial)  # in voxels: a view does not know its spacing
    middle = scans.shape[1 + axial.axis] // 2
    rows = []
    for number, (scan, output, cover) in enumerate(zip(scans, outputs, covers, strict=True), start=1):
        error = f"error {np.abs(output - scan)[cover].mean():.3f}" if cover.any() else "nothing masked"
        planes = (cut(scan, axial, middle), cut(output, axial, middle), cut(cover, axial, middle))
        rows.append(_Row(f"view {number}\n{error}", planes, axial, size))
    figure = _new_page(rows, 3, [title, f"{_NOTE} Error: over all masked voxels."])
    _draw_rows(figure, rows, COLUMNS[:3], (0.0, 1.0))
    write_figure(figure, path, dpi)


def draw_plane(
    axes: Axes, column: str, planes: Planes, size: tuple[float, float], window: tuple[float, float]
) -> AxesImage:
    """Draw a slice as one of :data:`COLUMNS`.

    The reconstruction shows the network's output in masked voxels only: elsewhere, where the output was never trained,
    it shows the input, and the difference is 0.

    Args:
        axes: Where to draw.
        column: Which of the columns.
        planes: Slice of the original, of the network's output, and of the mask; rows from the bottom to the top.
        size: Width and height of the panel in data units.
        window: Values of black and white; the scale of differences ends at half its width.

    Returns:
        The image of the values, for a colour bar.
    """
    scan, output, mask = planes
    low, high = window
    place: dict[str, Any] = {"origin": "lower", "extent": (0.0, size[0], 0.0, size[1]), "interpolation": "nearest"}
    filled = np.where(mask, output, scan).astype(np.float32)
    if column == "|Difference|":
        image = axes.imshow(np.abs(filled - scan), cmap="inferno", vmin=0, vmax=(high - low) / 2, **place)
    else:
        image = axes.imshow(filled if column == "Reconstruction" else scan, cmap="gray", vmin=low, vmax=high, **place)
    if column == "Masked input":
        from matplotlib.colors import to_rgba

        colours = np.array([(0.0, 0.0, 0.0, 0.0), to_rgba(MASK_COLOUR)])
        axes.imshow(colours[mask.astype(np.intp)], **place)
    axes.set(xlim=(0, size[0]), ylim=(0, size[1]), xticks=[], yticks=[], facecolor="black")
    axes.spines[:].set_visible(False)
    return image


def _new_page(rows: Sequence[_Row], columns: int, lines: Sequence[str]) -> Figure:
    """Return a page with a grid of axes below lines of text; pyplot's state is not touched.

    A millimetre has the same length in every panel; a very long scan gets a smaller scale, not a longer page.
    """
    widest, highest = (max(row.size[side] for row in rows) for side in (0, 1))
    scale = min(_PANEL_IN[0] / widest, _PANEL_IN[1] / highest)
    edges_in = _LEFT_IN + _RIGHT_IN + (columns - 1) * _GAP_IN
    column_in = max(widest * scale, (_MIN_WIDTH_IN - edges_in) / columns)
    heights_in = [row.size[1] * scale for row in rows]
    top_in = _LINE_IN * (len(lines) + 1.5)
    width_in, height_in = edges_in + columns * column_in, top_in + sum(heights_in) + len(rows) * _GAP_IN
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), facecolor="white")
    FigureCanvasAgg(figure)
    for number, line in enumerate(lines):
        style: dict[str, Any] = {"fontsize": 15, "fontweight": "bold"} if number == 0 else {"fontsize": 10}
        figure.text(_LEFT_IN / width_in, 1 - _LINE_IN * (number + 0.8) / height_in, line, va="center", **style)
    grid = figure.add_gridspec(
        len(rows),
        columns,
        height_ratios=heights_in,
        left=_LEFT_IN / width_in,
        right=1 - _RIGHT_IN / width_in,
        bottom=_GAP_IN / height_in,
        top=1 - top_in / height_in,
        wspace=_GAP_IN / column_in,
        hspace=_GAP_IN / float(np.mean(heights_in)),
    )
    grid.subplots()
    return figure


def _draw_rows(
    figure: Figure, rows: Sequence[_Row], columns: Sequence[str], window: tuple[float, float]
) -> list[AxesImage]:
    images = []
    for number, axes in enumerate(figure.axes):
        row, column = rows[number // len(columns)], columns[number % len(columns)]
        images.append(draw_plane(axes, column, row.planes, row.size, window))
        draw_orientation(axes, row.view)
        if row is rows[0]:
            axes.set_title(column, fontsize=13, pad=6)
        if column == columns[0]:
            box = axes.get_position(original=True)
            place = (0.26 / figure.get_figwidth(), (box.y0 + box.y1) / 2)
            figure.text(*place, row.name, fontsize=10, rotation=90, va="center", ha="center")
    return images


def _error_text(errors: Mapping[str, float | None]) -> str:
    ours, baseline = errors["mae_hu"], errors["baseline_mae_hu"]
    if ours is None:
        return "nothing masked"
    text = f"{errors['hidden_share']:.0%} masked (blue); mean absolute error there: network {ours:.1f} HU"
    return text if baseline is None else f"{text}, mean of the visible voxels {baseline:.1f} HU"
