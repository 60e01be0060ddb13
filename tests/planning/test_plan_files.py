"""Files of a plan: an overlay of plain values, and its reasons beside it."""

from __future__ import annotations

import json

import pytest

from support.fingerprints import FLARE23, collections, fingerprint_from
from swinx.bundle import SETTINGS
from swinx.files import read_object
from swinx.planning import plan, plan_table, write_plan


def test_the_overlay_holds_the_plan_and_nothing_that_is_evaluated(tmp_path):
    made = plan(FLARE23)
    overlay, _ = write_plan(made, tmp_path / "new" / "settings.json")
    content = read_object(overlay)
    assert content == made.overlay()
    assert set(content) <= set(SETTINGS)
    assert not any(mark in overlay.read_text(encoding="utf-8") for mark in "$@%")


@pytest.mark.parametrize("name", collections())
def test_the_reasons_lie_beside_it_with_the_fingerprint_that_gives_the_plan_again(tmp_path, name):
    made = plan(collections()[name])
    _, record = write_plan(made, tmp_path / "settings.json")
    content = read_object(record)
    assert record.name == "settings_reasons.json"
    again = plan(fingerprint_from(content["fingerprint"]))
    assert again == made
    assert [(row["name"], row["value"], row["reason"]) for row in content["plan"]] == [
        (setting.name, setting.value, setting.reason) for setting in made.settings
    ]


def test_neither_file_changes_where_one_cannot_be_written(tmp_path):
    (tmp_path / "settings.json").mkdir()
    with pytest.raises(OSError, match=r"settings\.json"):
        write_plan(plan(FLARE23), tmp_path / "settings.json")
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_a_second_plan_replaces_the_first(tmp_path):
    for name in ("flare23", "few cases"):
        overlay, _ = write_plan(plan(collections()[name]), tmp_path / "settings.json")
    assert read_object(overlay) == plan(collections()["few cases"]).overlay()


def test_the_table_has_a_line_for_each_setting_with_value_and_reason():
    made = plan(FLARE23)
    lines = plan_table(made).splitlines()
    for setting in made.settings:
        (line,) = [line for line in lines if line.startswith(f"{setting.name} ")]
        assert json.dumps(setting.value) in line
        assert line.endswith(setting.reason)
