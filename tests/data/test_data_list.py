"""Data lists: every fault is named with file, section and entry; what is written reads back."""

from __future__ import annotations

import json

import pytest

from swinx.data import load_data_list, write_data_list
from swinx.errors import DataListError


@pytest.fixture
def root(tmp_path):
    for name in ("images/a_0000.nii.gz", "labels/a.nii.gz", "images/b_0000.nii.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


GOOD = {"case": "a", "image": "images/a_0000.nii.gz", "label": "labels/a.nii.gz", "annotated": [1, 14]}


def write(root, content):
    path = root / "list.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_entries_come_with_absolute_paths_and_all_their_keys(root):
    path = write(root, {"training": [{**GOOD, "fold": 2}]})
    assert load_data_list(path, "training") == [
        {
            "case": "a",
            "image": str(root / "images/a_0000.nii.gz"),
            "label": str(root / "labels/a.nii.gz"),
            "annotated": [1, 14],
            "fold": 2,
        }
    ]


def test_what_is_not_recorded_stays_absent(root):
    path = write(root, {"unlabeled": [{"image": "images/b_0000.nii.gz"}]})
    assert load_data_list(path, "unlabeled") == [{"image": str(root / "images/b_0000.nii.gz"), "case": "b"}]


def test_a_relative_list_path_gives_absolute_image_paths(root, monkeypatch):
    write(root, {"training": [GOOD]})
    monkeypatch.chdir(root)
    assert load_data_list("list.json", "training")[0]["image"] == str(root / "images/a_0000.nii.gz")


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        pytest.param("images/a_0000.nii.gz", "not an object", id="text"),
        pytest.param(
            {"label": "labels/a.nii.gz"}, "key 'image' is missing; the entry has 'case', 'label'", id="no-image"
        ),
        pytest.param({"image": "images/a_0000.nii.gz"}, "key 'label' is missing", id="no-label"),
        pytest.param({**GOOD, "image": 7}, "image is 7, not a path", id="number"),
        pytest.param({**GOOD, "image": "images/c.nii.gz"}, "c.nii.gz does not exist", id="missing-file"),
        pytest.param({**GOOD, "image": "../a.nii.gz"}, "outside the data directory", id="dots"),
        pytest.param({**GOOD, "image": "images/../../a.nii.gz"}, "outside the data directory", id="dots-within"),
        pytest.param({**GOOD, "label": "/etc/hostname"}, "outside the data directory", id="absolute"),
        pytest.param({**GOOD, "annotated": [0]}, r"annotated is \[0\]", id="background-annotated"),
        pytest.param({**GOOD, "annotated": [1, 15]}, "class ids in 1..14", id="unknown-class"),
        pytest.param({**GOOD, "annotated": ["liver"]}, "class ids in 1..14", id="class-name"),
        pytest.param({**GOOD, "annotated": True}, "class ids in 1..14", id="no-list"),
        pytest.param({**GOOD, "pseudo": [255]}, r"pseudo is \[255\]", id="unknown-pseudo"),
        pytest.param({**GOOD, "case": "../a"}, "cannot name an output file", id="case-with-folder"),
    ],
)
def test_a_bad_entry_is_named(root, entry, fault):
    path = write(root, {"training": [GOOD, entry if isinstance(entry, str) else {"case": "b", **entry}]})
    with pytest.raises(DataListError, match=rf"(?s)list\.json.*'training'.*training\[1\]: .*{fault}"):
        load_data_list(path, "training", need_label=True)


def test_a_list_that_names_a_case_twice_is_refused(root):
    path = write(root, {"training": [GOOD, GOOD]})
    with pytest.raises(DataListError, match=r"training\[1\]: case 'a' is already entry 0"):
        load_data_list(path, "training")


