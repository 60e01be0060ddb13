"""Pictures and pages of any label set: names, colours and legends that stay usable."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from support.geometry import oblique_affine
from swinx.labels import file_numbers, read_label_set
from swinx.metrics import score_columns
from swinx.report import score_cases, write_overlay, write_overlays, write_report
from swinx.report.html_plots import draw_score_boxes
from swinx.report.overlay_figure import CaseView, draw_case, make_legend
from swinx.scoring import score_folders

AFFINE = oblique_affine("PIR", (2.0, 1.5, 4.0))
SHAPE = (22, 20, 12)
CONTENT = {
    "name": "lungs",
    "labels": {"background": 0, "left lung lobe": 10, "right lung lobe": 30, "<b>nodule</b>": 200},
    "classes": {"<b>nodule</b>": {"inside": ["left lung lobe", "right lung lobe"]}},
}
LUNGS = read_label_set(CONTENT)
MANY = read_label_set("totalsegmentator")


def lungs() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:10, 3:17, 2:10], labels[12:20, 3:17, 2:10], labels[15:18, 6:12, 4:8] = 1, 2, 3
    return labels


def everything(label_set, shape=(30, 28, 14)) -> np.ndarray:
    """All classes of a set, each with one voxel more than the one before."""
    labels = np.zeros(shape, np.uint8).ravel()
    sizes = np.arange(1, label_set.num_classes) + 3
    labels[: sizes.sum()] = np.repeat(np.arange(1, label_set.num_classes), sizes)
    return labels.reshape(shape)


def save(path: Path, array: np.ndarray) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, AFFINE), path)
    return str(path)


@pytest.fixture
def collection(tmp_path):
    """One case whose files hold the numbers of a set with gaps, and a list that says so."""
    hu = np.random.default_rng(0).normal(0, 40, SHAPE).astype(np.int16)
    save(tmp_path / "images" / "a_0000.nii.gz", hu)
    save(tmp_path / "labels" / "a.nii.gz", file_numbers(LUNGS, lungs()))
    save(tmp_path / "out" / "a.nii.gz", file_numbers(LUNGS, np.roll(lungs(), 1, axis=2)))
    entry = {"case": "a", "image": "images/a_0000.nii.gz", "label": "labels/a.nii.gz"}
    (tmp_path / "datalist.json").write_text(json.dumps({"labels": CONTENT, "testing": [entry]}))
    return tmp_path


def colours_in(path: Path, label_set) -> set[int]:
    picture = imread(path)[..., :3]
    near = {v: np.abs(picture - to_rgb(c)).max(axis=-1) < 0.005 for v, c in label_set.colours.items()}
    return {label for label, mask in near.items() if mask.any()}


def test_a_picture_has_the_colours_of_its_label_set(tmp_path):
    labels = lungs()
    labels[labels == 1] = 0
    write_overlay(np.zeros(SHAPE), labels, labels, AFFINE, tmp_path / "a.png", label_set=LUNGS)
    assert colours_in(tmp_path / "a.png", LUNGS) == {2, 3}


def test_pictures_of_files_with_gaps_take_their_classes_from_the_list(collection):
    lists = (collection / "datalist.json", None), (collection / "images", collection / "labels")
    for number, (images, references) in enumerate(lists):
        out = collection / f"png{number}"
        report = write_overlays(images, references, collection / "out", out, show_progress=False)
        assert report.ok, report.bad_cases
        assert colours_in(out / "a.png", LUNGS) == {1, 2, 3}
    first, second = (imread(collection / f"png{number}" / "a.png") for number in (0, 1))
    np.testing.assert_array_equal(first, second)


def test_ids_beyond_the_label_set_are_refused(tmp_path):
    two = read_label_set({"background": 0, "a": 1, "b": 2})
    with pytest.raises(ValueError, match=r"reference holds ids 0\.\.3; class ids are 0\.\.2"):
        write_overlay(np.zeros(SHAPE), lungs(), None, AFFINE, tmp_path / "a.png", label_set=two)


@pytest.mark.parametrize("depth", [3, 14])
@pytest.mark.parametrize("scored", [True, False])
def test_a_legend_of_117_classes_stays_on_the_page(depth, scored):
    labels = everything(MANY)[..., :depth]
    scores = dict.fromkeys(MANY.names[1:], 0.5) if scored else {}
    case = CaseView(np.zeros(labels.shape), {"Reference": labels}, (2.0, 2.0, 3.0), (5, 5, 1), (0.0, 0.0, 0.0))
    figure = draw_case(case, "title", (-160, 240), scores, MANY)
    figure.canvas.draw()
    (legend,) = figure.legends
    box, page = legend.get_window_extent(), figure.bbox
    assert box.x0 >= page.x0
    assert box.x1 <= page.x1
    assert box.y0 >= page.y0
    assert box.y1 <= page.y1
    right = max(axes.get_window_extent().x1 for axes in figure.axes)
    assert right <= box.x0, "the legend stands beside the panels"


def test_few_classes_stand_in_class_order_in_one_column():
    legend = make_legend([lungs()], {"left lung lobe": 0.25, "right lung lobe": 0.75}, 6.0, LUNGS)
    assert legend.columns == 1
    mean = (None, "0.50  mean of 2 organs")
    named = ["0.25  left lung lobe", "0.75  right lung lobe", "<b>nodule</b>"]
    assert legend.lines == (*zip(LUNGS.colours.values(), named, strict=True), mean)


def test_where_the_classes_are_too_many_the_largest_stand_first_and_the_others_are_counted():
    legend = make_legend([everything(MANY)], {}, 2.0, MANY)
    assert legend.columns == 3
    *classes, (colour, last) = legend.lines
    largest = list(MANY.names[: -len(classes) - 1 : -1])
    assert [text for _, text in classes] == largest
    assert (colour, last) == (None, f"and {117 - len(classes)} smaller classes")


def test_a_set_without_lesions_has_no_organs_in_its_legend():
    two = read_label_set({"background": 0, "a": 1, "b": 2})
    legend = make_legend([lungs() % 3], {"a": 0.5, "b": 0.7}, 6.0, two)
    assert legend.lines[-1] == (None, "0.60  mean of 2 classes")
    one = read_label_set({"background": 0, "a": 1})
    assert len(make_legend([lungs() % 2], {"a": 0.5}, 6.0, one).lines) == 1, "no mean over one class"


def test_boxes_of_many_classes_stand_in_rows_and_leave_out_what_has_no_score():
    values = np.random.default_rng(0).random((4, 234))
    table = pd.DataFrame(values, columns=list(score_columns(MANY)))
    table[["spleen_dsc", "spleen_nsd"]] = np.nan
    figure = draw_score_boxes(table, MANY)
    named = [text.get_text() for axes in figure.axes for text in axes.get_xticklabels() if text.get_visible()]
    assert [name for name in named if name in MANY.names] == [name for name in MANY.names[1:] if name != "spleen"]
    assert len(figure.axes) == 8


def test_a_report_takes_the_classes_from_the_record_of_the_scores(collection):
    args = collection / "labels", collection / "out", collection / "scores"
    assert score_folders(*args, show_progress=False).ok
    (collection / "refined").mkdir()
    refined = {"refined": [True], "selected": [True], "left_lung_lobe_before_ml": [0], "left_lung_lobe_after_ml": [5]}
    pd.DataFrame(refined).to_csv(collection / "refined" / "cases.csv", index=False)
    page = collection / "report.html"
    files = {"images": collection / "datalist.json", "section": "testing", "prediction": collection / "out"}
    faults = write_report(
        collection / "scores", page, **files, refinement=collection / "refined", max_slices=3, cases=1
    )
    assert faults == []
    text = page.read_text(encoding="utf-8")
    assert "there is no cases.json beside the predictions" in text
    assert text.count("<td>left lung lobe</td>") == 2, "in the scores, and in the refined labels"
    assert "&lt;b&gt;nodule&lt;/b&gt;" in text
    assert "the organs and the &lt;b&gt;nodule&lt;/b&gt;" in text
    assert "<b>" not in text
    assert "liver" not in text


def test_an_evaluation_scores_and_draws_the_classes_of_its_label_set(collection):
    numbers = np.array([0, 5, 6, 7], np.uint8)
    save(collection / "labels" / "a.nii.gz", numbers[lungs()])
    case = {
        "case": "a",
        "image": str(collection / "images" / "a_0000.nii.gz"),
        "label": str(collection / "labels" / "a.nii.gz"),
        "label_map": {"5": 10, "6": 30, "7": 200},
    }
    out = collection / "evaluation"
    report = score_cases([case], collection / "out", out, overlay_dir=out / "png", label_set=LUNGS)
    assert report.ok, report.bad_cases
    assert report.protocol == "standard"
    assert 0.5 < report.table.loc["a", "left_lung_lobe_dsc"] < 1
    assert colours_in(out / "png" / "a.png", LUNGS) == {1, 2, 3}


def test_an_evaluation_without_a_label_set_goes_by_the_data_list(collection):
    case = {"case": "a", "image": "a.nii.gz", "label": str(collection / "labels" / "a.nii.gz")}
    report = score_cases([case], collection / "out", collection / "e", data_list=collection / "datalist.json")
    assert report.label_set == LUNGS
    assert report.ok
