"""RandTwoViewsd: views lie where the scan says, hold tissue, follow the seed, and leave the scan alone."""

from __future__ import annotations

import logging
import pickle

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import CacheDataset, DataLoader, Dataset, MetaTensor
from monai.data.utils import set_rnd
from monai.transforms import Compose, LoadImaged, MapTransform, SelectItemsd

from support.geometry import oblique_affine
from swinx.data import CTReader
from swinx.errors import CaseError
from swinx.preprocessing import CTPreprocessingd
from swinx.pretraining import RandBlockMaskd, RandTwoViewsd

SMALL = {"region_size": (24, 20, 18), "roi_size": (16, 12, 10)}
LOGGER = "swinx.pretraining.two_views"


def scan(shape=(40, 36, 30), affine=None, name="scan.nii.gz", value=None) -> dict[str, MetaTensor]:
    """An image whose voxels all differ, so that a value says where it came from; none of them is air."""
    voxels = torch.arange(1, 1 + np.prod(shape), dtype=torch.float32).view(1, *shape) / float(np.prod(shape))
    voxels = voxels if value is None else torch.full_like(voxels, value)
    affine = oblique_affine() if affine is None else affine
    return {"image": MetaTensor(voxels, affine=torch.as_tensor(affine), meta={"filename_or_obj": name})}


def two_views(seed=0, **changes) -> RandTwoViewsd:
    transform = RandTwoViewsd(**(SMALL | changes))
    transform.set_random_state(seed)
    return transform


def starts(item) -> np.ndarray:
    """First voxel of either view in the image, from the affines."""
    to_image = np.linalg.inv(item["image"].affine.numpy())
    return np.array([(to_image @ item[key].affine.numpy())[:3, 3] for key in ("view_1", "view_2")])


@pytest.mark.parametrize("seed", range(5))
def test_a_voxel_of_a_view_is_in_the_world_where_it_was_in_the_scan(oblique, seed):
    case = scan(affine=oblique)
    out = two_views(seed)(case)
    for key in ("view_1", "view_2"):
        view, image = out[key], case["image"]
        assert view.shape == (1, *SMALL["roi_size"])
        for index in np.argwhere(np.ones(view.shape[1:]))[::97]:
            world = view.affine.numpy() @ [*index, 1]
            source = np.linalg.solve(image.affine.numpy(), world)[:3]
            np.testing.assert_allclose(source, source.round(), atol=1e-6)
            assert view[0][tuple(index)] == image[0][tuple(source.round().astype(int))]


def test_both_views_lie_in_one_region_and_differ():
    transform = two_views()
    case = scan((64, 60, 50))
    first = np.array([starts(transform(case)) for _ in range(400)])
    apart = abs(first[:, 0] - first[:, 1]).round().astype(int)
    room = np.subtract(SMALL["region_size"], SMALL["roi_size"])
    assert (apart <= room).all()
    assert (apart.max(axis=0) == room).all(), "every place in the region is in reach"
    assert (apart.sum(axis=1) > 0).mean() > 0.9
    assert np.ptp(first.reshape(-1, 3), axis=0).min() > 30, "regions lie all over the scan"


def test_a_region_larger_than_the_scan_is_the_scan():
    item = two_views(region_size=(500, 500, 500))(scan())
    assert item["view_1"].shape == (1, 16, 12, 10)


def test_the_scan_is_left_alone_and_shares_no_memory_with_its_views():
    case = scan((16, 12, 10))  # a view is then the whole scan
    before, image = case["image"].clone(), case["image"]
    out = two_views()(case)
    assert out["image"] is image
    assert set(case) == {"image"}
    out["view_1"].zero_()
    out["view_1"].affine[:] = 0
    assert torch.equal(image.as_tensor(), before.as_tensor())
    assert torch.equal(out["view_2"].as_tensor(), before.as_tensor())
    assert torch.equal(image.affine, before.affine)
    assert image.applied_operations == before.applied_operations
    assert out["view_2"].is_contiguous()


def test_the_same_seed_gives_the_same_views_also_within_compose():
    case = scan()
    one, again, other = (two_views(seed)(case)["view_1"] for seed in (3, 3, 4))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    chain = Compose([RandTwoViewsd(**SMALL), RandBlockMaskd(block_size=2)])
    chain.set_random_state(7)
    first = chain(case)
    np.random.seed(99)  # noqa: NPY002 - the global generator must have no say
    torch.manual_seed(99)
    set_rnd(chain, 7)
    second, third = chain(case), chain(case)
    for key in ("view_1", "view_2", "mask_1", "mask_2"):
        assert torch.equal(first[key], second[key]), key
        assert not torch.equal(second[key], third[key]), key


