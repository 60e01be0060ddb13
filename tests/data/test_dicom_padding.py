"""Pixel padding is air, and what only looks like it stays."""

from __future__ import annotations

import numpy as np
import pytest

from support.ct_series import some_hu, write_ct_series
from support.geometry import oblique_affine
from swinx.data import read_volume

SHAPE = (20, 18, 6)
WATER = np.zeros(SHAPE, np.int16)


def body() -> np.ndarray:
    """Soft tissue with a hole of water in it, in air; the first columns are outside of the circle."""
    hu = np.full(SHAPE, -1000, np.int16)
    hu[4:16, 4:14] = some_hu((12, 10, 6)) % 80
    hu[8:10, 8:10] = 0
    return hu


def read(folder, stored, tags, signed=False, intercept="-1024"):
    """Write stored numbers as a series and read it, x and y as they were."""

    def change(ds, index):
        ds.PixelRepresentation = int(signed)
        ds.RescaleIntercept = intercept
        ds.PixelData = np.ascontiguousarray(stored[..., index].T.astype("<i2" if signed else "<u2")).tobytes()
        for tag, value in tags.items():
            ds.add_new(tag, "SS" if signed else "US", value)

    return read_volume(write_ct_series(folder / "series", body(), np.diag([-2.0, -2, 3, 1]), change=change))


@pytest.mark.parametrize(
    ("padding", "signed", "intercept"), [(63536, False, "-1024"), (32767, True, "0"), (4095, False, "0")]
)
def test_padding_that_would_be_denser_than_bone_is_air_wherever_it_is(tmp_path, padding, signed, intercept):
    offset = -int(intercept)
    stored = body().astype(np.int32) + offset
    if not signed:
        stored = stored.clip(0)
    stored[:3] = padding
    stored[9, 9, 3] = padding
    volume = read(tmp_path, stored, {0x00280120: padding}, signed, intercept)
    assert (volume.array[:3] == -1024).all()
    assert volume.array[9, 9, 3] == -1024
    np.testing.assert_array_equal(volume.array[4:16, 4:9], (stored - offset)[4:16, 4:9])
    assert any("pixel padding" in note for note in volume.notes)


def test_a_range_of_padding_is_air(tmp_path):
    stored = body().astype(np.int32) + 1024
    stored[0], stored[1], stored[2] = 60000, 60500, 61000
    volume = read(tmp_path, stored, {0x00280120: 60000, 0x00280121: 61000})
    assert (volume.array[:3] == -1024).all()


def test_padding_with_the_value_of_water_is_air_at_the_border_and_water_inside(tmp_path):
    stored = body().astype(np.int32)
    stored[:3] = 0
    volume = read(tmp_path, stored, {0x00280120: 0}, signed=True, intercept="0")
    assert (volume.array[:3] == -1024).all()
    assert (volume.array[8:10, 8:10] == 0).all()


@pytest.mark.parametrize("padding", [-2000, -1024, -3024])
def test_padding_that_is_air_already_stays(tmp_path, padding):
    stored = body().astype(np.int32)
    stored[:3] = padding
    volume = read(tmp_path, stored, {0x00280120: padding}, signed=True, intercept="0")
    np.testing.assert_array_equal(volume.array, stored)
    assert volume.notes == ()


def test_without_the_tag_nothing_changes(tmp_path):
    volume = read_volume(write_ct_series(tmp_path / "series", body(), oblique_affine()))
    assert sorted(np.unique(volume.array)) == sorted(np.unique(body()))
