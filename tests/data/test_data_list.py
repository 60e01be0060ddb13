"""Data lists: every fault is named with file, section and entry; what is written reads back."""

from __future__ import annotations

import json
import logging
import re
import unicodedata

import pytest

from swinx.data import load_cases, load_data_list, name_fault, write_data_list
from swinx.errors import DataListError
from swinx.labels import FLARE23


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
        pytest.param({**GOOD, "annotated": ["livr"]}, "did you mean liver", id="class-name"),
        pytest.param({**GOOD, "annotated": [1.0]}, "class ids in 1..14", id="fraction"),
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


NFC, NFD = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))


def test_names_are_composed_and_alike_names_are_one_case(root):
    path = write(root, {"testing": [{"case": NFD, "image": "images/a_0000.nii.gz"}]})
    assert load_data_list(path, "testing")[0]["case"] == NFC
    path = write(root, {"testing": [{"case": case, "image": "images/a_0000.nii.gz"} for case in (NFC, NFD)]})
    with pytest.raises(DataListError, match=r"testing\[1\]: case 'Müller' is already entry 0"):
        load_data_list(path, "testing")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("listed", "disk"), [(NFC, NFD), (NFD, NFC), (NFC, NFC)])
def test_a_file_is_found_whatever_the_composition_of_its_name(root, listed, disk, encoding, caplog):
    (root / "images" / f"{disk}.nii.gz").touch()
    content = json.dumps({"testing": [{"image": f"images/{listed}.nii.gz"}]}, ensure_ascii=False)
    (root / "list.json").write_bytes(content.encode(encoding))
    with caplog.at_level(logging.INFO):
        (item,) = load_data_list(root / "list.json", "testing")
    assert item == {"case": NFC, "image": str(root / "images" / f"{disk}.nii.gz")}
    assert ("other Unicode composition" in caplog.text) == (listed != disk)


@pytest.mark.parametrize("case", ["NA", "001", "true", "nan"])
def test_names_that_look_like_something_else_are_text(root, case):
    assert load_cases(write(root, {"testing": [GOOD | {"case": case}]}), "testing")[0]["case"] == case


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        pytest.param("images/a_0000.nii.gz", "is not an object", id="text"),
        pytest.param({"image": None}, "image is None, not a path", id="null"),
        pytest.param({"image": "a\0.nii.gz"}, "not a path", id="nul"),
        pytest.param({"image": "\ud800.nii.gz"}, "not a path", id="surrogate"),
        pytest.param({"image": "x" * 300 + ".nii.gz"}, "not a path", id="long-path"),
        pytest.param({"image": "../a.nii.gz"}, "outside the data directory", id="outside"),
        pytest.param({"case": "a\nb"}, "control characters", id="newline"),
        pytest.param({"case": ""}, "is empty", id="empty"),
        pytest.param({"case": ".."}, "hidden", id="dots"),
        pytest.param({"case": 7}, "is no text", id="number"),
        pytest.param({"case": "x" * 240}, "shorten it", id="long"),
        pytest.param({"case": ["a"]}, "is no text", id="list"),
        pytest.param({"label": "/etc/hostname"}, "outside", id="label"),
        pytest.param({"annotated": "liver"}, "class ids", id="annotated"),
        pytest.param({"note": "x" * 2000}, "'note' is 'xxx", id="long-value"),
        pytest.param({"note": "$__import__('os')"}, r"do not begin with \$, @ or %", id="expression"),
        pytest.param({"note": {"a": ["@network"]}}, r"do not begin with \$, @ or %", id="reference"),
        pytest.param({"%note": 1}, r"do not begin with \$, @ or %", id="macro"),
        pytest.param({"note": {"_target_": "os.system"}}, r"lists or objects", id="component"),
        pytest.param({"note": [[[[[[[1]]]]]]]}, r"lists or objects of these", id="deep"),
        pytest.param({"y" * 2000: 1}, "'yyy", id="long-key"),
        pytest.param({"case": "good"}, "already entry 0", id="twice"),
    ],
)
def test_a_bad_entry_of_a_batch_costs_its_own_case(root, entry, fault):
    good = {"case": "good", "image": "images/a_0000.nii.gz", "fold": 1}
    bad = {"case": "b", "image": "images/b_0000.nii.gz", **entry} if isinstance(entry, dict) else entry
    path = write(root, {"testing": [good, bad]})
    first, second = load_cases(path, "testing")
    assert first == {**good, "image": str(root / good["image"])}
    assert "list.json: testing[1]: " in second["fault"]
    assert re.search(fault, second["fault"])
    assert len(second["fault"].splitlines()) == 1
    assert name_fault(second["case"]) is None
    assert second["case"] != "good"
    assert set(second) <= {"case", "image", "label", "fault"}
    with pytest.raises(DataListError, match=rf"testing\[1\]: .*{fault}"):
        load_data_list(path, "testing")


