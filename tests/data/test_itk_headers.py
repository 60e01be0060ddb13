"""Headers of NRRD and MetaImage: what is missing is an error or a note, never a default."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK

from support.ct_series import some_hu
from swinx.data import read_volume
from swinx.data.formats.itk_headers import read_itk_header
from swinx.errors import CaseError

HU = some_hu((9, 8, 7))
VOXELS = HU.T.tobytes()
LPS = "space: left-posterior-superior\nspace directions: (2,0,0) (0,2,0) (0,0,3)\nspace origin: (0,0,0)\n"


def nrrd(path, body, data=VOXELS, kind="short"):
    head = f"NRRD0004\n# a comment\ntype: {kind}\ndimension: 3\nsizes: 9 8 7\nencoding: raw\nendian: little\n{body}"
    path.write_bytes(head.encode() + b"\n" + data)
    return path


@pytest.mark.parametrize(
    "axes", ["spacings: nan 2 2\n", LPS.replace("(0,0,3)", "none"), LPS.replace("(0,0,3)", "(0,0,nan)")]
)
def test_one_axis_without_spacing_is_refused_like_all(tmp_path, axes):
    with pytest.raises(CaseError, match="NRRD header states no spacing"):
        read_volume(nrrd(tmp_path / "scan.nrrd", axes))


@pytest.mark.parametrize("word", ["big", "Big", "BIG"])
def test_the_byte_order_may_be_written_in_capitals(tmp_path, word):
    path = nrrd(tmp_path / "scan.nrrd", LPS, HU.T.astype(">i2").tobytes())
    path.write_bytes(path.read_bytes().replace(b"endian: little", f"endian: {word}".encode()))
    np.testing.assert_array_equal(read_volume(path).array, HU)


def test_voxels_begin_behind_the_header(tmp_path):
    path = nrrd(tmp_path / "scan.nrrd", f"{LPS}byte skip: -5\n")
    with pytest.raises(CaseError, match="the voxels begin at byte"):
        read_volume(path)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(HU.T), str(tmp_path / "scan.mha"))
    path = tmp_path / "scan.mha"
    whole = path.read_bytes()
    for size, fault in ((7, "the voxels begin at byte 7"), (-3, "the voxels begin at byte -3")):
        path.write_bytes(whole.replace(b"ElementDataFile", f"HeaderSize = {size}\nElementDataFile".encode()))
        with pytest.raises(CaseError, match=fault):
            read_volume(path)


@pytest.mark.parametrize("encoding", ["text", "hex"])
def test_text_that_cannot_hold_the_voxels_is_refused_before_memory_is_asked_for(tmp_path, encoding):
    path = nrrd(tmp_path / "scan.nrrd", LPS, b"1 2 3")
    content = path.read_bytes().replace(b"sizes: 9 8 7", b"sizes: 2200 2200 2200")
    path.write_bytes(content.replace(b"encoding: raw", f"encoding: {encoding}".encode()))
    with pytest.raises(CaseError, match="the file holds 5"):
        read_volume(path)


def test_a_rescaling_that_the_header_states_is_applied(tmp_path):
    path = tmp_path / "scan.mha"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(HU.T), str(path))
    extra = b"ElementToIntensityFunctionSlope = 0.5\nElementToIntensityFunctionOffset = -100\nElementDataFile"
    path.write_bytes(
        path.read_bytes()
        .replace(b"ElementDataFile", extra)
        .replace(b"ElementSpacing = 1 1 1", b"ElementSpacing = 2 2 2")
    )
    np.testing.assert_allclose(read_volume(path).array, HU * 0.5 - 100)


@pytest.mark.parametrize("body", ["", "spacings: nan nan nan\n", 'key:=value\nspace units: "mm" "mm" "mm"\n'])
def test_a_nrrd_without_spacing_is_refused(tmp_path, body):
    with pytest.raises(CaseError, match="NRRD header states no spacing"):
        read_volume(nrrd(tmp_path / "scan.nrrd", body))


@pytest.mark.parametrize("field", ["ElementSpacing", "ElementSize"])
def test_a_metaimage_needs_one_of_two_fields(tmp_path, field):
    path = tmp_path / "scan.mha"
    image = SimpleITK.GetImageFromArray(HU.T)
    image.SetSpacing((2, 2, 3))
    SimpleITK.WriteImage(image, str(path))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"ElementSpacing", field.encode()))
    assert read_volume(path).affine[2, 2] == 3
    path.write_bytes(content.replace(b"ElementSpacing = 2 2 3\n", b""))
    with pytest.raises(CaseError, match="MetaImage header states no spacing"):
        read_volume(path)


def test_a_whole_header_has_no_notes(tmp_path):
    volume = read_volume(nrrd(tmp_path / "scan.nrrd", LPS))
    assert volume.notes == ()
    np.testing.assert_array_equal(volume.array, HU)
    np.testing.assert_allclose(np.diag(volume.affine), (-2, -2, 3, 1))


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ("spacings: 2 2 3\n", "states no orientation"),
        (LPS.replace("left-posterior-superior", "3D-right-handed"), "states no orientation"),
        (LPS + 'space units: "um" "um" "um"\n', "lengths in um"),
    ],
)
def test_what_is_guessed_is_noted(tmp_path, body, note):
    assert any(note in told for told in read_volume(nrrd(tmp_path / "scan.nrrd", body)).notes)


@pytest.mark.parametrize("kind", ["int16", "signed short int", "ushort", "float", "double", "int8", "unsigned char"])
def test_promised_bytes_follow_the_type(tmp_path, kind):
    path = nrrd(tmp_path / "scan.nrrd", LPS, kind=kind)
    sizes = {"float": 4, "double": 8, "int8": 1, "unsigned char": 1}
    assert read_itk_header(path).size == HU.size * sizes.get(kind, 2)


def test_numbered_data_files_are_found(tmp_path):
    for index in range(7):
        (tmp_path / f"slice{index:02d}.raw").write_bytes(HU[:, :, index].T.tobytes())
    nrrd(tmp_path / "scan.nhdr", LPS + "data file: slice%02d.raw 0 6 1\n", data=b"")
    np.testing.assert_array_equal(read_volume(tmp_path / "scan.nhdr").array, HU)
    (tmp_path / "slice03.raw").write_bytes(b"short")
    with pytest.raises(CaseError, match="declares 144 bytes of voxels and the file holds 5"):
        read_volume(tmp_path / "scan.nhdr")