def test_all_missing_files_are_counted_and_ten_are_shown(root):
    path = write(root, {"training": [{"image": f"images/{index}.nii.gz"} for index in range(13)]})
    with pytest.raises(DataListError, match=r"13 fault\(s\)") as caught:
        load_data_list(path, "training")
    assert str(caught.value).count("does not exist") == 10
    assert str(caught.value).endswith("and 3 more")
    assert len(load_data_list(path, "training", must_exist=False)) == 13


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param("image,label\n", "not a JSON data list", id="csv"),
        pytest.param("[]", "not a list", id="array"),
        pytest.param(
            {"validation": [], "testing": []}, "no section 'training'; choose one of validation, testing", id="absent"
        ),
        pytest.param({"training": {"a": 1}}, "is a dict, not a list", id="object"),
        pytest.param({"training": []}, "section 'training' is empty", id="empty"),
    ],
)
def test_an_unusable_list_is_named(root, content, fault):
    with pytest.raises(DataListError, match=rf"list\.json.*{fault}"):
        load_data_list(write(root, content), "training")


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(DataListError, match=r"gone\.json: cannot read.*No such file"):
        load_data_list(tmp_path / "gone.json", "training")


def test_a_link_within_the_data_directory_may_lead_out_of_it(root, tmp_path_factory):
    disk = tmp_path_factory.mktemp("disk")
    (disk / "c.nii.gz").touch()
    (root / "linked").symlink_to(disk)
    path = write(root, {"testing": [{"image": "linked/c.nii.gz"}]})
    assert load_data_list(path, "testing")[0]["image"] == str(root / "linked/c.nii.gz")


def test_a_written_list_reads_back_and_can_be_moved_with_its_data(root):
    items = load_data_list(write(root, {"training": [GOOD]}), "training")
    write_data_list(root / "new.json", {"training": items, "testing": []}, name="mine", extra={"seed": 3})
    assert load_data_list(root / "new.json", "training") == items
    content = json.loads((root / "new.json").read_text())
    assert content["training"][0]["image"] == "images/a_0000.nii.gz"
    assert content["labels"]["14"] == "tumor"
    assert (content["name"], content["seed"]) == ("mine", 3)


def test_a_list_beside_its_data_directory_is_read_with_the_same_base(root, tmp_path_factory):
    items = load_data_list(write(root, {"training": [GOOD]}), "training")
    elsewhere = tmp_path_factory.mktemp("lists") / "new.json"
    write_data_list(elsewhere, {"training": items}, base_dir=root)
    assert load_data_list(elsewhere, "training", base_dir=root) == items


@pytest.mark.parametrize(
    ("sections", "fault"),
    [
        ({"train": []}, "unknown sections"),
        ({"training": [{"case": "a", "image": "/elsewhere/a.nii.gz"}]}, "outside the data directory"),
    ],
)
def test_a_list_that_could_not_be_read_back_is_not_written(root, sections, fault):
    with pytest.raises(DataListError, match=fault):
        write_data_list(root / "new.json", sections)
    assert not (root / "new.json").exists()


def test_files_may_lie_in_the_folders_that_the_list_names(tmp_path):
    scans, out = tmp_path / "scans", tmp_path / "work" / "refined"
    for file in (scans / "a_0000.nii.gz", out / "a.nii.gz"):
        file.parent.mkdir(parents=True)
        file.touch()
    entry = {"case": "a", "image": str(scans / "a_0000.nii.gz"), "label": str(out / "a.nii.gz")}
    write_data_list(out / "datalist.json", {"training": [entry]}, roots=[scans])
    written = json.loads((out / "datalist.json").read_text())
    assert written["roots"] == ["../../scans"]
    assert written["training"][0]["image"] == "../../scans/a_0000.nii.gz"
    moved = tmp_path / "moved"
    moved.mkdir()
    scans.rename(moved / "scans")
    (tmp_path / "work").rename(moved / "work")
    (item,) = load_data_list(moved / "work" / "refined" / "datalist.json", "training")
    assert item["image"] == str(moved / "scans" / "a_0000.nii.gz")
    with pytest.raises(DataListError, match="outside the data directory"):
        write_data_list(out / "other.json", {"training": [entry]})
    written["roots"] = "everywhere"
    (tmp_path / "bad.json").write_text(json.dumps(written))
    with pytest.raises(DataListError, match="roots is 'everywhere'; give a list of folders"):
        load_data_list(tmp_path / "bad.json", "training")
