"""A DICOM Segmentation holds each voxel of the label map where it is in the patient."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from monai.data import MetaTensor
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from support.ct_series import FRAME, STUDY, series_uid, write_ct_series
from support.dicom_seg import read_by_highdicom, read_by_pydicom
from support.geometry import oblique_affine
from swinx.data import DicomSegCheck, SaveDicomSegd, SegAlgorithm, make_dicom_seg, read_volume, write_dicom_seg
from swinx.errors import CaseError, DataListError
from swinx.labels import FLARE23, FlareLabel, read_label_set

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
    affine = np.diag([1.6 * signs[0], 1.8 * signs[1], 2.5 * signs[2], 1.0])
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


def written(tmp_path, source, labels, **options) -> pydicom.Dataset:
    write_dicom_seg(tmp_path / "out.dcm", labels, oblique_affine(), source, **options)
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
        expected = [int(FLARE23.colours[label][i : i + 2], 16) for i in (1, 3, 5)]
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


def test_the_side_of_a_paired_organ_is_coded(tmp_path, series):
    seg = written(tmp_path, series, some_labels())
    sides = {
        item.SegmentLabel: [
            side.CodeValue
            for side in item.SegmentedPropertyTypeCodeSequence[0].get("SegmentedPropertyTypeModifierCodeSequence", ())
        ]
        for item in seg.SegmentSequence
    }
    right, left = ["24028007"], ["7771000"]
    expected = {"liver": [], "right kidney": right, "right adrenal gland": right, "left kidney": left, "tumor": []}
    assert sides == expected


BIRD = {"background": 0, "gizzard": 4, "left lung": 60, "right lung": 61, "tumeur du foie": 200}
BIRDS = read_label_set({"labels": BIRD, "classes": {"tumeur du foie": {"inside": ["left lung"]}}})


@pytest.mark.parametrize("seg_type", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize("reader", READERS)
def test_classes_of_any_label_set_are_where_they_were(tmp_path, oblique, reader, seg_type):
    labels = some_labels(range(BIRDS.num_classes))
    series = write_ct_series(tmp_path / "series", affine=oblique)
    write_dicom_seg(tmp_path / "out.dcm", labels, oblique, series, seg_type=seg_type, label_set=BIRDS)
    np.testing.assert_array_equal(reader(tmp_path / "out.dcm", oblique, SHAPE, BIRDS), labels)


def test_segments_of_any_label_set_say_what_they_are(tmp_path, series):
    labels = some_labels(range(BIRDS.num_classes))
    segments = written(tmp_path, series, labels, label_set=BIRDS).SegmentSequence
    kinds = [item.SegmentedPropertyTypeCodeSequence[0] for item in segments]
    assert [(kind.CodingSchemeDesignator, kind.CodeMeaning) for kind in kinds] == [
        *(("99SWINX", "gizzard"), ("SCT", "Lung"), ("SCT", "Lung"), ("99SWINX", "tumeur du foie"))
    ]
    sides = [kind.get("SegmentedPropertyTypeModifierCodeSequence") for kind in kinds]
    assert [side[0].CodeMeaning if side else None for side in sides] == [None, "Left", "Right", None]
    categories = [item.SegmentedPropertyCategoryCodeSequence[0].CodeMeaning for item in segments]
    assert categories == ["Anatomical Structure"] * 3 + ["Morphologically Abnormal Structure"]


def test_a_label_map_object_has_the_numbers_of_the_label_set(tmp_path, series):
    seg = written(tmp_path, series, some_labels(range(BIRDS.num_classes)), seg_type="LABELMAP", label_set=BIRDS)
    assert [item.SegmentNumber for item in seg.SegmentSequence] == [0, 4, 60, 61, 200]
    assert set(np.unique(seg.pixel_array)) == {0, 4, 60, 61, 200}


def test_all_of_many_classes_have_their_segments(tmp_path):
    many = read_label_set("totalsegmentator")
    labels = np.random.default_rng(0).permutation(np.arange(9 * 8 * 6) % many.num_classes).reshape(SHAPE)
    series = write_ct_series(tmp_path / "series", affine=oblique_affine())
    result = write_dicom_seg(
        tmp_path / "out.dcm", labels, oblique_affine(), series, seg_type="LABELMAP", label_set=many
    )
    assert result.segments == many.names[1:]
    np.testing.assert_array_equal(read_by_pydicom(tmp_path / "out.dcm", oblique_affine(), SHAPE, many), labels)


def test_the_transform_writes_the_classes_of_its_label_set(tmp_path, series):
    labels = some_labels(range(BIRDS.num_classes))
    SaveDicomSegd("pred", tmp_path, label_set=BIRDS)(predicted(series, labels))
    np.testing.assert_array_equal(read_by_highdicom(tmp_path / "anna.dcm", oblique_affine(), SHAPE, BIRDS), labels)


def test_names_in_other_scripts_are_written(tmp_path):
    def german(ds, _):
        ds.SpecificCharacterSet, ds.PatientName = "ISO_IR 100", "Müller^Jörg"

    greek = read_label_set({"background": 0, "Κρέας": 1})
    source = write_ct_series(tmp_path / "series", affine=oblique_affine(), change=german)
    seg = written(tmp_path, source, some_labels((0, 1)), label_set=greek)
    assert seg.SegmentSequence[0].SegmentLabel == "Κρέας"
    assert seg.PatientName == "Müller^Jörg"


def test_ids_that_are_no_class_of_the_label_set_are_refused_with_its_name(tmp_path, series):
    flare22 = read_label_set("flare22")
    assert "ids outside 0..13: 14 (label set flare22)" in refusal(tmp_path, series, label_set=flare22)


def refusal(tmp_path, source, labels=None, affine=None, **options) -> str:
    labels, affine = some_labels() if labels is None else labels, oblique_affine() if affine is None else affine
    with pytest.raises(CaseError) as caught:
        write_dicom_seg(tmp_path / "out.dcm", labels, affine, source, **options)
    assert not (tmp_path / "out.dcm").exists()
    return str(caught.value)


def test_a_label_map_on_another_grid_is_refused(tmp_path, series):
    shifted, finer = oblique_affine(), oblique_affine(spacing_mm=(0.4, 0.9, 2.5))
    shifted[2, 3] += 2.5
    for affine in (shifted, finer):
        reason = refusal(tmp_path, series, affine=affine)
        assert "not on the grid of" in reason
        assert str(series) in reason
    assert "shape 9 x 8 x 6 and label of shape 9 x 8 x 5" in refusal(tmp_path, series, some_labels()[:, :, 1:])


@pytest.mark.parametrize(
    ("value", "reason"), [(0, "every voxel is background"), (15, "ids outside 0..14: 15"), (255, "outside 0..14: 255")]
)
def test_a_label_map_without_a_class_or_with_other_values_is_refused(tmp_path, series, value, reason):
    assert reason in refusal(tmp_path, series, np.full(SHAPE, value, np.uint8))


def test_a_file_that_is_no_dicom_is_refused_as_source(tmp_path):
    nib.save(nib.Nifti1Image(some_labels(), oblique_affine()), tmp_path / "scan.nii.gz")
    assert "no DICOM series" in refusal(tmp_path, tmp_path / "scan.nii.gz")


@pytest.mark.parametrize("keyword", ["FrameOfReferenceUID", "StudyInstanceUID", "SOPInstanceUID"])
def test_a_series_without_what_a_segmentation_refers_to_is_refused(tmp_path, keyword):
    def remove(ds, _):
        del ds[keyword]

    source = write_ct_series(tmp_path / "series", affine=oblique_affine(), change=remove)
    assert f"slices without {keyword}" in refusal(tmp_path, source)


def test_slices_of_several_studies_are_refused(tmp_path):
    def change(ds, index):
        ds.StudyInstanceUID = f"{STUDY}.{1 + index % 2}"

    source = write_ct_series(tmp_path / "series", affine=oblique_affine(), change=change)
    assert "2 different values of StudyInstanceUID" in refusal(tmp_path, source)


def test_an_anonymised_series_serves(tmp_path):
    def anonymise(ds, _):
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
            del ds[keyword]
        del ds.StudyDate, ds.StudyTime, ds.ReferringPhysicianName, ds.SeriesNumber

    source = write_ct_series(tmp_path / "series", affine=oblique_affine(), change=anonymise)
    seg = written(tmp_path, source, some_labels())
    assert seg.PatientID in ("", None)
    assert "PatientSex" in seg


def test_of_several_series_the_one_named_is_referred_to(tmp_path, series):
    write_ct_series(series, affine=oblique_affine(), series=2)
    assert "equally long" in refusal(tmp_path, series)
    seg = written(tmp_path, series, some_labels(), series=series_uid(2))
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == series_uid(2)


def test_no_slice_is_overwritten(series):
    first = next(series.iterdir())
    before = first.read_bytes()
    with pytest.raises(CaseError, match="is a slice of the series"):
        write_dicom_seg(first, some_labels(), oblique_affine(), series)
    assert first.read_bytes() == before


def test_a_segmentation_beside_the_slices_is_not_taken_for_one(series):
    write_dicom_seg(series / "out.dcm", some_labels(), oblique_affine(), series)
    assert read_volume(series).array.shape == SHAPE


def test_the_size_of_the_labels_must_be_that_of_the_images(series):
    slices = [pydicom.dcmread(path) for path in series.iterdir()]
    with pytest.raises(ValueError, match=r"labels \(8, 9, 6\) of 6 images 9 x 8"):
        make_dicom_seg(some_labels().transpose(1, 0, 2), slices)
    with pytest.raises(ValueError, match="'BINARY' or 'LABELMAP', not 'FRACTIONAL'"):
        make_dicom_seg(some_labels(), slices, "FRACTIONAL")


def predicted(series, labels, affine=None) -> dict:
    affine = torch.as_tensor(oblique_affine() if affine is None else affine)
    meta = {"filename_or_obj": str(series)}
    return {"case": "anna", "pred": MetaTensor(torch.as_tensor(labels)[None], affine=affine, meta=meta)}


def test_the_transform_writes_a_file_named_after_the_case(tmp_path, series):
    save = SaveDicomSegd("pred", tmp_path / "out", algorithm="some net", version="2")
    save(predicted(series, some_labels()))
    path = tmp_path / "out" / "anna.dcm"
    np.testing.assert_array_equal(read_by_highdicom(path, oblique_affine(), SHAPE), some_labels())
    assert pydicom.dcmread(path).SegmentSequence[0].SegmentAlgorithmName == "some net"
    assert [place.name for place in (tmp_path / "out").iterdir()] == ["anna.dcm"]


def test_an_empty_prediction_makes_no_file_removes_an_earlier_one_and_is_told(tmp_path, series, caplog):
    save = SaveDicomSegd("pred", tmp_path)
    save(predicted(series, some_labels()))
    assert (tmp_path / "anna.dcm").exists()
    save(predicted(series, np.zeros(SHAPE, np.uint8)))
    assert not (tmp_path / "anna.dcm").exists()
    assert "anna.dcm is not written: every voxel is background" in caplog.text


def test_the_transform_names_what_is_wrong(tmp_path):
    with pytest.raises(ValueError, match="seg_type is 'BINARY' or 'LABELMAP', not 'binary'"):
        SaveDicomSegd("pred", tmp_path, seg_type="binary")
    with pytest.raises(ValueError, match="one label map makes one file"):
        SaveDicomSegd(("pred", "label"), tmp_path)


def lacking(keyword):
    def remove(ds, _):
        ds[keyword].value = ""

    return remove


def unwritable(tmp_path, monkeypatch, cause):
    """Return a source, or break something else, so that no segmentation can be written; and what a user reads."""
    if cause == "NIfTI":
        nib.save(nib.Nifti1Image(some_labels(), oblique_affine()), tmp_path / "scan.nii.gz")
        return tmp_path / "scan.nii.gz", "is no DICOM series; a DICOM Segmentation refers to"
    if cause in ("StudyInstanceUID", "FrameOfReferenceUID"):
        source = write_ct_series(tmp_path / "source", affine=oblique_affine(), change=lacking(cause))
        return source, f"slices without {cause}; a DICOM Segmentation refers to it"
    source = write_ct_series(tmp_path / "source", affine=oblique_affine())
    if cause == "highdicom":
        monkeypatch.setitem(sys.modules, "highdicom", None)
        return source, "DICOM-SEG needs highdicom: pip install highdicom"
    if cause == "anything":
        monkeypatch.setattr("swinx.data.dicom_seg.segmentation_file.make_dicom_seg", lambda *_: 1 / 0)
        return source, "ZeroDivisionError: division by zero"
    return source, "cannot write"


@pytest.mark.parametrize("cause", ["NIfTI", "StudyInstanceUID", "FrameOfReferenceUID", "highdicom", "anything", "disk"])
def test_a_segmentation_that_cannot_be_written_never_ends_the_case(tmp_path, monkeypatch, caplog, cause):
    source, reason = unwritable(tmp_path, monkeypatch, cause)
    out = tmp_path / "out"
    if cause == "disk":
        out.write_text("in the way")
    result = SaveDicomSegd("pred", out)(predicted(source, some_labels()) | {"warnings": ["earlier"]})
    earlier, warning = result["warnings"]
    assert earlier == "earlier"
    assert warning.startswith("no DICOM Segmentation: ")
    assert reason in warning
    assert result["unwritten"] == [warning]
    assert f"anna: {warning}" in caplog.text


@pytest.mark.parametrize("cause", ["NIfTI", "StudyInstanceUID", "highdicom"])
def test_what_prevents_a_segmentation_is_told_before_the_network_runs(tmp_path, monkeypatch, caplog, cause):
    source, reason = unwritable(tmp_path, monkeypatch, cause)
    fine = write_ct_series(tmp_path / "fine", affine=oblique_affine(), series=2)
    items = [{"case": "anna", "image": str(source)}, {"case": "bert", "image": str(fine)}]
    DicomSegCheck(tmp_path / "out").check(engine_of(items))
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings[0].startswith("anna: there will be no DICOM Segmentation: ")
    assert reason in warnings[0]
    assert len(warnings) == (2 if cause == "highdicom" else 1)


WRONG = {
    "PatientBirthDate": "01/02/1960",
    "PatientSex": "unknown",
    "StudyTime": "99",
    "SliceThickness": None,  # removed
}


@pytest.mark.parametrize("keyword", WRONG)
def test_headers_that_make_no_segmentation_are_told_before_the_network_runs(tmp_path, caplog, keyword):
    def change(ds, _):
        delattr(ds, keyword)
        if WRONG[keyword] is not None:
            setattr(ds, keyword, WRONG[keyword])

    with pydicom.config.disable_value_validation():
        source = write_ct_series(tmp_path / "anna", affine=oblique_affine(), change=change)
    DicomSegCheck(tmp_path / "out").check(engine_of([{"case": "anna", "image": str(source)}]))
    (told,) = [record.getMessage() for record in caplog.records if record.name.startswith("swinx")]
    assert told.startswith("anna: there will be no DICOM Segmentation: ")
    assert "its headers make no DICOM Segmentation: " in told
    assert "\n" not in told
    if keyword == "PatientBirthDate":
        assert "dcm: PatientBirthDate is '01/02/1960', which DICOM does not allow" in told
        assert "Error" not in told
    done = SaveDicomSegd("pred", tmp_path / "out")(predicted(source, some_labels()))
    assert len(done["unwritten"]) == 1, "the check must tell no more than what is true"


def test_classes_without_a_code_are_told_before_the_network_runs(tmp_path, series, caplog):
    labels = read_label_set({"background": 0, "gizzard of this test": 1})
    DicomSegCheck(tmp_path, label_set=labels).check(engine_of([{"case": "anna", "image": str(series)}]))
    assert "without a SNOMED CT code, which have private ones of the scheme 99SWINX: gizzard" in caplog.text
    assert not list(tmp_path.glob("*.dcm"))


def engine_of(items):
    return SimpleNamespace(data_loader=SimpleNamespace(dataset=SimpleNamespace(data=items)))


def test_a_segmentation_of_an_earlier_run_is_removed_and_a_slice_is_not(tmp_path, series):
    save = SaveDicomSegd("pred", tmp_path)
    save(predicted(series, some_labels()))
    assert (tmp_path / "anna.dcm").exists()
    nib.save(nib.Nifti1Image(some_labels(), oblique_affine()), tmp_path / "scan.nii.gz")
    save(predicted(tmp_path / "scan.nii.gz", some_labels()))
    assert not (tmp_path / "anna.dcm").exists()
    first = next(series.iterdir())
    for labels in (some_labels(), np.zeros(SHAPE, np.uint8)):
        SaveDicomSegd("pred", series)(predicted(series, labels) | {"case": first.stem})
        assert pydicom.dcmread(first).Modality == "CT"


def test_a_slice_with_the_name_of_a_segmentation_ends_the_run_before_it_begins(series):
    first = next(series.iterdir())
    with pytest.raises(DataListError, match=r"\.dcm is there and is no DICOM Segmentation, and would be replaced"):
        DicomSegCheck(series).check(engine_of([{"case": first.stem, "image": str(series)}]))


def test_without_highdicom_the_message_says_how_to_get_it(tmp_path, series, monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(ImportError, match=r"needs highdicom: pip install highdicom$"):
        write_dicom_seg(tmp_path / "out.dcm", some_labels(), oblique_affine(), series)
