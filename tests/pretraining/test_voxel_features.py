"""A voxel gets the features of its own cell, and every case ends up among the done, the failed or the empty ones."""

from __future__ import annotations

import logging

import pytest
import torch
import torch.nn.functional as functional
from monai.data import DataLoader
from monai.engines import PrepareBatchExtraInput, SupervisedEvaluator
from monai.transforms import Compose

from swinx.errors import CaseError
from swinx.inference import CaseDataset, CaseIteration, collate_case
from swinx.pretraining import FeatureRecords, SampledFeaturesInferer, SampleVoxelsd

ROI = (8, 8, 4)


def features(volume: torch.Tensor, voxels: torch.Tensor, network, roi=ROI, sw_batch_size: int = 1) -> dict:
    """Features of the voxels ``(N, 3)`` of one scan, without the batch axis."""
    found = SampledFeaturesInferer(roi, sw_batch_size)(volume, network, voxels=voxels[None])
    return {name: values[0] for name, values in found.items()}


def pooled(windows: torch.Tensor) -> dict[str, list[torch.Tensor]]:
    """Cells of 2x2x2 and of 4x4x4 voxels that hold the mean of their voxels."""
    return {"mean": [functional.avg_pool3d(windows, 2), functional.avg_pool3d(windows, 4)]}


@pytest.fixture
def volume() -> torch.Tensor:
    return torch.rand(1, 1, 13, 8, 7, generator=torch.Generator().manual_seed(0))


def all_voxels(volume: torch.Tensor) -> torch.Tensor:
    return torch.nonzero(torch.ones(volume.shape[2:]))


