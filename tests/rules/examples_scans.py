"""Scans that break the rules about bytes, geometry and values."""

from __future__ import annotations

import gzip
import logging
import struct
from pathlib import Path

import imagecodecs
import nibabel as nib
import numpy as np
import SimpleITK
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEGLosslessSV1, RLELossless

from rules.examples import example
from support.ct_series import some_hu, write_ct_series
from support.geometry import oblique_affine
from swinx.data import read_volume
from swinx.errors import CaseError
from swinx.rules import ByteRules, GeometryRules, ValueRules

HU = some_hu((12, 11, 10))
AFFINE = oblique_affine("PSR")


def told(path: Path, **options) -> str:
    """What a user reads of a scan."""
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)
    try:
        return "\n".join(read_volume(path, **options).notes)
    except CaseError as error:
        return str(error)


def nifti(path: Path, array: np.ndarray = HU, affine: np.ndarray = AFFINE) -> Path:
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def nrrd(path: Path, compressed: bool = False) -> Path:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(HU), str(path), compressed)
    return path


def series(folder: Path, change) -> str:
    return told(write_ct_series(folder / "series", HU, AFFINE, change=change))


@example(ByteRules.SHORT)
def pixels_shorter_than_rows_times_columns(folder: Path) -> str:
    def change(ds, index):
        if index == 4:
            ds.PixelData = ds.PixelData[:100]

    return series(folder, change)


@example(ByteRules.SURPLUS)
def more_voxels_than_the_header_promises(folder: Path) -> str:
    content = gzip.decompress(nifti(folder / "scan.nii.gz").read_bytes())
    (folder / "more.nii.gz").write_bytes(gzip.compress(content + bytes(5000)))
    return told(folder / "more.nii.gz")


@example(ByteRules.PARTS)
def files_that_cannot_share_the_slices(folder: Path) -> str:
    path = nrrd(folder / "scan.mhd")
    path.write_text(path.read_text().replace("scan.raw", "part%02d.raw 0 4 1"))
    return told(path)


@example(ByteRules.OFFSET)
def voxels_that_begin_within_the_header(folder: Path) -> str:
    path = nifti(folder / "scan.nii")
    content = bytearray(path.read_bytes())
    content[108:112] = struct.pack("<f", 0)
    path.write_bytes(content)
    return told(path)


@example(ByteRules.RLE_TABLE)
def a_picture_of_no_segment(folder: Path) -> str:
    def change(ds, index):
        ds.compress(RLELossless, generate_instance_uid=False)
        if index == 4:
            ds.PixelData = encapsulate([bytes(200)])

    return series(folder, change)


@example(ByteRules.RLE_SEGMENT)
def runs_that_give_too_few_voxels(folder: Path) -> str:
    def change(ds, index):
        ds.compress(RLELossless, generate_instance_uid=False)
        if index == 4:
            frame = bytearray(next(generate_frames(ds.PixelData, number_of_frames=1)))
            frame[64] = 128  # no run in place of one
            ds.PixelData = encapsulate([bytes(frame)])

    return series(folder, change)