def test_a_small_scan_is_padded_with_air_in_place_and_said_so_once_per_file(caplog, oblique):
    transform = two_views(min_tissue=0.0)
    with caplog.at_level(logging.WARNING, LOGGER):
        for name in ("thin.nii.gz", "thin.nii.gz", "other.nii.gz", "thin.nii.gz"):
            out = transform(scan((40, 36, 5), oblique, name))
    assert [record.message.split(":")[0] for record in caplog.records] == ["thin.nii.gz", "other.nii.gz"]
    assert "(40, 36, 5) voxels" in caplog.text
    assert "roi_size (16, 12, 10)" in caplog.text
    view = out["view_1"]
    assert view.shape == (1, 16, 12, 10)
    filled = torch.nonzero(view.as_tensor()[0] > 0)
    assert (filled.amin(dim=0).tolist(), filled.amax(dim=0).tolist()) == ([0, 0, 2], [15, 11, 6])
    index = filled[17].numpy()
    source = np.linalg.solve(oblique, view.affine.numpy() @ [*index, 1])[:3].round().astype(int)
    assert view[0][tuple(index)] == out["image"][0][tuple(source)]


def test_a_large_scan_is_not_spoken_of(caplog):
    with caplog.at_level(logging.INFO):
        two_views()(scan())
    assert not caplog.records


def body_in_air(first=24) -> dict[str, MetaTensor]:
    """Tissue from voxel ``first`` on along the first of 40 + ``first`` voxels."""
    case = scan((first + 40, 20, 18))
    case["image"][:, :first] = 0
    return case


def test_views_of_air_are_drawn_again():
    case, once, often = body_in_air(60), two_views(max_draws=1), two_views(max_draws=100)
    share = [
        min(float((out[key] > 0).float().mean()) for key in ("view_1", "view_2")) for out in map(once, [case] * 40)
    ]
    assert min(share) == 0, "without drawing again there are views of air"
    for out in map(often, [case] * 40):
        assert all((out[key] > 0).float().mean() >= 0.05 for key in ("view_1", "view_2"))


@pytest.mark.parametrize("max_draws", [1, 4])
def test_a_scan_of_air_ends_after_max_draws_with_a_warning_that_names_it_once(caplog, max_draws, monkeypatch):
    transform, asked = two_views(max_draws=max_draws), []
    monkeypatch.setattr(transform, "_tissue", lambda voxels: asked.append(voxels.shape) or 0.0)
    for _ in range(3):
        out = transform(scan(name="empty.nii.gz", value=0.0))
    assert len(asked) == 3 * max_draws * 2
    assert out["view_2"].shape == (1, 16, 12, 10)
    (record,) = caplog.records
    assert "empty.nii.gz" in record.message
    assert f"{max_draws} draws" in record.message


def test_when_draws_run_out_the_pair_with_most_tissue_is_taken(caplog, monkeypatch):
    transform, shares = two_views(max_draws=3, min_tissue=0.5), iter([0.1, 0.3, 0.2, 0.2, 0.0, 0.9])
    boxes = []
    monkeypatch.setattr(transform, "_tissue", lambda _: next(shares))
    monkeypatch.setattr(transform, "_box", lambda start, box=transform._box: boxes.append(start) or box(start))
    out = transform(scan())
    np.testing.assert_allclose(starts(out), boxes[2:4], atol=1e-6)
    assert "20.0 %" in caplog.text


def test_tissue_is_counted_in_the_whole_view_padding_included(caplog):
    """Half of the view is scan and 40 % of that is tissue: 20 %."""
    case = scan((16, 12, 5))
    case["image"][..., 2:] = 0
    two_views(min_tissue=0.21, max_draws=2)(case)
    assert "the best has 20.0 %" in caplog.text
    caplog.clear()
    two_views(min_tissue=0.2)(case)
    assert "draws" not in caplog.text


class _Spy(MapTransform):
    def __init__(self) -> None:
        super().__init__("image")
        self.calls = 0

    def __call__(self, data):
        self.calls += 1
        return data


