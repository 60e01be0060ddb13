"""The active configuration: found from within a component, with overrides, and its settings."""

from __future__ import annotations

from monai.bundle import ConfigParser

from swinx.bundle import active_configuration, flat_settings


def test_a_component_finds_the_configuration_that_builds_it_with_its_overrides():
    config = {
        "imports": ["$from swinx.bundle import active_configuration"],
        "rate": 0.1,
        "network": {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 1},
        "found": "$active_configuration()",
    }
    parser = ConfigParser(config)
    parser["rate"] = 0.2
    found = parser.get_parsed_content("found")
    assert found["rate"] == 0.2
    assert found["network"]["_target_"] == "torch.nn.Linear"


def test_outside_a_bundle_there_is_none():
    assert active_configuration() == {}


def test_settings_are_plain_values_at_the_top():
    config = {
        "lr": 0.1,
        "none": None,
        "roi": [96, 96, 96],
        "ranges": {"3": [0, 1]},
        "device": "$torch.device('cpu')",
        "mixed": [1, "@lr"],
        "net": {"_target_": "x"},
        "nothing": {},
    }
    assert flat_settings(config) == {"lr": 0.1, "none": None, "roi": [96, 96, 96], "ranges": {"3": [0, 1]}}


def test_expressions_at_the_top_are_shown_as_what_they_gave():
    parser = ConfigParser(
        {
            "imports": ["$import torch"],
            "device": "$torch.device('cpu')",
            "rate": "$0.1 * 2",
            "seen": {"_target_": "swinx.bundle.configuration.active_configuration"},
            "run": "$(@device, @rate, @seen)",
        }
    )
    *_, seen = parser.get_parsed_content("run")
    assert (seen["device"], seen["rate"]) == ("cpu", 0.2)
    assert seen["seen"]["_target_"].endswith("active_configuration")
