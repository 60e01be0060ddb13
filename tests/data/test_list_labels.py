"""Label sets and label maps of data lists: what names and numbers of an entry mean, for whom they are read."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from support.geometry import oblique_affine
from swinx.data import (
    LoadLabeld,
    annotated_by_people,
    annotated_table,
    find_cases,
    list_label_set,
    load_annotated_manifest,
    load_cases,
    load_data_list,
    load_labelled,
    write_data_list,
)
from swinx.errors import DataListError
from swinx.labels import FLARE23, class_numbers, known_label_sets, read_label_set

CHEST = {
    "labels": {"background": 0, "left lung lobe": 1, "right lung lobe": 2, "nodule": 3},
    "classes": {"nodule": {"inside": ["left lung lobe", "right lung lobe"]}},
}
SPARSE = {"background": 0, "liver": 3, "spleen": 7, "tumor": 40}


@pytest.fixture
def folder(tmp_path):
    for name in ("a.nii.gz", "a_label.nii.gz", "b.nii.gz", "masks/liver.nii.gz", "masks/spleen.nii.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


ENTRY = {"case": "a", "image": "a.nii.gz", "label": "a_label.nii.gz"}


def a_list(folder, *entries, **head):
    path = folder / "list.json"
    path.write_text(json.dumps({**head, "training": list(entries) or [ENTRY]}))
    return path


def one(path, **options):
    (item,) = load_data_list(path, "training", **options)
    return item


@pytest.mark.parametrize("name", known_label_sets())
def test_names_and_numbers_of_a_known_set_bring_all_that_is_known_of_it(folder, name):
    known = read_label_set(name)
    numbers = dict(zip(known.names, known.values, strict=True))
    for labels in (name, numbers, {str(value): each for each, value in numbers.items()}):
        assert list_label_set(a_list(folder, labels=labels)) == known


def test_a_list_without_labels_is_of_flare23(folder):
    assert list_label_set(a_list(folder)) is FLARE23


def test_labels_may_be_a_file_in_the_folders_of_the_list(folder, tmp_path_factory):
    (folder / "sets").mkdir()
    (folder / "sets" / "chest.json").write_text(json.dumps(CHEST))
    found = list_label_set(a_list(folder, labels="sets/chest.json"))
    assert found == read_label_set(CHEST)
    assert found.hosts(3) == (1, 2)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "chest.json"
    elsewhere.write_text(json.dumps(CHEST))
    with pytest.raises(DataListError, match=r"list\.json: labels .* is outside the data directory"):
        list_label_set(a_list(folder, labels=str(elsewhere)))
    with pytest.raises(
        DataListError, match=r"list\.json: labels: no such file '.*lungs'; give a JSON file, or one of amos"
    ):
        list_label_set(a_list(folder, labels="lungs"))


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        ({"1": "liver", "2": "liver"}, "classes 1 and 2 are both called 'liver'"),
        ({"background": 0, "liver": "one"}, "class 'liver' has the number 'one'"),
        ({"background": 0, "liver": 300}, "1 classes up to number 300; label maps tell"),
        ({"background": 1, "liver": 2}, "number 0 must be the class background"),
        ({**CHEST, "colour": 1}, "unknown entry 'colour'"),
    ],
)
def test_labels_that_are_no_label_set_are_named_with_the_list(folder, labels, fault):
    with pytest.raises(DataListError, match=rf"^.*list\.json: labels: {fault}[^\n]*$"):
        load_data_list(a_list(folder, labels=labels), "training")


@pytest.mark.parametrize("given", [[40, 3], ["tumor", "liver"], ["Liver", 40], ["3", "tumor"]])
def test_names_and_numbers_of_an_entry_become_sorted_class_ids(folder, given):
    path = a_list(folder, {**ENTRY, "annotated": given, "pseudo": ["spleen"]}, labels=SPARSE)
    item = one(path)
    assert (item["annotated"], item["pseudo"]) == ([1, 3], [2])
    assert "label_map" not in item


def test_a_number_of_no_class_is_a_fault_that_names_the_numbers(folder):
    path = a_list(folder, {**ENTRY, "annotated": [1]}, labels=SPARSE)
    with pytest.raises(DataListError, match=r"training\[0\]: annotated is \[1\]; give a list of class ids in 3, 7, 40"):
        one(path)


def test_classes_are_matched_by_name_for_another_label_set_and_its_files_are_mapped(folder):
    mine = read_label_set({"background": 0, "spleen": 1, "lung": 2, "liver": 3})
    path = a_list(folder, {**ENTRY, "annotated": ["liver", "tumor"]}, {**ENTRY, "case": "b"}, labels=SPARSE)
    first, second = load_data_list(path, "training", label_set=mine)
    assert first["annotated"] == [3]
    assert first["label_map"] == second["label_map"] == {"3": 3, "7": 1, "40": 0}
    assert second["annotated"] == [1, 3]  # nobody looked for lungs


def test_a_site_without_a_class_that_is_asked_for_costs_its_own_cases(folder):
    mine = read_label_set({"background": 0, "spleen": 1})
    entries = {**ENTRY, "source": "A"}, {**ENTRY, "case": "b", "source": "B"}
    path = a_list(folder, *entries, labels=SPARSE, label_maps={"A": {"1": "liver"}, "B": {"2": "spleen"}})
    bad, good = load_cases(path, "training", label_set=mine)
    assert "label_maps 'A': no number is mapped" in bad["fault"]
    assert good["label_map"] == {"2": 1}


def test_facts_of_classes_make_no_other_numbers(folder):
    mine = read_label_set({"labels": SPARSE, "classes": {"liver": {"tolerance_mm": 9.0}}})
    assert "label_map" not in one(a_list(folder, labels=SPARSE), label_set=mine)


def test_a_list_without_labels_is_of_the_classes_of_its_reader(folder):
    item = one(a_list(folder, {**ENTRY, "annotated": [7]}), label_set=read_label_set(SPARSE))
    assert item["annotated"] == [2]
    assert "label_map" not in item


def test_a_label_set_without_a_class_of_the_list_is_a_fault_of_labelled_entries_only(folder):
    chest = read_label_set(CHEST)
    path = a_list(folder, {"image": "b.nii.gz"}, labels=SPARSE)
    assert one(path, label_set=chest)["case"] == "b"
    (case,) = load_cases(a_list(folder, labels=SPARSE), "training", label_set=chest)
    assert "nothing would be left" in case["fault"]


MAPS = {"5": "liver", "6": "background", "9": "unknown", "2": 7}


def test_the_most_specific_map_counts_and_comes_as_numbers_of_the_label_set(folder):
    entries = [
        {**ENTRY, "case": "whole"},
        {**ENTRY, "case": "source", "source": "A"},
        {**ENTRY, "case": "none", "source": "B"},
        {**ENTRY, "case": "own", "source": "A", "label_map": {"1": "tumor"}},
        {**ENTRY, "case": "none of its own", "source": "A", "label_map": None},
    ]
    head = {"label_map": MAPS, "label_maps": {"A": "btcv", "B": None}, "labels": SPARSE}
    items = {item["case"]: item for item in load_data_list(a_list(folder, *entries, **head), "training")}
    assert items["whole"]["label_map"] == {"2": 7, "5": 3, "6": 0, "9": 255}
    assert {k: v for k, v in items["source"]["label_map"].items() if v} == {"1": 7, "6": 3}
    assert items["own"]["label_map"] == {"1": 40}
    assert "label_map" not in items["none"]
    assert "label_map" not in items["none of its own"]
    assert json.loads(json.dumps(items)) == items


def test_classes_that_a_map_cannot_tell_are_not_annotated(folder):
    entries = {**ENTRY, "label_map": {"1": "liver"}}, {**ENTRY, "case": "b", "annotated": [2], "label_map": {"2": 2}}
    first, second = load_data_list(a_list(folder, *entries), "training")
    assert (first["annotated"], second["annotated"]) == ([1], [2])
    assert "annotated" not in one(a_list(folder))


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ({"label_map": {"1": "liver", "2": "liver"}}, "label_map: numbers 1 and 2 are both mapped to liver"),
        ({"label_map": {"1": "livr"}}, "label_map: 'livr' is no class of the label set; did you mean liver"),
        ({"label_map": {"one": "liver"}}, "label_map: 'one' stands where a number"),
        ({"label_map": {"0": "liver"}}, "label_map: number 0 is mapped to liver"),
        ({"label_map": {"1": 0}}, "label_map: no number is mapped"),
        ({"label_map": "nowhere"}, "label_map: no label map"),
        ({"label_map": "../nowhere.json"}, r"label_map '\.\./nowhere\.json' is outside the data directory"),
        ({"label_map": [1]}, r"label_map is \[1\]; give an object"),
        ({"label_maps": {"A": {"1": "x"}, "B": {"1": 1}}}, "label_maps 'A': 'x' is no class"),
        ({"label_maps": [1]}, r"label_maps is \[1\]; give an object of sources"),
    ],
)
def test_a_map_that_breaks_a_rule_is_named_with_the_list_before_any_entry(folder, head, fault):
    with pytest.raises(DataListError, match=rf"^.*list\.json: {fault}[^\n]*$"):
        load_data_list(a_list(folder, {"image": "b.nii.gz"}, **head), "training")


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ({"label_map": {"1": "x"}}, "label_map: 'x' is no class"),
        ({"label_map": 7}, "label_map is 7; give an object"),
        ({"source": "C"}, "label_maps has no map for source 'C'; it has A"),
    ],
)
def test_a_map_of_an_entry_costs_its_own_case(folder, entry, fault):
    path = a_list(folder, ENTRY, {**ENTRY, "case": "b", **entry}, label_maps={"A": "btcv"})
    good, bad = load_cases(path, "training")
    assert "fault" not in good
    assert f"list.json: training[1]: {fault}" in bad["fault"]


def test_voxels_that_a_label_set_ignores_are_of_unknown_class(folder):
    numbers = dict(zip(FLARE23.names, FLARE23.values, strict=True))
    for labels, known in (({**numbers, "ignore": 15}, FLARE23), ({**SPARSE, "ignore": 41}, read_label_set(SPARSE))):
        path = a_list(folder, labels=labels)
        assert list_label_set(path) == known
        expected = class_numbers(known).ids | {labels["ignore"]: 255}
        assert class_numbers(known, one(path)["label_map"]).ids == expected
        assert "annotated" not in one(path)


def test_a_file_of_a_label_set_can_be_the_map(folder):
    (folder / "sparse.json").write_text(json.dumps(SPARSE))
    item = one(a_list(folder, label_map="sparse.json"))
    assert item["label_map"] == {"3": 1, "7": 3, "40": 14}
    assert item["annotated"] == [1, 3, 14]


def test_masks_by_class_name_come_with_absolute_paths(folder):
    masks = {"liver": "masks/liver.nii.gz", "spleen": "masks/spleen.nii.gz"}
    path = a_list(folder, {**ENTRY, "label": masks}, labels=SPARSE, label_map={"1": 3})
    item = one(path)
    assert item["label"] == {name: str(folder / file) for name, file in masks.items()}
    assert item["annotated"] == [1, 2]
    assert "label_map" not in item
    mine = read_label_set({"background": 0, "Spleen": 1, "lung": 2})
    assert one(path, label_set=mine)["label"] == {"Spleen": str(folder / masks["spleen"])}


def test_a_folder_of_masks_tells_the_classes_that_it_has_masks_of(folder):
    item = one(a_list(folder, {**ENTRY, "label": "masks"}))
    assert (item["label"], item["annotated"]) == (str(folder / "masks"), [1, 3])
    assert one(a_list(folder, {**ENTRY, "label": "masks", "annotated": ["spleen"]}))["annotated"] == [3]
    mine = read_label_set({"background": 0, "lung": 4, "spleen": 9})
    assert one(a_list(folder, {**ENTRY, "label": "masks"}, labels=SPARSE), label_set=mine)["annotated"] == [2]


@pytest.mark.parametrize(
    ("label", "fault"),
    [
        ({"liver": "gone.nii.gz"}, r"label of liver .*gone\.nii\.gz does not exist"),
        ({"liver": "../x.nii.gz"}, r"label of liver '\.\./x\.nii\.gz' is outside"),
        ({"liver": 7}, "label of liver is 7, not a path"),
        ({"livr": "b.nii.gz"}, "label: 'livr' is no class of the label set"),
        ({}, r"label is \{\}, not a path"),
    ],
)
def test_masks_are_checked_as_other_files_are(folder, label, fault):
    with pytest.raises(DataListError, match=rf"training\[0\]: {fault}"):
        one(a_list(folder, {**ENTRY, "label": label}))


@pytest.mark.parametrize("labels", [SPARSE, CHEST, "totalsegmentator", "flare22"])
def test_a_written_list_has_the_same_items_and_label_set(folder, labels):
    label_set = read_label_set(labels)
    masks = {label_set.names[1]: str(folder / "a_label.nii.gz")}
    items = [
        {"case": "a", "image": str(folder / "a.nii.gz"), "label": str(folder / "a_label.nii.gz"), "annotated": [2, 3]},
        {"case": "b", "image": str(folder / "b.nii.gz"), "label": masks, "annotated": [1], "pseudo": [1]},
    ]
    items[0]["label_map"] = {"9": label_set.values[2], "11": label_set.values[3], "30": 0}
    write_data_list(folder / "new.json", {"training": items}, label_set=label_set)
    assert list_label_set(folder / "new.json") == label_set
    assert load_data_list(folder / "new.json", "training") == items


def test_a_known_set_is_written_as_it_always_was(folder):
    write_data_list(folder / "new.json", {"training": []})
    written = json.loads((folder / "new.json").read_text())["labels"]
    assert written == {str(index): name for index, name in enumerate(FLARE23.names)}


SITES = {"labels": {"background": 0, "liver": 1, "spleen": 2, "kidney": 3}}
OTHER_SITE = {"1": "kidney", "2": "liver", "3": "spleen"}


@pytest.mark.parametrize("head", [{"label_map": OTHER_SITE}, {"label_maps": {"b": OTHER_SITE}}, {}])
@pytest.mark.parametrize("key", ["annotated", "pseudo"])
def test_numbers_that_the_label_map_gives_another_meaning_are_refused(folder, head, key):
    entry = {**ENTRY, "source": "b", "annotated": ["liver"], key: [1, "2"]}
    entry |= {} if head else {"label_map": OTHER_SITE}
    with pytest.raises(DataListError, match=rf"{key} holds 1, which is liver in the label set and kidney in the label"):
        one(a_list(folder, entry, **SITES, **head))
    named = {"annotated": ["liver"], key: ["liver", "spleen"]}
    assert one(a_list(folder, {**entry, **named}, **SITES, **head))[key] == [1, 2]


@pytest.mark.parametrize(
    ("annotated", "label_map"), [([1, 2, 3], OTHER_SITE), ([2], {"1": "liver", "7": "spleen"}), ([3, 1], None)]
)
def test_numbers_are_those_of_the_label_set_where_both_readings_are_the_same(folder, annotated, label_map):
    item = one(a_list(folder, {**ENTRY, "annotated": annotated, "label_map": label_map}, **SITES))
    assert item["annotated"] == sorted(annotated)


def test_classes_of_mapped_labels_are_written_by_name(folder):
    path = a_list(folder, {**ENTRY, "annotated": ["liver"], "label_map": OTHER_SITE}, **SITES)
    write_data_list(folder / "new.json", {"training": [one(path)]}, label_set=list_label_set(path))
    assert json.loads((folder / "new.json").read_text())["training"][0]["annotated"] == ["liver"]
    assert one(folder / "new.json") == one(path)


def test_a_class_without_a_mask_is_warned_of_only_if_the_user_lists_it(folder, tmp_path, caplog):
    affine, array = oblique_affine("LPS", (1, 2, 3)), np.zeros((5, 6, 7), np.uint8)
    for name in ("liver", "spleen"):
        array[:] = 0
        array[1 if name == "liver" else 3] = 1
        nib.save(nib.Nifti1Image(array, affine), folder / "masks" / f"{name}.nii.gz")
    found = one(a_list(folder, {**ENTRY, "label": "masks"}))
    completed = {**found, "annotated": [1, 3, 9]}  # as a training completes classes that no case has
    LoadLabeld("label")(completed)
    split = tmp_path / "split.json"
    write_data_list(split, {"training": [found]})
    LoadLabeld("label")({**one(split), "annotated": [1, 3, 9]})
    assert "of which there is no mask" not in caplog.text
    LoadLabeld("label")(one(a_list(folder, {**ENTRY, "label": "masks", "annotated": ["liver", "stomach"]})))
    assert "annotated lists stomach, of which there is no mask" in caplog.text


def test_a_training_names_classes_that_are_not_listed_as_annotated(folder, caplog):
    label = np.zeros((5, 6, 7), np.uint8)
    label[1], label[2], label[3] = 1, 3, 255
    nib.save(nib.Nifti1Image(label, oblique_affine("LPS", (1, 2, 3))), folder / "a_label.nii.gz")
    load = LoadLabeld("label", allow_unknown=True)
    load(one(a_list(folder, {**ENTRY, "annotated": [1], "pseudo": [3]})))
    load(one(a_list(folder)))
    assert "not listed as annotated" not in caplog.text
    load(one(a_list(folder, {**ENTRY, "annotated": [1]})))
    assert "classes that occur but are not listed as annotated: 3 spleen" in caplog.text


def test_a_split_list_keeps_label_set_and_maps(folder):
    entries = [{**ENTRY, "case": case, "annotated": ["liver"], "label_map": {"1": "liver"}} for case in "abcdef"]
    path, out = a_list(folder, *entries, labels=SPARSE), folder / "out" / "split.json"
    held_out = load_labelled(path, "validation", out)
    assert load_data_list(out, "validation") == held_out
    assert list_label_set(out) == read_label_set(SPARSE)
    mine = read_label_set({"background": 0, "lung": 1, "liver": 2})
    mapped = load_labelled(path, "validation", folder / "mine.json", label_set=mine)
    assert {json.dumps(item["label_map"]) for item in mapped} == {'{"1": 2}'}
    assert load_data_list(folder / "mine.json", "validation") == mapped


def test_cases_of_a_folder_with_a_list_are_for_the_label_set_asked_for(folder):
    path = a_list(folder, {**ENTRY, "annotated": ["spleen"]}, labels=SPARSE)
    (item,) = find_cases(path, section="training", label_set=FLARE23)
    assert item["annotated"] == [3]
    (item,) = find_cases(folder, path, section="training")
    assert item["annotated"] == [2]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.csv", "case,annotated\na,3 40\n"),
        ("m.csv", "case,annotated\na,liver; tumor\n"),
        ("m.csv", 'case,annotated\na,"40,liver"\n'),
        ("m.json", '{"a": [40, "liver"]}'),
    ],
)
def test_a_manifest_has_names_or_numbers_of_a_label_set(folder, name, content):
    (folder / name).write_text(content)
    assert load_annotated_manifest(folder / name, read_label_set(SPARSE)) == {"a": [1, 3]}


def test_a_cell_of_blanks_in_a_name_is_one_class(folder):
    (folder / "m.csv").write_text("case,annotated\na,right kidney\nb,\n")
    assert load_annotated_manifest(folder / "m.csv") == {"a": [2], "b": []}


def test_tables_and_facts_have_the_classes_of_the_label_set():
    chest = read_label_set(CHEST)
    head, row, _, names = annotated_table([{"case": "a", "annotated": [1, 3], "pseudo": [3]}], chest).splitlines()
    assert head.split()[1:4] == ["1", "2", "3"]
    assert row.split()[1:4] == ["x", ".", "p"]
    assert names == "1 left lung lobe; 2 right lung lobe; 3 nodule"
    assert annotated_by_people({"pseudo": [3]}, chest) == (1, 2)


@pytest.mark.parametrize("labels", [SPARSE, "totalsegmentator", "flare23"])
@pytest.mark.parametrize("label_map", ["btcv", {"9": "liver", "4": "spleen", "6": "unknown", "3": 0}])
def test_the_map_of_an_item_gives_its_reader_the_meaning_of_the_list(folder, labels, label_map):
    label_set = read_label_set(labels)
    item = one(a_list(folder, labels=labels, label_map=label_map))
    assert class_numbers(label_set, item["label_map"]).ids == class_numbers(label_set, label_map).ids


@pytest.mark.parametrize("used", [None, {"background": 0, "spleen": 5, "liver": 9}, "totalsegmentator"])
def test_the_reader_of_labels_gets_the_class_ids_that_the_list_means(folder, used):
    label_map = {"1": "liver", "2": "unknown", "3": "spleen", "4": "background"}
    path = a_list(folder, {**ENTRY, "label_map": label_map}, {**ENTRY, "case": "b"}, labels=SPARSE)
    label_set = read_label_set(SPARSE if used is None else used)
    liver, spleen = label_set.find("liver"), label_set.find("spleen")
    wanted = {"a": [0, liver, 255, spleen, 0], "b": [0, liver, spleen, 255, 0]}
    for item in load_data_list(path, "training", label_set=None if used is None else label_set):
        stored = np.zeros((4, 3, 2), np.uint8)
        stored.flat[:5] = [0, 1, 2, 3, 4] if item["case"] == "a" else [0, 3, 7, 255, 0]
        nib.save(nib.Nifti1Image(stored, oblique_affine("LAS", (0.7, 0.8, 5.0))), item["label"])
        read = LoadLabeld("label", label_set=label_set, allow_unknown=True)(item)["label"]
        assert read[0].flatten()[:5].tolist() == wanted[item["case"]]