@example(ByteRules.JPEG_END)
def a_jpeg_stream_that_ends_in_zeros(folder: Path) -> str:
    def change(ds, index):
        frame = imagecodecs.ljpeg_encode(stored(index))
        wrap(ds, frame[: len(frame) // 2] + bytes(len(frame) // 2))

    return series(folder, change)


@example(ByteRules.HEADER_CUT)
def a_ct_slice_without_pixels(folder: Path) -> str:
    def change(ds, index):
        if index == 4:
            del ds.PixelData

    return series(folder, change)


@example(ByteRules.COMPRESSED_CUT)
def a_compressed_slice_whose_end_is_missing(folder: Path) -> str:
    path = write_ct_series(folder / "series", HU, AFFINE, change=jpeg())
    first = min(path.iterdir())
    first.write_bytes(first.read_bytes()[:-100])
    return told(path)


@example(ByteRules.DECODED_SIZE)
def a_compressed_picture_of_another_size(folder: Path) -> str:
    return series(folder, jpeg(lambda pixels: pixels[:-2]))


@example(ByteRules.JPEG)
def a_jpeg_stream_with_a_hole(folder: Path) -> str:
    def change(ds, index):
        frame = imagecodecs.ljpeg_encode(stored(index))
        half = len(frame) // 2
        wrap(ds, frame[:half] + frame[-2:])

    return series(folder, change)


@example(ByteRules.IMPOSSIBLE_CLAIM)
def a_few_bytes_that_claim_gigabytes(folder: Path) -> str:
    header = bytearray(nifti(folder / "small.nii").read_bytes()[:352])
    header[42:48] = struct.pack("<3h", 2200, 2200, 2200)
    (folder / "claim.nii.gz").write_bytes(gzip.compress(bytes(header)))
    return told(folder / "claim.nii.gz")


@example(ByteRules.CHECKSUM)
def one_flipped_bit(folder: Path) -> str:
    path = nrrd(folder / "scan.nrrd", compressed=True)
    content = bytearray(path.read_bytes())
    content[-200] ^= 1
    path.write_bytes(content)
    return told(path)


@example(ByteRules.MEMORY)
def a_scan_beyond_the_limit_of_memory(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz"), max_ram_mb=1)


@example(ByteRules.OUTSIDE)
def a_header_that_names_a_file_elsewhere(folder: Path) -> str:
    return told(detached(folder, "../scan.raw"))


@example(ByteRules.MISSING_DATA)
def a_header_that_names_a_file_that_is_not_there(folder: Path) -> str:
    return told(detached(folder, "other.raw"))


@example(GeometryRules.NO_SPACING)
def a_metaimage_without_spacing(folder: Path) -> str:
    path = nrrd(folder / "scan.mhd")
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "Spacing" not in line))
    return told(path)


@example(GeometryRules.SHEAR)
def a_tilted_gantry(folder: Path) -> str:
    affine = AFFINE.copy()
    affine[:3, 2] += 0.2 * affine[:3, 1]
    return told(nifti(folder / "scan.nii.gz", affine=affine))


@example(GeometryRules.EXTENT)
def a_patient_of_three_metres(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz", np.resize(HU, (80, 11, 10)), oblique_affine(spacing_mm=(40, 40, 40))))


@example(GeometryRules.WIDE)
def a_patient_too_wide_for_any_gantry(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz", np.resize(HU, (40, 11, 10)), oblique_affine(spacing_mm=(40, 40, 40))))


@example(GeometryRules.NO_ORIENTATION)
def a_nifti_without_codes(folder: Path) -> str:
    image = nib.Nifti1Image(HU, AFFINE)
    image.set_sform(AFFINE, 0)
    image.set_qform(AFFINE, 0)
    nib.save(image, folder / "scan.nii.gz")
    return told(folder / "scan.nii.gz")


@example(GeometryRules.UNIT)
def a_nifti_in_micrometres(folder: Path) -> str:
    image = nib.Nifti1Image(HU, AFFINE)
    image.header.set_xyzt_units("micron")
    nib.save(image, folder / "scan.nii.gz")
    return told(folder / "scan.nii.gz")


@example(GeometryRules.HEADER_SPACING)
def a_nifti_whose_spacing_is_another(folder: Path) -> str:
    path = nifti(folder / "scan.nii")
    content = bytearray(path.read_bytes())
    content[80:92] = struct.pack("<3f", 3, 3, 3)
    path.write_bytes(content)
    return told(path)


@example(GeometryRules.TWO_FORMS)
def a_nifti_with_two_places(folder: Path) -> str:
    image = nib.Nifti1Image(HU, AFFINE)
    moved = AFFINE.copy()
    moved[:3, 3] += 50
    image.set_sform(AFFINE, 1)
    image.set_qform(moved, 1)
    nib.save(image, folder / "scan.nii.gz")
    return told(folder / "scan.nii.gz")


@example(GeometryRules.NO_QFORM)
def a_nifti_whose_quaternion_is_none(folder: Path) -> str:
    path = nifti(folder / "scan.nii")
    content = bytearray(path.read_bytes())
    content[252:254] = struct.pack("<h", 1)
    content[256:268] = struct.pack("<3f", 5, 5, 5)
    path.write_bytes(content)
    return told(path)


@example(ValueRules.WEIGHTS_OF_CT)
def grey_levels_for_trained_weights(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz", HU + 1024), trained=True)


@example(ValueRules.NO_AIR, ValueRules.OTHER_SCANS)
def hu_plus_1024(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz", HU + 1024))


@example(ValueRules.TOO_DENSE)
def wrapped_numbers(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz", np.where(HU < -900, 64512 + 0.5, HU).astype(np.float32)))


@example(ValueRules.BONE)
def hu_plus_1024_with_padding(folder: Path) -> str:
    array = HU + 1024
    array[:3] = -976
    return told(nifti(folder / "scan.nii.gz", array))


@example(ValueRules.BELOW_AIR)
def hu_times_ten(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz", HU * 10))


@example(ValueRules.NO_TISSUE)
def hu_from_which_the_intercept_was_taken_twice(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz", np.where(HU < -900, -2048, HU.clip(0, 400) - 1024).astype(np.int16)))


@example(ValueRules.LABELS)
def a_label_map_in_place_of_a_scan(folder: Path) -> str:
    array = np.zeros((12, 11, 10), np.int16)
    array[3:9, 2:8, 2:7] = 4
    return told(nifti(folder / "scan.nii.gz", array))


@example(ValueRules.BITS)
def more_bits_stored_than_allocated(folder: Path) -> str:
    def change(ds, _):
        ds.BitsStored = 20

    return series(folder, change)


@example(ValueRules.HIGH_BIT)
def bits_that_end_elsewhere(folder: Path) -> str:
    def change(ds, _):
        ds.BitsStored = 12

    return series(folder, change)


@example(ValueRules.RESCALING)
def one_slice_rescaled_by_other_numbers(folder: Path) -> str:
    def change(ds, index):
        if index == 3:
            ds.RescaleIntercept = "-1000"

    return series(folder, change)


@example(ValueRules.PHOTOMETRIC)
def numbers_that_itk_would_invert(folder: Path) -> str:
    def change(ds, _):
        ds.PhotometricInterpretation = "MONOCHROME1"

    return series(folder, change)


@example(ValueRules.SLOPE)
def a_slope_of_zero(folder: Path) -> str:
    def change(ds, _):
        ds.RescaleSlope = "0"

    return series(folder, change)


@example(ValueRules.PADDING)
def unsigned_padding_outside_the_circle(folder: Path) -> str:
    def change(ds, index):
        pixels = stored(index)
        pixels[:2] = 63536
        ds.PixelData = pixels.tobytes()
        ds.add_new(0x00280120, "US", 63536)

    return series(folder, change)


def stored(index: int) -> np.ndarray:
    """One slice as :func:`write_ct_series` stores it."""
    return np.ascontiguousarray((HU[:, :, index].T.astype(np.int32) + 1024).astype("<u2"))


def jpeg(alter=lambda pixels: pixels):
    """A change of slices: compression as JPEG without loss."""
    return lambda ds, index: wrap(ds, imagecodecs.ljpeg_encode(np.ascontiguousarray(alter(stored(index)))))


def wrap(ds, frame: bytes) -> None:
    """Make a JPEG stream the pixels of a slice."""
    ds.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].is_undefined_length = True


def detached(folder: Path, name: str) -> Path:
    """A header whose data file is called so."""
    path = nrrd(folder / "scan.mhd")
    path.write_text(path.read_text().replace("scan.raw", name))
    return path
