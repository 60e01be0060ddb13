"""The rules of the Model Zoo hold for our bundles, and each of them bites."""

from __future__ import annotations

import copy
import json

import pytest

from support.bundles import ROOT
from swinx.packaging import metadata_faults

BUNDLES = sorted((ROOT / "bundles").iterdir())
IMAGE = ("network_data_format", "inputs", "image")
PRED = ("network_data_format", "outputs", "pred")


def good() -> dict:
    return json.loads((ROOT / "bundles/swinx_seg/configs/metadata.json").read_text())


def changed(path: tuple[str, ...], value: object) -> dict:
    """Metadata with one value replaced, or removed if the value is None."""
    content = copy.deepcopy(good())
    place = content
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return content


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_our_bundles_keep_all_rules(bundle):
    assert metadata_faults(json.loads((bundle / "configs" / "metadata.json").read_text())) == []


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_our_bundles_have_the_files_that_the_model_zoo_asks_for(bundle):
    for name in ("LICENSE", "configs/metadata.json", "configs/inference.json", "configs/train.json", "docs/README.md"):
        assert (bundle / name).stat().st_size > 0
    assert "Apache License" in (bundle / "LICENSE").read_text()


@pytest.mark.parametrize(
    "key",
    [
        *("schema", "version", "changelog", "monai_version", "pytorch_version", "numpy_version"),
        *("required_packages_version", "task", "description", "authors", "copyright", "network_data_format"),
    ],
)
def test_a_missing_key_is_named(key):
    assert metadata_faults(changed((key,), None)) == [f"{key} is missing"]


@pytest.mark.parametrize(
    "key",
    ["type", "format", "num_channels", "spatial_shape", "dtype", "value_range", "is_patch_data", "channel_def"],
)
def test_a_missing_property_of_a_tensor_is_named(key):
    (fault,) = metadata_faults(changed((*PRED, key), None))
    assert fault == f"network_data_format, outputs, pred: {key} is missing"


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("schema",), "nonsense", "schema 'nonsense' is no address of MONAI's, such as https://"),
        (("schema",), "https://example.org/meta_schema_20240725.json", "no address of MONAI's"),
        (("changelog",), {"0.1.0": " "}, "changelog, 0.1.0: ' ' is not a text"),
        (("changelog",), {"0.1.0": None}, "changelog, 0.1.0: None is not a text"),
        (("version",), "9.9.9", "not in the changelog"),
        (("version",), "newest", "no version such as"),
        (("version",), 1, "not a text"),
        (("authors",), " ", "not a text"),
        (("changelog",), ["0.1.0"], "not an object"),
        (("supported_apps",), [], "not an object"),
        (("references",), "a paper", "no list of texts"),
        (("required_packages_version", "nibabel"), ">=5", "no version such as"),
        (("optional_packages_version",), {"highdicom": "0.28.2"}, "old name"),
        (("network_data_format", "inputs"), {}, "has no inputs"),
        (IMAGE, "CT", "is no object"),
        ((*IMAGE, "type"), "picture", "type 'picture'"),
        ((*IMAGE, "format"), "HU", "format 'HU'"),
        ((*IMAGE, "num_channels"), "1", "no count"),
        ((*IMAGE, "spatial_shape"), [96, "many", 96], "no list of sizes"),
        ((*IMAGE, "spatial_shape"), [96, 0, 96], "no list of sizes"),
        ((*IMAGE, "dtype"), "number", "no type of numbers"),
        ((*IMAGE, "value_range"), ["0", "1"], "no list of numbers"),
        ((*IMAGE, "value_range"), [1, 0], "value_range [1, 0] is no list of numbers that rise"),
        ((*IMAGE, "value_range"), [5, -5], "value_range [5, -5] is no list of numbers that rise"),
        ((*IMAGE, "value_range"), [False, True], "no list of numbers"),
        ((*IMAGE, "value_range"), [1], "no list of numbers that rise"),
        ((*IMAGE, "channel_def"), {}, "image: channel_def is empty; name each channel"),
        ((*PRED, "channel_def"), {}, "pred: channel_def is empty; name each channel"),
        ((*IMAGE, "is_patch_data"), "yes", "neither true nor false"),
        ((*PRED, "channel_def"), {"liver": "1"}, "by number"),
        ((*PRED, "channel_def"), {"²": "liver"}, "by number"),
        ((*PRED, "num_channels"), 14, "names 15 channels of 14"),
        ((*IMAGE, "channel_def"), {"1": "image"}, "not 0 to 0"),
    ],
)
def test_a_wrong_value_is_named(path, value, fault):
    assert fault in "; ".join(metadata_faults(changed(path, value)))


def test_an_input_of_another_name_is_refused():
    content = good()
    content["network_data_format"]["inputs"] = {"scan": content["network_data_format"]["inputs"]["image"]}
    assert metadata_faults(content) == ["network_data_format, inputs: none is named image, but scan"]


@pytest.mark.parametrize("limits", [[], [0, 1], [-1024.0, 3071], [0, 1, 2, 3]])
def test_ranges_that_rise_and_unknown_ones_are_taken(limits):
    assert metadata_faults(changed((*PRED, "value_range"), limits)) == []


@pytest.mark.parametrize("sizes", [["*", "*", "*"], ["16*n", "16*n", "8*n"], [96, 96, 96], ["2**n", "n", "256"]])
def test_sizes_that_follow_a_rule_are_taken(sizes):
    assert metadata_faults(changed((*IMAGE, "spatial_shape"), sizes)) == []
