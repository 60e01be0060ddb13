"""Viewers in HTML: axial slices of CT, reference and prediction side by side, of the best and the worst cases."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image
from scipy import ndimage

from swinx.data import Volume, find_cases, find_label_maps, read_label, read_volume
from swinx.errors import DataListError, reason_of
from swinx.figures import VIEWS, choose_slices, colour_table, crop_to_labels, cut, plane_size_mm, to_canonical
from swinx.geometry import compare_grids, voxel_sizes_mm
from swinx.labels import FLARE23, UNKNOWN, LabelSet
from swinx.report.html_plots import jpeg_as_uri
from swinx.report.overlay_figure import count_voxels
from swinx.report.overlay_picture import ABDOMEN_WINDOW_HU
from swinx.scoring import listed_pair, read_reference

__all__ = ["VIEWER_SCRIPT", "case_viewers", "slice_viewer"]


VIEWER_SCRIPT = """
document.querySelectorAll('.viewer').forEach(function (viewer) {
  var slices = JSON.parse(viewer.querySelector('script').textContent);
  var slider = viewer.querySelector('input');
  var image = viewer.querySelector('img');
  function show() {
    var slice = slices[slider.value];
    image.src = slice.src;
    image.alt = slider.getAttribute('aria-label') + ', ' + slice.text;
    viewer.querySelector('output').textContent = slice.text;
  }
  slider.addEventListener('input', show); show();
});
"""
"""Makes the sliders of all viewers on a page work."""

_PANEL_PIXELS = 320
_MARGIN_MM = 25.0
_FILL = 0.4
_SHOWN = 24


def slice_viewer(
    name: str,
    image: npt.NDArray[Any],
    labels: Mapping[str, npt.NDArray[np.uint8]],
    affine: npt.NDArray[np.float64],
    max_slices: int = 40,
    label_set: LabelSet = FLARE23,
) -> str:
    """Return a viewer of axial slices, in radiological convention and true proportions.

    Args:
        name: What is shown, as text.
        image: CT in HU, ``(X, Y, Z)``.
        labels: Title to class ids of the same shape; each becomes a panel beside the CT.
        affine: Voxel indices to RAS millimetres, ``(4, 4)``.
        max_slices: Slices to embed at most, evenly spaced over what is labelled. The first to be seen is the one
            that shows the classes best.
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
    slices = [
        {
            "src": jpeg_as_uri(_picture(scan, list(maps.values()), index, size, colour_table(1.0, label_set))),
            "text": _position(corner_mm, index, spacing[2]),
        }
        for index in map(int, shown)
    ]
    heads = "".join(f"<span>{escape(title)}</span>" for title in ("CT", *maps))
    label = escape(f"axial slice of {name}", quote=True)
    best = choose_slices(union[box])[2]
    first = int(np.abs(shown - best).argmin())
    return (
        f'<div class="viewer"><div class="heads">{heads}</div><img alt="{label}">'
        f'<input type="range" min="0" max="{len(slices) - 1}" value="{first}" aria-label="{label}"><output></output>'
        f'<script type="application/json">{json.dumps(slices)}</script></div>{_legend(list(maps.values()), label_set)}'
    )


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


def _position(corner_mm: float, index: int, spacing_mm: float) -> str:
    return f"z = {corner_mm + index * spacing_mm:.0f} mm"


def _legend(maps: list[npt.NDArray[np.uint8]], label_set: LabelSet) -> str:
    """Return a line of the classes that occur; of very many, the largest, and the others in a part that opens."""
    voxels = count_voxels(maps, label_set)
    found = [label for label in label_set.foreground if voxels[label]]
    if len(found) <= _SHOWN:
        return _marks(found, label_set)
    found.sort(key=lambda label: -voxels[label])
    rest = f"<details><summary>{len(found) - _SHOWN} smaller classes</summary>{_marks(found[_SHOWN:], label_set)}"
    return f"{_marks(found[:_SHOWN], label_set)}{rest}</details>"


def _marks(labels: Iterable[int], label_set: LabelSet) -> str:
    marks = (f'<i style="background:{label_set.colours[v]}"></i>{escape(label_set.names[v])}' for v in labels)
    return '<p class="legend">' + "".join(f"<span>{mark}</span>" for mark in marks) + "</p>"


PathLike = str | os.PathLike[str]


def case_viewers(
    table: pd.DataFrame,
    images: PathLike,
    section: str,
    reference: PathLike | None,
    prediction: PathLike,
    count: int,
    slices: int,
    faults: list[str],
    label_set: LabelSet = FLARE23,
) -> str:
    """Return viewers of the cases with the highest and the lowest mean DSC.

    Args:
        table: Scores, one row a case; cases without any are not chosen.
        images: Scans, as :func:`swinx.data.find_cases` takes them.
        section: Section of the data list, where ``images`` is one.
        reference: Folder of reference labels; by default the labels of the data list.
        prediction: Folder of predicted labels.
        count: How many of the best, and of the worst.
        slices: Axial slices of each case.
        faults: Gets a sentence for each case that cannot be shown.
        label_set: The classes.

    Raises:
        DataListError: If there are no scans or predictions.
    """
    scored = table[[name for name in table.columns if name.endswith("_dsc")]].mean(axis=1).dropna().sort_values()
    best = list(scored.index[-count:][::-1])
    worst = [case for case in scored.index[:count] if case not in best]
    scans = {item["case"]: item for item in find_cases(images, section=section, label_set=label_set)}
    predicted = {case: str(path) for case, path in find_label_maps(prediction, label_set=label_set).items()}
    truths = {case: item for case, item in scans.items() if "label" in item}
    if reference is not None:
        truths |= {
            case: {"case": case, "label": path}
            for case, path in find_label_maps(reference, label_set=label_set).items()
        }
    parts = []
    for rank, case in [("best", case) for case in best] + [("worst", case) for case in worst]:
        parts.append(f"<h3>{escape(str(case))}: among the {rank}, mean DSC {100 * scored[case]:.1f} %</h3>")
        try:
            if case not in scans:
                raise DataListError(f"is scored, but not among the scans in {images}")
            if "fault" in scans[case]:
                raise DataListError(str(scans[case]["fault"]))
            files = truths.get(case), predicted.get(case)
            parts.append(_viewer(str(case), scans[case]["image"], *files, slices, label_set))
        except (OSError, ValueError) as error:
            faults.append(f"{case}: {reason_of(error)}")
            parts.append(f'<p class="fault">Not shown: {escape(reason_of(error))}</p>')
    return "".join(parts)


def _viewer(
    case: str, image: str, truth: Mapping[str, Any] | None, prediction: str | None, slices: int, label_set: LabelSet
) -> str:
    scan = read_volume(image)
    volumes: dict[str, tuple[object, Volume]] = {}
    if truth is not None:
        pair = listed_pair(truth, None, label_set)
        volumes["Reference"] = pair.reference, read_reference(pair, label_set)
    if prediction is not None:
        volumes["Prediction"] = prediction, read_label(prediction, label_set, allow_empty=True, allow_unknown=False)
    labels = {}
    for title, (path, volume) in volumes.items():
        apart, _ = compare_grids(scan.affine, scan.array.shape, volume.affine, volume.array.shape)
        if apart:
            raise DataListError(f"{path}: not on the grid of the scan: {'; '.join(apart)}")
        labels[title] = np.where(volume.array == UNKNOWN, 0, volume.array).astype(np.uint8)
    return slice_viewer(case, scan.array, labels, scan.affine, slices, label_set)
