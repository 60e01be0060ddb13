"""Settings of a run: what is refused, in which words, and what is read as it is meant."""

from __future__ import annotations

import sys

import pytest
from monai.bundle import ConfigParser

from swinx.bundle import SETTINGS, check_run_settings, read_setting, read_settings
from swinx.bundle.references import names_in_use
from swinx.errors import BundleError
from swinx.workarounds import raw_text

NETWORK = {"_target_": "Net", "embed_dim": "@embed_dim", "heads": "@num_heads", "window": "@roi_size"}


def used(**settings):
    """A configuration in which a component uses every setting."""
    return {**settings, "network_def": {"_target_": "Net", **{name: f"@{name}" for name in settings}}}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_epochs", 0, "max_epochs is 0; give a whole number, 1 or more"),
        ("max_epochs", 1.5, "max_epochs is 1.5; give a whole number"),
        ("max_epochs", -3, "max_epochs is -3; give a whole number"),
        ("max_epochs", True, "max_epochs is True; give a whole number"),
        ("max_epochs", "10", "max_epochs is '10'; give a whole number"),
        ("flip_prob", 2, "flip_prob is 2; give a number from 0 to 1"),
        ("flip_prob", float("nan"), "flip_prob is nan; give a number from 0 to 1"),
        ("pixdim", 8, "pixdim is 8; give a list of 3, each a number from 0.1 to 20 mm, such as"),
        ("pixdim", [1000, 1, 1], r"pixdim is \[1000, 1, 1\]; give a list of 3, each a number from 0.1 to 20 mm"),
        ("pixdim", [1, 1], r"pixdim is \[1, 1\]; give a list of 3"),
        ("learning_rate", "abc", "learning_rate is 'abc'; give a number above 0, or none"),
        ("learning_rate", 0, "learning_rate is 0; give a number above 0"),
        ("resume", "maybe", "resume is 'maybe'; give True or False"),
        ("resume", 2, "resume is 2; give True or False"),
        ("resume", None, "resume is None; give True or False"),
        ("backend", "fast", "backend is 'fast'; give plain, torch, openvino or auto"),
        ("device", "gpu", "device is 'gpu'; give cpu, cuda, or a GPU by its number, such as cuda:0"),
        ("device", 0, "device is 0; give cpu, cuda"),
        ("output_dir", "", "output_dir is ''; give a path"),
        ("classes", [0, 1], r"classes is \[0, 1\]; give a list, each a whole number from 1 to 254, or a text"),
        ("student_overrides", "x", "student_overrides is 'x'; give settings by name"),
        ("dataset_dir", "a#b", "dataset_dir is 'a#b', and MONAI replaces # in texts"),
    ],
)
def test_a_value_that_a_setting_cannot_have_is_refused_in_a_sentence_that_names_it(name, value, message):
    with pytest.raises(BundleError, match=f"^{message}"):
        read_setting(SETTINGS[name], value)


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        *[("resume", word, False) for word in ("false", "False", "FALSE", "no", "off", 0)],
        *[("resume", word, True) for word in ("true", "yes", "On", 1)],
        *[("pretrained", word, None) for word in ("none", "null", "None", None)],
        ("max_epochs", 100.0, 100),
        ("roi_size", (96, 96, 96), [96, 96, 96]),
        ("dataset_dir", 20230101, "20230101"),
        ("series", 7, "7"),
        ("section", 2024, "2024"),
        ("folds", "all", "all"),
        ("folds", ("all",), ["all"]),
        ("bfloat16", "no", False),
        ("bfloat16", "auto", "auto"),
        ("label_map", {"liver": 1}, {"liver": 1}),
        ("label_map", "none", None),
        (
            "refine_configs",
            ["$os.path.join(@configs_dir, 'refine.json')"],
            ["$os.path.join(@configs_dir, 'refine.json')"],
        ),
    ],
)
def test_words_and_numbers_of_a_command_line_become_what_is_meant(name, value, meant):
    found = read_setting(SETTINGS[name], value)
    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1e5", 1e5),
        ("1.10", 1.1),
        ("007", "007"),
        ("0x10", 16),
        ("Smith,Anna", ("Smith", "Anna")),
        ("[a]", ["a"]),
        ("True", True),
    ],
)
@pytest.mark.parametrize("form", ["--output_dir {}", "--output-dir {}", "--output_dir={}"])
def test_the_text_of_a_path_is_taken_from_the_command_line(monkeypatch, text, read, form):
    monkeypatch.setattr(sys, "argv", ["bundle", "run", "--output_dir", "earlier", *form.format(text).split(" ")])
    assert read_setting(SETTINGS["output_dir"], read) == text


def test_a_path_whose_text_is_lost_is_refused_and_the_sentence_says_how_to_write_it(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["another.py", "--output_dir", "2e5"])
    for value in (1e5, ("Smith", "Anna"), True):
        with pytest.raises(BundleError, match=r"output_dir was read as .*write \./ in front of the name"):
            read_setting(SETTINGS["output_dir"], value)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("overlpa", "overlap"), ("max_epoch", "max_epochs"), ("datset_dir", "dataset_dir"), ("lr", None)],
)
def test_an_unknown_name_is_refused_with_the_nearest_of_this_command(wrong, right):
    configuration = used(overlap=0.5, max_epochs=3, dataset_dir="data")
    nearest = f"; did you mean {right}?" if right else r" \("
    with pytest.raises(BundleError, match=f"^there is no setting {wrong}{nearest}".replace("?", r"\?")):
        read_settings({**configuration, wrong: 1}, {wrong: 1})
    with pytest.raises(BundleError, match=f"there is no setting {wrong}"):
        read_settings({**configuration, wrong: 1}, {})


