"""The metric that decides on the best epoch, for any label set."""

import pytest
import torch
from monai.handlers import from_engine
from monai.metrics import DiceMetric

from swinx.labels import FLARE23, read_label_set
from swinx.training import organ_labels

NODULE_FIRST = read_label_set(
    {"labels": {"background": 0, "nodule": 1, "left lung": 2, "right lung": 3}, "classes": {"nodule": {"inside": []}}}
)


def output(num_classes: int) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    label = torch.randint(0, num_classes, (1, 12, 10, 8), generator=generator)
    pred = torch.where(torch.rand(label.shape, generator=generator) < 0.6, label, label.roll(1, 1))
    return [{"pred": pred, "label": label}]


def mean_dice(found, num_classes: int, transform) -> float:
    metric = DiceMetric(include_background=False, num_classes=num_classes)
    metric(*transform(found))
    return float(metric.aggregate())


def test_the_mean_over_organs_of_flare_is_that_of_classes_1_to_13():
    found = output(15)
    expected = mean_dice(found, 14, from_engine(["pred", "label"]))
    assert mean_dice(found, 15, organ_labels(FLARE23)) == pytest.approx(expected)


def test_lesions_do_not_count_wherever_they_stand():
    found = output(4)
    before = mean_dice(found, 4, organ_labels(NODULE_FIRST))
    worse = [{"label": found[0]["label"], "pred": torch.where(found[0]["pred"] == 1, 0, found[0]["pred"])}]
    assert mean_dice(worse, 4, organ_labels(NODULE_FIRST)) == pytest.approx(before)
    assert mean_dice(worse, 4, from_engine(["pred", "label"])) < before


def test_lesions_count_where_there_is_nothing_else():
    found = output(2)
    lesions = read_label_set("flare_lesion")
    assert mean_dice(found, 2, organ_labels(lesions)) == mean_dice(found, 2, from_engine(["pred", "label"]))
