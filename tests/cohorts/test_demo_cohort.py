"""The demo cohort: image and label move together, left stays left, held-out variants are not trained on."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from swinx.cohorts import write_demo_cohort
from swinx.cohorts.demo_cohort import DemoScan, make_variant
from swinx.data import SECTIONS, data_list_sections, load_data_list, patient_of
from swinx.geometry import voxel_sizes_mm
from swinx.labels import FlareLabel
from swinx.nifti import write_nifti

COUNTS = {"variants": 2, "validation": 1, "held_out": 1, "unlabelled": 2, "spacing_mm": 6.0, "progress": False}
OBLIQUE_LAS = np.array([[-2.0, 0.2, 0, 80], [0.2, 2.0, 0.3, -70], [0, -0.1, 5.0, -340], [0, 0, 0, 1.0]])
OBLIQUE_LAS = OBLIQUE_LAS.astype(np.float32).astype(float)
SHAPE = (80, 70, 30)
FOLDERS = ("labelsTr", "labelsTrFull")


def _fake_ct() -> tuple[np.ndarray, np.ndarray]:
    """Return a body with a right and a left kidney, balls of 200 and 400 HU at x = +35 and -35 mm."""
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij")).reshape(3, -1)
    world = (OBLIQUE_LAS[:3, :3] @ index + OBLIQUE_LAS[:3, 3:]).reshape(3, *SHAPE)
    middle = world.reshape(3, -1).mean(axis=1)
    offset = world - middle[:, None, None, None]
    image = np.where(np.hypot(offset[0] / 70, offset[1] / 60) < 1, 0, -1024)
    label = np.zeros(SHAPE, dtype=np.uint8)
    for side, hounsfield, ident in ((35, 200, FlareLabel.RIGHT_KIDNEY), (-35, 400, FlareLabel.LEFT_KIDNEY)):
        ball = (offset[0] - side) ** 2 + offset[1] ** 2 + offset[2] ** 2 < 25**2
        image[ball], label[ball] = hounsfield, ident
    return image.astype(np.int16), label


@pytest.fixture(scope="module")
def fake_ct(tmp_path_factory) -> tuple[Path, Path]:
    cache = tmp_path_factory.mktemp("cache")
    image, label = _fake_ct()
    write_nifti(cache / "cxr.nii.gz", image, OBLIQUE_LAS)
    write_nifti(cache / "label.nii.gz", label, OBLIQUE_LAS)
    return cache / "cxr.nii.gz", cache / "label.nii.gz"


@pytest.fixture
def no_network(monkeypatch, fake_ct) -> None:
    monkeypatch.setattr("swinx.cohorts.demo_cohort.fetch_demo_ct", lambda _: fake_ct)


def files(folder: Path, pattern: str = "*.nii.gz") -> dict[str, bytes]:
    """The content of the volumes below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob(pattern)}


@pytest.mark.parametrize("seed", range(4))
def test_image_and_label_move_together_and_left_stays_left(fake_ct, seed):
    scan = DemoScan.load(*fake_ct, spacing_mm=6.0)
    image, label, affine = make_variant(scan, np.random.default_rng(seed))
    centre = {i: affine[:3, :3] @ np.argwhere(label == i).mean(axis=0) + affine[:3, 3] for i in (2, 13)}
    assert centre[FlareLabel.RIGHT_KIDNEY][0] > centre[FlareLabel.LEFT_KIDNEY][0] + 40
    assert 120 < np.median(image[label == FlareLabel.RIGHT_KIDNEY]) < 260
    assert 300 < np.median(image[label == FlareLabel.LEFT_KIDNEY]) < 480
    assert ((image > 150) & (label == 0)).mean() < 0.02, "no kidney is left without its label"


def test_variants_differ_and_keep_the_grid_and_its_field_of_view(fake_ct):
    scan = DemoScan.load(*fake_ct, spacing_mm=6.0)
    (first, _, affine), (second, _, again) = (make_variant(scan, np.random.default_rng(seed)) for seed in (0, 1))
    np.testing.assert_array_equal(affine, again)
    assert (first != second).mean() > 0.3
    np.testing.assert_allclose(voxel_sizes_mm(affine), 6.0, rtol=1e-4)
    assert nib.aff2axcodes(affine) == ("L", "A", "S")
    corner = affine[:3, :3] @ ([-0.5] * 3) + affine[:3, 3]
    native = OBLIQUE_LAS[:3, :3] @ ([-0.5] * 3) + OBLIQUE_LAS[:3, 3]
    np.testing.assert_allclose(corner, native, atol=1e-3)
    extent, native_extent = (np.array(n) * voxel_sizes_mm(a) for n, a in ((first.shape, affine), (SHAPE, OBLIQUE_LAS)))
    assert (np.abs(extent - native_extent) < 6.0 + 1e-6).all()


@pytest.mark.usefixtures("no_network")
def test_labelled_sections_end_with_the_ct_at_its_native_grid(tmp_path, fake_ct):
    path = write_demo_cohort(tmp_path, tmp_path / "unused", **COUNTS)
    sections = {name: load_data_list(path, name, need_label=True) for name in ("training", "validation", "testing")}
    assert [len(items) for items in sections.values()] == [2, 1, 2]
    native = sections["testing"][-1]
    assert Path(native["image"]).read_bytes() == fake_ct[0].read_bytes()
    assert Path(native["label"]).read_bytes() == fake_ct[1].read_bytes()
    for items in sections.values():
        for item in items:
            assert not {FlareLabel.GALLBLADDER, FlareLabel.TUMOR} & set(item["annotated"])
            assert len(item["annotated"]) == 12
            np.testing.assert_array_equal(nib.load(item["image"]).affine, nib.load(item["label"]).affine)


