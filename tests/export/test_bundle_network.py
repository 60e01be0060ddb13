"""The network that is exported is the one of the bundle's inference, with all of its weights."""

from __future__ import annotations

import json

import pytest
import torch

from support.bundles import CONFIGS, ROOT
from support.exports import WINDOW, small_network
from swinx.errors import BundleError, ExportError, RecordError, WeightsError
from swinx.export import read_bundle_network
from swinx.networks import save_weights
from swinx.tracking import write_sidecar

BUNDLE = ROOT / "bundles" / "swinx_seg"
SETTINGS = {"embed_dim": 12, "depths": [2], "num_heads": [1], "decoder_channels": 4, "roi_size": [32, 32, 32]}


@pytest.fixture
def checkpoint(tmp_path):
    """Weights of a small network."""
    save_weights(small_network(), tmp_path / "model.pt")
    return tmp_path / "model.pt"


def test_the_network_has_the_weights_and_the_windows_of_the_inference(checkpoint, tmp_path):
    (tmp_path / "overlay.json").write_text('{"network_def::use_checkpoint": true}')
    files = [str(ROOT / CONFIGS / "inference.json"), str(tmp_path / "overlay.json")]
    found = read_bundle_network(BUNDLE, checkpoint, files, overrides=SETTINGS)
    assert (found.window, found.checkpoint) == (WINDOW, checkpoint)
    assert not found.network.training
    image = torch.rand(1, *WINDOW)
    assert torch.equal(found.network(image), small_network()(image))


def test_overlays_change_the_configuration(checkpoint, tmp_path):
    (tmp_path / "overlay.json").write_text('{"roi_size": [64, 32, 32]}')
    files = [str(ROOT / CONFIGS / "inference.json"), str(tmp_path / "overlay.json")]
    found = read_bundle_network(BUNDLE, checkpoint, files, {k: v for k, v in SETTINGS.items() if k != "roi_size"})
    assert found.window == (1, 64, 32, 32)


def test_settings_come_from_the_sidecar_of_the_weights_after_what_is_given(checkpoint, tmp_path):
    write_sidecar(checkpoint, {"settings": SETTINGS | {"pixdim": [4.0, 4.0, 4.0], "device": "cuda", "of_old": 1}})
    found = read_bundle_network(BUNDLE, checkpoint)
    assert (found.window, found.settings) == (WINDOW, SETTINGS | {"pixdim": [4.0, 4.0, 4.0]})
    image = torch.rand(1, *WINDOW)
    assert torch.equal(found.network(image), small_network()(image))
    assert read_bundle_network(BUNDLE, checkpoint, overrides={"roi_size": [64, 32, 32]}).window == (1, 64, 32, 32)
    (tmp_path / "overlay.json").write_text('{"roi_size": [32, 64, 32]}')
    files = [str(ROOT / CONFIGS / "inference.json"), str(tmp_path / "overlay.json")]
    assert read_bundle_network(BUNDLE, checkpoint, files).window == (1, 32, 64, 32)
    checkpoint.write_bytes(checkpoint.read_bytes() + b"changed")
    with pytest.raises(BundleError, match=r"model\.pt: its hash is .*changed after the training"):
        read_bundle_network(BUNDLE, checkpoint)


def test_settings_that_cannot_be_and_weights_that_do_not_fit_are_refused_in_one_line_with_what_to_give(checkpoint):
    for settings, reason in (
        (SETTINGS | {"roi_size": 40}, r"roi_size is 40; give a list of 3"),
        (SETTINGS | {"roi_size": [40, 40]}, r"roi_size is \[40, 40\]; give a list of 3, each a whole number"),
        (SETTINGS | {"embed_dim": "many"}, r"embed_dim is 'many'; give a whole number"),
        ({}, r"another network: give the settings of their training \(--embed_dim, --depths, --num_heads, "),
    ):
        with pytest.raises(ValueError, match=reason) as refused:
            read_bundle_network(BUNDLE, checkpoint, overrides=settings)
        assert len(str(refused.value).splitlines()) == 1


def test_a_window_that_the_network_does_not_take_is_told_in_plain_numbers(checkpoint):
    with pytest.raises(ExportError, match=r"roi_size is \[40, 42, 32\], whose sides are no multiples of 4"):
        read_bundle_network(BUNDLE, checkpoint, overrides=SETTINGS | {"roi_size": [40, 42, 32]})


def test_what_is_missing_or_does_not_fit_is_named(checkpoint, tmp_path):
    with pytest.raises(ExportError, match=r"nowhere: no such folder; give the folder of a MONAI Bundle"):
        read_bundle_network(tmp_path / "nowhere", checkpoint)
    with pytest.raises(ExportError, match=r"configs/inference.json: no such file"):
        read_bundle_network(tmp_path, checkpoint)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ExportError, match=r"broken.json: cannot be read as a configuration"):
        read_bundle_network(BUNDLE, checkpoint, str(tmp_path / "broken.json"))
    with pytest.raises(ExportError, match=r"metadata.json: has no network_def and no roi_size"):
        read_bundle_network(BUNDLE, checkpoint, str(ROOT / CONFIGS / "metadata.json"))
    with pytest.raises(ExportError, match=r"inference.json: has no embed_dims to override"):
        read_bundle_network(BUNDLE, checkpoint, overrides={"embed_dims": 12})
    with pytest.raises(ExportError, match=r"inference.json: cannot be built: .*num_heads"):
        read_bundle_network(BUNDLE, checkpoint, overrides=SETTINGS | {"num_heads": [5]})
    with pytest.raises(WeightsError, match=r"no-model.pt: no such file"):
        read_bundle_network(BUNDLE, tmp_path / "no-model.pt", overrides=SETTINGS)
    with pytest.raises(WeightsError, match="these are weights of another network"):
        read_bundle_network(BUNDLE, checkpoint, overrides=SETTINGS | {"embed_dim": 24})


@pytest.mark.parametrize("by", ["sidecar", "user"])
@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"overlap": "$CANARY"}, "overlap is .*, and \\$, @ and % make a program"),
        ({"overlap": "@network_def"}, "make a program"),
        ({"overlap": "%run"}, "make a program"),
        ({"run": ["$CANARY"]}, "no override of run is taken"),
        ({"imports": ["$CANARY"]}, "no override of imports is taken"),
        ({"handlers": []}, "no override of handlers is taken"),
        ({"roi_size": {"_target_": "os.getcwd"}}, "'_target_', by which a configuration builds components"),
        ({"network_def::_target_": "os.getcwd"}, "is no name of a setting"),
    ],
)
def test_what_is_beside_weights_or_given_with_them_never_becomes_code(settings, reason, by, checkpoint, tmp_path):
    canary = tmp_path / "canary"
    expression = f"$__import__('pathlib').Path('{canary}').touch()"
    settings = json.loads(json.dumps(settings).replace("$CANARY", expression))
    write_sidecar(checkpoint, {"settings": SETTINGS | (settings if by == "sidecar" else {})})
    source = r"model\.json" if by == "sidecar" else "swinx export"
    with pytest.raises(RecordError, match=f"{source}: .*{reason}") as refused:
        read_bundle_network(BUNDLE, checkpoint, overrides=settings if by == "user" else None)
    assert len(str(refused.value).splitlines()) == 1
    assert not canary.exists()