def test_a_voxel_gets_the_mean_of_its_own_cells(volume):
    voxels = all_voxels(volume)
    found = features(volume, voxels, pooled)["mean"]
    padded = functional.pad(volume[0, 0], (0, 1, 0, 0, 0, 3))  # 16 x 8 x 8: far end, with zeros
    for row in (0, 5, 100, 333, len(voxels) - 1):
        for column, side in enumerate((2, 4)):
            x, y, z = (int(index) // side * side for index in voxels[row])
            cell = padded[x : x + side, y : y + side, z : z + side]
            torch.testing.assert_close(found[row, column], cell.mean())


def test_hand_counted_cells():
    labels = torch.arange(4.0).reshape(1, 1, 2, 2, 1)
    voxels = torch.tensor([[0, 0, 0], [3, 3, 7], [3, 4, 0], [4, 3, 7], [7, 7, 3]])
    found = features(torch.zeros(1, 1, 8, 8, 8), voxels, lambda _: {"labels": [labels]}, (8, 8, 8))
    assert found["labels"].flatten().tolist() == [0, 0, 1, 2, 3]


def test_the_order_and_the_number_of_voxels_do_not_matter(volume):
    voxels = all_voxels(volume)
    whole = features(volume, voxels, pooled)["mean"]
    chosen = torch.randperm(len(voxels), generator=torch.Generator().manual_seed(1))[:50]
    some = features(volume, voxels[chosen], pooled)["mean"]
    assert torch.equal(some, whole[chosen])


def test_the_batch_of_windows_does_not_matter(volume):
    voxels = all_voxels(volume)
    one, three = (features(volume, voxels, pooled, sw_batch_size=n)["mean"] for n in (1, 3))
    assert torch.equal(one, three)


def test_only_windows_with_voxels_are_run(volume):
    seen = []

    def network(windows: torch.Tensor) -> dict[str, list[torch.Tensor]]:
        seen.append(windows)
        return pooled(windows)

    features(volume, torch.tensor([[12, 0, 6], [9, 7, 4]]), network)
    assert len(seen) == 1
    torch.testing.assert_close(seen[0][:, :, :5, :, :3], volume[:, :, 8:, :, 4:])
    assert not seen[0][:, :, 5:].any()
    assert not seen[0][..., 3:].any()


def test_several_networks_share_a_window(volume):
    def network(windows: torch.Tensor) -> dict[str, list[torch.Tensor]]:
        return {"same": pooled(windows)["mean"], "negative": [-windows]}

    voxels = torch.tensor([[1, 2, 3], [12, 7, 6]])
    found = features(volume, voxels, network)
    assert {name: tuple(values.shape) for name, values in found.items()} == {"same": (2, 2), "negative": (2, 1)}
    torch.testing.assert_close(found["negative"][:, 0], -volume[0, 0][tuple(voxels.T)])


def test_no_voxels_run_no_window(volume):
    assert features(volume, torch.zeros(0, 3, dtype=torch.long), pooled) == {}


def test_features_come_as_a_batch_of_one_and_in_float32(volume):
    voxels = all_voxels(volume)
    found = SampledFeaturesInferer(ROI, 2)(volume.half(), lambda w: {"same": [w]}, voxels=voxels[None])["same"]
    assert found.shape == (1, len(voxels), 1)
    assert found.dtype == torch.float32


@pytest.mark.parametrize(
    ("voxels", "reason"),
    [([[13, 0, 0]], "outside a scan of"), ([[0, -1, 0]], "outside a scan of"), ([[0, 0]], r"voxels \(N, 3\)")],
)
def test_voxels_that_do_not_fit_are_refused(volume, voxels, reason):
    with pytest.raises(ValueError, match=reason):
        features(volume, torch.tensor(voxels), pooled)


def test_maps_and_scans_that_do_not_fit_are_refused(volume):
    with pytest.raises(ValueError, match="does not divide a window"):
        features(volume, torch.zeros(1, 3, dtype=torch.long), lambda _: {"thirds": [torch.zeros(1, 1, 3, 3, 3)]})
    with pytest.raises(ValueError, match=r"one scan .* not \(2, 1, 13, 8, 7\)"):
        features(volume.expand(2, -1, -1, -1, -1), torch.zeros(1, 3, dtype=torch.long), pooled)


def load(item: dict) -> dict:
    """A label of eight voxels, of which the image is a copy."""
    if item["case"] == "bad":
        raise CaseError("bad.nii.gz", "is empty")
    label = torch.zeros(1, 8, 8, 8)
    label[:, 1:3, 1:3, 1:3] = item.get("label_id", 1)
    return item | {"image": label.clone(), "label": label}


class Identity(torch.nn.Module):
    """One map, the windows themselves."""

    def forward(self, windows: torch.Tensor) -> dict[str, list[torch.Tensor]]:
        """Return it; fails on the tumour."""
        if windows.max() == 14:
            raise RuntimeError("out of memory on device")
        return {"pretrained": [windows]}


def run(*items: dict) -> FeatureRecords:
    records = FeatureRecords()
    transform = Compose([load, SampleVoxelsd("label", 5)])
    SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(CaseDataset(items, transform), batch_size=1, collate_fn=collate_case),
        network=Identity(),
        prepare_batch=PrepareBatchExtraInput({"voxels": "voxels"}),
        iteration_update=CaseIteration(),
        inferer=SampledFeaturesInferer((4, 4, 4)),
        val_handlers=[records],
    ).run()
    return records


def test_features_belong_to_their_voxels():
    records = run({"case": "a", "section": "training"}, {"case": "b", "section": "validation", "label_id": 5})
    assert [(case.case, case.section) for case in records.done] == [("a", "training"), ("b", "validation")]
    for case, label in zip(records.done, (1, 5), strict=True):
        assert case.classes.tolist() == [label] * 5
        assert case.features["pretrained"][:, 0].tolist() == [label] * 5
    records.exit_if_failed()


def test_a_bad_case_is_named_and_the_others_go_on(caplog):
    good, bad, full = ({"case": c, "section": "training", "label_id": i} for c, i in (("a", 1), ("bad", 1), ("c", 14)))
    with caplog.at_level(logging.ERROR):
        records = run(bad, full, good)
    assert [case.case for case in records.done] == ["a"]
    assert [failure["case"] for failure in records.failed] == ["bad", "c"]
    assert records.failed[0]["reason"] == "bad.nii.gz: is empty"
    assert "out of memory" in records.failed[1]["reason"]
    with pytest.raises(SystemExit, match="1"):
        records.exit_if_failed()


def test_a_case_without_an_annotated_class_is_no_failure():
    records = run({"case": "a", "section": "training", "annotated": [14]}, {"case": "b", "section": "training"})
    assert records.empty == ["a"]
    assert [case.case for case in records.done] == ["b"]
    records.exit_if_failed()
