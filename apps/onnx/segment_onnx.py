"""Segment a CT with a network that ``swinx export --to onnx`` wrote, by onnxruntime and NumPy alone.

    python segment_onnx.py model.onnx ct.nii.gz labels.nii.gz

It is an example to start from: this one file and the model are all it takes. Classes, spacing, HU window, size and
overlap of the sliding windows stand in the model's metadata, under ``swinx``. The steps are those of the bundle's
inference, for NIfTI files and for networks that were trained on a window of HU. Research only: no medical device.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

__all__ = ["main", "read_nifti", "read_settings", "segment", "write_labels"]

_FIELDS = {
    "sizeof_hdr": ("i4", 0), "dim": ("8i2", 40), "datatype": ("i2", 70), "bitpix": ("i2", 72), "pixdim": ("8f4", 76),
    "vox_offset": ("f4", 108), "scl_slope": ("f4", 112), "scl_inter": ("f4", 116), "cal": ("2f4", 124),
    "qform_code": ("i2", 252), "sform_code": ("i2", 254), "quatern": ("3f4", 256), "qoffset": ("3f4", 268),
    "srow": ("(3,4)f4", 280), "magic": ("S4", 344), "extensions": ("4u1", 348),
}  # fmt: skip
_HEADER = np.dtype(
    {
        "names": list(_FIELDS),
        "formats": [kind for kind, _ in _FIELDS.values()],
        "offsets": [place for _, place in _FIELDS.values()],
        "itemsize": 352,
    }
)
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
_SEARCH_MM = 3.0
_BODY_HU = -300.0
_OPENING_MM = 6.0


def main() -> None:
    """Segment the scan that the command line names."""
    if len(sys.argv) != 4:
        sys.exit("give three files: python segment_onnx.py MODEL.onnx CT.nii.gz LABELS.nii.gz")
    model, scan, out = sys.argv[1:]
    for name in (model, scan):
        if not Path(name).is_file():
            sys.exit(f"{name}: no such file; give a model that swinx export --to onnx wrote, and a scan in NIfTI")
    session = onnxruntime.InferenceSession(model, providers=onnxruntime.get_available_providers())
    settings = read_settings(session)
    hu, affine, header = read_nifti(Path(scan))
    classes = segment(hu, affine, session, settings)
    write_labels(Path(out), np.array(list(settings["classes"].values()), np.uint8)[classes], header)
    voxel_ml = abs(np.linalg.det(affine[:3, :3])) / 1000
    for number, name in enumerate(settings["classes"]):
        if number and (found := int((classes == number).sum())):
            print(f"{name}: {found * voxel_ml:.1f} ml")


def read_settings(session: onnxruntime.InferenceSession) -> dict[str, Any]:
    """Return the settings in a model's metadata."""
    text = session.get_modelmeta().custom_metadata_map.get("swinx")
    if text is None:
        sys.exit("the model has no settings of swinx; write it with swinx export --to onnx, version 0.2.0 or newer")
    settings: dict[str, Any] = json.loads(text)
    if settings["intensity"] != "hu_window":
        sys.exit(f"the model wants intensities scaled by {settings['intensity']}; this example scales HU alone")
    return settings


def segment(hu: Any, affine: Any, session: onnxruntime.InferenceSession, settings: dict[str, Any]) -> Any:
    """Return the class of each voxel, uint8, ``(X, Y, Z)``, of a scan in HU with an affine to RAS millimetres."""
    image, grid = preprocess(hu, affine, settings)
    probabilities = sliding_windows(image, session, settings)
    axes, positions = lines(grid, affine, hu.shape)
    # Half a voxel outside of the network's grid counts; beyond a whole one all is background.
    near = [np.flatnonzero((p > -1) & (p < image.shape[a])) for a, p in zip(axes, positions, strict=True)]
    best = labels = None
    for number, each in enumerate(probabilities):
        found = each.transpose(axes)
        for axis in range(3):
            found = interpolate(found, axis, positions[axis][near[axis]])
        if labels is None:
            best, labels = found, np.zeros(found.shape, np.uint8)
        else:
            labels[found > best] = number
            np.maximum(best, found, out=best)
    result = np.zeros(hu.shape, np.uint8)
    result[np.ix_(*near)] = labels
    return result


def preprocess(hu: Any, affine: Any, settings: dict[str, Any]) -> tuple[Any, Any]:
    """Return the network's input, 0 to 1, on a grid close to RAS around the body, and the affine of that grid."""
    grid, shape = canonical_grid(affine, hu.shape, settings["pixdim"])
    if settings["body_crop"]:
        coarse = resample(hu, affine, *canonical_grid(affine, hu.shape, [_SEARCH_MM] * 3))
        box = body_box(coarse, settings["body_margin_mm"])
        if box is not None:
            size = np.linalg.norm(grid[:3, :3], axis=0)
            start = np.clip(np.floor(box[0] / size), 0, np.array(shape) - 1)
            stop = np.clip(np.ceil(box[1] / size), start, np.array(shape) - 1) + 1
            grid[:3, 3] += grid[:3, :3] @ start
            shape = tuple((stop - start).astype(int))
    low, high = settings["window_hu"]
    image = resample(hu, affine, grid, shape, settings["antialias"])
    return np.clip((image - np.float32(low)) / np.float32(high - low), 0, 1), grid


