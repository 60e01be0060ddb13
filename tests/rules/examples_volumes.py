"""Volumes that break the rules about files, voxels and grids."""

from __future__ import annotations

import struct
from pathlib import Path
from unittest import mock

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from rules.examples import example
from rules.examples_scans import AFFINE, HU, nifti, nrrd, told
from swinx.data import CTReader, check_data, format_report
from swinx.errors import CaseError
from swinx.files import write_json
from swinx.geometry import check_affine, find_image_faults
from swinx.rules import GridRules, VolumeFileRules, VoxelRules


@example(VolumeFileRules.MISSING)
def a_path_without_a_file(folder: Path) -> str:
    return told(folder / "scan.nii.gz")


@example(VolumeFileRules.EMPTY)
def a_file_without_a_byte(folder: Path) -> str:
    (folder / "scan.nii.gz").touch()
    return told(folder / "scan.nii.gz")


@example(VolumeFileRules.UNKNOWN_KIND)
def a_picture(folder: Path) -> str:
    (folder / "scan.png").write_bytes(b"png")
    return told(folder / "scan.png")


@example(VolumeFileRules.DAMAGED)
def text_in_place_of_a_nifti(folder: Path) -> str:
    (folder / "scan.nii.gz").write_text("no scan")
    return told(folder / "scan.nii.gz")


