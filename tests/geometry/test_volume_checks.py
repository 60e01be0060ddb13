"""What makes voxels unusable is found and named."""

from __future__ import annotations

import numpy as np
import pytest

from swinx.geometry import find_image_faults, find_image_notes, find_label_faults, label_values, looks_like_labels
from swinx.labels import ClassNumbers


def scan(dtype=np.float32):
    return np.random.default_rng(0).integers(-1000, 900, (5, 6, 7)).astype(dtype)


def label(dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 15, (5, 6, 7)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, ">i2", np.int32, np.float32, np.float64])
def test_a_scan_has_no_faults_in_any_dtype(dtype):
    assert find_image_faults(scan(dtype), np.diag([0.7, 0.7, 5.0, 1.0])) == []


def test_nan_and_infinite_voxels_are_counted():
    image = scan()
    image[0, 0, :3] = np.nan
    image[1, 1, :2] = (np.inf, -np.inf)
    assert find_image_faults(image) == ["3 NaN and 2 infinite of 210 voxels"]


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.bool_])
def test_a_constant_image_is_refused(dtype):
    assert "constant image" in find_image_faults(np.zeros((4, 4, 4), dtype))[0]


@pytest.mark.parametrize(
    ("shape", "fault"),
    [
        pytest.param((4, 4), "2D volume", id="2d"),
        pytest.param((4, 4, 4, 1), "4D volume", id="4d"),
        pytest.param((4, 0, 4), "zero size", id="zero-size"),
        pytest.param((1, 4, 4), "single slice", id="sagittal-slice"),
        pytest.param((4, 4, 1), "single slice", id="axial-slice"),
    ],
)
@pytest.mark.parametrize("find", [find_image_faults, find_label_faults])
def test_what_is_no_volume_is_refused(find, shape, fault):
    assert fault in find(np.zeros(shape, np.int16))[0]


@pytest.mark.parametrize("find", [find_image_faults, find_label_faults])
def test_colour_and_complex_voxels_are_refused(find):
    rgb = np.zeros((4, 4, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert "3 values per voxel" in find(rgb)[0]
    assert "complex64" in find(np.zeros((4, 4, 4), np.complex64))[0]


def test_a_bad_affine_is_a_fault_of_the_image():
    assert "singular" in find_image_faults(scan(), np.diag([1.0, 1.0, 0.0, 1.0]))[-1]


def test_grey_levels_are_noted_but_hounsfield_units_are_not():
    assert find_image_notes(scan()) == []
    assert "not plausible HU" in find_image_notes(np.clip(scan(), 0, 255))[0]
    assert "not plausible HU" in find_image_notes(scan() * 100)[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, ">i4", np.int64, np.float32, np.float64])
def test_a_label_has_no_faults_in_any_dtype(dtype):
    assert find_label_faults(label(dtype)) == []


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_ids_outside_the_classes_are_named(dtype):
    strange = label(dtype)
    strange[0, 0, 0], strange[4, 5, 6] = -3, 255
    assert find_label_faults(strange) == ["label ids outside 0..14: -3, 255"]


def test_a_large_id_is_not_rounded_to_its_neighbour():
    strange = label(np.int64)
    strange[0, 0, 0] = 2**24 + 1
    assert find_label_faults(strange) == ["label ids outside 0..14: 16777217"]


def test_values_between_integers_are_named():
    strange = label(np.float32)
    strange[0, 0, 0] = 1.5
    assert find_label_faults(strange) == ["label values that are not integers: 1.5"]


def test_nan_in_a_label_is_counted():
    strange = label(np.float32)
    strange[0, 0, :2] = np.nan
    assert find_label_faults(strange) == ["label with 2 NaN or infinite voxels"]


def test_an_empty_label_is_refused_unless_allowed():
    empty = np.zeros((4, 4, 4), np.uint8)
    assert "empty label" in find_label_faults(empty)[0]
    assert find_label_faults(empty, allow_empty=True) == []


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_unknown_voxels_are_refused_unless_allowed(dtype):
    partial = label(dtype)
    partial[0, 0, 0] = 255
    assert find_label_faults(partial) == ["label ids outside 0..14: 255"]
    assert find_label_faults(partial, allow_unknown=True) == []


def test_a_label_of_unknown_voxels_and_background_is_empty():
    nothing = np.zeros((4, 4, 4), np.uint8)
    nothing[1] = 255
    assert find_label_faults(nothing, allow_unknown=True) == ["empty label: every voxel is background or unknown"]


def test_other_ids_are_refused_where_unknown_voxels_are_allowed():
    strange = label(np.int16)
    strange[0, 0, :3] = 254, 255, 256
    assert find_label_faults(strange, allow_unknown=True) == ["label ids outside 0..14: 254, 256"]


def test_numbers_are_checked_against_those_that_mean_something():
    numbers = ClassNumbers({0: 0, 3: 1, 7: 2, 8: 0, 9: 255, 255: 255})
    given = np.zeros((4, 4, 4), np.uint8)
    given[0, 0] = 3, 7, 8, 9
    assert find_label_faults(given, numbers, allow_unknown=True) == []
    assert find_label_faults(given, numbers) == ["label ids outside 0, 3, 7..8: 9"]
    given[0, 0] = 1, 2, 3, 255
    assert find_label_faults(given, numbers, set_name="birds") == [
        "label ids outside 0, 3, 7..8: 1, 2, 255 (label set birds)"
    ]


@pytest.mark.parametrize("meaning", [0, 255])
def test_a_label_of_numbers_that_mean_no_class_is_empty(meaning):
    given = np.full((4, 4, 4), 8, np.uint8)
    numbers = ClassNumbers({0: 0, 3: 1, 8: meaning})
    assert "empty label" in find_label_faults(given, numbers, allow_unknown=True)[0]
    assert find_label_faults(given, numbers, allow_empty=True, allow_unknown=True) == []


def test_a_collection_of_ids_may_have_gaps_and_many_members():
    given = np.arange(64).reshape(4, 4, 4)
    assert find_label_faults(given, range(64)) == []
    assert find_label_faults(given, {0, *range(2, 63)}) == ["label ids outside 0, 2..62: 1, 63"]
    told = find_label_faults(given, range(0, 64, 2))[0]
    assert told.startswith("label ids outside 0, 2, 4, 6, 8, 10, 12, 14, 16, 18 ...: 1,")


def test_ten_of_many_ids_are_shown():
    strange = np.arange(15, 15 + 64).reshape(4, 4, 4)
    assert find_label_faults(strange)[0].endswith("24 and 54 more")


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.float32, bool])
def test_label_values_equal_those_of_numpy(dtype):
    for array in (label().astype(dtype), label().astype(dtype).transpose(2, 0, 1), label().astype(dtype)[::-2, :, ::3]):
        found = label_values(array)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, np.unique(array))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_a_label_map_is_told_from_a_scan(dtype):
    drawn = np.zeros((20, 20, 20), dtype)
    drawn[4:12, 5:15, 3:18] = 3
    drawn[12:16, 5:15, 3:18] = 14
    assert looks_like_labels(drawn)
    noise = np.random.default_rng(0)
    assert not looks_like_labels(noise.integers(0, 256, drawn.shape).astype(dtype))
    assert not looks_like_labels(noise.integers(-1000, 900, drawn.shape).astype(np.int16))
    assert not looks_like_labels((drawn / 14).astype(np.float32))
    assert not looks_like_labels(np.zeros_like(drawn))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda hu: hu + 1024,
        lambda hu: (hu + 1024).astype(np.uint16) - np.uint16(1024),
        lambda hu: ((hu.clip(-250, 250) + 250) / 500 * 255).astype(np.uint8),
        lambda hu: (hu.clip(-250, 250) + 250) / 500,
        lambda hu: (hu - hu.mean()) / hu.std(),
        lambda hu: hu * -1,
        lambda hu: hu * 10,
        lambda hu: hu - 1024,
        lambda hu: hu.clip(-1000, 300) - 1048,
        lambda hu: np.where(np.arange(hu.size).reshape(hu.shape) % 9, hu + 1024, -976),
    ],
    ids=[
        "+1024",
        "wrapped",
        "0..255",
        "0..1",
        "z-score",
        "negative",
        "x 10",
        "-1024",
        "-1024 of clipped",
        "+1024 with padding",
    ],
)
def test_values_that_are_no_hu_are_noted(spoil):
    grid = np.indices((40, 40, 20)) - np.array([20, 20, 10])[:, None, None, None]
    body = (grid[0] ** 2 + grid[1] ** 2) < 15**2
    hu = np.where(body, 40, -1000) + np.random.default_rng(0).normal(0, 20, body.shape).round()
    assert find_image_notes(hu.astype(np.int16)) == []
    assert "not plausible HU" in find_image_notes(spoil(hu.astype(np.int32)))[0]