@pytest.mark.usefixtures("no_network")
def test_unlabelled_variants_have_no_label_anywhere(tmp_path):
    path = write_demo_cohort(tmp_path, tmp_path / "unused", **COUNTS)
    assert data_list_sections(path) == ["training", "validation", "unlabeled", "testing"]
    items = load_data_list(path, "unlabeled")
    assert [set(item) for item in items] == [{"case", "image", "patient"}] * 2
    assert [item["case"] for item in items] == ["demoUn_001", "demoUn_002"]
    images = sorted(tmp_path / f"imagesUn/demoUn_00{number}_0000.nii.gz" for number in (1, 2))
    assert [Path(item["image"]) for item in items] == images == sorted(tmp_path.rglob("*demoUn*"))
    assert sorted(folder.name for folder in tmp_path.glob("labels*")) == [
        "labelsTr",
        "labelsTrFull",
        "labelsTs",
        "labelsVal",
    ]


@pytest.mark.usefixtures("no_network")
def test_unlabelled_variants_leave_the_labelled_ones_as_they_were(tmp_path, fake_ct):
    """The stream of a case: the seed, then 0 for training, 1 for validation, 2 for testing, then its number."""
    write_demo_cohort(tmp_path / "with", tmp_path, **COUNTS, seed=5)
    write_demo_cohort(tmp_path / "without", tmp_path, **{**COUNTS, "unlabelled": 0}, seed=5)
    without = files(tmp_path / "without")
    assert len(without) == 12
    assert {name: content for name, content in files(tmp_path / "with").items() if "demoUn" not in name} == without
    scan = DemoScan.load(*fake_ct, spacing_mm=6.0)
    for stream, case in enumerate(["imagesTr/demoTr_001", "imagesVal/demoVal_001", "imagesTs/demoTs_001"]):
        image, _, _ = make_variant(scan, np.random.default_rng([5, stream, 0]))
        np.testing.assert_array_equal(nib.load(tmp_path / f"with/{case}_0000.nii.gz").dataobj, image)


@pytest.mark.usefixtures("no_network")
def test_variants_for_training_are_partly_labelled_and_their_truth_is_kept(tmp_path):
    path = write_demo_cohort(tmp_path, tmp_path / "unused", **{**COUNTS, "variants": 4, "complete": 1})
    drawn = []
    for item in load_data_list(path, "training"):
        label, truth = (np.asarray(nib.load(tmp_path / f"{f}/{item['case']}.nii.gz").dataobj) for f in FOLDERS)
        assert set(np.unique(truth)) == {0, FlareLabel.RIGHT_KIDNEY, FlareLabel.LEFT_KIDNEY}
        np.testing.assert_array_equal(label, np.where(np.isin(truth, item["annotated"]), truth, 0))
        drawn.append(item["annotated"])
    assert [len(classes) for classes in drawn] == [12, 1, 2, 2]
    assert drawn[3] == [FlareLabel.RIGHT_KIDNEY, FlareLabel.LEFT_KIDNEY]
    assert "labelsTrFull" not in path.read_text()


@pytest.mark.usefixtures("no_network")
def test_all_variants_name_the_one_patient_that_they_are_of(tmp_path):
    path = write_demo_cohort(tmp_path, tmp_path, **COUNTS)
    content = json.loads(path.read_text())
    entries = [entry for section in SECTIONS for entry in content[section]]
    assert len(entries) == 7
    (patient,) = {patient_of(entry) for entry in entries}
    assert patient


@pytest.mark.usefixtures("no_network")
def test_no_variant_appears_twice(tmp_path):
    write_demo_cohort(tmp_path, tmp_path, **COUNTS)
    images = [path.read_bytes() for folder in tmp_path.glob("images*") for path in folder.iterdir()]
    assert len(images) == len(set(images)) == 7


@pytest.mark.usefixtures("no_network")
def test_the_same_seed_gives_the_same_bytes_and_a_larger_cohort_the_same_cases(tmp_path):
    write_demo_cohort(tmp_path / "a", tmp_path, **COUNTS, seed=5)
    write_demo_cohort(tmp_path / "b", tmp_path, **{**COUNTS, "variants": 3}, seed=5)
    write_demo_cohort(tmp_path / "c", tmp_path, **COUNTS, seed=6)
    first = files(tmp_path / "a", "demo[TVU]*.nii.gz")
    assert len(first) == 12
    again = files(tmp_path / "b", "demo[TVU]*.nii.gz")
    assert {name: again[name] for name in first} == first
    other = files(tmp_path / "c", "demo[TVU]*.nii.gz")
    assert all(other[name] != first[name] for name in first)


@pytest.mark.parametrize("bad", [{"variants": -1}, {"complete": -1}, {"unlabelled": -1}, {"spacing_mm": 0.0}])
def test_impossible_arguments_are_named_before_anything_is_fetched(tmp_path, bad, monkeypatch):
    monkeypatch.setattr("swinx.cohorts.demo_cohort.fetch_demo_ct", lambda _: pytest.fail("fetched"))
    with pytest.raises(ValueError, match="must not be negative"):
        write_demo_cohort(tmp_path, tmp_path, **bad)