@pytest.mark.parametrize("copy_cache", [True, False])
def test_a_cached_data_set_reads_each_scan_once_and_its_views_differ_between_epochs(tmp_path, copy_cache):
    data = []
    for number in range(2):
        voxels = np.random.default_rng(number).integers(-200, 200, (40, 36, 20)).astype(np.int16)
        data.append({"image": str(tmp_path / f"{number}.nii.gz")})
        nib.save(nib.Nifti1Image(voxels, oblique_affine(spacing_mm=(2, 2, 4))), data[-1]["image"])
    spy = _Spy()
    steps = [
        LoadImaged("image", reader=CTReader(), ensure_channel_first=True, image_only=True),
        CTPreprocessingd("image", pixdim=(2.5, 2.5, 2.5), body_crop=False),
        spy,
        RandTwoViewsd(region_size=(24, 24, 24), roi_size=(16, 16, 16)),
        RandBlockMaskd(block_size=4),
        SelectItemsd(["view_1", "view_2", "mask_1", "mask_2"]),
    ]
    cached = CacheDataset(data, Compose(steps), cache_rate=1, num_workers=1, progress=False, copy_cache=copy_cache)
    assert spy.calls == 2
    set_rnd(cached, 0)
    epochs = [[cached[i] for i in range(2)] for _ in range(3)]
    assert spy.calls == 2
    for i in range(2):
        for key in ("view_1", "view_2", "mask_1", "mask_2"):
            assert not torch.equal(epochs[0][i][key], epochs[1][i][key]), key
    batch = next(iter(DataLoader(cached, batch_size=2)))
    assert batch["view_1"].shape == (2, 1, 16, 16, 16)
    assert batch["mask_2"].shape == (2, 1, 4, 4, 4)


def test_scans_that_were_padded_and_scans_that_were_not_make_one_batch():
    data = Dataset([scan(), scan((40, 36, 5))], two_views())
    select = SelectItemsd(["view_1", "view_2"])
    batch = next(iter(DataLoader(Dataset(data, select), batch_size=2)))
    assert batch["view_1"].shape == (2, 1, 16, 12, 10)


def test_workers_that_each_epoch_starts_anew_warn_of_a_file_once(tmp_path):
    handler = logging.FileHandler(tmp_path / "log.txt")
    logging.getLogger(LOGGER).addHandler(handler)
    try:
        items = [scan((40, 36, 5), name=f"{n}.nii.gz") for n in range(4)]
        loader = DataLoader(Dataset(items, Compose([two_views(), SelectItemsd("view_1")])), num_workers=2)
        for _ in range(3):
            assert len(list(loader)) == 4
    finally:
        logging.getLogger(LOGGER).removeHandler(handler)
        handler.close()
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert sorted(line.split(":")[0] for line in lines) == [f"{n}.nii.gz" for n in range(4)]


def test_it_can_be_sent_to_another_process():
    assert torch.equal(pickle.loads(pickle.dumps(two_views(2)))(scan())["view_1"], two_views(2)(scan())["view_1"])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"region_size": (24, 20, 9)}, r"roi_size \(16, 12, 10\) do not fit into region_size \(24, 20, 9\)"),
        ({"roi_size": (16, 0, 10)}, "roi_size must be three positive whole numbers"),
        ({"region_size": (24, -1, 20)}, "region_size must be three positive whole numbers"),
        ({"roi_size": (16, 12)}, "roi_size must be three positive"),
        ({"roi_size": 16}, "roi_size must be three positive"),
        ({"roi_size": (16.5, 12, 10)}, "roi_size must be three positive"),
        ({"keys": ("image", "label")}, "two views are cropped from one image"),
        ({"min_tissue": 1.0}, "min_tissue must be a share"),
        ({"min_tissue": -0.1}, "min_tissue must be a share"),
        ({"max_draws": 0}, "max_draws must be 1 or more"),
    ],
)
def test_settings_out_of_range_are_refused_when_it_is_built(bad, message):
    with pytest.raises(ValueError, match=message):
        RandTwoViewsd(**(SMALL | bad))


@pytest.mark.parametrize("shape", [(40, 36, 30), (2, 40, 36, 30)])
def test_what_is_no_volume_of_one_channel_is_refused_by_name(shape):
    item = {"image": MetaTensor(torch.zeros(shape), meta={"filename_or_obj": "slice.nii.gz"})}
    with pytest.raises(CaseError, match=r"slice\.nii\.gz: expected one channel"):
        two_views()(item)
