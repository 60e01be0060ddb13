"""load_probe_cases: what is tested was not fitted on, and few cases cover all classes."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from swinx.errors import DataListError
from swinx.pretraining import load_probe_cases
from swinx.pretraining.probe.probe_cases import choose_covering


@pytest.fixture
def write(tmp_path):
    def write_list(**sections: list[dict]):
        for entries in sections.values():
            for entry in entries:
                for key in ("image", "label"):
                    if key in entry:
                        (tmp_path / entry[key]).touch()
        path = tmp_path / "datalist.json"
        path.write_text(json.dumps(sections))
        return path

    return write_list


def entry(case: str, **more) -> dict:
    return {"case": case, "image": f"{case}_0000.nii.gz", "label": f"{case}.nii.gz"} | more


def test_cases_come_with_their_section_and_those_to_fit_on_first(write):
    path = write(validation=[entry("c")], training=[entry("b"), entry("a", annotated=[1])])
    found = load_probe_cases(path, "training", "validation")
    assert [(item["case"], item["section"]) for item in found] == [
        ("b", "training"),
        ("a", "training"),
        ("c", "validation"),
    ]
    assert found[1]["annotated"] == [1]


def test_a_probe_is_not_tested_on_what_it_was_fitted_on(write):
    path = write(training=[entry("a"), entry("b")], validation=[entry("c"), entry("b")])
    with pytest.raises(DataListError, match="fit_section and section are both 'training'"):
        load_probe_cases(path, "training", "training")
    with pytest.raises(DataListError, match="case 'b' is in both 'training' and 'validation'"):
        load_probe_cases(path, "training", "validation")
    path = write(training=[entry("a")], validation=[entry("b", image="a_0000.nii.gz")])
    with pytest.raises(DataListError, match=r"image '.*a_0000\.nii\.gz' is in both"):
        load_probe_cases(path, "training", "validation")


def test_a_section_without_labels_is_refused(write):
    path = write(training=[entry("a")], unlabeled=[{"image": "u_0000.nii.gz"}], validation=[])
    with pytest.raises(DataListError, match=r"datalist\.json.*unlabeled(.|\n)*'label' is missing"):
        load_probe_cases(path, "training", "unlabeled")
    with pytest.raises(DataListError, match="'validation' is empty"):
        load_probe_cases(path, "training", "validation")
    with pytest.raises(DataListError, match="no section 'testing'"):
        load_probe_cases(path, "training", "testing")


def test_the_choice_of_cases_is_limited_and_seeded(write):
    path = write(training=[entry(f"t{n}", annotated=[1]) for n in range(9)], validation=[entry("v")])

    def chosen(seed: int) -> list[str]:
        return [item["case"] for item in load_probe_cases(path, "training", "validation", 3, seed)]

    assert len(chosen(0)) == 4
    assert chosen(0) == chosen(0)
    assert len({tuple(chosen(seed)) for seed in range(10)}) > 3
    with pytest.raises(ValueError, match="max_fit_cases must be 1 or more"):
        load_probe_cases(path, "training", "validation", 0)


def test_few_cases_cover_every_class_about_equally():
    common = [entry(f"liver{n}", annotated=[1]) for n in range(200)]
    rare = [entry(f"kidneys{n}", annotated=[2, 13]) for n in range(5)] + [entry("organs", annotated=[1, 2, 7, 13])]
    chosen = choose_covering(common + rare, 6, np.random.default_rng(0))
    counts = Counter(label for item in chosen for label in item["annotated"])
    assert set(counts) == {1, 2, 7, 13}
    assert max(counts[label] for label in (1, 2, 13)) - min(counts[label] for label in (1, 2, 13)) <= 1


def test_cases_without_a_record_of_their_classes_come_last():
    items = [entry(f"u{n}") for n in range(20)] + [entry("k", annotated=[2])]
    assert [item["case"] for item in choose_covering(items, 1, np.random.default_rng(0))] == ["k"]
    assert len(choose_covering(items, 5, np.random.default_rng(0))) == 5
    assert len(choose_covering(items, 99, np.random.default_rng(0))) == 21


def test_an_unusable_entry_costs_its_own_case_and_is_never_among_the_chosen(write):
    path = write(
        training=[entry("a"), entry("b") | {"label": "../b.nii.gz"}, entry("c")],
        validation=[entry("v"), entry("w") | {"case": ".w"}],
    )
    found = load_probe_cases(path, "training", "validation", max_fit_cases=1)
    assert [item["section"] for item in found if "fault" not in item] == ["training", "validation"]
    assert [item["case"] for item in found if "fault" in item] == ["b", "validation[1]"]