def test_an_expression_under_an_unknown_name_is_refused_on_a_command_line_and_taken_in_a_file():
    configuration = {**used(overlap=0.5), "overlpa": "$0.2 * 2"}
    with pytest.raises(BundleError, match="there is no setting overlpa"):
        read_settings(configuration, {"overlpa": "$0.2 * 2"})
    assert read_settings(configuration, {}) == ({}, [])


def test_overlays_may_bring_values_that_they_use_components_and_paths():
    overlay = {"my_rate": 2, "mine": {"_target_": "X", "rate": "@my_rate"}, "more": ["$import x"], "net::dim": 3}
    assert read_settings({**used(overlap=0.5), **overlay}, {"net::dim": 3, "my_rate": 2}) == ({}, [])


def test_names_of_monai_s_tracking_are_known_where_it_is_on():
    configuration = {**used(overlap=0.5), "run_name": "first"}
    assert read_settings(configuration, {"run_name": "first"}, {"run_name"}) == ({}, [])
    with pytest.raises(BundleError, match="there is no setting run_name"):
        read_settings(configuration, {"run_name": "first"})


def test_a_setting_of_another_command_is_warned_of_where_the_user_gave_it():
    configuration = {**used(overlap=0.5), "max_epochs": 3}
    assert read_settings(configuration, {}) == ({}, [])
    _, (warning,) = read_settings(configuration, {"max_epochs": 3})
    assert warning.startswith("max_epochs has no effect on this run: nothing in its configuration takes it")


def test_a_data_list_goes_before_the_folder_without_a_warning():
    configuration = {**used(datalist="a/list.json", overlap=0.5), "dataset_dir": "a"}
    assert read_settings(configuration, {"dataset_dir": "a", "datalist": "a/list.json"}) == ({}, [])
    _, (warning,) = read_settings(configuration, {"dataset_dir": "a"})
    assert warning.startswith("dataset_dir has no effect on this run")


def test_none_on_the_command_line_counts_where_it_can_and_is_refused_elsewhere():
    found, (warning,) = read_settings(used(pretrained="a.pt"), {"pretrained": None})
    assert found == {"pretrained": None}
    assert warning == "pretrained None: MONAI drops settings that are None; taken as none, which can be written as none"
    with pytest.raises(BundleError, match=r"max_epochs None: .*cannot be none; give a whole number, 1 or more"):
        read_settings(used(max_epochs=3), {"max_epochs": None})
    with pytest.raises(BundleError, match="there is no setting pretraned; did you mean pretrained"):
        read_settings(used(pretrained="a.pt"), {"pretraned": None})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"warmup_epochs": 20, "max_epochs": 10},
            "warmup_epochs is 20, longer than the run of 10 epochs; give 10 or less",
        ),
        (
            {"roi_size": [32, 32, 48], "embed_dim": 12, "depths": [2] * 4},
            r"roi_size is \[32, 32, 48\], whose sides are no multiples of 32",
        ),
        ({"roi_size": [96] * 3, "region_size": [128, 128, 64]}, "region_size is .* smaller than roi_size"),
        (
            {"embed_dim": 48, "num_heads": [5, 6, 12, 24]},
            "num_heads is .* stage 1 has 48 channels .* which 5 does not divide",
        ),
        ({"depths": [2, 2], "num_heads": [3]}, r"num_heads is \[3\] and depths is \[2, 2\], of another length"),
        ({"window_hu": [250, -250]}, r"window_hu is \[250, -250\], whose first number is not below the second"),
        ({"positive_patches": 0, "negative_patches": 0}, "positive_patches and negative_patches are both 0"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(BundleError, match=message):
        read_settings(used(**settings), settings)


def test_the_default_warm_up_of_a_short_trial_is_a_warning():
    _, (warning,) = read_settings(used(warmup_epochs=5, max_epochs=1), {"max_epochs": 1})
    assert "the warm-up of 5 epochs is longer than the run of 1" in warning


def test_sides_of_windows_are_free_for_networks_without_a_swin_encoder():
    configuration = {"roi_size": [40] * 3, "embed_dim": 48, "network_def": {"_target_": "UNet", "size": "@roi_size"}}
    assert read_settings(configuration, {}) == ({}, [])


def test_values_are_replaced_before_anything_refers_to_them():
    parser = ConfigParser(
        {
            "imports": ["$import os", "$from swinx.bundle import check_run_settings"],
            "dataset_dir": 2024,
            "resume": "no",
            "pixdim": (4.0, 4.0, 4.0),
            "list": "$os.path.join(@dataset_dir, 'datalist.json')",
            "part": {"_target_": "builtins.dict", "resume": "@resume", "pixdim": "@pixdim", "path": "@list"},
            "run": ["$check_run_settings()", "$@part"],
        }
    )
    parser.parse()
    assert parser.get_parsed_content("run::0") is None
    assert parser.get_parsed_content("run::1") == {
        "resume": False,
        "pixdim": [4.0, 4.0, 4.0],
        "path": "2024/datalist.json",
    }


def test_without_a_bundle_on_the_stack_nothing_happens():
    assert check_run_settings() is None


def test_names_in_use_are_those_of_references_not_those_of_texts():
    assert names_in_use({"a": "@b::c", "d": ["$@e + @f::0"], "g": "mail@h", "i": {"j": "@k"}}) == {"b", "e", "f", "k"}


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    """Give the process its hook back."""
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)


def test_a_process_without_words_on_its_command_line_has_no_text(monkeypatch):
    monkeypatch.setattr("sys.argv", ["python"])
    assert raw_text("dataset_dir", 2024) is None
