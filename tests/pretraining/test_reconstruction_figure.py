"""Pictures of reconstructions: they show what was masked, and do not depend on the storage order."""

from __future__ import annotations

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from support.disks import nearly_full_disk
from support.geometry import oblique_affine
from swinx.pretraining import draw_reconstruction, draw_triplets
from swinx.pretraining.reconstruction.reconstruction_figure import MASK_COLOUR, draw_plane

WINDOW_HU = (-250.0, 250.0)
ERRORS = {"hidden_share": 0.7, "mae_hu": 45.67, "baseline_mae_hu": 123.4}
SHAPE = (41, 37, 21)  # odd, so that the middle slice is the same from either side


@pytest.fixture
def case() -> dict:
    """A RAS scan whose right side, a little less than half, is masked and filled with 100 HU."""
    rng = np.random.default_rng(0)
    original = rng.integers(-100, 100, SHAPE).astype(np.int16)
    mask = np.zeros(SHAPE, bool)
    mask[21:] = True
    affine = oblique_affine("RAS", (4.0, 4.5, 8.0))
    return {
        "original": original,
        "reconstruction": np.full(SHAPE, 100, np.int16),
        "mask": mask,
        "affine": affine,
        "case": "FLARE23_2201",
        "window_hu": WINDOW_HU,
        "errors": ERRORS,
    }


@pytest.fixture
def shown(monkeypatch) -> list[Figure]:
    """The figures that were saved, to look into."""
    figures = []
    save = Figure.savefig

    def keep(figure, *arguments, **keywords):
        figures.append(figure)
        return save(figure, *arguments, **keywords)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


@pytest.mark.parametrize("codes", ["LPS", "PIR", "SLA"])
def test_the_picture_does_not_depend_on_the_storage_order(case, tmp_path, codes):
    draw_reconstruction(tmp_path / "ras.png", **case, dpi=50)
    there = nib.orientations.axcodes2ornt(codes)
    turn = nib.orientations.ornt_transform(nib.io_orientation(case["affine"]), there)
    back = nib.orientations.inv_ornt_aff(turn, SHAPE)
    turned = {key: nib.apply_orientation(case[key], turn) for key in ("original", "reconstruction", "mask")}
    draw_reconstruction(tmp_path / "other.png", **(case | turned | {"affine": case["affine"] @ back}), dpi=50)
    one, other = (imread(tmp_path / f"{name}.png") for name in ("ras", "other"))
    np.testing.assert_allclose(one, other, atol=0.02)


def test_masked_blocks_are_shown_on_the_patient_s_side(case, tmp_path, shown):
    """Masked are high x, the patient's right: the left of the axial panel, in the first column only."""
    draw_reconstruction(tmp_path / "a.png", **case, dpi=60)
    picture = imread(tmp_path / "a.png")[..., :3]
    columns = np.flatnonzero((np.abs(picture - to_rgb(MASK_COLOUR)).max(axis=-1) < 0.01).any(axis=0))
    assert columns.max() < 0.3 * picture.shape[1]
    box = shown[0].axes[0].get_position()
    centre = (box.x0 + box.x1) / 2 * picture.shape[1]
    top = picture[: int(0.4 * len(picture))]
    axial = np.flatnonzero((np.abs(top - to_rgb(MASK_COLOUR)).max(axis=-1) < 0.01).any(axis=0))
    assert axial.max() <= centre + 1


def test_each_column_shows_what_its_title_says():
    axes = Figure().add_subplot()
    scan, output = np.full((2, 2), 10, np.int16), np.full((2, 2), -30, np.int16)
    mask = np.array([[True, False], [False, False]])
    shown = {
        name: draw_plane(axes, name, (scan, output, mask), (2.0, 2.0), WINDOW_HU).get_array().data.tolist()
        for name in ("Masked input", "Reconstruction", "Original", "|Difference|")
    }
    assert shown["Original"] == shown["Masked input"] == [[10, 10], [10, 10]]
    assert shown["Reconstruction"] == [[-30, 10], [10, 10]]
    assert shown["|Difference|"] == [[40, 0], [0, 0]]
    (_, cover, *_) = axes.get_images()
    assert cover.get_array()[..., 3].tolist() == [[1, 0], [0, 0]], "blue is opaque where masked, else not there"


def test_difference_of_small_integers_does_not_wrap_around():
    axes = Figure().add_subplot()
    scan, output = np.full((1, 1), 30000, np.int16), np.full((1, 1), -30000, np.int16)
    planes = (scan, output, np.ones((1, 1), bool))
    image = draw_plane(axes, "|Difference|", planes, (1.0, 1.0), WINDOW_HU)
    assert image.get_array().item() == 60000


def test_the_page_names_case_errors_views_and_sides(case, tmp_path, shown):
    draw_reconstruction(tmp_path / "a.png", **case, dpi=40)
    (figure,) = shown
    assert "FLARE23_2201" in words(figure)
    assert "70% masked" in words(figure)
    assert "network 45.7 HU, mean of the visible voxels 123.4 HU" in words(figure)
    assert [axes.get_title() for axes in figure.axes[:4]] == [
        "Masked input",
        "Reconstruction",
        "Original",
        "|Difference|",
    ]
    for axes, marks in zip(figure.axes[:12:4], ("RLPA", "RLIS", "APIS"), strict=True):
        assert [text.get_text() for text in axes.texts][:4] == list(marks)
    for name in ("axial\nz = ", "coronal\ny = ", "sagittal\nx = "):
        assert name in words(figure)