def canonical_grid(affine: Any, shape: Any, spacing_mm: Any) -> tuple[Any, Any]:
    """Return affine and shape of the grid that covers a scan with axes closest to RAS, at a spacing."""
    size = np.linalg.norm(affine[:3, :3], axis=0)
    left, _, right = np.linalg.svd(affine[:3, :3] / size)
    closest = left @ right  # the rotation without shear
    world = {}
    for axis in np.argsort(np.min(-(closest**2), axis=0), kind="stable"):
        world[axis] = int(np.abs(closest[:, axis]).argmax())
        closest[world[axis]] = 0
    order = sorted(range(3), key=lambda axis: world[axis])
    columns = affine[:3, order]
    flip = np.sign(columns[range(3), range(3)])
    lengths = np.array(shape)[order]
    grid = np.eye(4)
    grid[:3, 3] = affine[:3, 3] + columns @ np.where(flip < 0, lengths - 1, 0)
    grid[:3, :3] = columns * flip / size[order] * np.asarray(spacing_mm)
    return grid, tuple((np.floor((lengths - 1) * size[order] / spacing_mm + 0.5).astype(int) + 1).tolist())


def lines(source: Any, target: Any, shape: Any) -> tuple[Any, list[Any]]:
    """Return, for each axis of a target grid, the axis of the source along it and the positions on that in voxels."""
    matrix = np.linalg.inv(source) @ target
    axes = np.abs(matrix[:3, :3]).argmax(axis=0)
    found = [matrix[s, axis] * np.arange(shape[axis]) + matrix[s, 3] for axis, s in enumerate(axes)]
    return axes, [np.where(np.abs(p - p.round()) < 1e-4, p.round(), p) for p in found]


def resample(volume: Any, source: Any, target: Any, shape: Any, antialias: bool = False) -> Any:
    """Interpolate a volume linearly from its grid to another one with parallel axes."""
    axes, positions = lines(source, target, shape)
    result = volume.transpose(axes)
    scale = np.linalg.norm(target[:3, :3], axis=0) / np.linalg.norm(source[:3, :3], axis=0)[axes]
    for axis in sorted(range(3), key=lambda axis: shape[axis] / result.shape[axis]):
        result = interpolate(result, axis, positions[axis], max(1.0, scale[axis]) if antialias else 1.0)
    return result


def interpolate(volume: Any, axis: int, positions: Any, width: float = 1.0) -> Any:
    """Interpolate along one axis, by a triangle of a width in voxels; outside, the border counts."""
    last = volume.shape[axis] - 1
    places = np.clip(positions, 0, last)
    first = np.floor(places - width).astype(int) + 1
    taps = [first + tap for tap in range(int(np.ceil(2 * width)))]
    weights = np.stack([np.clip(1 - np.abs(tap - places) / width, 0, None) for tap in taps])
    weights = (weights / weights.sum(axis=0)).astype(np.float32)
    shape = [-1 if a == axis else 1 for a in range(3)]
    parts = (np.take(volume, np.clip(t, 0, last), axis) * w.reshape(shape) for t, w in zip(taps, weights, strict=True))
    return sum(parts)


def body_box(hu: Any, margin_mm: float) -> Any:
    """Return first and last corner of the patient, in mm from voxel 0; None if there is air alone."""
    dense = hu > _BODY_HU
    if not dense.any():
        return None
    radius = [r if side > 4 * r + 1 else 0 for side in hu.shape for r in (round(_OPENING_MM / _SEARCH_MM),)]
    opened = np.pad(dense, [(r, r) for r in radius], mode="edge")
    for combine in (np.logical_and, np.logical_or):  # erosion, dilation
        for axis, r in enumerate(radius):
            wide = np.pad(opened, [(r, r) if a == axis else (0, 0) for a in range(3)], mode="edge")
            ends = range(2 * r + 1)
            opened = combine.reduce([np.take(wide, np.arange(opened.shape[axis]) + e, axis) for e in ends])
    opened = opened[tuple(slice(r, r + side) for r, side in zip(radius, hu.shape, strict=True))]
    places = np.argwhere(largest_component(opened if opened.any() else dense))
    corners = np.stack([places.min(axis=0), places.max(axis=0)]) * _SEARCH_MM
    return corners + np.array([[-margin_mm], [margin_mm]])


def largest_component(mask: Any) -> Any:
    """Return the largest part of a mask whose voxels touch by their faces; runs of voxels are joined."""
    wide = np.pad(mask, 1)  # so that no run goes on in the next line
    flat = wide.ravel()
    steps = np.diff(flat.astype(np.int8))
    begins, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    run = np.full(flat.size, -1)
    run[flat] = np.repeat(np.arange(len(begins)), ends - begins)
    pairs = [(run[:-step], run[step:]) for step in (wide.shape[2], wide.shape[1] * wide.shape[2])]
    touching = [(a[both], b[both]) for a, b in pairs for both in [(a >= 0) & (b >= 0)]]
    one, other = (np.concatenate(side) for side in zip(*touching, strict=True))
    root, before = np.arange(len(begins)), None
    while before is None or not np.array_equal(root, before):
        before = root.copy()
        least = np.minimum(root[one], root[other])
        for side in (one, other, before[one], before[other]):
            np.minimum.at(root, side, least)
        root = root[root]
    largest = np.bincount(root, weights=ends - begins).argmax()
    kept = np.append(root == largest, False)  # the last is for voxels without a run
    return kept[run].reshape(wide.shape)[1:-1, 1:-1, 1:-1]


