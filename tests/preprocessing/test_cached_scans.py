"""Prepared scans on the disk: read once, the same as anew, and never those of other files or settings."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import CacheDataset, DataLoader, MetaTensor
from monai.transforms import Compose, LoadImaged, RandFlipd

from support.disks import nearly_full_disk
from support.geometry import oblique_affine
from swinx.data import CTReader, LoadLabeld
from swinx.errors import CaseError, RunError, find_case_error
from swinx.labels import LabelSet, read_label_set
from swinx.preprocessing import CachedScansd, CTPreprocessingd
from swinx.preprocessing import cached_scans as module
from swinx.preprocessing.cache_keys import settings_key
from swinx.training import AnnotatedClassesd

SHAPE = (24, 20, 12)


def write(folder: Path, name: str = "a", seed: int = 0, affine=None) -> dict[str, object]:
    """Write a scan and its label on an oblique grid; return the item."""
    rng = np.random.default_rng(seed)
    affine = oblique_affine("LPS") if affine is None else affine
    hu = np.full(SHAPE, -1000, np.int16)
    hu[4:-4, 4:-4] = rng.integers(-100, 200, (16, 12, 12))
    label = np.zeros(SHAPE, np.uint8)
    label[8:14, 8:12, 3:8] = 2
    paths = {"image": folder / f"{name}.nii.gz", "label": folder / f"{name}_label.nii.gz"}
    nib.save(nib.Nifti1Image(hu, affine), paths["image"])
    nib.save(nib.Nifti1Image(label, affine), paths["label"])
    return {"case": name, **{key: str(path) for key, path in paths.items()}, "annotated": [2]}


def steps(label_set: LabelSet | None = None, **settings):
    """Reading and preprocessing as the training has them."""
    labels = {} if label_set is None else {"label_set": label_set}
    return [
        LoadImaged("image", reader=CTReader(), ensure_channel_first=True),
        LoadLabeld("label", **labels, allow_empty=True, allow_unknown=True),
        CTPreprocessingd(["image", "label"], **({"pixdim": (2.0, 2.0, 3.0)} | settings)),
    ]


def cached(folder: Path, label_set: LabelSet | None = None, **settings) -> CachedScansd:
    return CachedScansd(steps(label_set, **settings), str(folder / "cache"))


def first_of(batch: list) -> object:
    return batch[0]


def entries(folder: Path) -> list[Path]:
    return sorted((folder / "cache").iterdir())


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """Paths of the scans that are read."""
    found: list[str] = []
    read = CTReader.get_data
    monkeypatch.setattr(CTReader, "get_data", lambda self, img: found.append(img[0]) or read(self, img))
    return found


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key in ("image", "label"):
        assert type(one[key]) is type(other[key]) is MetaTensor
        assert one[key].dtype == other[key].dtype
        assert torch.equal(one[key].as_tensor(), other[key].as_tensor())
        assert torch.equal(one[key].affine, other[key].affine)
        before, after = one[key].meta, other[key].meta
        assert before.keys() == after.keys()
        for name, value in before.items():
            np.testing.assert_array_equal(value, after[name])
            assert isinstance(value, np.ndarray) == isinstance(after[name], np.ndarray), name


def test_the_second_reading_is_none_and_gives_the_same(tmp_path, oblique, reads):
    item = write(tmp_path, affine=oblique)
    anew = Compose(steps())(item)
    reads.clear()
    first, second, of_a_new_run = (cached(tmp_path)(item) for _ in range(3))
    assert reads == [item["image"]]
    for got in (first, second, of_a_new_run):
        assert_same(anew, got)


def test_without_a_folder_it_is_the_transforms_alone(tmp_path):
    item = write(tmp_path)
    assert_same(Compose(steps())(item), CachedScansd(steps())(item))


def test_a_label_map_takes_a_byte_a_voxel(tmp_path):
    case = cached(tmp_path)(write(tmp_path))
    (entry,) = entries(tmp_path)
    assert entry.stat().st_size < 5 * case["image"].numel() + 10_000


def test_entries_are_read_without_running_what_they_hold(tmp_path, caplog):
    item = write(tmp_path)
    cached(tmp_path)(item)
    (entry,) = entries(tmp_path)
    torch.save({"image": Compose([])}, entry)
    cached(tmp_path)(item)
    assert f"{entry} is damaged" in caplog.text
    torch.load(entry, weights_only=True)


@pytest.mark.parametrize(
    "settings",
    [
        {"pixdim": (2.0, 2.0, 4.0)},
        {"window_hu": (-150, 250)},
        {"body_margin_mm": 20.0},
        {"body_crop": False},
        {"antialias": True},
        {"intensity": "zscore"},
        {"label_set": read_label_set({"background": 0, "one": 1, "two": 2})},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_another_setting_reads_anew_and_leaves_the_entries_of_the_first(tmp_path, reads, settings):
    item = write(tmp_path)
    cached(tmp_path)(item)
    other = cached(tmp_path, **settings)(item)
    assert_same(Compose(steps(**settings))(item), other)
    cached(tmp_path)(item)
    assert len(entries(tmp_path)) == 2
    assert len(reads) == 3  # the third is the comparison


@pytest.mark.parametrize("key", ["image", "label"])
def test_a_file_that_is_replaced_is_read_anew_and_its_former_entry_goes(tmp_path, key):
    item = write(tmp_path)
    cached(tmp_path)(item)
    (before,) = entries(tmp_path)
    other = write(tmp_path, "other", seed=1)
    if key == "label":
        volume = nib.load(other["label"])
        nib.save(nib.Nifti1Image(np.roll(np.asarray(volume.dataobj), 2, 0), volume.affine), other["label"])
    Path(other[key]).replace(item[key])
    assert_same(Compose(steps())(item), cached(tmp_path)(item))
    (after,) = entries(tmp_path)
    assert after != before


def test_what_is_annotated_is_that_of_the_item(tmp_path):
    item = write(tmp_path) | {"pseudo": [1]}
    transform = Compose([cached(tmp_path), AnnotatedClassesd(pseudo_weight=0.25)])
    for annotated in ([2], [2], [2, 3]):
        weights = transform(item | {"annotated": annotated})["class_weights"]
        assert weights.nonzero().flatten().tolist() == [0, 1, *annotated]
        assert weights[1] == 0.25


def test_a_case_that_cannot_be_read_says_so_and_the_others_are_kept(tmp_path):
    items = [write(tmp_path, "a"), write(tmp_path, "b"), write(tmp_path, "c")]
    Path(items[1]["image"]).write_bytes(b"no scan")
    Path(items[2]["label"]).unlink()
    transform = cached(tmp_path)
    for item in items[1:]:
        with pytest.raises(Exception, match="applying transform") as failed:
            transform(item)
        assert isinstance(find_case_error(failed.value), CaseError)
    transform(items[0])
    assert len(entries(tmp_path)) == 1


@pytest.mark.parametrize("left", [0, 100, -1])
def test_an_entry_that_was_cut_off_is_written_anew(tmp_path, left, caplog):
    item = write(tmp_path)
    first = cached(tmp_path)(item)
    (entry,) = entries(tmp_path)
    entry.write_bytes(entry.read_bytes()[:left])
    assert_same(first, cached(tmp_path)(item))
    assert f"{entry} is damaged; its scan is read anew" in caplog.text
    caplog.clear()
    assert_same(first, cached(tmp_path)(item))
    assert "damaged" not in caplog.text


def test_a_write_that_is_interrupted_leaves_no_entry(tmp_path, monkeypatch):
    item = write(tmp_path)

    def die(_content, path):
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module.torch, "save", die)
        with pytest.raises(KeyboardInterrupt):
            cached(tmp_path)(item)
    assert not entries(tmp_path)


def test_a_full_disk_is_told_once_and_the_training_goes_on(tmp_path, caplog):
    items = [write(tmp_path, "a"), write(tmp_path, "b")]
    transform = cached(tmp_path)
    with nearly_full_disk(2000), caplog.at_level(logging.WARNING):
        prepared = [transform(item) for item in items]
    assert caplog.text.count("no more prepared scans are kept in") == 1
    assert not entries(tmp_path)
    for item, got in zip(items, prepared, strict=True):
        assert_same(Compose(steps())(item), got)


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(RunError, match=r"cache_dir .*cache cannot be made"):
        cached(tmp_path)


@pytest.mark.parametrize("step", [RandFlipd("image"), len])
def test_what_may_differ_from_call_to_call_is_not_kept(step):
    with pytest.raises(ValueError, match="only deterministic transforms"):
        CachedScansd([*steps(), step])


def test_memory_is_filled_from_the_disk(tmp_path, reads):
    items = [write(tmp_path, name) for name in "ab"]
    for item in items:
        cached(tmp_path)(item)
    reads.clear()
    dataset = CacheDataset(items, Compose([cached(tmp_path)]), cache_rate=0.5, progress=False)
    assert_same(dataset[0], Compose(steps())(items[0]))
    assert_same(dataset[1], Compose(steps())(items[1]))
    assert len(reads) == 2  # the comparisons


def test_processes_that_load_find_and_write_the_same_entries(tmp_path):
    items = [write(tmp_path, name, seed) for seed, name in enumerate("abc")]
    transform = Compose([cached(tmp_path)])
    loader = DataLoader(CacheDataset(items, transform, cache_rate=0.0), num_workers=2, collate_fn=first_of)
    first = [case["image"] for case in loader]
    before = {entry: entry.stat().st_mtime_ns for entry in entries(tmp_path)}
    assert len(before) == 3
    second = [case["image"] for case in loader]
    assert all(torch.equal(one, two) for one, two in zip(first, second, strict=True))
    assert {entry: entry.stat().st_mtime_ns for entry in entries(tmp_path)} == before
    assert_same(pickle.loads(pickle.dumps(transform))(items[0]), transform(items[0]))


def test_the_order_of_a_set_is_no_setting():
    """It differs from process to process for texts; for these two numbers it is that in which they were put in."""
    first, second = (SimpleNamespace(classes={*order}) for order in ((0, 8), (8, 0)))
    assert list(first.classes) != list(second.classes)
    assert settings_key([first]) == settings_key([second])