def test_numbers_of_all_8_bits_are_no_hu():
    numbers = np.random.default_rng(0).integers(-128, 128, (20, 18, 16)).astype(np.int8)
    assert "-128..127, without air" in find_image_notes(numbers)[0]


def test_two_values_of_padding_are_not_below_air():
    scan = a_body(20).clip(-1024)
    scan[:8], scan[-8:] = -2000, -3024
    assert find_image_notes(scan) == []


def a_body(radius: int, skull: int = 0) -> np.ndarray:
    grid = np.indices((48, 48, 20)) - np.array([24, 24, 10])[:, None, None, None]
    distance = np.hypot(grid[0], grid[1])
    hu = np.where(distance < radius, 40, -1000) + np.random.default_rng(0).normal(0, 15, distance.shape)
    return np.where((distance < radius) & (distance > radius - skull), 1200, hu).round().astype(np.int16)


@pytest.mark.parametrize(
    "scan",
    [a_body(20), a_body(21, skull=6), a_body(8), a_body(20)[18:30, 18:30], a_body(20).clip(-250, 250)],
    ids=["body", "thick skull", "leg", "one organ", "clipped"],
)
def test_scans_that_are_odd_but_honest_have_no_note(scan):
    assert find_image_notes(scan) == []


@pytest.mark.parametrize("padding", [-2000, -976, 0])
@pytest.mark.parametrize("radius", [10, 20])
def test_an_offset_is_noted_whatever_the_padding(padding, radius):
    scan = a_body(radius) + 1024
    scan[:6] = padding
    assert "not plausible HU" in find_image_notes(scan)[0]


def test_values_of_other_scans_than_ct_are_not_judged_but_label_maps_are():
    rng = np.random.default_rng(0)
    mr = rng.gamma(2, 150, (20, 16, 12)).astype(np.float32)
    assert find_image_notes(mr)
    assert find_image_notes(mr, hu=False) == []
    labels = np.zeros((20, 16, 12), np.uint8)
    labels[5:15, 4:12] = 1
    assert find_image_notes(labels, hu=False)
