"""Data lists of collections: each scan is in the section that its label allows, and none is lost without a word."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from support.geometry import oblique_affine
from swinx.data import data_list_sections, find_collection, list_collection, list_label_set, load_data_list
from swinx.data.collections.path_patterns import PathPattern
from swinx.data.collections.patient_folds import folds_of, part_of
from swinx.errors import DataListError
from swinx.labels import FLARE23, class_numbers, read_label_set

LUNGS = {"background": 0, "left lung lobe": 1, "right lung lobe": 2, "nodule": 3}


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def save_label(path, *numbers):
    label = np.zeros((4, 5, 6), np.uint8)
    label.flat[: len(numbers)] = numbers
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(label, oblique_affine("LAS", (0.7, 0.8, 5.0))), path)


def cases(path):
    """Case names by section, of a list that must be usable as a whole."""
    content = json.loads(path.read_text())
    present = [section for section in data_list_sections(path) if content[section]]
    return {section: [item["case"] for item in load_data_list(path, section)] for section in present}


def dataset(folder, **content):
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def nnunet(tmp_path):
    folder = tmp_path / "Dataset001_Lungs"
    pairs = [f"imagesTr/lung_{number:03}_0000.nii.gz" for number in range(5)]
    pairs += [f"labelsTr/lung_{number:03}.nii.gz" for number in range(5)]
    touch(folder, *pairs, "imagesTr/lung_000_0001.nii.gz", "imagesTr/lung_009_0000.nii.gz", "imagesTs/t_0000.nii.gz")
    touch(folder, "labelsTr/orphan.nii.gz", "imagesTr/._lung_000_0000.nii.gz", "imagesTr/lung_000_0000.json")
    return dataset(folder, channel_names={"0": "CT"}, labels=LUNGS, numTraining=5, file_ending=".nii.gz")


def test_raw_data_of_nnunet_are_listed_with_their_classes(nnunet):
    listed = list_collection(nnunet, nnunet / "datalist.json")
    found = cases(nnunet / "datalist.json")
    assert {section: len(names) for section, names in found.items()} == {
        "training": 4,
        "validation": 1,
        "unlabeled": 1,
        "testing": 1,
    }
    assert found["unlabeled"] == ["lung_009"]
    assert found["testing"] == ["t"]
    assert list_label_set(nnunet / "datalist.json") == listed.label_set == read_label_set(LUNGS)
    ((path, reason),) = listed.found.left_out
    assert path.endswith("orphan.nii.gz")
    assert reason == "no scan of case orphan"
    assert any("1 files of further channels in imagesTr" in note for note in listed.notes)


def test_voxels_that_nnunet_ignores_are_of_unknown_class(nnunet):
    dataset(nnunet, channel_names={"0": "CT"}, labels={**LUNGS, "ignore": 4}, file_ending=".nii.gz")
    list_collection(nnunet, nnunet / "datalist.json")
    item = load_data_list(nnunet / "datalist.json", "training")[0]
    assert list_label_set(nnunet / "datalist.json") == read_label_set(LUNGS)
    assert class_numbers(read_label_set(LUNGS), item["label_map"]).ids == {0: 0, 1: 1, 2: 2, 3: 3, 4: 255, 255: 255}
    assert "annotated" not in item


def test_a_label_set_of_the_user_takes_classes_by_name_and_files_keep_their_numbers(nnunet):
    mine = read_label_set({"background": 0, "nodule": 1, "heart": 2})
    dataset(nnunet, channel_names={"0": "CT"}, labels={**LUNGS, "ignore": 4}, file_ending=".nii.gz")
    for number in range(5):
        save_label(nnunet / "labelsTr" / f"lung_{number:03}.nii.gz", 1, 3, 4)
    listed = list_collection(nnunet, nnunet / "a.json", label_set=mine, validation=0)
    assert any("left out: left lung lobe, right lung lobe" in note for note in listed.notes)
    item = load_data_list(nnunet / "a.json", "training")[0]
    assert class_numbers(mine, item["label_map"]).ids == {0: 0, 1: 0, 2: 0, 3: 1, 4: 255, 255: 255}
    assert item["annotated"] == [1]  # hearts were never drawn
    list_collection(nnunet, nnunet / "b.json", label_set=mine, validation=0, annotated="inferred")
    assert load_data_list(nnunet / "b.json", "training")[0]["annotated"] == [1]


def test_regions_need_a_label_set_by_the_user(nnunet):
    dataset(nnunet, channel_names={"0": "CT"}, labels={"background": 0, "lung": [1, 2]}, file_ending=".nii.gz")
    with pytest.raises(DataListError, match=r"Dataset001_Lungs: .*'lung' has the number \[1, 2\].*by --labels"):
        list_collection(nnunet, nnunet / "datalist.json")
    assert list_collection(nnunet, nnunet / "datalist.json", label_set=FLARE23).label_set == FLARE23


def test_cases_that_nnunet_lists_by_file_are_found_where_they_lie(tmp_path):
    touch(tmp_path / "scans", "a.nii.gz", "b.nii.gz", "a_label.nii.gz")
    folder = touch(tmp_path / "Dataset2", "notes.txt")
    listed = {
        "a": {"images": ["../scans/a.nii.gz"], "label": "../scans/a_label.nii.gz"},
        "b": {"images": ["../scans/b.nii.gz"]},
    }
    dataset(folder, labels=LUNGS, dataset=listed)
    with pytest.raises(DataListError, match=r"scans/[ab].*is outside the data directory .*\(--roots\)"):
        list_collection(folder, folder / "datalist.json")
    list_collection(folder, folder / "datalist.json", roots=[tmp_path / "scans"])
    assert cases(folder / "datalist.json") == {"training": ["a"], "unlabeled": ["b"]}


@pytest.mark.parametrize("channel", ["", "_0000"])
def test_a_task_of_the_decathlon_is_listed_as_its_file_says(tmp_path, channel):
    images = [f"imagesTr/liver_{number}{channel}.nii.gz" for number in range(4)]
    touch(tmp_path, *images, *[f"labelsTr/liver_{number}.nii.gz" for number in range(4)], "imagesTs/liver_9.nii.gz")
    training = [
        {"image": f"./imagesTr/liver_{number}.nii.gz", "label": f"./labelsTr/liver_{number}.nii.gz"}
        for number in range(5)
    ]
    labels = {"0": "background", "1": "liver", "2": "cancer"}
    dataset(tmp_path, labels=labels, training=training, test=["./imagesTs/liver_9.nii.gz", "./imagesTs/gone.nii.gz"])
    listed = list_collection(tmp_path, tmp_path / "datalist.json", validation=0)
    assert cases(tmp_path / "datalist.json") == {
        "training": [f"liver_{number}" for number in range(4)],
        "testing": ["liver_9"],
    }
    assert listed.label_set.names == ("background", "liver", "cancer")
    assert [case for case, _ in listed.found.left_out] == ["training[4]", "gone.nii.gz"]
    assert all("does not exist" in reason for _, reason in listed.found.left_out)


@pytest.mark.parametrize("mark", [";", ","])
def test_totalsegmentators_subjects_come_with_their_masks_and_their_split(tmp_path, mark):
    names = {f"s{number:04}": split for number, split in enumerate(["train", "train", "val", "test", "nothing"])}
    for subject in names:
        touch(tmp_path / subject, "ct.nii.gz", "segmentations/liver.nii.gz", "segmentations/kidney_left.nii.gz")
    touch(tmp_path / "s0009", "segmentations/liver.nii.gz")
    rows = [["image_id", "age", "split"], *([subject, "50", split] for subject, split in names.items())]
    (tmp_path / "meta.csv").write_text("\n".join(mark.join(row) for row in rows), encoding="utf-8-sig")
    listed = list_collection(tmp_path, tmp_path / "datalist.json")
    assert cases(tmp_path / "datalist.json") == {
        "training": ["s0000", "s0001", "s0004"],
        "validation": ["s0002"],
        "testing": ["s0003"],
    }
    assert listed.label_set == read_label_set("totalsegmentator")
    item = load_data_list(tmp_path / "datalist.json", "training")[0]
    assert item["label"] == str(tmp_path / "s0000" / "segmentations")
    assert item["annotated"] == sorted(map(listed.label_set.find, ("liver", "kidney_left")))
    assert [case for case, _ in listed.found.left_out] == ["s0009"]


def test_without_a_table_totalsegmentators_subjects_are_split_by_the_seed(tmp_path):
    for number in range(10):
        touch(tmp_path / f"s{number}", "mri.nii.gz", "segmentations/liver.nii.gz")
    list_collection(tmp_path, tmp_path / "a.json", seed=1, validation=0.3)
    list_collection(tmp_path, tmp_path / "b.json", seed=1, validation=0.3)
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()
    assert len(cases(tmp_path / "a.json")["validation"]) == 3


def test_the_flare_download_is_listed_with_what_occurs_in_its_labels(tmp_path):
    touch(tmp_path, "unlabeledTr1800/c_0000.nii.gz", "imagesTr2200/a_0000.nii.gz", "imagesTr2200/b_0000.nii.gz")
    save_label(tmp_path / "labelsTr2200" / "a.nii.gz", 1, 14)
    (tmp_path / "labelsTr2200" / "b.nii.gz").write_bytes(b"no label")
    listed = list_collection(tmp_path, tmp_path / "datalist.json")
    assert cases(tmp_path / "datalist.json") == {"training": ["a"], "unlabeled": ["c"]}
    assert load_data_list(tmp_path / "datalist.json", "training")[0]["annotated"] == [1, 14]
    assert [case for case, _ in listed.found.left_out] == ["b"]


def test_any_other_layout_is_listed_by_patterns(tmp_path):
    for case in ("p1_a", "p1_b", "p2_a", "p3_a", "p4_a"):
        touch(tmp_path / "site" / "deep" / case, "ct.nii.gz", "seg.nii.gz", "other.nii.gz")
    touch(tmp_path / "p9_a", "ct.nii.gz")
    touch(tmp_path / ".hidden" / "p8_a", "ct.nii.gz")
    options = {"image": "**/{case}/ct.nii.gz", "label": "**/{case}/seg.nii.gz", "patient": r"^(p\d)_"}
    listed = list_collection(tmp_path, tmp_path / "datalist.json", label_set=read_label_set(LUNGS), **options)
    found = cases(tmp_path / "datalist.json")
    assert found.pop("unlabeled") == ["p9_a"]
    assert sorted(name for names in found.values() for name in names) == ["p1_a", "p1_b", "p2_a", "p3_a", "p4_a"]
    patients = [{name[:2] for name in names} for names in found.values()]
    assert not set.intersection(*patients)
    assert listed.found.left_out == ()
    assert load_data_list(tmp_path / "datalist.json", "unlabeled")[0]["patient"] == "p9"


def test_folders_of_masks_and_series_match_patterns_as_files_do(tmp_path):
    touch(tmp_path / "p1" / "CT", "1.dcm")
    touch(tmp_path / "p1" / "masks", "liver.nii.gz")
    found = find_collection(tmp_path, "{case}/CT", "{case}/masks")
    assert [(case.case, case.image.name, case.label.name) for case in found.cases if case.label] == [
        ("p1", "CT", "masks")
    ]


def test_a_pattern_without_a_case_takes_the_name_of_the_file(tmp_path):
    touch(tmp_path, "ct/a_0000.nii.gz", "ct/b_0000.nii.gz", "seg/a.nii.gz", "seg/b.nii.gz")
    found = find_collection(tmp_path, "ct/*.nii.gz", "seg/*.nii.gz")
    assert [(case.case, case.label.name) for case in found.cases if case.label] == [
        ("a", "a.nii.gz"),
        ("b", "b.nii.gz"),
    ]


def test_labels_may_lie_in_another_folder_that_is_named(tmp_path):
    touch(tmp_path / "scans", "a.nii.gz", "b.nii.gz")
    touch(tmp_path / "drawn", "a_seg.nii.gz", "b_seg.nii.gz")
    options = {"image": "{case}.nii.gz", "label": "{case}_seg.nii.gz", "validation": 0}
    out = tmp_path / "lists" / "datalist.json"
    listed = list_collection(tmp_path / "scans", out, roots=[tmp_path / "drawn"], **options)
    assert cases(out) == {"training": ["a", "b"]}
    assert any("flare23 is taken" in note for note in listed.notes)
    with pytest.raises(DataListError, match=r"--label \{case\}_seg\.nii\.gz: matches nothing"):
        list_collection(tmp_path / "scans", out, **options)


def test_a_case_that_two_files_claim_is_left_out_with_the_reason(tmp_path):
    touch(
        tmp_path, "x/a/ct.nii.gz", "y/a/ct.nii.gz", "x/b/ct.nii.gz", "x/b/seg.nii.gz", "y/b/seg.nii.gz", "x/c/ct.nii.gz"
    )
    found = find_collection(tmp_path, "**/{case}/ct.nii.gz", "**/{case}/seg.nii.gz")
    assert [case.case for case in found.cases] == ["a", "c"]
    reasons = [reason for _, reason in found.left_out]
    assert any("two labels" in reason for reason in reasons)
    assert any("case 'a' is" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("pattern", "path", "case"),
    [
        ("**/{case}/ct.nii.gz", "a/b/s1/ct.nii.gz", "s1"),
        ("**/{case}/ct.nii.gz", "s1/ct.nii.gz", "s1"),
        ("{case}/ct.nii.gz", "a/s1/ct.nii.gz", None),
        ("*/{case}_ct.nii.gz", "a/s_1_ct.nii.gz", "s_1"),
        ("{case}/*/{case}.nii", "s1/x/s1.nii", "s1"),
        ("{case}/*/{case}.nii", "s1/x/s2.nii", None),
        ("s?/{case}.(1).nii", "s1/a.(1).nii", "a"),
        ("./{case}.nii", "a.nii", "a"),
    ],
)
def test_a_pattern_finds_the_name_of_the_case(pattern, path, case):
    assert PathPattern(pattern).case_of(path) == case


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"image": "{patient}/ct.nii.gz"}, r"\{patient\} is unknown in a pattern"),
        ({"image": "gone/*.nii.gz"}, "no scan found"),
        ({}, "the layout is none of these.*--image"),
        ({"image": "*.nii.gz", "patient": "("}, "--patient .*is no regular expression"),
        ({"image": "*.nii.gz", "validation": 1.5}, "--validation 1.5: give a part"),
        ({"image": "*.nii.gz", "label": "*.nii.gz", "folds": 3}, "no scan found"),
        ({"image": "*a.nii.gz", "label": "*_seg.nii.gz", "folds": 3}, "--folds 3: give at least 2, and at most one"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(tmp_path, options, fault):
    touch(tmp_path / "data", "a.nii.gz", "a_seg.nii.gz")
    with pytest.raises(DataListError, match=fault):
        list_collection(tmp_path / "data", tmp_path / "datalist.json", **options)
    assert not list(tmp_path.glob("*.json"))


def test_each_case_is_in_the_validation_of_one_fold(nnunet):
    listed = list_collection(nnunet, nnunet / "lists" / "datalist.json", folds=5, seed=3)
    assert [path.name for path in listed.paths] == [f"datalist_fold{fold}.json" for fold in range(5)]
    folds = [cases(path) for path in listed.paths]
    held_out = [name for fold in folds for name in fold["validation"]]
    assert sorted(held_out) == [f"lung_{number:03}" for number in range(5)]
    assert all(sorted(fold["training"] + fold["validation"]) == sorted(held_out) for fold in folds)
    assert {tuple(fold["unlabeled"]) for fold in folds} == {("lung_009",)}


@pytest.mark.parametrize("seed", range(5))
def test_patients_are_never_split(seed):
    items = [{"case": f"{patient}{visit}", "patient": patient} for patient in "abcdefg" for visit in range(3)]
    for chosen in (part_of(items, 0.3, seed), *folds_of(items, 3, seed)):
        assert len(chosen) % 3 == 0
        assert 0 < len(chosen) < len(items)
    assert len(part_of(items, 0.999, seed)) == 18
    assert part_of(items, 0, seed) == set()


SITE_MAPS = {"site_A": None, "site_B": {"1": "right lung lobe", "2": "left lung lobe"}}


@pytest.fixture
def two_sites(tmp_path):
    for place, numbers in (("site_A/a", (5, 2)), ("site_B/b", (1, 2))):
        save_label(tmp_path / f"{place}/seg.nii.gz", *numbers)
        touch(tmp_path, f"{place}/ct.nii.gz")
    return tmp_path


def listed_with(folder, **options):
    patterns = {"image": "**/{case}/ct.nii.gz", "label": "**/{case}/seg.nii.gz"}
    listed = list_collection(folder, folder / "datalist.json", **patterns, label_set=LUNG_SET, validation=0, **options)
    return load_data_list(listed.paths[0], "training"), json.loads(listed.paths[0].read_text())


LUNG_SET = read_label_set({"background": 0, "left lung lobe": 2, "right lung lobe": 5, "nodule": 9})


@pytest.mark.parametrize("as_file", [False, True])
def test_each_source_may_have_a_label_map(two_sites, as_file):
    (two_sites / "maps.json").write_text(json.dumps(SITE_MAPS))
    given = str(two_sites / "maps.json") if as_file else json.dumps(SITE_MAPS)
    items, content = listed_with(two_sites, label_map=given, source="site_[AB]", annotated="inferred")
    assert content["label_maps"] == SITE_MAPS
    assert {item["case"]: (item["source"], item["annotated"]) for item in items} == {
        "a": ("site_A", [1, 2]),
        "b": ("site_B", [1, 2]),
    }


def test_one_label_map_may_be_given_for_all(two_sites):
    items, content = listed_with(two_sites, label_map={"1": "right lung lobe", "2": "left lung lobe"})
    assert content["label_map"] == {"1": "right lung lobe", "2": "left lung lobe"}
    assert {json.dumps(item["label_map"]) for item in items} == {'{"1": 5, "2": 2}'}
    with pytest.raises(DataListError, match="--label_map label_map: 'liver' is no class"):
        listed_with(two_sites, label_map={"1": "liver"})


@pytest.mark.parametrize("place", ["label_map", "label_maps", "entry"])
def test_maps_that_were_written_by_hand_are_not_lost(two_sites, place):
    _, content = listed_with(two_sites)
    hand = {"1": "nodule"}
    if place == "entry":
        content["training"][0]["label_map"] = hand
    else:
        content[place] = hand if place == "label_map" else {"site_B": hand}
    (two_sites / "datalist.json").write_text(json.dumps(content))
    with pytest.raises(DataListError, match=r"datalist\.json: the list that is there has .*label_map.*by --label_map"):
        listed_with(two_sites)
    assert json.loads((two_sites / "datalist.json").read_text()) == content
    assert listed_with(two_sites, label_map=hand)[1]["label_map"] == hand


def test_a_manifest_may_say_what_is_annotated(nnunet):
    (nnunet / "m.csv").write_text("case,annotated\nlung_000,nodule; left lung lobe\n")
    list_collection(nnunet, nnunet / "datalist.json", annotated=nnunet / "m.csv", validation=0)
    first, second, *_ = load_data_list(nnunet / "datalist.json", "training")
    assert first["annotated"] == [1, 3]
    assert "annotated" not in second