def test_a_case_of_which_nothing_is_masked_or_visible_is_drawn(case, tmp_path, shown):
    for baseline, ours in ((None, None), (None, 5.0)):
        errors = ERRORS | {"mae_hu": ours, "baseline_mae_hu": baseline}
        draw_reconstruction(tmp_path / "a.png", **(case | {"errors": errors}), dpi=40)
    assert "nothing masked" in words(shown[0])
    assert "network 5.0 HU" in words(shown[1])


@pytest.mark.parametrize("shape", [(40, 36, 20), (40, 30, 400), (3, 3, 3), (200, 4, 4)])
def test_panels_have_true_proportions_and_stay_on_the_page(case, tmp_path, shown, shape):
    volumes = {"original": np.zeros(shape, np.int16), "reconstruction": np.zeros(shape, np.int16)}
    affine = np.diag([1.0, 2.0, 1.5, 1.0])
    draw_reconstruction(
        tmp_path / "a.png", **(case | volumes | {"mask": np.ones(shape, bool), "affine": affine}), dpi=20
    )
    (figure,) = shown
    page = figure.get_size_inches()
    assert page[0] < 16
    assert page[1] < 24
    scales, places = [], []
    for axes in figure.axes[:12]:
        box = axes.get_position()
        width_mm, height_mm = axes.get_xlim()[1], axes.get_ylim()[1]
        scales += [box.width * page[0] / width_mm, box.height * page[1] / height_mm]
        places.append((box.x0, box.y0, box.x1, box.y1))
    np.testing.assert_allclose(scales, scales[0])
    assert np.min(places) >= 0
    assert np.max(places) <= 1


def test_pyplot_is_left_alone(case, tmp_path):
    before = plt.get_fignums()
    draw_reconstruction(tmp_path / "a.png", **case, dpi=40)
    assert plt.get_fignums() == before


def test_a_full_disk_leaves_the_former_picture(case, tmp_path):
    path = tmp_path / "a.png"
    draw_reconstruction(path, **case, dpi=40)
    before = path.read_bytes()
    with nearly_full_disk(100), pytest.raises(OSError, match=r"cannot write .*a\.png"):
        draw_reconstruction(path, **case, dpi=60)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_volumes_of_different_shapes_are_refused_and_leave_no_file(case, tmp_path):
    case["mask"] = case["mask"][1:]
    with pytest.raises(ValueError, match=r"mask \(40, 37, 21\) must be 3D and of one shape"):
        draw_reconstruction(tmp_path / "a.png", **case)
    assert not list(tmp_path.iterdir())


def triplets(count: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    views = torch.rand(count, 1, 16, 24, 8, generator=generator)
    masks = torch.zeros(count, 1, 2, 3, 1)
    masks[:, :, 1] = 1
    return views, masks, views + 0.25


@pytest.mark.parametrize("count", [1, 4])
def test_triplets_have_a_row_per_view_and_tell_the_error_where_masked(tmp_path, shown, count):
    views, masks, reconstructions = triplets(count)
    reconstructions[:, :, :8] = 99  # visible: not counted, not shown
    draw_triplets(tmp_path / "new" / "t.png", views, masks, reconstructions, "epoch 3", dpi=40)
    (figure,) = shown
    assert len(figure.axes) == 3 * count
    assert "epoch 3" in words(figure)
    assert words(figure).count("error 0.250") == count
    assert [axes.get_title() for axes in figure.axes[:3]] == ["Masked input", "Reconstruction", "Original"]
    masked, filled, original = (axes.get_images()[0].get_array() for axes in figure.axes[:3])
    middle = views[0, 0, :, :, 4].numpy()[::-1].T  # radiological: the patient's right on the left, front up
    np.testing.assert_array_equal(original, middle)
    np.testing.assert_array_equal(masked, middle)
    right_half = np.arange(16) < 8  # high x, which was masked
    np.testing.assert_allclose(filled, middle + 0.25 * right_half, rtol=1e-6)


def test_triplets_take_what_an_amp_training_has_at_hand(tmp_path):
    views, masks, reconstructions = triplets()
    draw_triplets(tmp_path / "t.png", views, masks, reconstructions.half().requires_grad_(), "epoch 3", dpi=40)
    assert (tmp_path / "t.png").is_file()


def test_triplets_without_a_masked_block_say_so(tmp_path, shown):
    views, masks, reconstructions = triplets()
    draw_triplets(tmp_path / "t.png", views, torch.zeros_like(masks), reconstructions, "epoch 3", dpi=40)
    assert words(shown[0]).count("nothing masked") == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"views": torch.zeros(0, 1, 16, 24, 8)}, "must be of one shape"),
        ({"reconstructions": torch.zeros(2, 1, 16, 24, 9)}, "must be of one shape"),
        ({"masks": torch.zeros(1, 1, 2, 3, 1)}, r"masks \(1, 1, 2, 3, 1\) must be"),
        ({"masks": torch.zeros(2, 1, 3, 3, 1)}, "does not divide a grid"),
    ],
)
def test_triplets_that_do_not_belong_together_are_refused(tmp_path, change, message):
    given = dict(zip(("views", "masks", "reconstructions"), triplets(), strict=True)) | change
    with pytest.raises(ValueError, match=message):
        draw_triplets(tmp_path / "t.png", **given, title="epoch 3")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_former_triplets(tmp_path):
    draw_triplets(tmp_path / "t.png", *triplets(), "epoch 3", dpi=40)
    before = (tmp_path / "t.png").read_bytes()
    with nearly_full_disk(100), pytest.raises(OSError, match=r"cannot write .*t\.png"):
        draw_triplets(tmp_path / "t.png", *triplets(), "epoch 4", dpi=40)
    assert (tmp_path / "t.png").read_bytes() == before
