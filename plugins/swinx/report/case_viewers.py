"""Cases for the viewer of a page: the best and the worst, as volumes, within the limits of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage
from tqdm import tqdm

from swinx.errors import reason_of
from swinx.figures import Box, choose_slices, to_canonical
from swinx.labels import FLARE23, LabelSet
from swinx.metrics import score_column
from swinx.report.case_voxels import CaseFiles, CaseVoxels, class_volumes_ml
from swinx.report.html_page import html_list, json_data, page_file
from swinx.report.slice_viewer import draw_slices
from swinx.report.viewer_volumes import CASE_LIMIT, ViewerVolumes, encode_volumes

__all__ = ["REPORT_LIMIT", "CaseViewers", "best_and_worst", "view_cases"]

REPORT_LIMIT = 60_000_000
"""Characters of a page with all its cases."""

_LEAST = 1_000_000  # a case that gets fewer characters would be too coarse to judge
_TABLE = 20_000  # characters of a case beside its volumes and slices, at most


@dataclass
class CaseViewers:
    """Cases of a viewer.

    Attributes:
        html: The viewer.
        data: Scripts that hold the cases.
        opened: Case to its number in the viewer.
        notes: What the page says of cases that are not in it.
    """

    html: str = ""
    data: str = ""
    opened: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def best_and_worst(table: pd.DataFrame, count: int) -> list[str]:
    """Return the cases with the lowest and the highest mean DSC by turns, beginning with the worst.

    Args:
        table: Scores, one row a case; cases without any are not chosen.
        count: How many of the best, and of the worst.

    Examples:
        >>> scores = pd.DataFrame({"liver_dsc": [0.9, 0.1, 0.5, np.nan]}, index=["a", "b", "c", "d"])
        >>> best_and_worst(scores, 1), best_and_worst(scores, 5)
        (['b', 'a'], ['b', 'a', 'c'])
    """
    dsc = [name for name in table.columns if str(name).endswith("_dsc")]
    ranked = [str(case) for case in table[dsc].mean(axis=1).dropna().sort_values(kind="stable").index]
    pairs = zip(ranked[:count], ranked[::-1][:count], strict=True)
    return list(dict.fromkeys(case for pair in pairs for case in pair))


def view_cases(
    table: pd.DataFrame,
    files: CaseFiles,
    count: int,
    max_slices: int,
    faults: list[str],
    limit: int = REPORT_LIMIT,
    case_limit: int = CASE_LIMIT,
) -> CaseViewers:
    """Return the best and the worst cases for the viewer, with as fine a grid as the limits allow.

    Args:
        table: Scores, one row a case.
        files: Scans and label maps.
        count: How many of the best, and of the worst.
        max_slices: Axial slices of each case, for browsers that cannot show volumes.
        faults: Gets a sentence for each case that cannot be shown.
        limit: Characters of all cases.
        case_limit: Characters of one case.
    """
    found = CaseViewers()
    chosen = best_and_worst(table, count)
    scripts: list[str] = []
    too_many: list[str] = []
    for place, case in enumerate(tqdm(chosen, desc="cases for the viewer", unit="case", leave=False)):
        room = min(case_limit, (limit - sum(map(len, scripts))) // (len(chosen) - place))
        if room < min(_LEAST, case_limit):
            too_many.append(case)
            continue
        try:
            content = _content(case, files.read(case), table.loc[case], max_slices, room, files.label_set)
        except (OSError, ValueError) as error:
            faults.append(f"{case}: {reason_of(error)}")
            found.notes.append(f"{case} is not shown: {reason_of(error)}")
            continue
        found.opened[case] = len(scripts)
        scripts.append(json_data(content, {"class": "case", "data-case": case}))
    if too_many:
        found.notes.append(
            f"{len(too_many)} cases are not shown, since the page would have more than {limit / 1e6:.0f} MB: "
            f"{', '.join(too_many)}"
        )
    if len(table) > len(chosen):
        found.notes.append(
            f"Of {len(table)} cases, the {len(chosen)} best and worst are in the viewer; --cases sets how many."
        )
    classes = [
        {"id": label, "name": files.label_set.names[label], "colour": files.label_set.colours[label]}
        for label in files.label_set.foreground
    ]
    notes = html_list(found.notes) if found.notes else ""
    if scripts:
        found.html = page_file("viewer.html") + notes
        found.data = json_data(classes, {"id": "classes"}) + "".join(scripts)
    else:
        found.html = notes or "<p>No case has a score.</p>"
    return found


def _content(
    case: str, voxels: CaseVoxels, scores: pd.Series[Any], max_slices: int, limit: int, label_set: LabelSet
) -> dict[str, Any]:
    """Return the viewer's data of a case, as JSON; its fallback and its volumes share the limit."""
    slices = draw_slices(voxels.scan_hu, voxels.maps, voxels.affine, max_slices, label_set)
    while slices.size > limit // 3 and max_slices > 1:
        max_slices = max(1, max_slices // 2)
        slices = draw_slices(voxels.scan_hu, voxels.maps, voxels.affine, max_slices, label_set)
    room = limit - slices.size - min(_TABLE, limit // 10)
    volumes = encode_volumes(voxels.scan_hu, voxels.maps, voxels.affine, room)
    upright = {title: to_canonical(labels, voxels.affine)[0] for title, labels in voxels.maps.items()}
    matrix = to_canonical(voxels.scan_hu, voxels.affine)[1]
    drawn = list(upright.values())[::-1]  # the prediction first
    seen = drawn[0] if drawn and drawn[0].any() else drawn[-1] if drawn else np.zeros(voxels.scan_hu.shape, np.uint8)
    return {
        "name": case,
        "note": _note(case, scores, volumes),
        "scan": volumes.scan,
        "maps": volumes.maps,
        "start": _world(choose_slices(seen), matrix),
        "classes": _classes(voxels, drawn, matrix, scores, label_set),
        "heads": slices.heads,
        "slices": slices.slices,
        "first": slices.first,
    }


def _note(case: str, scores: pd.Series[Any], volumes: ViewerVolumes) -> str:
    mean = 100 * scores[[name for name in scores.index if str(name).endswith("_dsc")]].mean()
    shown, own = (" x ".join(f"{size:.2g}" for size in each) for each in (volumes.spacing_mm, volumes.scan_spacing_mm))
    grid = f"voxels of {shown} mm" + (f", coarser than the scan's {own} mm" if volumes.is_coarser else ", as the scan")
    return f"{case}: mean DSC {mean:.1f} %; {grid}. Not for diagnosis."


def _classes(
    voxels: CaseVoxels,
    upright: Sequence[npt.NDArray[np.uint8]],
    affine: npt.NDArray[np.float64],
    scores: pd.Series[Any],
    label_set: LabelSet = FLARE23,
) -> list[dict[str, Any]]:
    """Return volume, score and a place of each class that occurs."""
    ml = {title: class_volumes_ml(labels, voxels.affine, label_set) for title, labels in voxels.maps.items()}
    boxes = [ndimage.find_objects(labels, max_label=len(label_set)) for labels in upright]
    rows = []
    for label in label_set.foreground:
        found = [(labels, spans[label - 1]) for labels, spans in zip(upright, boxes, strict=True) if spans[label - 1]]
        if not found:
            continue
        place = _inner_voxel(*found[0], label)
        dsc = float(scores.get(score_column(label_set.names[label], "dsc"), np.nan))
        rows.append(
            {
                "id": label,
                "ml": {title: round(float(volumes[label]), 3) for title, volumes in ml.items()},
                "dsc": None if np.isnan(dsc) else round(dsc, 4),
                "at": _world(place, affine),
            }
        )
    return rows


def _inner_voxel(labels: npt.NDArray[np.uint8], box: Box, label: int) -> list[int]:
    """Return the voxel of a class in its box that is nearest to the centre of the class."""
    voxels = np.argwhere(labels[box] == label)
    nearest = voxels[((voxels - voxels.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return [int(index) + side.start for index, side in zip(nearest, box, strict=True)]


def _world(index: Sequence[int], affine: npt.NDArray[np.float64]) -> list[float]:
    return [round(float(value), 2) for value in affine[:3, :3] @ np.asarray(index) + affine[:3, 3]]
