"""Synthetic cohort in the layout of FLARE-23: partial labels, unlabelled scans, complete validation."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import nibabel as nib
import numpy as np
from tqdm import tqdm

from swinx.cohorts.phantoms.phantom import make_phantom
from swinx.cohorts.phantoms.phantom_contrast import PHASES
from swinx.data import write_data_list
from swinx.files import write_json
from swinx.labels import FlareLabel
from swinx.nifti import write_nifti

__all__ = ["CENTRES", "write_synthetic_cohort"]

CENTRES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "liver": (FlareLabel.LIVER, FlareLabel.TUMOR),
        "organs": tuple(range(1, 14)),
        "kidneys": (FlareLabel.RIGHT_KIDNEY, FlareLabel.LEFT_KIDNEY, FlareLabel.TUMOR),
        "tumor": (FlareLabel.TUMOR,),
        "pancreas": (FlareLabel.PANCREAS, FlareLabel.TUMOR),
        "parenchyma": (
            FlareLabel.LIVER,
            FlareLabel.RIGHT_KIDNEY,
            FlareLabel.SPLEEN,
            FlareLabel.PANCREAS,
            FlareLabel.LEFT_KIDNEY,
        ),
        "vessels": (FlareLabel.AORTA, FlareLabel.INFERIOR_VENA_CAVA),
    }
)
"""Source centres and the class ids that each annotates completely in all of its cases."""

_AXCODES = ("LAS", "LPS", "RAS", "LPI", "RAI")
_FULL_TRUTH = "labelsTrFull"
_FIRST_UNLABELED = 2201  # numbering of the download: 2,200 partly labelled scans, then the unlabelled ones
_MADE_HERE = "swinx phantom"
_RECIPE = 1  # raise when the same seed gives another phantom, so that cohorts on disk are made anew


@dataclass(frozen=True)
class _Case:
    """Random parameters of a case, as recorded in ``cohort.json``."""

    case: str
    section: str
    number: int
    centre: str
    phase: str
    tumors: int
    axcodes: str
    oblique_deg: float
    shape: tuple[int, int, int]

    @property
    def annotated(self) -> list[int]:
        if self.section == "validation":
            return list(range(1, 15))
        return [] if self.section == "unlabeled" else [int(label) for label in CENTRES[self.centre]]

    def entry(self) -> dict[str, Any]:
        """Return the case's entry in the data list; paths are relative to the cohort's folder."""
        folders = {"training": "imagesTr2200", "unlabeled": "unlabeledTr1800", "validation": "imagesVal"}
        entry: dict[str, Any] = {"case": self.case, "image": f"{folders[self.section]}/{self.case}_0000.nii.gz"}
        if self.section != "unlabeled":
            folder = "labelsTr2200" if self.section == "training" else "labelsVal"
            entry |= {"label": f"{folder}/{self.case}.nii.gz", "annotated": self.annotated}
        return entry

    def truth_path(self) -> str | None:
        """Return the path of the complete truth that is kept from training, if there is one."""
        return None if self.section == "validation" else f"{_FULL_TRUTH}/{self.case}.nii.gz"


def write_synthetic_cohort(
    out_dir: str | os.PathLike[str],
    labelled: int = 20,
    unlabelled: int = 8,
    validation: int = 6,
    seed: int = 0,
    shape: int | Sequence[int] | None = None,
    spacing_mm: float | Sequence[float] | None = None,
    *,
    progress: bool = True,
) -> Path:
    """Write phantom scans in the layout of FLARE-23, with a data list.

    ``imagesTr2200`` with partial ``labelsTr2200``, ``unlabeledTr1800``, and ``imagesVal`` with complete
    ``labelsVal``; ``labelsTrFull`` keeps the complete truth of the partly labelled and the unlabelled scans for
    experiments; no data list names it. Labelled cases take turns among :data:`CENTRES`; each keeps only the classes
    that its centre annotates, and a tumour in an organ is background where tumours are not annotated.
    ``cohort.json`` records what was drawn for each case.

    A case depends on ``seed``, ``shape``, ``spacing_mm``, its section and its number alone, so a cohort can grow. The
    header of each file names how it was made: a file that is there already is kept if it was made in the same way
    and made anew if it was not.

    Args:
        out_dir: Folder to write.
        labelled: Partly labelled cases, at most 2,200.
        unlabelled: Cases without a label.
        validation: Completely labelled cases.
        seed: Seed of the whole cohort.
        shape: Grid size in array order, or one number for a cube; drawn for each case by default.
        spacing_mm: Voxel size in array order, or one number; drawn for each case by default.
        progress: Show a progress bar.

    Returns:
        Path of ``datalist.json``.

    Raises:
        ValueError: If a count, the shape or the spacing is unusable.
        OSError: If ``out_dir`` cannot be written, or has a file of the same name that is no phantom, such as a
            scan of the real data set; it is left alone.
    """
    if min(labelled, unlabelled, validation) < 0 or labelled >= _FIRST_UNLABELED:
        raise ValueError(f"counts {(labelled, unlabelled, validation)} must be 0 or more, and at most 2200 labelled")
    root = Path(out_dir)
    counts = {"training": labelled, "unlabeled": unlabelled, "validation": validation}
    cases = [_draw_case(seed, section, i, shape) for section, count in counts.items() for i in range(count)]
    recipe = {"recipe": _RECIPE, "seed": seed, "shape": _plain(shape), "spacing_mm": _plain(spacing_mm)}
    marked = [(case, _mark(recipe, case)) for case in cases]
    unfinished = [(case, mark) for case, mark in marked if not _is_finished(root, case, mark)]
    for case, mark in tqdm(unfinished, desc="synthetic cohort", unit="case", disable=not progress):
        _write_case(root, case, seed, spacing_mm, mark)
    write_json(root / "cohort.json", {**recipe, "cases": [asdict(case) for case in cases]})
    write_data_list(
        root / "datalist.json",
        {section: [case.entry() for case in cases if case.section == section] for section in counts},
        name="swinx synthetic cohort",
        description=f"Phantom CTs of the upper abdomen, seed {seed}; no patient's data.",
    )
    return root / "datalist.json"


def _draw_case(seed: int, section: str, index: int, shape: int | Sequence[int] | None) -> _Case:
    number = index + (_FIRST_UNLABELED if section == "unlabeled" else 1)
    rng = _generator(seed, section, number, stream=0)
    oblique_deg = float(rng.uniform(2, 12)) if rng.uniform() < 1 / 3 else 0.0
    in_plane, slices = int(rng.choice([112, 128, 144])), int(rng.integers(64, 129))
    size = (in_plane, in_plane, slices) if shape is None else np.broadcast_to(np.asarray(shape, dtype=int), 3).tolist()
    return _Case(
        case=f"FLARE23Ts_{number:04d}" if section == "validation" else f"FLARE23_{number:04d}",
        section=section,
        number=number,
        centre=tuple(CENTRES)[index % len(CENTRES)] if section == "training" else "",
        phase=str(rng.choice(PHASES, p=[0.2, 0.2, 0.45, 0.15])),
        tumors=int(rng.choice(4, p=[0.15, 0.4, 0.3, 0.15])),
        axcodes=str(rng.choice(_AXCODES)),
        oblique_deg=oblique_deg,
        shape=(size[0], size[1], size[2]),
    )


def _generator(seed: int, section: str, number: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, ("training", "unlabeled", "validation").index(section), number, stream])


def _write_case(root: Path, case: _Case, seed: int, spacing_mm: float | Sequence[float] | None, mark: str) -> None:
    phantom = make_phantom(
        _generator(seed, case.section, case.number, stream=1),
        case.shape,
        spacing_mm,
        axcodes=case.axcodes,
        oblique_deg=case.oblique_deg,
        phase=case.phase,
        tumors=case.tumors,
    )
    entry = case.entry()
    write_nifti(root / entry["image"], phantom.image, phantom.affine, mark)
    if "label" in entry:
        drawn = np.where(np.isin(phantom.label, case.annotated), phantom.label, 0).astype(np.uint8)
        write_nifti(root / entry["label"], drawn, phantom.affine, mark)
    if truth := case.truth_path():
        write_nifti(root / truth, phantom.label, phantom.affine, mark)


def _files(root: Path, case: _Case) -> list[Path]:
    entry = case.entry()
    return [root / name for name in (entry["image"], entry.get("label"), case.truth_path()) if name]


def _is_finished(root: Path, case: _Case, mark: str) -> bool:
    made = [_is_made(path, mark) for path in _files(root, case)]  # looks at all of them: none may be overwritten
    return all(made)


def _mark(recipe: Mapping[str, Any], case: _Case) -> str:
    """Return the header text of a case's files, which is equal exactly for files made in the same way."""
    made_from = json.dumps([recipe, asdict(case)], sort_keys=True)
    return f"{_MADE_HERE} {hashlib.sha256(made_from.encode()).hexdigest()[:32]}"


def _is_made(path: Path, mark: str) -> bool:
    """Return whether the file exists and was made in the same way.

    Raises:
        FileExistsError: If it is there and no phantom.
    """
    if not path.exists():
        return False
    try:
        image: Any = nib.load(path)  # the header only; nibabel states no types
        found = bytes(image.header["descrip"]).rstrip(b"\0").decode("ascii", "replace")
    except Exception as error:  # whatever a damaged or foreign file makes the reader say
        raise FileExistsError(f"{path} is there and is no phantom ({error}); choose another folder") from error
    if not found.startswith(_MADE_HERE):
        raise FileExistsError(f"{path} is there and is no phantom of swinx; choose another folder")
    return found == mark


def _plain(value: float | Sequence[float] | None) -> list[float] | None:
    return None if value is None else np.broadcast_to(np.asarray(value), 3).tolist()
