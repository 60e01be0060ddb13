"""Folders of bundles, in an installed package and in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

import swinx
from swinx.bundle import bundle_folder, bundle_folders, chosen_bundle, is_installed, output_root, own_weights
from swinx.errors import BundleError

ROOT = Path(__file__).parents[2]


def make_bundle(folder: Path) -> Path:
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "metadata.json").write_text("{}")
    return folder


def test_a_checkout_has_its_bundles_beside_the_package():
    assert bundle_folders() == {path.name: path for path in sorted((ROOT / "bundles").iterdir())}
    assert bundle_folder("ssl_smit") == ROOT / "bundles" / "ssl_smit"


def test_bundles_in_the_package_come_first(tmp_path, monkeypatch):
    package = tmp_path / "plugins" / "swinx"
    make_bundle(tmp_path / "bundles" / "of_checkout")
    monkeypatch.setattr(swinx, "__file__", str(package / "__init__.py"))
    assert bundle_folder("of_checkout") == tmp_path / "bundles" / "of_checkout"
    inside = make_bundle(package / "bundles" / "installed")
    (package / "bundles" / "no_bundle").mkdir()
    assert bundle_folders() == {"installed": inside}


@pytest.mark.parametrize("name", ["swinx", "../bundles/swinx_seg", "", "swinx_seg\nx"])
def test_another_name_is_refused_in_one_line_with_the_known_ones(name):
    with pytest.raises(BundleError, match=r"known are pseudolabel, ssl_smit, swinx_seg$") as refused:
        bundle_folder(name)
    assert len(str(refused.value).splitlines()) == 1


def test_a_folder_goes_before_a_name_and_a_folder_without_configurations_is_no_bundle(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = bundle_folder("swinx_seg")
    assert chosen_bundle("swinx_seg") == named
    (tmp_path / "swinx_seg" / "models").mkdir(parents=True)  # as a training of the installed bundle leaves it
    assert chosen_bundle("swinx_seg") == named
    make_bundle(tmp_path / "swinx_seg")
    assert chosen_bundle("swinx_seg") == Path("swinx_seg")
    assert chosen_bundle(str(tmp_path / "swinx_seg")) == tmp_path / "swinx_seg"
    assert chosen_bundle("nowhere/swinx_seg") == Path("nowhere/swinx_seg"), "a path is no name"


def test_runs_of_an_installed_bundle_write_below_the_working_directory(tmp_path, monkeypatch):
    package, here = tmp_path / "lib" / "swinx", tmp_path / "here"
    monkeypatch.setattr(swinx, "__file__", str(package / "__init__.py"))
    bundle = make_bundle(package / "bundles" / "seg")
    copy = make_bundle(here / "seg")
    monkeypatch.chdir(here)
    assert (is_installed(bundle), output_root(bundle)) == (True, "seg")
    assert (is_installed(copy), output_root(copy)) == (False, copy.as_posix())
    assert is_installed("../lib/swinx/bundles/seg")
    assert not is_installed(package)


def test_weights_of_a_training_go_before_those_that_a_bundle_came_with(tmp_path, monkeypatch):
    package, here = tmp_path / "lib" / "swinx", tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(swinx, "__file__", str(package / "__init__.py"))
    bundle = make_bundle(package / "bundles" / "seg")
    assert own_weights(bundle) == "seg/models/model.pt"
    brought = bundle / "models"
    brought.mkdir(parents=True)
    (brought / "swinx_abdomen_small.pt").touch()
    assert own_weights(bundle) == "seg/models/model.pt", "switched off by the environment"
    monkeypatch.delenv("SWINX_SHIPPED_WEIGHTS")
    for place in (brought / "swinx_abdomen_small.pt", brought / "model.pt", Path("seg/models/model.pt")):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        assert own_weights(bundle) == place.as_posix()


def test_a_package_without_bundles_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(swinx, "__file__", str(tmp_path / "lib" / "swinx" / "__init__.py"))
    with pytest.raises(BundleError, match=r"there is no bundle 'swinx_seg'; .*swinx brings none$"):
        bundle_folder("swinx_seg")
