"""probe_encoders: the files tell what the records hold, and agree."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from swinx.errors import DataListError
from swinx.files import read_table
from swinx.labels import read_label_set
from swinx.pretraining import CaseFeatures, FeatureRecords, probe_encoders
from swinx.pretraining.probe.probe_page import draw_probe

FILES = ["probe.csv", "probe.json", "probe.md", "probe.png"]
LIVER, AORTA, SPLEEN, TUMOR = 1, 5, 3, 14


def case(name: str, section: str, labels: tuple[int, ...], seed: int, per_class: int = 20) -> CaseFeatures:
    """A trained encoder whose features are the class, and two random ones."""
    random = np.random.default_rng(seed)
    classes = np.repeat(labels, per_class).astype(np.int64)
    features = {"pretrained": np.eye(15)[classes]}
    features |= {f"random_{n}": random.normal(size=(len(classes), 4)) for n in range(2)}
    return CaseFeatures(name, section, classes, {n: values.astype(np.float32) for n, values in features.items()})


@pytest.fixture
def records() -> FeatureRecords:
    made = FeatureRecords()
    made.done = [
        case("a", "training", (LIVER, AORTA), 0),
        case("b", "training", (SPLEEN, LIVER), 1),
        case("c", "validation", (LIVER, AORTA, SPLEEN, TUMOR), 2),
        case("d", "validation", (AORTA, TUMOR), 3),
    ]
    return made


def test_the_files_agree_on_the_figures(records, tmp_path):
    report = probe_encoders(records, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    content = json.loads((tmp_path / "probe.json").read_text())
    assert content["encoders"]["pretrained"]["balanced_accuracy"] == 1
    assert content["encoders"]["pretrained"]["case_accuracy"] == {"c": 1, "d": 1}
    assert content["random"]["balanced_accuracy"]["mean"] == pytest.approx(1 / 3, abs=0.2)
    assert content["chance"] == pytest.approx(1 / 3)
    assert content["settings"] == {}
    assert content["cases"] == {"fit": ["a", "b"], "test": ["c", "d"]}
    assert set(content["versions"]) == {"swinx", "torch", "scikit-learn"}
    table = pd.read_csv(tmp_path / "probe.csv")
    assert list(table.groupby("encoder").size().items()) == [("pretrained", 3), ("random_0", 3), ("random_1", 3)]
    for row in table.itertuples():
        assert row.recall == content["encoders"][row.encoder]["recall"][row._3], "same class, same recall"
    page = (tmp_path / "probe.md").read_text()
    assert report.text == page
    assert "| pretrained" in page
    assert "100.00" in page
    assert "2 cases of training" in page
    assert report.metrics["balanced_accuracy"] == 1
    assert report.metrics["gain"] == content["paired"]["mean"]


def test_only_classes_of_both_sections_are_told_apart(records, tmp_path):
    content = probe_encoders(records, tmp_path).content
    assert content["classes"] == ["liver", "spleen", "aorta"]
    assert content["fit_voxels"] == {"liver": 40, "spleen": 20, "aorta": 20}


def test_the_picture_is_legible_in_size_and_not_blank(records, tmp_path):
    probe_encoders(records, tmp_path, probe="knn")
    picture = imread(tmp_path / "probe.png")
    assert min(picture.shape[:2]) > 400
    assert len(np.unique(picture.reshape(-1, picture.shape[-1]), axis=0)) > 10


def test_one_random_encoder_has_no_spread(records, tmp_path):
    for found in records.done:
        found.features.pop("random_1")
    report = probe_encoders(records, tmp_path)
    assert json.loads((tmp_path / "probe.json").read_text())["random"]["balanced_accuracy"]["sd"] is None
    (line,) = (line for line in report.text.splitlines() if line.startswith("| random weights (n = 1)"))
    assert "±" not in line


def test_cases_that_failed_or_had_nothing_are_named(records, tmp_path):
    records.failed = [{"case": "x", "reason": "x.nii.gz: is empty"}]
    records.empty = ["y"]
    page = probe_encoders(records, tmp_path).text
    assert "Not used: x: x.nii.gz: is empty" in page
    assert "Not used: y: none of its annotated classes" in page
    assert json.loads((tmp_path / "probe.json").read_text())["failed"] == records.failed


def test_a_section_without_a_usable_case_is_named_and_old_figures_do_not_stay(records, tmp_path):
    probe_encoders(records, tmp_path)
    records.done = records.done[:2]
    records.failed = [{"case": "c", "reason": "c.nii.gz: is empty"}]
    with pytest.raises(DataListError, match=r"section 'validation': not one case .* c\.nii\.gz: is empty"):
        probe_encoders(records, tmp_path)
    assert not list(tmp_path.iterdir())


def test_too_few_common_classes_are_listed(records, tmp_path):
    records.done = [case("a", "training", (LIVER, AORTA), 0), case("c", "validation", (LIVER, TUMOR), 1)]
    with pytest.raises(DataListError, match="training has liver, aorta; validation has liver, tumor; choose"):
        probe_encoders(records, tmp_path)


def test_an_unknown_probe_and_an_unwritable_folder_are_refused(records, tmp_path):
    with pytest.raises(ValueError, match="probe 'deep' is not one of"):
        probe_encoders(records, tmp_path, probe="deep")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"file.*choose another"):
        probe_encoders(records, tmp_path / "file")


def test_classes_have_the_names_of_the_label_set(records, tmp_path):
    lungs = read_label_set({"background": 0, "left lung lobe": 1, "=right, lobe": 3, "nodule": 5})
    records.done = [case(name, name, (1, 2, 3), seed) for seed, name in enumerate(("training", "validation"))]
    probe_encoders(records, tmp_path, label_set=lungs)
    content = json.loads((tmp_path / "probe.json").read_text())
    assert content["classes"] == ["left lung lobe", "=right, lobe", "nodule"]
    assert read_label_set(content["labels"]) == lungs
    table = read_table(tmp_path / "probe.csv", text=("encoder", "class"))
    assert table["class"].tolist()[:3] == content["classes"]
    assert table["class_id"].tolist()[:3] == [1, 2, 3]


def test_bars_of_many_classes_stand_in_several_columns(records, tmp_path):
    many = read_label_set("totalsegmentator")
    random = np.random.default_rng(0)
    classes = np.repeat(np.arange(1, 118), 2)
    features = {name: random.normal(size=(len(classes), 2)).astype(np.float32) for name in ("pretrained", "random_0")}
    records.done = [CaseFeatures(name, name, classes, features) for name in ("training", "validation")]
    content = probe_encoders(records, tmp_path, label_set=many).content
    figure = draw_probe(content)
    shown = [text.get_text() for axes in figure.axes for text in axes.get_yticklabels()]
    assert shown == ["balanced accuracy", *many.names[1:]]
    assert len(figure.axes) == 3
    assert figure.get_size_inches().max() < 30
