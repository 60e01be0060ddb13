"""Settings that travel with weights."""

import json

import pytest
import torch

from swinx.errors import BundleError, RecordError, WeightsError
from swinx.labels import read_label_set
from swinx.tracking import (
    agreed_label_set,
    artefact_hash,
    compare_settings,
    recorded_label_set,
    sidecar_path,
    trained_settings,
)

OWN = {"background": 0, "left part": 1, "right part": 2, "nodule": 3}
SETTINGS = {"pixdim": [2.0, 2.0, 3.0], "window_hu": [-100, 300], "embed_dim": 12, "max_epochs": 3, "output_dir": "/a"}


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"a": torch.zeros(2)}, path)
    record(path, settings=SETTINGS, labels=read_label_set(OWN).as_json(), sha256=artefact_hash(path))
    return path


def record(path, **content):
    sidecar_path(path).write_text(json.dumps(content))


def test_settings_and_classes_come_from_the_record_and_places_do_not(weights):
    found = trained_settings(weights)
    assert found == {name: value for name, value in SETTINGS.items() if name != "output_dir"}
    assert recorded_label_set(weights) == read_label_set(OWN)
    assert agreed_label_set(None, weights, found, {"pixdim": [2.0, 2.0, 3.0]}).names[1:] == (
        "left part",
        "right part",
        "nodule",
    )


def test_without_weights_or_record_there_are_defaults(weights, tmp_path, caplog):
    assert trained_settings(tmp_path / "none.pt") == {}
    assert caplog.text == ""
    sidecar_path(weights).unlink()
    assert trained_settings(weights) == {}
    assert "there is no record" in caplog.text
    assert agreed_label_set(None, weights).name == "flare23"
    assert agreed_label_set("btcv", weights).name == "btcv"


def test_weights_that_were_replaced_after_the_record_are_refused(weights):
    torch.save({"a": torch.ones(2)}, weights)
    with pytest.raises(BundleError, match="the weights were changed after the training"):
        trained_settings(weights)


@pytest.mark.parametrize(
    "value", ["$__import__('os').system('true')", [2.0, 2.0], "many", {"_target_": "os.system"}], ids=str
)
def test_what_is_no_such_setting_is_refused(weights, value):
    record(weights, settings={"pixdim": value})
    with pytest.raises(RecordError, match=r"model\.json"):
        trained_settings(weights)


def test_a_label_set_that_is_none_is_refused(weights):
    record(weights, labels={"liver": 1, "Liver": 2, "background": 0})
    with pytest.raises(RecordError, match="have one name"):
        recorded_label_set(weights)


def test_a_network_that_contradicts_the_weights_is_refused_with_both_values(weights):
    with pytest.raises(WeightsError, match=r"embed_dim is 24, and these weights were trained with 12"):
        agreed_label_set(None, weights, trained_settings(weights), {"embed_dim": 24})


def test_another_preprocessing_is_warned_of_with_both_values(weights, caplog):
    agreed_label_set(None, weights, trained_settings(weights), {"pixdim": [1.0, 1.0, 1.0], "roi_size": [32, 32, 32]})
    assert "pixdim is [1.0, 1.0, 1.0], and these weights were trained with [2.0, 2.0, 3.0]" in caplog.text
    assert "roi_size" not in caplog.text


def test_numbers_that_are_equal_are_no_contradiction(weights, caplog):
    agreed_label_set(None, weights, {"pixdim": [2.0, 2.0, 3.0]}, {"pixdim": (2, 2, 3)})
    assert caplog.text == ""


def test_two_settings_that_contradict_each_other_are_refused():
    with pytest.raises(BundleError, match=r"roi_size is .*40.* no multiples of 32"):
        agreed_label_set(None, "", {}, {"roi_size": [40, 40, 40], "depths": [2, 2, 2, 2], "embed_dim": 12})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("flare23", r"it lacks left part, right part, nodule and they do not know 14 classes \(liver, "),
        ({"left part": 1, "right part": 2}, "it lacks nodule;"),
        (OWN | {"cyst": 4}, "they do not know cyst;"),
        ({"left part": 2, "right part": 1, "nodule": 3}, "its order is right part, left part, nodule, not left part"),
    ],
    ids=["other classes", "fewer", "more", "another order"],
)
def test_other_classes_than_those_of_the_weights_are_refused(weights, given, told):
    with pytest.raises(WeightsError, match=f"the label set given is not that of these weights: {told}"):
        agreed_label_set(given, weights)


def test_the_same_classes_may_be_given_with_other_facts(weights):
    facts = {"labels": OWN, "classes": {"nodule": {"tolerance_mm": 1.0}}}
    assert agreed_label_set(facts, weights).tolerances_mm[3] == 1.0


def test_numbers_that_were_swapped_in_the_record_are_refused_though_the_weights_are_the_same(weights):
    content = json.loads(sidecar_path(weights).read_text())
    content["labels"]["labels"] |= {"left part": 2, "right part": 1}
    sidecar_path(weights).write_text(json.dumps(content))
    with pytest.raises(RecordError, match=r"model\.json: names or numbers of classes were changed after"):
        recorded_label_set(weights)
    del content["labels"]["sha256"]
    sidecar_path(weights).write_text(json.dumps(content))
    assert recorded_label_set(weights).names[1] == "right part"


@pytest.mark.parametrize(("further", "words"), [(True, "were pretrained with"), (False, "were trained with")])
def test_other_preprocessing_is_told_with_both_values(weights, caplog, further, words):
    compare_settings(
        weights, {"pixdim": [1.0, 1.0, 1.0], "window_hu": [-100, 300], "intensity": "zscore"}, None, further
    )
    (line,) = caplog.messages
    assert f"pixdim is [1.0, 1.0, 1.0], and these weights {words} [2.0, 2.0, 3.0]" in line
    compare_settings(None, {"pixdim": [1.0, 1.0, 1.0]}, None, further)
    assert len(caplog.messages) == 1


def test_another_network_is_left_to_the_loading_where_weights_are_trained_further(weights):
    compare_settings(weights, {"embed_dim": 24}, further=True)
    with pytest.raises(WeightsError, match="embed_dim is 24"):
        compare_settings(weights, {"embed_dim": 24})
