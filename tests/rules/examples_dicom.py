"""DICOM files and series that break the rules of DICOM."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, RTStructureSetStorage

from rules.examples import example
from rules.examples_folders import _object
from rules.examples_scans import AFFINE, HU, series, told
from support.ct_series import ct_slice, series_uid, write_ct_series
from swinx.data.dicom.dicom_series import stack_slices
from swinx.errors import CaseError
from swinx.rules import HeaderRules, RescaleRules, SeriesChoiceRules, SliceRules


def removed(folder: Path, *keywords: str) -> str:
    """What is said of a series whose slices lack some tags."""

    def change(ds, _):
        for keyword in keywords:
            delattr(ds, keyword)

    return series(folder, change)


def valued(folder: Path, keyword: str, value, slices=range(100)) -> str:
    """What is said of a series of which some slices have a value in a tag."""

    def change(ds, index):
        if index in slices:
            setattr(ds, keyword, value)

    return series(folder, change)


@example(HeaderRules.DAMAGED)
def text_called_dicom(folder: Path) -> str:
    (folder / "a.dcm").write_text("no DICOM")
    return told(folder / "a.dcm")


@example(HeaderRules.NO_TAG)
def a_preamble_and_nothing_else(folder: Path) -> str:
    (folder / "a.dcm").write_bytes(bytes(128) + b"DICM")
    return told(folder / "a.dcm")


@example(HeaderRules.TAG_CUT)
def a_slice_that_ends_within_its_header(folder: Path) -> str:
    path = min(write_ct_series(folder / "series", HU, AFFINE).iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"MONOCHROME2") + 3])
    return told(path)


@example(HeaderRules.TAG_MISSING)
def slices_without_orientation(folder: Path) -> str:
    return removed(folder, "ImageOrientationPatient")


@example(HeaderRules.TAG_VALUE)
def positions_of_two_numbers(folder: Path) -> str:
    return valued(folder, "ImagePositionPatient", ["1", "2"])


@example(SeriesChoiceRules.UNREADABLE)
def a_slice_that_was_cut_off(folder: Path) -> str:
    path = write_ct_series(folder / "series", HU, AFFINE)
    first = min(path.iterdir())
    first.write_bytes(first.read_bytes()[:500])
    return told(path)


@example(SeriesChoiceRules.NO_SLICES)
def an_empty_folder(folder: Path) -> str:
    return told(folder)


@example(SeriesChoiceRules.NO_IMAGE)
def a_structure_set_alone(folder: Path) -> str:
    _object(folder / "rt.dcm", RTStructureSetStorage, "RTSTRUCT")
    return told(folder / "rt.dcm")


@example(SeriesChoiceRules.NO_CT)
def a_series_of_mr(folder: Path) -> str:
    return valued(folder, "Modality", "MR")


def two_series(folder: Path, skip: tuple[int, ...]) -> Path:
    write_ct_series(folder / "two", HU, AFFINE)
    return write_ct_series(folder / "two", HU, AFFINE, series=2, skip=skip)


@example(SeriesChoiceRules.EQUALLY_LONG)
def two_series_of_one_length(folder: Path) -> str:
    return told(two_series(folder, ()))


@example(SeriesChoiceRules.LONGEST)
def two_series_of_which_one_is_longer(folder: Path) -> str:
    return told(two_series(folder, (0,)))


def asked_for(place: Path, uid: str) -> str:
    """What is said where a series is asked for by its UID."""
    with pytest.raises(CaseError) as caught:
        stack_slices(place, uid)
    return str(caught.value)


@example(SeriesChoiceRules.OTHER_SLICE)
def a_slice_of_another_series(folder: Path) -> str:
    return asked_for(min(write_ct_series(folder / "series").iterdir()), series_uid(2))


@example(SeriesChoiceRules.NOT_HERE)
def a_folder_without_the_series(folder: Path) -> str:
    return asked_for(write_ct_series(folder / "series"), series_uid(2))


@example(SeriesChoiceRules.NOT_CT)
def a_series_of_mr_by_its_uid(folder: Path) -> str:
    def change(ds, _):
        ds.Modality = "MR"

    return asked_for(write_ct_series(folder / "series", change=change), series_uid())


def of_modality(kind: str):
    def change(ds, _):
        ds.Modality = kind

    return change


@example(SeriesChoiceRules.NO_SCAN)
def a_series_of_pet_where_mr_is_wanted(folder: Path) -> str:
    return told(write_ct_series(folder / "series", change=of_modality("PT")), hu=False)


@example(SeriesChoiceRules.NO_SCAN_OF)
def a_series_of_pet_by_its_uid(folder: Path) -> str:
    place = write_ct_series(folder / "series", change=of_modality("PT"))
    with pytest.raises(CaseError) as caught:
        stack_slices(place, series_uid(), hu=False)
    return str(caught.value)


@example(SliceRules.MULTI_FRAME)
def all_slices_in_one_file(folder: Path) -> str:
    ds = ct_slice(HU, AFFINE, 0)
    ds.NumberOfFrames, ds.PixelData = 2, ds.PixelData * 2
    (folder / "series").mkdir()
    ds.save_as(folder / "series" / "a.dcm", enforce_file_format=True)
    return told(folder / "series")


@example(SliceRules.COLOURS)
def slices_in_colours(folder: Path) -> str:
    def change(ds, _):
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
        ds.PixelData = ds.PixelData * 3

    return series(folder, change)


@example(SliceRules.ONE_SLICE)
def a_series_of_one_slice(folder: Path) -> str:
    return told(write_ct_series(folder / "series", HU, AFFINE, skip=tuple(range(1, 10))))


@example(SliceRules.DIFFER)
def a_slice_of_another_spacing(folder: Path) -> str:
    return valued(folder, "PixelSpacing", ["3", "3"], [4])


@example(SliceRules.NOT_PARALLEL)
def a_slice_of_another_direction(folder: Path) -> str:
    return valued(folder, "ImageOrientationPatient", ["1", "0", "0", "0", "0", "-1"], [4])


@example(SliceRules.COSINES)
def directions_that_are_no_unit_vectors(folder: Path) -> str:
    return valued(folder, "ImageOrientationPatient", ["2", "0", "0", "0", "1", "0"])


@example(SliceRules.SEVERAL_PHASES)
def two_slices_in_one_place(folder: Path) -> str:
    def change(ds, index):
        if index == 4:
            ds.ImagePositionPatient = ct_slice(HU, AFFINE, 3).ImagePositionPatient

    return series(folder, change)


@example(SliceRules.UNEVEN)
def a_missing_slice(folder: Path) -> str:
    return told(write_ct_series(folder / "series", HU, AFFINE, skip=(4,)))


@example(SliceRules.LOCALIZERS)
def a_localizer_among_the_slices(folder: Path) -> str:
    path = write_ct_series(folder / "series", HU, AFFINE)
    ds = ct_slice(HU, AFFINE, 4)
    ds.ImageType, ds.SOPInstanceUID = ["ORIGINAL", "PRIMARY", "LOCALIZER"], f"{series_uid()}.99"
    ds.save_as(path / "scout.dcm", enforce_file_format=True)
    return told(path)


@example(SliceRules.COPIES)
def a_slice_and_its_copy(folder: Path) -> str:
    path = write_ct_series(folder / "series", HU, AFFINE)
    (path / "copy.dcm").write_bytes(min(path.iterdir()).read_bytes())
    return told(path)


@example(SliceRules.NO_MODALITY)
def slices_without_modality(folder: Path) -> str:
    return removed(folder, "Modality")


@example(SliceRules.LOSSY)
def slices_that_were_compressed_with_loss(folder: Path) -> str:
    return valued(folder, "LossyImageCompression", "01")


def damaged_stream(slices=range(100)):
    """A change of slices: a stream that no decoder takes."""

    def change(ds: pydicom.Dataset, index: int) -> None:
        if index in slices:
            ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
            ds.PixelData = encapsulate([bytes(range(200))])
            ds["PixelData"].is_undefined_length = True

    return change


@example(RescaleRules.UNDECODABLE)
def streams_that_no_decoder_takes(folder: Path) -> str:
    return series(folder, damaged_stream())


@example(RescaleRules.NO_PREAMBLE)
def slices_that_begin_with_their_meta_information(folder: Path) -> str:
    path = write_ct_series(folder / "series", HU, AFFINE)
    for file in path.iterdir():
        file.write_bytes(file.read_bytes()[132:])
    return told(path)


@example(RescaleRules.ONE_UNDECODABLE)
def one_stream_that_no_decoder_takes(folder: Path) -> str:
    return series(folder, damaged_stream([4]))


@example(RescaleRules.UNIT)
def optical_density(folder: Path) -> str:
    return valued(folder, "RescaleType", "OD")


@example(RescaleRules.NOT_RESCALED)
def stored_numbers_without_slope(folder: Path) -> str:
    return removed(folder, "RescaleSlope", "RescaleIntercept")


@example(RescaleRules.TAKEN_AS_HU)
def signed_numbers_without_slope(folder: Path) -> str:
    def change(ds, index):
        del ds.RescaleSlope, ds.RescaleIntercept
        ds.PixelRepresentation = 1
        ds.PixelData = HU[:, :, index].T.astype("<i2").tobytes()

    return series(folder, change)