def sliding_windows(image: Any, session: onnxruntime.InferenceSession, settings: dict[str, Any]) -> Any:
    """Return the probability of each class, ``(classes, X, Y, Z)``, from overlapping windows with Gaussian weights."""
    roi = settings["roi_size"]
    missing = [max(side - length, 0) for side, length in zip(roi, image.shape, strict=True)]
    padded = np.pad(image, [(m // 2, m - m // 2) for m in missing])
    weights = np.ones((), np.float32)
    for side in roi:
        away = np.arange(side, dtype=np.float32) - (side - 1) / 2
        weights = weights[..., None] * np.exp(-(away**2) / (2 * (settings["sigma_scale"] * side) ** 2)).astype("f4")
    weights = np.maximum(weights, max(float(weights.min()), 1e-3))
    total = np.zeros((len(settings["classes"]), *padded.shape), np.float32)
    weight = np.zeros(padded.shape, np.float32)
    for place in windows(padded.shape, roi, settings["overlap"]):
        window = np.ascontiguousarray(padded[place])[None, None]
        total[(slice(None), *place)] += session.run(None, {"image": window})[0][0] * weights
        weight[place] += weights
    inner = tuple(slice(m // 2, m // 2 + length) for m, length in zip(missing, image.shape, strict=True))
    logits = total[(slice(None), *inner)] / weight[inner]
    exponents = np.exp(logits - logits.max(axis=0))
    return exponents / exponents.sum(axis=0)


def windows(size: Any, roi: Any, overlap: float) -> Iterator[tuple[slice, ...]]:
    """Yield the places of windows that cover a volume; the last along each axis ends with it."""
    starts = []
    for length, side in zip(size, roi, strict=True):
        step = max(int(side * (1 - overlap)), 1)
        starts.append([*range(0, length - side, step), length - side])
    for place in product(*starts):
        yield tuple(slice(start, start + side) for start, side in zip(place, roi, strict=True))


def read_nifti(path: Path) -> tuple[Any, Any, Any]:
    """Return the values of a NIfTI-1 file, single precision, its affine to RAS millimetres, and its header."""
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    for order in "<>":
        header = np.frombuffer(bytearray(raw[:352]), _HEADER.newbyteorder(order))[0]
        if header["sizeof_hdr"] == 348 and int(header["datatype"]) in _TYPES:
            break
    else:
        sys.exit(f"{path}: no NIfTI-1 file of whole or floating-point numbers")
    shape = [int(side) for side in header["dim"][1:4]]
    if header["dim"][0] < 3 or (header["dim"][4 : header["dim"][0] + 1] != 1).any():
        sys.exit(f"{path}: is no volume of three dimensions")
    kind = np.dtype(_TYPES[int(header["datatype"])]).newbyteorder(order)
    stored = np.frombuffer(raw, kind, int(np.prod(shape)), int(header["vox_offset"])).reshape(shape, order="F")
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    scaled = stored.astype(np.float32) if not slope or not np.isfinite(slope) else (stored * slope + inter).astype("f4")
    return scaled, affine_of(path, header), header


def affine_of(path: Path, header: Any) -> Any:
    """Return the matrix of the header's sform, or else of its qform."""
    affine = np.eye(4)
    if header["sform_code"] > 0:
        affine[:3] = header["srow"]
        return affine
    if header["qform_code"] <= 0:
        sys.exit(f"{path}: its header says nothing of the place of its voxels")
    b, c, d = (float(value) for value in header["quatern"])
    a = np.sqrt(max(1 - b * b - c * c - d * d, 0))
    rotation = [
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ]
    signs = [1, 1, -1 if header["pixdim"][0] < 0 else 1]
    affine[:3, :3] = np.array(rotation) * header["pixdim"][1:4] * signs
    affine[:3, 3] = header["qoffset"]
    return affine


def write_labels(path: Path, labels: Any, header: Any) -> None:
    """Write numbers of classes as NIfTI on the grid of the scan that a header is of."""
    own = np.frombuffer(bytearray(header.tobytes()), header.dtype)[0]  # with what lies between the fields
    for field, value in {
        "datatype": 2,
        "bitpix": 8,
        "vox_offset": 352,
        "scl_slope": 1,
        "scl_inter": 0,
        "cal": 0,
        "extensions": 0,
    }.items():
        own[field] = value
    own["magic"] = b"n+1"
    raw = own.tobytes() + labels.tobytes(order="F")
    path.write_bytes(gzip.compress(raw, mtime=0) if path.suffix == ".gz" else raw)


if __name__ == "__main__":
    main()
