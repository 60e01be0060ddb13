"""Structure sets: a region fills the voxels whose centres lie inside its contours, where they are in the patient."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pydicom
import pytest

from support.ct_series import write_ct_series
from support.geometry import oblique_affine
from support.structure_sets import in_slice, write_structure_set
from swinx.data import LoadLabeld, masks_found, read_label, read_volume
from swinx.errors import CaseError
from swinx.labels import FLARE23, read_label_set

SHAPE = (30, 24, 6)
CLOSED = "CLOSED_PLANAR"
LUNG = read_label_set(
    {
        "labels": {"background": 0, "left lung lobe": 5, "right lung lobe": 7, "nodule": 9},
        "classes": {"nodule": {"inside": ["left lung lobe", "right lung lobe"], "aliases": ["GTV-1"]}},
    }
)


def hu() -> np.ndarray:
    return np.random.default_rng(0).integers(-900, 900, SHAPE).astype(np.int16)


def ellipse(middle, radii, count=200):
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return [(middle[0] + radii[0] * np.cos(a), middle[1] + radii[1] * np.sin(a)) for a in angles]


def rectangle(low, high):
    return [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]


def drawn(tmp_path, affine, regions, name="series/rs.dcm", **options):
    """Write a series and a structure set with regions as slices and corners in pixels; return its path."""
    if not (tmp_path / "series").exists():
        write_ct_series(tmp_path / "series", hu(), affine)
    contours = {
        region: [(CLOSED, in_slice(affine, index, corners)) for index, corners in parts]
        for region, parts in regions.items()
    }
    return write_structure_set(tmp_path / name, contours, **options)


@pytest.fixture(params=["LPS", "RPS", "LAS", "RAI", "PSR"])
def tilted(request):
    """Oblique anisotropic slices, also coronal ones, feet first and with negated axes."""
    return oblique_affine(request.param, spacing_mm=(0.9, 1.3, 2.5))


def test_volume_and_centroid_of_a_region_are_those_of_its_contours(tmp_path, tilted):
    middle, radii = (13.3, 11.7), (9.2, 7.1)
    path = drawn(tmp_path, tilted, {"Liver": [(index, ellipse(middle, radii)) for index in range(1, 5)]})
    volume = read_label(path)
    voxel_ml = abs(np.linalg.det(volume.affine[:3, :3])) / 1000
    expected_ml = np.pi * radii[0] * radii[1] * 4 * abs(np.linalg.det(tilted[:3, :3])) / 1000
    assert (volume.array == 1).sum() * voxel_ml == pytest.approx(expected_ml, rel=0.02)
    centroid = nib.affines.apply_affine(volume.affine, np.argwhere(volume.array == 1).mean(axis=0))
    expected = nib.affines.apply_affine(tilted, (*middle, 2.5))
    assert np.linalg.norm(centroid - expected) < 0.15


def test_the_label_lies_on_the_voxels_of_its_series(tmp_path, tilted):
    path = drawn(tmp_path, tilted, {"spleen": [(2, rectangle((3.5, 4.5), (9.5, 12.5)))]})
    scan, label = read_volume(tmp_path / "series"), read_label(path)
    assert label.array.shape == scan.array.shape
    np.testing.assert_array_equal(label.affine, scan.affine)
    expected = np.zeros(SHAPE, bool)
    expected[4:10, 5:13, 2] = True
    world = nib.affines.apply_affine(tilted, np.argwhere(expected))
    found = nib.affines.apply_affine(label.affine, np.argwhere(label.array == 3))
    key = lambda points: sorted(map(tuple, np.round(points, 2).tolist()))  # noqa: E731
    assert key(found) == key(world)


@pytest.mark.parametrize("kind", [CLOSED, "CLOSEDPLANAR_XOR"])
def test_a_contour_inside_another_is_a_hole_and_one_in_the_hole_is_not(tmp_path, kind):
    affine = oblique_affine()
    outer, hole, island = (rectangle((x + 0.5, x + 0.5), (20.5 - x, 20.5 - x)) for x in (0, 4, 8))
    write_ct_series(tmp_path / "series", hu(), affine)
    contours = [(kind, in_slice(affine, 2, corners)) for corners in (outer, hole, island)]
    path = write_structure_set(tmp_path / "series" / "rs.dcm", {"liver": contours})
    label = read_label(path).array[..., 2]
    assert (label == 1).sum() == 20**2 - 12**2 + 4**2
    assert (label[2, 2], label[6, 6], label[10, 10]) == (1, 0, 1)


def test_a_hole_by_a_keyhole_is_a_hole(tmp_path):
    around = [(0.5, 0.5), (20.5, 0.5), (20.5, 20.5), (0.5, 20.5), (0.5, 10.5)]
    inner = [(5.5, 10.5), (5.5, 15.5), (15.5, 15.5), (15.5, 5.5), (5.5, 5.5), (5.5, 10.5)]
    path = drawn(tmp_path, oblique_affine(), {"liver": [(1, [*around, *inner, (0.5, 10.5)])]})
    assert (read_label(path).array == 1).sum() == 20**2 - 10**2


def test_two_pieces_in_one_slice_are_both_of_the_region(tmp_path):
    pieces = [(3, rectangle((0.5, 0.5), (4.5, 4.5))), (3, rectangle((10.5, 10.5), (13.5, 20.5)))]
    path = drawn(tmp_path, oblique_affine(), {"liver": pieces})
    assert (read_label(path).array == 1).sum() == 16 + 30


def test_neighbours_with_a_common_border_share_no_voxel_and_leave_none_out(tmp_path):
    """The border runs through the centres of voxels."""
    left, right = rectangle((2, 2), (10, 12)), rectangle((10, 2), (20, 12))
    path = drawn(
        tmp_path, np.diag([-1.0, -2.0, 3.0, 1.0]), {"left lung lobe": [(1, left)], "right lung lobe": [(1, right)]}
    )
    label = read_label(path, LUNG)
    assert sorted(label.notes) == ["no mask of nodule: not annotated here"]
    rows = (label.array > 0).sum(axis=(1, 2))
    assert len(set(rows[rows > 0])) == 1
    assert (rows > 0).sum() == 18


def test_a_contour_that_leaves_the_image_is_cut_at_its_border(tmp_path):
    path = drawn(tmp_path, oblique_affine(), {"liver": [(0, rectangle((-5.5, -3.5), (2.5, 50.5)))]})
    assert (read_label(path).array == 1).sum() == 3 * SHAPE[1]


@pytest.mark.parametrize("away", [(100, 3), (-100, 3), (3, 1e6), (3, -1e6)])
def test_a_contour_beside_the_image_marks_nothing(tmp_path, away):
    corners = [(x + away[0], y + away[1]) for x, y in rectangle((0, 0), (5, 5))]
    path = drawn(tmp_path, np.diag([-1.0, -2.0, 3.0, 1.0]), {"liver": [(1, corners)]})
    assert not read_label(path, allow_empty=True).array.any()
    assert masks_found(path) == [1]


def test_coordinates_that_are_no_numbers_are_refused(tmp_path):
    path = drawn(tmp_path, oblique_affine(), {"liver": [(1, rectangle((1, 1), (5, 5)))]})
    ds = pydicom.dcmread(path)
    points = ds.ROIContourSequence[0].ContourSequence[0]
    points.ContourData = ["nan", *points.ContourData[1:]]
    ds.save_as(path)
    with pytest.raises(CaseError, match="a coordinate that is no number"):
        read_label(path)


def test_regions_are_matched_by_name_and_alias_and_others_left_out(tmp_path):
    box = [(1, rectangle((1.5, 1.5), (15.5, 15.5)))]
    regions = {"LUNG_LOBE_LEFT": box, "gtv 1": [(1, rectangle((3.5, 3.5), (5.5, 5.5)))], "BODY": box}
    path = drawn(tmp_path, oblique_affine(), regions)
    label = read_label(path, LUNG)
    assert (label.array == 3).sum() == 4
    assert (label.array == 1).sum() == 14**2 - 4
    assert masks_found(path, LUNG) == [1, 3]
    assert label.notes == ("no mask of right lung lobe: not annotated here",)


def test_a_region_without_a_contour_was_not_annotated(tmp_path):
    path = drawn(tmp_path, oblique_affine(), {"liver": [(1, rectangle((1, 1), (5, 5)))], "spleen": []})
    assert masks_found(path) == [1]


def test_two_regions_of_one_name_are_refused(tmp_path):
    box = [(1, rectangle((1.5, 1.5), (15.5, 15.5)))]
    path = drawn(tmp_path, oblique_affine(), {"kidney right": box, "Right Kidney": box})
    with pytest.raises(CaseError, match="kidney right and Right Kidney are both masks of right kidney"):
        read_label(path)


@pytest.mark.parametrize("place", ["folder", "slice"])
def test_the_series_may_be_the_scan_of_the_case(tmp_path, place):
    affine = oblique_affine()
    path = drawn(tmp_path, affine, {"liver": [(1, rectangle((1.5, 1.5), (5.5, 5.5)))]}, name="structures/rs.dcm")
    image = tmp_path / "series" if place == "folder" else next((tmp_path / "series").iterdir())
    assert (read_label(path, image=image).array == 1).sum() == 16
    found = LoadLabeld("label")({"label": str(path.parent), "image": str(image)})["label"]
    assert found.shape == (1, *SHAPE)
    assert found.meta["filename_or_obj"] == str(path.parent)
    with pytest.raises(CaseError, match="is neither beside it nor the scan of the case"):
        read_label(path)


def test_of_several_series_the_one_it_was_drawn_on_is_taken(tmp_path):
    affine = oblique_affine()
    path = drawn(tmp_path, affine, {"liver": [(1, rectangle((1.5, 1.5), (5.5, 5.5)))]})
    write_ct_series(tmp_path / "series", np.zeros((8, 8, 9), np.int16), np.diag([3.0, 3, 3, 1]), series=2)
    assert read_label(path).array.shape == SHAPE


def test_a_structure_set_of_another_frame_of_reference_is_refused(tmp_path):
    path = drawn(tmp_path, oblique_affine(), {"liver": [(1, rectangle((1, 1), (5, 5)))]}, frame="1.2.3", series="")
    with pytest.raises(CaseError, match=r"its frame of reference 1\.2\.3 is not that of the series"):
        read_label(path)


def test_contours_that_lie_in_no_slice_are_refused(tmp_path):
    affine = oblique_affine()
    for place, reason in [(1.5, "lies at slice 1.5 of 6"), (6, "lies at slice 6 of 6"), (-1, "lies at slice -1 of 6")]:
        path = drawn(tmp_path, affine, {"liver": [(place, rectangle((1, 1), (5, 5)))]})
        with pytest.raises(CaseError, match=reason):
            read_label(path)
    across = in_slice(affine, 1, rectangle((1, 1), (5, 5)))
    across[2:] += affine[:3, 2] * (-1, -1, 1)
    write_structure_set(path, {"liver": [(CLOSED, across)]})
    with pytest.raises(CaseError, match="a contour of liver lies across 1 slices"):
        read_label(path)


def test_rounded_coordinates_are_in_their_slices(tmp_path):
    affine = oblique_affine(spacing_mm=(0.7, 0.7, 2.0))
    write_ct_series(tmp_path / "series", hu(), affine)
    corners = np.round(in_slice(affine, 3, rectangle((1.5, 1.5), (5.5, 5.5))), 2)
    path = write_structure_set(tmp_path / "series" / "rs.dcm", {"liver": [(CLOSED, corners)]})
    assert (read_label(path).array == 1).sum() == 16


def test_what_encloses_no_area_and_slices_without_a_contour_are_noted(tmp_path):
    affine = oblique_affine()
    write_ct_series(tmp_path / "series", hu(), affine)
    boxes = [(CLOSED, in_slice(affine, index, rectangle((1.5, 1.5), (5.5, 5.5)))) for index in (0, 4)]
    others = [("POINT", in_slice(affine, 1, [(1, 1)])), ("OPEN_PLANAR", in_slice(affine, 2, rectangle((1, 1), (5, 5))))]
    path = write_structure_set(tmp_path / "series" / "rs.dcm", {"liver": [*boxes, *others]})
    notes = read_label(path).notes
    assert "left out 2 contours of liver that enclose no area (open, or single points)" in notes
    assert "liver has no contour in 3 slices between its first and its last" in notes


def test_a_damaged_structure_set_and_two_in_a_folder_are_refused(tmp_path):
    path = drawn(tmp_path, oblique_affine(), {"liver": [(1, rectangle((1, 1), (5, 5)))]})
    content = path.read_bytes()
    (tmp_path / "series" / "rs2.dcm").write_bytes(content)
    with pytest.raises(CaseError, match=r"holds 2 structure sets \(rs\.dcm, rs2\.dcm\); give the file of one"):
        read_label(tmp_path / "series")
    ds = pydicom.dcmread(path)
    del ds.StructureSetROISequence
    ds.save_as(path)
    with pytest.raises(CaseError, match="damaged, or no structure set"):
        read_label(path)


def test_a_whole_structure_set_of_many_classes_is_read(tmp_path):
    affine = oblique_affine()
    regions = {
        name.title(): [(index % 6, rectangle((2 * index + 0.5, 3.5), (2 * index + 2.5, 9.5)))]
        for index, name in enumerate(FLARE23.names[1:])
    }
    label = read_label(drawn(tmp_path, affine, regions))
    np.testing.assert_array_equal(np.bincount(label.array.ravel())[1:], [12] * 14)
