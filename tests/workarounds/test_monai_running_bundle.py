"""The bundle that is being built is found with its parser, its folder and the settings of the command line."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

from monai.bundle import ConfigParser
from monai.bundle.scripts import run

from swinx.workarounds import RunningBundle, replace_setting, running_bundle


def test_outside_of_a_bundle_all_is_empty():
    assert running_bundle() == RunningBundle()


def test_a_run_of_monai_is_found_with_the_settings_that_monai_drops(tmp_path, monkeypatch):
    found: list[RunningBundle] = []
    looker = SimpleNamespace(look=lambda: found.append(running_bundle()))
    monkeypatch.setitem(sys.modules, "looker", looker)
    (tmp_path / "configs").mkdir()
    file = tmp_path / "configs" / "train.json"
    file.write_text(json.dumps({"imports": ["$import looker"], "rate": 1, "run": ["$looker.look()"]}))
    run(config_file=str(file), rate=2, depth=None)
    (running,) = found
    assert running.parser is not None
    assert running.parser["rate"] == 2
    assert running.folder == tmp_path
    assert dict(running.given) == {"rate": 2, "depth": None}


def test_the_outermost_of_several_parsers_is_found():
    inner = {"number": 2, "seen": "$@look()", "look": running_bundle}
    outer = ConfigParser({"number": 1, "seen": "$@inner.get_parsed_content('seen')", "inner": ConfigParser(inner)})
    running = outer.get_parsed_content("seen")
    assert running.parser is outer


def test_a_replaced_setting_is_what_expressions_see():
    parser = ConfigParser({"rate": "1", "twice": "$@rate * 2"})
    parser.parse()
    replace_setting(parser, "rate", 3)
    assert parser.get_parsed_content("twice") == 6
