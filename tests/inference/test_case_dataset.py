"""CaseDataset: every case comes, the bad ones with their reason."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from monai.data import DataLoader
from monai.transforms import Compose, Lambdad

from swinx.errors import CaseError
from swinx.inference import CaseDataset, collate_case

NOW = [0.0]
"""Seconds on the clock of these tests, so that no step takes longer on a busy machine."""


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    monkeypatch.setattr("swinx.inference.case_dataset.time", SimpleNamespace(perf_counter=lambda: NOW[0]))


def load(path: str) -> torch.Tensor:
    if path == "bad":
        raise CaseError("bad.nii.gz", "is empty")
    NOW[0] += 2
    return torch.full((1, len(path), 3, 3), 2.0)


def halve(image: torch.Tensor) -> torch.Tensor:
    if image.shape[1] == 7:
        raise RuntimeError("odd")
    NOW[0] += 1
    return image / 2


CASES = [{"case": case, "image": image} for case, image in [("a", "xx"), ("b", "bad"), ("c", "y" * 7), ("d", "zzz")]]
STEPS = [Lambdad("image", load), Lambdad("image", halve)]


def test_bad_cases_say_why_and_the_others_come_with_the_time_of_each_step():
    items = list(CaseDataset(CASES, Compose(STEPS)))
    assert [item["case"] for item in items] == ["a", "b", "c", "d"]
    assert items[1] == {"case": "b", "failure": "bad.nii.gz: is empty"}
    assert items[2] == {"case": "c", "failure": "RuntimeError: odd"}
    for item in (items[0], items[3]):
        assert float(item["image"].max()) == 1
        assert (item["seconds_load"], item["seconds_preprocess"]) == (2, 1)


def test_a_single_step_is_the_loading():
    item = CaseDataset(CASES[:1], Compose(STEPS[:1]))[0]
    assert float(item["image"].max()) == 2
    assert (item["seconds_load"], item["seconds_preprocess"]) == (2, 0)


def test_the_list_of_cases_is_not_changed():
    data_set = CaseDataset(CASES, Compose(STEPS))
    list(data_set)
    assert [set(item) for item in data_set.data] == [{"case", "image"}] * 4


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_loader_hands_over_cases_of_different_size_and_bad_ones(num_workers):
    loader = DataLoader(
        CaseDataset(CASES, Compose(STEPS)), batch_size=1, num_workers=num_workers, collate_fn=collate_case
    )
    batches = list(loader)
    assert [batch["image"].shape[2] for batch in (batches[0], batches[3])] == [2, 3]
    assert batches[0]["case"] == ["a"]
    assert [batch["case"] for batch in batches[1:3]] == ["b", "c"]
    assert all("failure" in batch for batch in batches[1:3])


def test_several_cases_in_one_batch_are_refused():
    with pytest.raises(ValueError, match="one by one; got a batch of 2"):
        collate_case([{"case": "a"}, {"case": "b"}])


def test_an_entry_with_a_fault_is_reported_with_it_and_not_read():
    data_set = CaseDataset([{"case": "a", "image": "xx", "fault": "list.json: testing[0]: why"}], Compose(STEPS))
    assert data_set[0] == {"case": "a", "failure": "list.json: testing[0]: why"}


@pytest.mark.parametrize("name", ["a\nb", "a\0", "\udcff", ".a", "a/b", "", "x" * 300, None, 7])
def test_a_case_whose_name_cannot_name_a_file_fails_alone_under_another_name(name):
    data_set = CaseDataset([{"case": "case[1]", "image": "xx"}, {"case": name, "image": "a\nb.nii"}], Compose(STEPS))
    assert data_set[0]["case"] == "case[1]"
    failed = data_set[1]
    assert failed["case"] == data_set.data[1]["case"] == "case[1]'"
    assert "cannot name an output file" in failed["failure"]
    assert "\n" not in failed["failure"]
