"""Reading a scan: what the checks of bytes, checksums, geometry and values take beside the reading itself.

    .venv/bin/python benchmarks/reading.py

writes a phantom scan in each format, reads it by the libraries alone (nibabel; SimpleITK) and by
:func:`swinx.data.read_volume`, in turns, and writes the processor time of both to
``benchmarks/results/reading_<machine>.json``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import nibabel as nib
import numpy as np
import SimpleITK
from bundle_trial import ROOT, write_record

from swinx.data import read_volume

AFFINE = np.diag([-0.8, -0.8, 1.25, 1.0])


def main() -> None:
    """Measure and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shape", type=int, nargs=3, default=[512, 512, 554])
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = write_scan(Path(folder), phantom(given.shape, given.seed))
        found = {}
        for path in paths:
            ways: dict[str, Callable[[], object]] = {
                "library": lambda path=path: read_by_library(path),
                "swinx": lambda path=path: read_volume(path),
            }
            taken: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(given.repeats):
                for name, read in ways.items():
                    started = time.process_time()
                    read()
                    taken[name].append(time.process_time() - started)
            seconds = {name: round(median(values), 3) for name, values in taken.items()}
            found[path.name] = {**seconds, "ratio": round(seconds["swinx"] / seconds["library"], 3)}
            print(path.name, found[path.name], flush=True)
    settings = {name: getattr(given, name) for name in ("shape", "repeats", "seed")}
    write_record(given.out, "reading", {**settings, "processor_seconds": found})


def phantom(shape: list[int], seed: int) -> np.ndarray:
    """An elliptic body with noise in air, in HU."""
    x, y, z = np.ogrid[tuple(slice(-1, 1, side * 1j) for side in shape)]
    hu = np.where((x / 0.8) ** 2 + (y / 0.6) ** 2 + 0 * z < 1, 40, -980).astype(np.int16)
    return hu + np.random.default_rng(seed).normal(0, 12, hu.shape).round().clip(-40, 40).astype(np.int16)


def write_scan(folder: Path, hu: np.ndarray) -> list[Path]:
    """Write a scan in each format and return the paths."""
    paths = [folder / f"scan{suffix}" for suffix in (".nii", ".nii.gz", ".nrrd", ".mha")]
    for path in paths[:2]:
        nib.save(nib.Nifti1Image(hu, AFFINE), path)
    image = SimpleITK.GetImageFromArray(hu.transpose())
    image.SetSpacing(AFFINE.diagonal()[:3].__abs__().tolist())
    for path in paths[2:]:
        SimpleITK.WriteImage(image, str(path), True)
    return [*paths, write_series(folder / "series", image)]


def write_series(folder: Path, image: SimpleITK.Image) -> Path:
    """Write a DICOM series of CT, uncompressed."""
    folder.mkdir()
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for index in range(image.GetDepth()):
        part = image[:, :, index]
        tags = {"0008|0060": "CT", "0020|000e": "1.2.3.4", "0008|0018": f"1.2.3.4.{index + 1}"}
        tags |= {"0020|0032": f"0\\0\\{1.25 * index}", "0020|0037": "1\\0\\0\\0\\1\\0"}
        tags |= {"0028|1052": "0", "0028|1053": "1"}
        for tag, value in tags.items():
            part.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{index:04d}.dcm"))
        writer.Execute(part)
    return folder


def read_by_library(path: Path) -> np.ndarray:
    """Read the voxels as the format's library does, unchecked."""
    if path.name.endswith((".nii", ".nii.gz")):
        return np.array(nib.load(path).dataobj)
    if path.is_dir():
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
        return SimpleITK.GetArrayFromImage(reader.Execute())
    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))


if __name__ == "__main__":
    main()
