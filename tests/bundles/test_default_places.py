"""Default places of the bundles' files: what runs write is kept out of an installed package."""

from __future__ import annotations

import json
import re

import pytest

from support.bundles import ROOT

READ_FROM_THE_BUNDLE = ("'configs'", "'..', 'swinx_seg'")


@pytest.mark.parametrize("path", sorted(ROOT.glob("bundles/*/configs/*.json")), ids=lambda path: path.stem)
def test_a_default_place_is_in_the_bundle_only_if_it_is_read_alone(path):
    for text in re.findall(r"join\(@bundle_root, ([^)]*)\)", path.read_text()):
        assert text in READ_FROM_THE_BUNDLE, f"{path}: {text}; use output_root(@bundle_root)"


@pytest.mark.parametrize("bundle", ["ssl_smit", "swinx_seg"])
def test_an_inference_takes_by_default_what_a_training_writes(bundle, monkeypatch, tmp_path):
    """Both in a copy, which is its own output folder, and in the package, which is none."""
    import swinx
    from swinx.bundle import output_root, own_weights

    configs = ROOT / "bundles" / bundle / "configs"
    train, inference = (json.loads((configs / f"{name}.json").read_text()) for name in ("train", "inference"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(swinx, "__file__", str(tmp_path / "lib" / "swinx" / "__init__.py"))
    for root in (tmp_path / bundle, tmp_path / "lib" / "swinx" / "bundles" / bundle):
        names = {"output_root": output_root, "own_weights": own_weights, "os": __import__("os")}
        written, read = (
            eval(config["checkpoint"][1:].replace("@bundle_root", repr(str(root))), names)
            for config in (train, inference)
        )
        assert read == written
        assert (tmp_path / written).parent.parent == tmp_path / bundle
