"""write_overlay: a picture that does not depend on how the case is stored."""

from __future__ import annotations

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from scipy.spatial.transform import Rotation

from swinx.labels import FLARE23, FlareLabel
from swinx.report import write_overlay
from swinx.report.overlay_figure import CaseView, draw_case

AFFINE = np.array([[4.0, 0, 0, -83], [0, 4.0, 0, -71], [0, 0, 10.0, 101], [0, 0, 0, 1.0]])


@pytest.fixture
def case() -> dict[str, np.ndarray]:
    """A body with a liver on the patient's right; the prediction finds half of it, and a spleen that is not there."""
    shape = (44, 40, 14)
    image = np.full(shape, -1000, np.int16)
    image[4:40, 6:34] = 40
    image[6:9, 8:12, 3:9] = 200
    reference, prediction = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    reference[24:36, 12:24, 4:10] = FlareLabel.LIVER
    prediction[24:36, 12:24, 4:7] = FlareLabel.LIVER
    prediction[8:14, 12:20, 4:8] = FlareLabel.SPLEEN
    return {"image": image, "reference": reference, "prediction": prediction}


def stored_as(codes: str, volume: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Store a volume with its axes in another order and direction; no voxel moves in the world."""
    here, there = nib.io_orientation(affine), nib.orientations.axcodes2ornt(codes)
    image = nib.Nifti1Image(volume, affine).as_reoriented(nib.orientations.ornt_transform(here, there))
    return np.asarray(image.dataobj), image.affine


def has_colour(picture: np.ndarray, label: FlareLabel) -> bool:
    return bool((np.abs(picture[..., :3] - to_rgb(FLARE23.colours[label])).max(axis=-1) < 0.005).any())


@pytest.mark.parametrize("codes", ["LPS", "PIR", "SLA"])
@pytest.mark.parametrize("tilt", [0, 15])
def test_the_picture_does_not_depend_on_the_storage_order(case, tmp_path, codes, tilt):
    affine = AFFINE.copy()
    affine[:3, :3] = Rotation.from_euler("xyz", [tilt, tilt / 2, -tilt], degrees=True).as_matrix() @ AFFINE[:3, :3]
    write_overlay(**case, affine=affine, path=tmp_path / "ras.png", case="x", dpi=40)
    turned = {name: stored_as(codes, array, affine) for name, array in case.items()}
    assert "".join(nib.aff2axcodes(turned["image"][1])) == codes
    arrays = {name: array for name, (array, _) in turned.items()}
    write_overlay(**arrays, affine=turned["image"][1], path=tmp_path / "other.png", case="x", dpi=40)
    np.testing.assert_array_equal(imread(tmp_path / "other.png"), imread(tmp_path / "ras.png"))


def test_the_patients_right_is_on_the_left_of_axial_and_coronal_panels(case, tmp_path):
    write_overlay(case["image"], case["reference"], None, AFFINE, tmp_path / "a.png", dpi=60)
    mirrored = case["reference"][::-1]
    write_overlay(case["image"], mirrored, None, AFFINE, tmp_path / "b.png", dpi=60)
    columns = []
    for name in "ab":
        picture = imread(tmp_path / f"{name}.png")[:, :, :3]
        panel = picture[:, : picture.shape[1] * 3 // 4]  # without the legend
        shown = np.abs(panel - to_rgb(FLARE23.colours[FlareLabel.LIVER])).max(axis=-1) < 0.05
        columns.append(np.flatnonzero(shown.any(axis=0)).mean())
    assert columns[0] < columns[1], "the liver lies at high x, the patient's right"


def test_only_classes_that_occur_are_coloured(case, tmp_path):
    write_overlay(**case, affine=AFFINE, path=tmp_path / "a.png")
    picture = imread(tmp_path / "a.png")
    assert {label for label in FLARE23.colours if has_colour(picture, label)} == {FlareLabel.LIVER, FlareLabel.SPLEEN}


@pytest.mark.parametrize("given", ["reference", "prediction"])
def test_one_label_map_alone_makes_a_narrower_picture(case, tmp_path, given):
    write_overlay(**case, affine=AFFINE, path=tmp_path / "both.png", dpi=40)
    alone = case | dict.fromkeys({"reference", "prediction"} - {given})
    write_overlay(**alone, affine=AFFINE, path=tmp_path / "one.png", dpi=40)
    assert imread(tmp_path / "one.png").shape[1] < imread(tmp_path / "both.png").shape[1]


def test_without_labels_the_ct_is_shown(case, tmp_path):
    write_overlay(case["image"], None, None, AFFINE, tmp_path / "a.png", dpi=40)
    picture = imread(tmp_path / "a.png")[..., :3]
    assert np.ptp(picture, axis=-1).max() == 0, "grey only"
    assert np.unique(picture).size > 10


def test_the_window_decides_what_is_black_and_white(case, tmp_path):
    for name, window in (("narrow", (30.0, 50.0)), ("low", (-2000.0, -1500.0))):
        write_overlay(case["image"], None, None, AFFINE, tmp_path / f"{name}.png", window_hu=window, dpi=40)
    dark, bright = (imread(tmp_path / f"{name}.png")[..., :3].mean() for name in ("narrow", "low"))
    assert dark < bright


def view_of(case: dict[str, np.ndarray], spacing_mm=(4.0, 4.0, 10.0)) -> CaseView:
    labels = {name.title(): case[name] for name in ("reference", "prediction")}
    return CaseView(case["image"], labels, spacing_mm, slices=(28, 16, 5), positions_mm=(29.0, -7.0, 151.0))


@pytest.mark.parametrize("spacing_mm", [(4.0, 4.0, 10.0), (1.0, 3.0, 2.0)])
def test_panels_have_true_proportions(case, spacing_mm):
    figure = draw_case(view_of(case, spacing_mm), "title", (-160, 240), {})
    x, y, z = (size * spacing for size, spacing in zip(case["image"].shape, spacing_mm, strict=True))
    expected = [x / y] * 3 + [x / z] * 3 + [y / z] * 3
    page = figure.get_size_inches()
    ratios = [np.divide(*(axes.get_position().size * page)) for axes in figure.axes]
    np.testing.assert_allclose(ratios, expected)
    # One scale for the whole page: a millimetre is as long in every panel.
    scales = [axes.get_position().width * page[0] / np.ptp(axes.get_xlim()) for axes in figure.axes]
    np.testing.assert_allclose(scales, scales[0])


def test_marks_titles_and_scores_are_on_the_page(case):
    figure = draw_case(view_of(case), "FLARE23Ts_0001", (-160, 240), {"liver": 2 / 3, "spleen": 0.0})
    assert "FLARE23Ts_0001" in {text.get_text() for text in figure.texts}
    assert [axes.get_title() for axes in figure.axes[:3]] == ["CT", "Reference", "Prediction"]
    for axes, marks in zip(figure.axes[::3], ("RLPA", "RLIS", "APIS"), strict=True):
        assert [text.get_text() for text in axes.texts][:4] == list(marks)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["0.67  liver", "0.00  spleen", "0.33  mean of 2 organs"]


def legend_of(case, tmp_path, monkeypatch, **changes) -> list[str]:
    """What the legend of a picture says."""
    figures = []
    monkeypatch.setattr("swinx.report.overlay_picture.write_figure", lambda figure, *_: figures.append(figure))
    write_overlay(**case | changes, affine=AFFINE, path=tmp_path / "a.png")
    return [text.get_text() for text in figures[0].legends[0].get_texts()]


def test_a_class_that_was_not_annotated_has_no_dice(case, tmp_path, monkeypatch):
    assert legend_of(case, tmp_path, monkeypatch) == ["0.67  liver", "0.00  spleen", "0.33  mean of 2 organs"]
    said = legend_of(case, tmp_path, monkeypatch, annotated=[FlareLabel.LIVER])
    assert said == ["0.67  liver", "spleen", "0.67  mean of 1 organs"]


def test_what_is_unknown_in_the_reference_counts_for_nothing(case, tmp_path, monkeypatch):
    reference = case["reference"].copy()
    reference[:, :, 7:] = 255
    said = legend_of(case, tmp_path, monkeypatch, reference=reference, annotated=[FlareLabel.LIVER])
    assert said[0] == "1.00  liver"


def test_pyplot_is_left_alone(case, tmp_path):
    before = plt.get_fignums()
    write_overlay(**case, affine=AFFINE, path=tmp_path / "a.png", dpi=40)
    assert plt.get_fignums() == before


def test_the_file_name_is_the_headline_unless_one_is_given(case, tmp_path):
    for folder, title in (("a", None), ("b", "case1"), ("c", "other")):
        write_overlay(**case, affine=AFFINE, path=tmp_path / folder / "case1.png", case=title, dpi=40)
    a, b, c = (imread(tmp_path / folder / "case1.png") for folder in "abc")
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"prediction": np.zeros((44, 40, 13), np.uint8)},
            r"image \(44, 40, 14\) and prediction \(44, 40, 13\) must be",
        ),
        ({"reference": np.full((44, 40, 14), 15)}, r"reference holds ids 15\.\.15; class ids are 0\.\.14"),
        ({"window_hu": (240.0, -160.0)}, "must be a lower and a higher value"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_leaves_no_file(case, tmp_path, change, message):
    arguments = case | {"affine": AFFINE, "path": tmp_path / "a.png"} | change
    with pytest.raises(ValueError, match=message):
        write_overlay(**arguments)
    assert not list(tmp_path.iterdir())


def test_an_unwritable_place_is_named(case, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"cannot write .*a\.png"):
        write_overlay(**case, affine=AFFINE, path=tmp_path / "file" / "a.png", dpi=40)
