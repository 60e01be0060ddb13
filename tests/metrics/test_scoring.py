"""score_case: the organisers' rule, quirk by quirk, and the protocol without the quirks."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from scipy import ndimage

from swinx.labels import FLARE23, FlareLabel
from swinx.metrics import PROTOCOLS, score_case, surface_dice
from swinx.metrics.protocols import tubular_classes

GOLDEN = Path(__file__).parents[1] / "golden" / "flare_small"
with (GOLDEN / "expected.csv").open() as rows:
    EXPECTED = {row.pop("case"): list(map(float, row.values())) for row in csv.DictReader(rows)}


@pytest.mark.parametrize("case", EXPECTED)
def test_flare23_gives_the_numbers_of_the_organisers_script(case):
    reference, prediction = (nib.load(GOLDEN / f"{case}_{kind}.nii.gz") for kind in ("ref", "pred"))
    scores = score_case(
        np.asarray(reference.dataobj), np.asarray(prediction.dataobj), reference.header.get_zooms(), "flare23"
    )
    assert tuple(scores) == FLARE23.names[1:]
    np.testing.assert_allclose([s["dsc"] for s in scores.values()], EXPECTED[case][0::2], rtol=0, atol=1e-4)
    np.testing.assert_allclose([s["nsd"] for s in scores.values()], EXPECTED[case][1::2], rtol=0, atol=2e-3)


LIVER, AORTA, IVC, ESOPHAGUS = (
    FlareLabel.LIVER,
    FlareLabel.AORTA,
    FlareLabel.INFERIOR_VENA_CAVA,
    FlareLabel.ESOPHAGUS,
)
SPACING_MM = (1.5, 0.75, 4.0)


def empty(shape: tuple[int, int, int] = (6, 6, 8)) -> np.ndarray:
    return np.zeros(shape, dtype=np.uint8)


def blobs(seed: int, shape: tuple[int, int, int] = (20, 24, 16)) -> np.ndarray:
    """All 15 classes as smooth random territories."""
    generator = np.random.default_rng(seed)
    fields = [ndimage.gaussian_filter(generator.standard_normal(shape), 2.5) for _ in FLARE23.names]
    return np.argmax(fields, axis=0).astype(np.uint8)


def wobbled(labels: np.ndarray, seed: int) -> np.ndarray:
    """The same territories moved by a voxel here and there."""
    generator = np.random.default_rng(seed)
    shift = [np.rint(3 * ndimage.gaussian_filter(generator.standard_normal(labels.shape), 1.5)) for _ in range(3)]
    grid = np.indices(labels.shape) + np.stack(shift).astype(int)
    return labels[tuple(np.clip(axis, 0, size - 1) for axis, size in zip(grid, labels.shape, strict=True))]


def assert_same_scores(a, b):
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_allclose(list(a[name].values()), list(b[name].values()), rtol=0, atol=1e-4, err_msg=name)


@pytest.mark.parametrize(("protocol", "score"), [("flare23", 1.0), ("standard", math.nan)])
def test_a_class_in_neither_map_is_perfect_in_flare23_and_undefined_in_standard(protocol, score):
    scores = score_case(empty(), empty(), SPACING_MM, protocol)
    np.testing.assert_equal([list(s.values()) for s in scores.values()], [[score, score]] * 14)


@pytest.mark.parametrize("label", [LIVER, AORTA])
@pytest.mark.parametrize(("protocol", "score"), [("flare23", 0.0), ("standard", math.nan)])
def test_a_class_that_only_the_prediction_has_is_zero_in_flare23_and_undefined_in_standard(protocol, score, label):
    prediction = empty()
    prediction[1:3, 1:3, 1:3] = label
    scores = score_case(empty(), prediction, SPACING_MM, protocol)[FLARE23.names[label]]
    np.testing.assert_equal(scores, {"dsc": score, "nsd": score})


@pytest.mark.parametrize("label", [LIVER, AORTA])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_class_that_the_prediction_misses_is_zero(protocol, label):
    reference = empty()
    reference[1:3, 1:3, 1:3] = label
    scores = score_case(reference, empty(), SPACING_MM, protocol)
    assert scores[FLARE23.names[label]] == {"dsc": 0.0, "nsd": 0.0}


@pytest.mark.parametrize("label", [AORTA, IVC, ESOPHAGUS])
@pytest.mark.parametrize(("protocol", "dsc"), [("flare23", 1.0), ("standard", 0.8)])
def test_an_error_in_the_last_slice_of_a_tubular_class_counts_only_in_standard(protocol, dsc, label):
    reference, prediction = empty(), empty()
    reference[2:4, 2:4, 2:5] = label  # 4 voxels in each of slices 2, 3, 4
    prediction[2:4, 2:4, 2:4] = label
    scores = score_case(reference, prediction, SPACING_MM, protocol)[FLARE23.names[label]]
    assert scores["dsc"] == dsc, "standard: 2 * 8 / (12 + 8)"


@pytest.mark.parametrize("label", [AORTA, IVC, ESOPHAGUS])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_tubular_class_may_run_on_beyond_the_reference(protocol, label):
    reference, prediction = empty(), empty()
    reference[2:4, 2:4, 2:5] = label
    prediction[2:4, 2:4, :] = label
    assert score_case(reference, prediction, SPACING_MM, protocol)[FLARE23.names[label]] == {"dsc": 1.0, "nsd": 1.0}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_classes_may_not_run_on_beyond_the_reference(protocol):
    reference, prediction = empty(), empty()
    reference[2:4, 2:4, 2:5] = LIVER
    prediction[2:4, 2:4, :] = LIVER
    scores = score_case(reference, prediction, SPACING_MM, protocol)["liver"]
    assert scores["dsc"] == pytest.approx(2 * 12 / (12 + 32), abs=5e-5)
    assert scores["nsd"] < 1


@pytest.mark.parametrize(("protocol", "score"), [("flare23", math.nan), ("standard", 1.0)])
def test_a_tubular_class_in_one_single_slice_leaves_flare23_nothing_to_score(protocol, score):
    labels = empty()
    labels[2:4, 2:4, 3] = AORTA
    np.testing.assert_equal(score_case(labels, labels, SPACING_MM, protocol)["aorta"], {"dsc": score, "nsd": score})


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_tubular_class_predicted_only_outside_the_labelled_slices_is_zero(protocol):
    reference, prediction = empty(), empty()
    reference[2:4, 2:4, 2:5] = AORTA
    prediction[2:4, 2:4, 6:8] = AORTA
    assert score_case(reference, prediction, SPACING_MM, protocol)["aorta"] == {"dsc": 0.0, "nsd": 0.0}


@pytest.mark.parametrize(("predicted", "nsd_is_zero"), [(1, True), (2, False)])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nsd_is_zero_where_dsc_is_below_a_fifth(protocol, predicted, nsd_is_zero):
    reference, prediction = empty(), empty()
    reference[1:4, 1:4, 2] = LIVER  # 9 voxels
    prediction[1 : 1 + predicted, 1, 2] = LIVER  # 2 * 1 / 10 = 0.2 exactly is not below; 1 voxel of 11 is
    reference[4, 1, 2] = LIVER
    scores = score_case(reference, prediction, (1.0, 1.0, 1.0), protocol)["liver"]
    assert scores["dsc"] == pytest.approx(2 * predicted / (10 + predicted), abs=5e-5)
    assert (scores["nsd"] == 0) is nsd_is_zero


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_dsc_of_exactly_a_fifth_keeps_its_nsd(protocol):
    reference, prediction = empty(), empty()
    reference[1:4, 1:4, 2] = LIVER
    prediction[2, 2, 2] = LIVER
    scores = score_case(reference, prediction, (1.0, 1.0, 1.0), protocol)["liver"]
    assert scores == {"dsc": 0.2, "nsd": 1.0}, "every surface lies within 5 mm of the other"


def test_scores_have_four_decimals():
    reference, prediction = empty(), empty()
    reference[0, 0, :3] = LIVER
    prediction[0, 0, :3] = LIVER
    prediction[0, 0, 2] = FlareLabel.SPLEEN
    reference[1, 1, :4] = LIVER
    prediction[1, 1, :3] = LIVER
    assert score_case(reference, prediction, SPACING_MM)["liver"]["dsc"] == 0.8333, "2 * 5 / 12"


@pytest.mark.parametrize("order", [(0, 2, 1), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_fixed_does_not_depend_on_the_order_of_the_axes(order):
    reference = blobs(1)
    prediction = wobbled(reference, 2)
    expected = score_case(reference, prediction, SPACING_MM, "standard")
    permuted = score_case(
        reference.transpose(order),
        prediction.transpose(order),
        [SPACING_MM[axis] for axis in order],
        "standard",
        axial_axis=order.index(2),
    )
    assert_same_scores(permuted, expected)
    assert 0.2 < expected["aorta"]["nsd"] < 1, "a trivial score would not tell the axes apart"


def test_flare23_cuts_along_the_third_array_axis_whatever_the_axial_axis():
    reference = blobs(1)
    prediction = wobbled(reference, 2)
    scores = [score_case(reference, prediction, SPACING_MM, "flare23", axial_axis=axis) for axis in (0, 2)]
    assert scores[0] == scores[1]


def test_fixed_cuts_along_the_given_axis():
    reference, prediction = empty(), empty()
    reference[2:5, 2:4, 2:4] = AORTA
    prediction[:, 2:4, 2:4] = AORTA
    assert score_case(reference, prediction, SPACING_MM, "standard", axial_axis=0)["aorta"]["dsc"] == 1
    assert score_case(reference, prediction, SPACING_MM, "standard", axial_axis=2)["aorta"]["dsc"] == 0.6667


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_fixed_does_not_change_when_both_maps_are_flipped(axis):
    reference = blobs(3)
    prediction = wobbled(reference, 4)
    expected = score_case(reference, prediction, SPACING_MM, "standard")
    flipped = score_case(np.flip(reference, axis), np.flip(prediction, axis), SPACING_MM, "standard")
    for name, scores in expected.items():
        assert flipped[name]["dsc"] == scores["dsc"]
        # The table of surface elements is not quite symmetric at voxels that touch by an edge or a corner.
        assert flipped[name]["nsd"] == pytest.approx(scores["nsd"], abs=5e-3)


def test_flare23_changes_when_tubes_are_flipped():
    reference, prediction = empty(), empty()
    reference[2:4, 2:4, 2:5] = AORTA
    prediction[2:4, 2:4, 2:4] = AORTA
    upright = score_case(reference, prediction, SPACING_MM)["aorta"]["dsc"]
    flipped = score_case(reference[:, :, ::-1], prediction[:, :, ::-1], SPACING_MM)["aorta"]["dsc"]
    assert (upright, flipped) == (1.0, 0.6667)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_swapping_the_maps_changes_nothing_but_the_tubes(protocol):
    reference = blobs(5)
    prediction = wobbled(reference, 6)
    there = score_case(reference, prediction, SPACING_MM, protocol)
    back = score_case(prediction, reference, SPACING_MM, protocol)
    for label in set(FlareLabel) - set(tubular_classes()) - {FlareLabel.BACKGROUND}:
        assert there[FLARE23.names[label]] == back[FLARE23.names[label]]


def test_tensors_score_like_arrays():
    reference = blobs(7)
    prediction = wobbled(reference, 8)
    tensors = score_case(torch.from_numpy(reference), torch.from_numpy(prediction).long(), SPACING_MM)
    assert tensors == score_case(reference, prediction, SPACING_MM)


def test_a_map_scored_against_itself_is_perfect():
    labels = blobs(9)
    scores = score_case(labels, labels, SPACING_MM, "standard")
    assert all(s == {"dsc": 1.0, "nsd": 1.0} for s in scores.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prediction": np.zeros((6, 6, 7), np.uint8)}, r"reference \(6, 6, 8\) and prediction \(6, 6, 7\) differ"),
        ({"prediction": np.full((6, 6, 8), 15)}, r"prediction holds ids 15\.\.15; class ids are 0\.\.14"),
        ({"reference": np.full((6, 6, 8), -1)}, r"reference holds ids -1\.\.-1"),
        ({"reference": np.zeros((6, 6, 8))}, "reference must hold integers, got float64"),
        (
            {"reference": np.zeros((6, 8), int)},
            r"reference must be a 3D label map with voxels in it, got shape \(6, 8\)",
        ),
        ({"reference": np.zeros((6, 8, 0), int)}, "with voxels in it"),
        ({"spacing_mm": (1.0, 1.0, 0.0)}, "is not three positive numbers"),
        ({"spacing_mm": (1.0, 1.0)}, "is not three positive numbers"),
        ({"spacing_mm": (1.0, 1.0, math.inf)}, "is not three positive numbers"),
        ({"protocol": "flare22"}, "protocol 'flare22' is not one of"),
        ({"axial_axis": 3}, "axial_axis 3 is not 0, 1 or 2"),
    ],
)
def test_bad_arguments_are_named(change, message):
    arguments = {"reference": empty(), "prediction": empty(), "spacing_mm": SPACING_MM} | change
    with pytest.raises(ValueError, match=message):
        score_case(**arguments)


def test_fixed_is_the_former_name_of_standard():
    reference = blobs(11)
    prediction = wobbled(reference, 12)
    assert score_case(reference, prediction, SPACING_MM, "fixed") == score_case(
        reference, prediction, SPACING_MM, "standard"
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_class_that_was_not_annotated_is_not_scored(protocol):
    reference = blobs(13)
    reference[reference == LIVER] = 0
    prediction = wobbled(blobs(13), 14)
    everything = score_case(reference, prediction, SPACING_MM, protocol)
    scores = score_case(reference, prediction, SPACING_MM, protocol, annotated=set(range(2, 15)))
    assert math.isnan(scores["liver"]["dsc"])
    assert math.isnan(scores["liver"]["nsd"])
    assert {k: v for k, v in scores.items() if k != "liver"} == {k: v for k, v in everything.items() if k != "liver"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_what_is_predicted_where_the_reference_is_unknown_changes_nothing(protocol, axis):
    reference = blobs(15)
    unknown = np.zeros(reference.shape, bool)
    unknown[(slice(None),) * axis + (slice(4, 9),)] = True
    reference[unknown] = 255
    one, other = wobbled(blobs(15), 16), wobbled(blobs(15), 16)
    one[unknown], other[unknown] = 0, blobs(17)[unknown]
    assert_same_scores(
        score_case(reference, one, SPACING_MM, protocol), score_case(reference, other, SPACING_MM, protocol)
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_prediction_that_is_right_where_the_reference_is_known_is_perfect(protocol):
    truth = blobs(18)
    reference = truth.copy()
    reference[5:9] = 255
    for scores in score_case(reference, truth, SPACING_MM, protocol).values():
        np.testing.assert_equal(list(scores.values()), [1.0, 1.0])


def test_the_border_of_what_is_known_is_no_surface():
    """The organ runs on into what nobody knows: an error at its other end alone is what surfaces tell."""
    reference, prediction = empty((12, 6, 6)), empty((12, 6, 6))
    reference[2:10, 2:4, 2:4] = LIVER
    reference[6:] = 255
    prediction[2:6, 2:4, 2:4] = LIVER
    assert score_case(reference, prediction, SPACING_MM)["liver"] == {"dsc": 1.0, "nsd": 1.0}
    known = surface_dice(reference == LIVER, reference == LIVER, (1, 1, 1), 0.5, reference == 255)
    assert known == 1
    shorter = prediction.copy()
    shorter[2:4] = 0
    everywhere = surface_dice(reference == LIVER, shorter == LIVER, (1, 1, 1), 0.5)
    inside = surface_dice(reference == LIVER, shorter == LIVER, (1, 1, 1), 0.5, reference == 255)
    assert inside < everywhere, "the shared end at the border of what is known must not count as found"


def test_a_reference_of_which_nothing_is_known_scores_nothing_in_standard():
    reference = np.full((4, 4, 4), 255, np.uint8)
    scores = score_case(reference, np.ones((4, 4, 4), np.uint8), SPACING_MM, "standard")
    assert all(math.isnan(score) for by_metric in scores.values() for score in by_metric.values())


def test_a_prediction_may_not_be_unknown():
    prediction = empty()
    prediction[0, 0, 0] = 255
    with pytest.raises(ValueError, match=r"prediction holds ids 0\.\.255"):
        score_case(empty(), prediction, SPACING_MM)
