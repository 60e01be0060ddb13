"""check_classes: channels of the metadata are called as the classes of the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swinx.errors import BundleError
from swinx.labels import FLARE23, LabelSet, read_label_set
from swinx.packaging.fit import check_classes

LUNGS = read_label_set({"background": 0, "left lung lobe": 10, "nodule": 30})


def metadata(names: tuple[str, ...]) -> dict[str, Any]:
    channels = {str(number): name for number, name in enumerate(names)}
    return {"network_data_format": {"outputs": {"pred": {"format": "segmentation", "channel_def": channels}}}}


@pytest.mark.parametrize("label_set", [LUNGS, FLARE23, read_label_set("totalsegmentator")])
def test_channels_in_the_order_of_the_classes_are_accepted(label_set: LabelSet):
    check_classes(metadata(label_set.names), Path("m.json"), label_set)


def test_another_order_and_other_numbers_are_named():
    with pytest.raises(BundleError, match=r"m\.json: pred, channel_def: 1 is 'nodule', not 'left lung lobe'; 2 is"):
        check_classes(metadata(("background", "nodule", "left lung lobe")), Path("m.json"), LUNGS)
    numbered = metadata(LUNGS.names)
    numbered["network_data_format"]["outputs"]["pred"]["channel_def"] = dict(zip("035", LUNGS.names, strict=True))
    with pytest.raises(BundleError, match="1 is None, not 'left lung lobe'"):
        check_classes(numbered, Path("m.json"), LUNGS)


def test_a_network_with_another_number_of_classes_is_another_one():
    check_classes(metadata(("background", "liver")), Path("m.json"), LUNGS)
