"""A DICOM Segmentation holds each voxel of the label map where it is in the patient."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pydicom
import pytest
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from support.ct_series import FRAME, STUDY, series_uid, write_ct_series
from support.dicom_seg import read_by_highdicom, read_by_pydicom
from support.geometry import oblique_affine
from swinx.data import read_volume
from swinx.interop import SegAlgorithm, write_dicom_seg
from swinx.labels import CLASS_COLOURS, FlareLabel

SHAPE = (9, 8, 6)
READERS = [read_by_highdicom, read_by_pydicom]


def some_labels(ids=(0, 1, 2, 7, 13, 14), seed=0):
    """Labels without symmetry, one slice of them empty."""
    labels = np.random.default_rng(seed).choice(ids, SHAPE, p=[0.5, *[0.5 / (len(ids) - 1)] * (len(ids) - 1)])
    labels[:, :, 2] = 0
    return labels.astype(np.uint8)


@pytest.mark.parametrize("seg_type", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize("reader", READERS)
def test_every_voxel_is_where_it_was_in_the_patient(tmp_path, oblique, reader, seg_type):
    labels = some_labels()
    series = write_ct_series(tmp_path / "series", affine=oblique)
    write_dicom_seg(tmp_path / "out.dcm", labels, oblique, series, seg_type=seg_type)
    np.testing.assert_array_equal(reader(tmp_path / "out.dcm", oblique, SHAPE), labels)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, -1, -1), (1, -1, -1)])
def test_negated_direction_cosines_move_no_voxel(tmp_path, reader, signs):
    """Feet first, prone, and stacks that run from head to feet."""
    affine = np.diag([0.8 * signs[0], 0.9 * signs[1], 2.5 * signs[2], 1.0])
    affine[:3, 3] = (-120.5, 88.25, -431.0)
    labels = some_labels(seed=3)
    series = write_ct_series(tmp_path / "series", affine=affine)
    write_dicom_seg(tmp_path / "out.dcm", labels, affine, series)
    np.testing.assert_array_equal(reader(tmp_path / "out.dcm", affine, SHAPE), labels)


@pytest.mark.parametrize("codes", ["RAS", "LAS", "PSR", "ILP"])
def test_a_label_map_may_have_another_axis_order_than_the_series(tmp_path, codes):
    """Converters mirror rows; some exchange axes."""
    affine, labels = oblique_affine("LPS"), some_labels()
    series = write_ct_series(tmp_path / "series", affine=affine)
    turn = ornt_transform(io_orientation(affine), axcodes2ornt(codes))
    turned, turned_affine = apply_orientation(labels, turn), affine @ inv_ornt_aff(turn, SHAPE)
    assert "".join(nib.aff2axcodes(turned_affine)) == codes
    write_dicom_seg(tmp_path / "out.dcm", turned, turned_affine, series)
    np.testing.assert_array_equal(read_by_pydicom(tmp_path / "out.dcm", affine, SHAPE), labels)


def test_a_label_map_on_the_grid_that_the_reader_gives_fits(tmp_path, oblique):
    series = write_ct_series(tmp_path / "series", affine=oblique)
    volume = read_volume(series)
    labels = some_labels(seed=5).reshape(volume.array.shape)
    write_dicom_seg(tmp_path / "out.dcm", labels, volume.affine, series)
    np.testing.assert_array_equal(read_by_highdicom(tmp_path / "out.dcm", volume.affine, SHAPE), labels)


@pytest.fixture
def series(tmp_path):
    return write_ct_series(tmp_path / "series", affine=oblique_affine())


def written(tmp_path, series, labels, **options) -> pydicom.Dataset:
    write_dicom_seg(tmp_path / "out.dcm", labels, oblique_affine(), series, **options)
    return pydicom.dcmread(tmp_path / "out.dcm")


def test_patient_study_and_frame_of_reference_are_those_of_the_series(tmp_path, series):
    seg = written(tmp_path, series, some_labels())
    source = pydicom.dcmread(next(series.iterdir()))
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
        assert seg[keyword] == source[keyword]
    assert (seg.StudyInstanceUID, seg.FrameOfReferenceUID) == (STUDY, FRAME)
    assert seg.SeriesInstanceUID != source.SeriesInstanceUID
    assert seg.SOPClassUID == pydicom.uid.SegmentationStorage


def test_all_slices_are_referred_to_and_each_frame_to_the_slice_it_lies_on(tmp_path, series):
    seg = written(tmp_path, series, some_labels())
    at = {}
    for path in series.iterdir():
        header = pydicom.dcmread(path)
        at[header.SOPInstanceUID] = np.array(header.ImagePositionPatient, float)
    (reference,) = seg.ReferencedSeriesSequence
    assert reference.SeriesInstanceUID == series_uid()
    assert {item.ReferencedSOPInstanceUID for item in reference.ReferencedInstanceSequence} == set(at)
    for frame in seg.PerFrameFunctionalGroupsSequence:
        (source,) = frame.DerivationImageSequence[0].SourceImageSequence
        place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        np.testing.assert_allclose(place, at[source.ReferencedSOPInstanceUID], atol=1e-5)


@pytest.mark.parametrize(("seg_type", "numbers"), [("BINARY", [1, 2, 3, 4, 5]), ("LABELMAP", [0, 1, 2, 7, 13, 14])])
def test_classes_without_a_voxel_have_no_segment_and_are_named(tmp_path, series, seg_type, numbers):
    result = write_dicom_seg(tmp_path / "out.dcm", some_labels(), oblique_affine(), series, seg_type=seg_type)
    seg = pydicom.dcmread(tmp_path / "out.dcm")
    assert [item.SegmentNumber for item in seg.SegmentSequence] == numbers
    assert result.segments == ("liver", "right kidney", "right adrenal gland", "left kidney", "tumor")
    assert len(result.left_out) == 9
    assert not set(result.left_out) & set(result.segments)


def test_each_segment_says_what_it_is_who_drew_it_and_in_which_colour(tmp_path, series):
    seg = written(tmp_path, series, some_labels(range(15)), algorithm=SegAlgorithm("some net", "3.1"))
    assert len(seg.SegmentSequence) == 14
    for label, item in zip(list(FlareLabel)[1:], seg.SegmentSequence, strict=True):
        assert item.SegmentLabel == label.name.lower().replace("_", " ")
        assert item.SegmentAlgorithmType == "AUTOMATIC"
        assert item.SegmentAlgorithmName == "some net"
        assert item.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion == "3.1"
        rgb = lab_to_rgb(item.RecommendedDisplayCIELabValue)
        expected = [int(CLASS_COLOURS[label][i : i + 2], 16) for i in (1, 3, 5)]
        np.testing.assert_allclose(rgb, expected, atol=4, err_msg=label.name)


def lab_to_rgb(value):
    """CIELab as DICOM stores it (PS3.3, C.10.7.1.1) to sRGB by skimage's independent arithmetic."""
    from skimage.color import lab2rgb

    lightness, a, b = np.asarray(value, float) / 65535
    return lab2rgb(np.array([lightness * 100, a * 255 - 128, b * 255 - 128]), illuminant="D65") * 255


def test_segments_drawn_by_a_person_name_no_algorithm(tmp_path, series):
    seg = written(tmp_path, series, some_labels(), algorithm=SegAlgorithm(kind="MANUAL"))
    assert all(item.SegmentAlgorithmType == "MANUAL" for item in seg.SegmentSequence)
    assert not any("SegmentAlgorithmName" in item for item in seg.SegmentSequence)
