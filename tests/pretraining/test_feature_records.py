"""FeatureRecords: every case ends up among the done, the failed or the empty ones."""

from __future__ import annotations

import logging

import pytest
import torch
from monai.data import DataLoader
from monai.engines import PrepareBatchExtraInput, SupervisedEvaluator
from monai.transforms import Compose

from swinx.errors import CaseError
from swinx.inference import CaseDataset, CaseIteration, collate_case
from swinx.pretraining import FeatureRecords, SampledFeaturesInferer, SampleVoxelsd


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
        """Return it; gives up on the tumour."""
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
