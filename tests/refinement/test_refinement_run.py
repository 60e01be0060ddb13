"""A refinement, step by step, around an evaluator that does nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swinx.errors import DataListError
from swinx.files import read_table
from swinx.refinement import MinimumConfidence, RefinementRun, RefinementSettings


class _Parts:
    """Stand-ins for the parts of a refinement that note their calls, in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.pending: list[str] = []
        self.results: Any = "not closed"

    def dataset(self, data: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.pending = [item["case"] for item in data]
        return data

    def dataloader(self, dataset: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return dataset

    def evaluator(self, val_data_loader: list[dict[str, Any]]) -> _Parts:
        assert val_data_loader
        return self

    def run(self) -> None:
        self.calls.append("evaluate")

    def all_failures(self) -> list[dict[str, str]]:
        self.calls.append("gather failures")
        return [{"case": case, "reason": f"{case} is bad"} for case in self.pending]

    def begin(self) -> None:
        self.calls.append("begin")

    def close(self, results: Any = None) -> None:
        self.calls.append("close")
        self.results = results


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A data list with one good entry and several bad ones."""
    entries = [
        {"case": "NA", "image": "a.nii.gz"},
        {"case": "a\nb", "image": "b.nii.gz"},
        {"case": "c", "image": "../c.nii.gz"},
        {"image": "d\0.nii.gz"},
    ]
    (tmp_path / "datalist.json").write_text(json.dumps({"unlabeled": entries, "validation": [{"image": "v.nii"}, 7]}))
    return tmp_path / "datalist.json"


def refinement(data_list: Path, parts: _Parts, **changes: Any) -> RefinementRun:
    out = data_list.parent / "out"
    settings = RefinementSettings({}, "0")
    where = (data_list, ["training", "unlabeled"], data_list.parent, None, out, settings)
    return RefinementRun(*where, parts.dataset, parts.dataloader, parts.evaluator, parts, parts, **changes)


def test_the_outcome_names_every_case_as_the_list_does_and_takes_over_good_entries(listed, tmp_path, capsys):
    parts = _Parts()
    refinement(listed, parts).run()
    assert parts.calls == ["begin", "evaluate", "gather failures", "close"]
    assert parts.results == {"refined": 0, "selected": 0}
    names = ["NA", "unlabeled[1]", "c", "unlabeled[3]"]
    table = read_table(tmp_path / "out" / "cases.csv", text=("case", "reason"))
    assert list(table["case"]) == names
    assert list(table["reason"]) == [f"{name} is bad" for name in names]
    written = json.loads((tmp_path / "out" / "datalist.json").read_text())
    assert [entry["case"] for entry in written["validation"]] == ["v"]
    assert list(json.loads((tmp_path / "out" / "manifest.json").read_text())["failed"]) == sorted(names)
    assert capsys.readouterr().out.startswith("0 of 4 cases refined, 0 selected for training: ")


def test_an_empty_section_of_the_list_is_left_out_without_a_warning(listed, caplog):
    content = json.loads(listed.read_text())
    listed.write_text(json.dumps({**content, "testing": []}))
    refinement(listed, _Parts()).run()
    assert "section testing" not in caplog.text
    assert "not taken over: " in caplog.text


def test_processes_share_the_cases_and_the_first_alone_writes_tables(listed, tmp_path):
    shares = []
    for rank in (1, 0):
        parts = _Parts()
        refinement(listed, parts, rank=rank, world_size=2).run()
        shares += parts.pending
        assert parts.calls == ["begin", "evaluate", "gather failures", "close"]
        assert (parts.results is None) == (rank == 1)
        assert (tmp_path / "out").exists() == (rank == 0)
    assert sorted(shares) == sorted(["NA", "unlabeled[1]", "c", "unlabeled[3]"])


def test_a_process_without_cases_builds_no_evaluator_and_still_waits_for_the_others(listed):
    parts = _Parts()
    refinement(listed, parts, rank=5, world_size=6).run()
    assert parts.calls == ["begin", "gather failures", "close"]


def test_a_list_that_cannot_be_used_ends_the_run_before_anything_is_predicted(listed):
    listed.write_text("{}")
    parts = _Parts()
    with pytest.raises(DataListError, match="no cases in training, unlabeled"):
        refinement(listed, parts).run()
    assert parts.calls == ["begin"]


def test_the_rule_on_unpredicted_classes_comes_before_the_others(listed):
    rule = MinimumConfidence()
    for drop, first in ((True, ["PredictedSomewhere"]), (False, [])):
        run = refinement(listed, _Parts(), selection=[rule], drop_unpredicted=drop)
        assert [type(each).__name__ for each in run.rules] == [*first, "MinimumConfidence"]
