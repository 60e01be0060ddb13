"""Every kind of bad input is refused by the reader and found by the check, each with file and reason."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from monai.data import DataLoader, Dataset
from monai.transforms import LoadImaged

from support.geometry import oblique_affine
from swinx.data import CTReader, check_data, format_report
from swinx.errors import CaseError, find_case_error

AFFINE = oblique_affine("LAS", (1.1, 1.2, 2.5))
SHAPE = (12, 11, 10)


def scan(shape=SHAPE, dtype=np.int16):
    return np.random.default_rng(0).integers(-1000, 1000, shape).astype(dtype)


def drawn(*ids, dtype=np.uint8):
    label = np.zeros(SHAPE, dtype)
    label[1, 1, : len(ids)] = ids
    return label


def save(path: Path, array, affine=AFFINE):
    nib.save(nib.Nifti1Image(array, affine), path)


def cut(path: Path, part=0.6):
    save(path, scan())
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])


def with_header(path: Path, **fields):
    """Save a scan and change fields of its header in the file, past what nibabel would write."""
    save(path.with_suffix(".plain.nii"), scan())
    content = path.with_suffix(".plain.nii").read_bytes()
    header = nib.Nifti1Header.from_fileobj(path.with_suffix(".plain.nii").open("rb"), check=False)
    path.with_suffix(".plain.nii").unlink()
    for field, value in fields.items():
        header[field] = value
    path.write_bytes(gzip.compress(header.binaryblock + content[len(header.binaryblock) :]))


def zoomed(*sizes):
    return (1.0, *sizes, 0.0, 0.0, 0.0, 0.0)


def no_sform(path: Path, *sizes):
    with_header(path, pixdim=zoomed(*sizes), sform_code=0, qform_code=1)


def singular(path: Path):
    with_header(path, srow_z=(0, 0, 0, 5.0))


def flat(path: Path):
    with_header(path, srow_x=AFFINE[0], srow_y=(-1.4, 0.2, 0.0, 1.0), srow_z=(0.7, -0.1, 0.0, 1.0))


def rgb(path: Path):
    save(path, np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")]))


def holed(value):
    image = scan(dtype=np.float32)
    image[2, 3, 4:6] = value
    return image


BAD_IMAGES = {
    "missing": (lambda path: path.unlink(missing_ok=True), "no such file"),
    "no-bytes": (lambda path: path.write_bytes(b""), "empty"),
    "text": (lambda path: path.write_text("patient data\n" * 99), "not a NIfTI file"),
    "zipped-text": (lambda path: path.write_bytes(gzip.compress(b"patient data\n" * 99)), "not a NIfTI file"),
    "truncated": (cut, "damaged"),
    "truncated-in-header": (lambda path: cut(path, 0.02), "damaged"),
    "4d": (lambda path: save(path, scan((*SHAPE, 2))), "4D volume"),
    "2d": (lambda path: save(path, scan(SHAPE[:2])), "2D volume"),
    "rgb": (rgb, "3 values per voxel"),
    "complex": (lambda path: save(path, scan().astype(np.complex64)), "complex64"),
    "zero-size": (lambda path: save(path, np.zeros((4, 0, 4), np.int16)), "zero size"),
    "single-slice": (lambda path: save(path, scan((12, 11, 1))), "single slice"),
    "nan": (lambda path: save(path, holed(np.nan)), "2 NaN and 0 infinite"),
    "infinite": (lambda path: save(path, holed(-np.inf)), "0 NaN and 2 infinite"),
    "constant": (lambda path: save(path, np.full(SHAPE, -1024, np.int16)), "constant image: every voxel is -1024"),
    "zero-spacing": (lambda path: no_sform(path, 0.7, 0.7, 0.0), "0 is not a voxel size"),
    "zero-spacing-beside-sform": (lambda path: with_header(path, pixdim=zoomed(0, 0, 0)), "0 is not a voxel size"),
    "negative-spacing": (lambda path: no_sform(path, 0.7, -0.7, 2.5), "-0.7 is not a voxel size"),
    "nan-spacing": (lambda path: no_sform(path, 0.7, np.nan, 2.5), "nan is not a voxel size"),
    "absurd-spacing": (lambda path: no_sform(path, 0.7, 0.7, 2500.0), "2500 is outside"),
    "microscopic-spacing": (lambda path: save(path, scan(), np.diag([1e-3, 1e-3, 1e-3, 1])), "0.001 is outside"),
    "singular-affine": (singular, "singular"),
    "flat-affine": (flat, "singular"),
    "nan-affine": (lambda path: with_header(path, srow_x=(np.nan, 0, 0, 0)), "NaN"),
}

BAD_LABELS = {
    "id-15": (lambda path: save(path, drawn(1, 15)), "ids outside 0..14: 15"),
    "id-254": (lambda path: save(path, drawn(254)), "ids outside 0..14: 254"),
    "negative-id": (lambda path: save(path, drawn(-1, 3, dtype=np.int16)), "ids outside 0..14: -1"),
    "huge-id": (lambda path: save(path, drawn(2**24 + 1, dtype=np.int32)), "16777217"),
    "fraction": (lambda path: save(path, drawn(0.5, dtype=np.float32)), "not integers: 0.5"),
    "empty": (lambda path: save(path, drawn()), "empty label"),
    "other-shape": (lambda path: save(path, drawn(1)[:-1]), "label of shape 11 x 11 x 10"),
    "other-place": (lambda path: save(path, drawn(1), AFFINE + np.diag([0.0, 0.0, 1.0], 1)), "mm apart"),
}
PAIR_ONLY = ("other-shape", "other-place")


@pytest.fixture(autouse=True)
def _quiet():
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)


def fault_of(path: Path, **options) -> CaseError:
    load = LoadImaged("image", reader=CTReader(**options), ensure_channel_first=True, image_only=True)
    with pytest.raises(CaseError) as caught:
        load({"image": str(path)})
    return caught.value


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_the_reader_refuses_a_bad_image(tmp_path, kind):
    make, reason = BAD_IMAGES[kind]
    make(path := tmp_path / "scan.nii.gz")
    fault = fault_of(path)
    assert reason in fault.reason
    assert fault.path == str(path)
    assert "\n" not in str(fault)


@pytest.mark.parametrize("kind", [kind for kind in BAD_LABELS if kind not in PAIR_ONLY])
def test_the_reader_refuses_a_bad_label(tmp_path, kind):
    make, reason = BAD_LABELS[kind]
    make(path := tmp_path / "label.nii.gz")
    assert reason in fault_of(path, kind="label").reason


def test_the_check_finds_every_bad_file_and_does_not_stop_at_the_first(tmp_path):
    entries = []
    for folder, bad in (("image", BAD_IMAGES), ("label", BAD_LABELS)):
        for kind in bad:
            files = {"image": f"{folder}_{kind}_0000.nii.gz", "label": f"{folder}_{kind}.nii.gz"}
            save(tmp_path / files["image"], scan())
            save(tmp_path / files["label"], drawn(1, 2))
            (tmp_path / files[folder]).unlink()
            bad[kind][0](tmp_path / files[folder])
            entries.append({"case": f"{folder}-{kind}", **files})
    save(tmp_path / "good_0000.nii.gz", scan())
    save(tmp_path / "good.nii.gz", drawn(1, 2))
    entries.append({"case": "good", "image": "good_0000.nii.gz", "label": "good.nii.gz"})
    (tmp_path / "list.json").write_text(json.dumps({"training": entries}))
    report = check_data(tmp_path / "list.json", tmp_path / "out")
    found = {fault.case: fault for fault in report.faults}
    expected = {f"{folder}-{kind}" for folder, bad in (("image", BAD_IMAGES), ("label", BAD_LABELS)) for kind in bad}
    assert set(found) == expected
    assert not report.ok
    for folder, bad in (("image", BAD_IMAGES), ("label", BAD_LABELS)):
        for kind, (_, reason) in bad.items():
            fault = found[f"{folder}-{kind}"]
            assert reason in fault.finding, kind
            assert Path(fault.file).name.startswith(f"{folder}_{kind}")
            assert reason in format_report(report)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mhd"])
@pytest.mark.parametrize(
    ("pixels", "vector", "reason"),
    [
        pytest.param(scan((3, 10, 11, 12)), False, "4D volume", id="4d"),
        pytest.param(scan((11, 12)), False, "2D volume", id="2d"),
        pytest.param(scan((10, 11, 12, 3)), True, "3 values per voxel", id="rgb"),
        pytest.param(scan((1, 11, 12)), False, "single slice", id="single-slice"),
        pytest.param(np.full((10, 11, 12), 7, np.int16), False, "constant", id="constant"),
        pytest.param(holed(np.nan), False, "2 NaN", id="nan"),
    ],
)
def test_the_reader_refuses_bad_itk_files(tmp_path, suffix, pixels, vector, reason):
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(pixels, isVector=vector), str(tmp_path / f"scan{suffix}"))
    assert reason in fault_of(tmp_path / f"scan{suffix}").reason


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_truncated_itk_files_are_refused(tmp_path, suffix, compressed):
    path = tmp_path / f"scan{suffix}"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(scan()), str(path), compressed)
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    reason = fault_of(path).reason
    assert "damaged" in reason or "cut off" in reason


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".dcm"])
def test_text_under_the_name_of_an_image_is_refused(tmp_path, suffix):
    (tmp_path / f"scan{suffix}").write_text("patient data\n" * 99)
    reason = fault_of(tmp_path / f"scan{suffix}").reason
    assert "not a" in reason


@pytest.mark.parametrize(
    ("field", "value"),
    [("ElementSpacing", "0.7 0 2.5"), ("ElementSpacing", "0.7 -0.7 2.5"), ("ElementSpacing", "1 1 900")],
)
def test_spacing_of_a_metaimage_is_checked(tmp_path, field, value):
    path = tmp_path / "scan.mhd"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(scan()), str(path))
    lines = [f"{field} = {value}" if line.startswith(field) else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")
    assert "spacing" in fault_of(path).reason.lower()


def test_the_other_readers_of_monai_are_not_asked(tmp_path):
    save(tmp_path / "scan.nii.gz", scan((*SHAPE, 2)))  # which MONAI itself would load
    assert "4D" in fault_of(tmp_path / "scan.nii.gz").reason


def test_two_files_for_one_case_are_refused(tmp_path):
    with pytest.raises(CaseError, match="2 files given as one case"):
        LoadImaged("image", reader=CTReader())({"image": [str(tmp_path / "a.nii"), str(tmp_path / "b.nii")]})


def test_a_reader_of_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="'mask'"):
        CTReader(kind="mask")


@pytest.mark.parametrize("workers", [0, 1])
def test_the_fault_is_found_behind_a_data_loader(tmp_path, workers):
    save(tmp_path / "scan: 1.nii.gz", scan((12, 11, 1)))
    load = LoadImaged("image", reader=CTReader(), ensure_channel_first=True)
    data = Dataset([{"image": str(tmp_path / "scan: 1.nii.gz")}], load)
    batches = iter(DataLoader(data, batch_size=1, num_workers=workers))
    with pytest.raises(RuntimeError) as caught:
        next(batches)
    assert list(batches) == [], "read to its end, a loader lets its workers go at once"
    fault = find_case_error(caught.value)
    assert fault is not None
    assert "single slice" in str(fault)
    assert str(tmp_path / "scan: 1.nii.gz") in str(fault)