def test_paths_names_and_the_middle_of_texts_may_hold_the_marks_of_expressions(root):
    entry = {"image": "@images/$a.nii.gz", "case": "$a", "patient": "@b", "note": "50 % of $5\nfor a@b"}
    content = {"name": "@set", "roots": ["$data"], "testing": [entry]}
    assert "fault" not in load_cases(write(root, content), "testing")[0]


def test_the_name_of_an_unusable_entry_is_not_that_of_another(root):
    entries = [{"image": "images/a_0000.nii.gz", "case": "testing[1]"}, 7, {"image": 7, "case": "testing[1]'"}]
    names = [item["case"] for item in load_cases(write(root, {"testing": entries}), "testing")]
    assert len(set(names)) == 3
    assert names[0] == "testing[1]"


def test_a_path_that_nothing_can_be_at_is_left_to_the_reader_of_its_case(root):
    (root / "loop.nii.gz").symlink_to("loop.nii.gz")
    entries = [{"image": "loop.nii.gz"}, {"image": "~nobody-of-this-name/x.nii.gz"}]
    items = load_cases(write(root, {"testing": entries}), "testing")
    assert [item.get("fault") for item in items] == [None, None]
    with pytest.raises(DataListError, match=r"2 fault\(s\)(.|\n)*loop\.nii\.gz does not exist"):
        load_data_list(root / "list.json", "testing")


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ({"name": 7}, "name is 7; give a text"),
        ({"description": ["a"]}, "description is .*; give a text"),
        ({"description": "$1"}, "description is .*; give a text"),
        ({"labels": ["liver"]}, "labels is .*; give an object"),
        ({"labels": {"0": {"a": 1}}}, "labels: class '0' has the number"),
        ({"roots": ["/"]}, "roots names /, which is a whole disk"),
        ({"roots": ["~/.."]}, "roots names .*, which is a whole disk or home folder, or holds one"),
        ({"roots": ["~"]}, "roots names .*, which is a whole disk or home folder"),
        ({"roots": ["../" * 40]}, "roots names /"),
        ({"roots": ["a\0"]}, "roots is .*; give a list of folders"),
    ],
)
def test_the_head_of_a_list_is_of_plain_values_and_narrow_roots(root, head, fault):
    with pytest.raises(DataListError, match=rf"list\.json: {fault}"):
        load_data_list(write(root, {**head, "training": [GOOD]}), "training")


@pytest.mark.parametrize("labels", [{"0": "background"}, {}, {"background": 0}])
def test_labels_that_name_no_class_are_refused_not_taken_for_those_of_flare23(root, labels):
    with pytest.raises(DataListError, match=r"list\.json: labels: there is no class but background; name at least one"):
        load_data_list(write(root, {"labels": labels, "training": [GOOD]}), "training")


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        ({"background": 0, "liver": 1.5}, "class 'liver' has the number 1.5; give one whole number"),
        ({"background": 0, "liver": None}, "class 'liver' has the number None"),
        ({"labels": {"background": 0, "liver": 1}, "classes": 3}, "classes has 3"),
        ("none.json", "no such file '.*none.json'"),
        ("nowhere", "no such file|no label set"),
    ],
)
def test_labels_that_are_no_label_set_are_refused_with_the_class_at_fault(root, labels, fault):
    with pytest.raises(DataListError, match=rf"list\.json: labels: {fault}"):
        load_data_list(write(root, {"labels": labels, "training": [GOOD]}), "training")


def test_regions_of_another_tool_are_no_label_set_and_give_way_to_one(root):
    path = write(root, {"labels": {"background": 0, "organs": [1, 2]}, "training": [GOOD]})
    with pytest.raises(DataListError, match=r"list\.json: labels: class 'organs' has the number \[1, 2\]; give one"):
        load_data_list(path, "training")
    assert load_data_list(path, "training", label_set=FLARE23)[0]["annotated"] == [1, 14]


@pytest.mark.parametrize(
    ("found", "meant"), [("trainig", "training"), ("test", "testing"), ("unlabelled", "unlabeled")]
)
def test_a_section_of_nearly_a_known_name_is_reported(root, caplog, found, meant):
    load_data_list(write(root, {found: [GOOD], "validation": [GOOD], "numTraining": 1}), "validation")
    assert [
        f"{found!r} is no section" in message and f"is {meant!r} meant?" in message for message in caplog.messages
    ] == [True]


def test_a_section_that_stands_twice_is_refused(root):
    path = write(root, '{"training": [{"image": "images/a_0000.nii.gz"}], "training": []}')
    with pytest.raises(DataListError, match=r"list\.json: not a JSON data list: key 'training' stands twice"):
        load_data_list(path, "training")


def test_a_list_written_for_data_in_the_home_folder_names_the_folders_of_its_files(root, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HOME", str(root))
    elsewhere = tmp_path_factory.mktemp("lists") / "new.json"
    entry = {"case": "a", "image": str(root / "images/a_0000.nii.gz"), "label": str(root / "labels/a.nii.gz")}
    write_data_list(elsewhere, {"training": [entry]}, roots=[root])
    assert len(json.loads(elsewhere.read_text())["roots"]) == 2
    assert load_data_list(elsewhere, "training") == [entry]