@example(VolumeFileRules.COMPRESSED)
def a_compressed_nifti_without_gz_in_its_name(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz").rename(folder / "scan.nii"))


@example(VolumeFileRules.NOT_COMPRESSED)
def a_nifti_with_gz_in_its_name_alone(folder: Path) -> str:
    return told(nifti(folder / "scan.nii").rename(folder / "scan.nii.gz"))


def changed(path: Path, old: bytes, new: bytes) -> str:
    """What is said of a file with a piece of its header changed."""
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return told(path)


@example(VolumeFileRules.ENCODING)
def a_nrrd_of_unknown_encoding(folder: Path) -> str:
    return changed(nrrd(folder / "scan.nrrd"), b"encoding: raw", b"encoding: zip")


@example(VolumeFileRules.LINE_SKIP)
def a_nrrd_that_skips_lines(folder: Path) -> str:
    return changed(nrrd(folder / "scan.nrrd"), b"encoding: raw", b"encoding: raw\nline skip: 1")


@example(VolumeFileRules.NO_ASSIGNMENT)
def a_metaimage_with_a_line_of_something_else(folder: Path) -> str:
    return changed(nrrd(folder / "scan.mha"), b"NDims = 3", b"three axes\nNDims = 3")


@example(VolumeFileRules.FIELD)
def a_nrrd_without_sizes(folder: Path) -> str:
    return changed(nrrd(folder / "scan.nrrd"), b"sizes: 10 11 12\n", b"")


@example(VolumeFileRules.ELEMENT_TYPE)
def a_metaimage_of_an_unknown_type(folder: Path) -> str:
    return changed(nrrd(folder / "scan.mha"), b"MET_SHORT", b"met_short")


@example(VolumeFileRules.HEADER_SIZE)
def a_nrrd_of_size_zero(folder: Path) -> str:
    return changed(nrrd(folder / "scan.nrrd"), b"sizes: 10 11 12", b"sizes: 0 11 12")


@example(VolumeFileRules.PATTERN)
def a_metaimage_with_an_odd_pattern_of_names(folder: Path) -> str:
    return changed(nrrd(folder / "scan.mhd"), b"scan.raw", b"%s%s.raw 1 12 1")


@example(VolumeFileRules.TWO_SIZES)
def a_nrrd_whose_size_itk_reads_differently(folder: Path) -> str:
    with mock.patch.object(SimpleITK.ImageFileReader, "GetSize", return_value=(9, 11, 12)):
        return told(nrrd(folder / "scan.nrrd"))


@example(VolumeFileRules.SEVERAL)
def two_files_for_one_case(folder: Path) -> str:
    with pytest.raises(CaseError, match="one case") as caught:
        CTReader().get_data((str(folder / "a.nii.gz"), str(folder / "b.nii.gz")))
    return str(caught.value)


@example(VoxelRules.CHANNELS)
def a_nifti_in_colours(folder: Path) -> str:
    colours = np.zeros((5, 6, 7), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    return told(nifti(folder / "scan.nii.gz", colours))


@example(VoxelRules.DIMENSIONS)
def a_nifti_of_two_volumes(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz", np.stack([HU, HU], axis=-1)))


@example(VoxelRules.NO_VOXELS)
def a_nifti_of_size_zero(folder: Path) -> str:
    content = bytearray(nifti(folder / "scan.nii").read_bytes())
    content[42:44] = struct.pack("<h", 0)
    (folder / "scan.nii").write_bytes(content)
    return told(folder / "scan.nii")


@example(VoxelRules.ONE_SLICE)
def a_nifti_of_one_slice(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz", HU[..., :1]))


@example(VoxelRules.TYPE)
def a_nifti_of_complex_numbers(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz", HU.astype(np.complex64)))


@example(VoxelRules.NOT_FINITE)
def a_scan_with_nan(folder: Path) -> str:
    array = HU.astype(np.float32)
    array[2, 3, 4] = np.nan
    return told(nifti(folder / "scan.nii.gz", array))


@example(VoxelRules.CONSTANT)
def a_scan_of_air_alone(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz", np.full_like(HU, -1000)))


def with_affine(folder: Path, affine: np.ndarray) -> str:
    """What is said of a NIfTI file whose spacing field is good and whose sform is that."""
    image = nib.Nifti1Image(HU, np.eye(4))
    image.set_qform(None, 0)
    image.header.set_sform(affine, 1)
    nib.save(image, folder / "scan.nii")
    content = bytearray((folder / "scan.nii").read_bytes())
    content[280:328] = np.asarray(affine[:3], "<f4").tobytes()
    (folder / "scan.nii").write_bytes(content)
    return told(folder / "scan.nii")


@example(GridRules.NO_SIZE)
def a_nifti_whose_spacing_is_zero(folder: Path) -> str:
    content = bytearray(nifti(folder / "scan.nii").read_bytes())
    content[80:84] = struct.pack("<f", 0)
    (folder / "scan.nii").write_bytes(content)
    return told(folder / "scan.nii")


@example(GridRules.SPACING)
def a_scan_in_metres(folder: Path) -> str:
    return told(nifti(folder / "scan.nii.gz", HU, AFFINE * [[0.001], [0.001], [0.001], [1]]))


@example(GridRules.AFFINE_VALUES)
def a_nifti_whose_affine_is_nan(folder: Path) -> str:
    return with_affine(folder, np.diag([np.nan, 1, 1, 1]))


@example(GridRules.SINGULAR)
def a_nifti_whose_affine_has_a_column_of_zeros(folder: Path) -> str:
    return with_affine(folder, np.diag([1.0, 1, 0, 1]))


@example(GridRules.ONE_PLANE)
def a_nifti_with_two_axes_along_one_direction(folder: Path) -> str:
    return with_affine(folder, np.array([[1.0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]))


@example(GridRules.AFFINE_SHAPE)
def a_matrix_of_three_rows(_: Path) -> str:
    return "\n".join(find_image_faults(HU, np.eye(3)))


@example(GridRules.AXES)
def a_grid_of_two_axes(_: Path) -> str:
    return "\n".join(check_affine(np.eye(4), (4, 4)))


@example(GridRules.LAST_ROW)
def a_matrix_that_is_transposed(_: Path) -> str:
    return "\n".join(find_image_faults(HU, AFFINE.T))


def pair(folder: Path, label: np.ndarray, affine: np.ndarray) -> str:
    """What `swinx data check` says of a scan and its label."""
    nifti(folder / "scan.nii.gz")
    nifti(folder / "label.nii.gz", label, affine)
    write_json(folder / "list.json", {"training": [{"image": "scan.nii.gz", "label": "label.nii.gz"}]})
    return format_report(check_data(folder / "list.json"))


LABEL = (HU > 0).astype(np.uint8)


@example(GridRules.OTHER_SHAPE)
def a_label_with_a_slice_less(folder: Path) -> str:
    return pair(folder, LABEL[..., 1:], AFFINE)


@example(GridRules.APART)
def a_label_that_lies_elsewhere(folder: Path) -> str:
    return pair(folder, LABEL, AFFINE + np.array([[0, 0, 0, 9]] * 3 + [[0] * 4]))


@example(GridRules.NEARLY)
def a_label_whose_affine_was_rounded(folder: Path) -> str:
    return pair(folder, LABEL, AFFINE + np.array([[0, 0, 0, 0.05]] * 3 + [[0] * 4]))
