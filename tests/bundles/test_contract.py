"""Configurations stand alone or over another one, agree with each other and satisfy MONAI's properties."""

from __future__ import annotations

import filecmp
import json

import pytest
from monai.bundle import ConfigParser, ConfigWorkflow, verify_net_in_out

from support.bundles import CONFIGS, ROOT, SMALL, default_of
from swinx.bundle import settings_of_network
from swinx.labels import FLARE23

FOLDER = ROOT / CONFIGS
BUNDLES = sorted((ROOT / "bundles").iterdir())


# What training and inference both have, each its own: data, machine, and what is built of the same settings.
OF_EACH = {
    *("imports", "datalist", "checkpoint", "num_workers", "label_set", "network_def", "network", "reader", "run"),
    "resume",  # a training goes on by default; an inference segments anew
}
EVALUATION = [str(FOLDER / f"{name}.json") for name in ("inference", "evaluate")]


def content(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("files", "kind"),
    [([str(FOLDER / "train.json")], "train"), (EVALUATION[:1], "inference"), (EVALUATION, "evaluation")],
)
def test_monai_misses_no_property(files, kind, cohort, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    workflow = ConfigWorkflow(
        config_file=files,
        workflow_type=kind,
        dataset_dir=str(cohort),
        output_dir=str(tmp_path),
        **SMALL,
    )
    workflow.initialize()
    assert workflow.check_properties() == []


def test_what_training_and_inference_repeat_agrees():
    train, other = content("train"), content("inference")
    repeated = (train.keys() & other.keys()) - OF_EACH
    assert {*settings_of_network(other), "intensity", "channels_last", "overlap", "memory_format"} <= repeated
    assert {name for name in repeated if train[name] != default_of(name, other[name])} == set()
    assert train["network"] == other["network"].replace("@network_def", "@trained_network")
    assert train["trained_network"]["network"] == "@network_def"
    of_training = {"drop_path_rate": "@drop_path_rate", "use_checkpoint": "@use_checkpoint"}
    assert train["network_def"] == other["network_def"] | of_training
    assert not set(of_training) & set(other)
    load, prepare = other["preprocessing"]["transforms"]
    train_load, *_, train_prepare = train["train"]["deterministic_transforms"]
    assert other["reader"] == {**train["reader"], "max_ram_mb": "@max_ram_mb", "trained": True}
    assert load == train_load
    assert {k: v for k, v in prepare.items() if k != "keys"} == {k: v for k, v in train_prepare.items() if k != "keys"}


def test_handlers_are_listed_as_monai_label_reads_them():
    """It looks at ``_target_`` of each before anything is resolved, so that none may be a reference."""
    train = content("train")
    for part in ("train", "validate"):
        assert [handler for handler in train[part]["handlers"] if not isinstance(handler, dict)] == []


def test_an_evaluation_repeats_nothing_of_the_inference():
    inference, evaluation = content("inference"), content("evaluate")
    assert not [name for name, value in evaluation.items() if inference.get(name) == value]
    lines = {name: (FOLDER / f"{name}.json").read_text().count("\n") for name in ("inference", "evaluate")}
    assert lines["evaluate"] < lines["inference"] / 2


def test_the_paper_s_protocol_is_the_default():
    train = content("train")
    assert train["roi_size"] == [96, 96, 96]
    assert train["pixdim"] == [1.0, 1.0, 1.0]
    assert train["window_hu"] == [-250, 250]
    assert train["learning_rate"] == 2e-4
    assert train["max_epochs"] == 100
    assert train["scans_per_batch"] * (train["positive_patches"] + train["negative_patches"]) == 4
    assert content("inference")["overlap"] == 0.5


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_shared_files_are_copies_of_their_source(bundle):
    shared = ROOT / "plugins/swinx/shared_configs"
    names = sorted(path.name for path in shared.iterdir())
    assert names
    assert filecmp.cmpfiles(shared, bundle / "configs", names, shallow=False)[0] == names, "run `make sync`"
    assert filecmp.cmp(ROOT / "LICENSE", bundle / "LICENSE", shallow=False), "run `make sync`"


def test_metadata_tell_the_classes_and_the_version():
    metadata = content("metadata")
    required = {"schema", "version", "changelog", "monai_version", "pytorch_version", "numpy_version", "task"}
    required |= {"required_packages_version", "description", "authors", "copyright", "network_data_format"}
    assert required <= metadata.keys()
    assert metadata["version"] in metadata["changelog"]
    channels = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
    assert [channels[str(index)] for index in range(15)] == list(FLARE23.names)


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_pinned_versions_in_the_metadata_are_those_of_the_tests(bundle):
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    pinned = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        if version and 'python_version < "3.11"' not in version:
            pinned[name] = version.split(" ")[0]
    told = (
        metadata["required_packages_version"]
        | metadata.get("optional_packages", {})
        | {
            "monai": metadata["monai_version"],
            "torch": metadata["pytorch_version"],
            "numpy": metadata["numpy_version"],
        }
    )
    assert told == {name: pinned[name] for name in told}


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_monai_reads_the_required_packages_as_they_are_written(bundle):
    """It takes ``optional_packages_version`` for an old name of theirs, and puts it in their place."""
    file = bundle / "configs" / "metadata.json"
    parser = ConfigParser()
    parser.read_meta(str(file))
    parser.parse()
    assert parser["_meta_"]["required_packages_version"] == json.loads(file.read_text())["required_packages_version"]


@pytest.mark.slow
def test_network_fits_the_metadata(monkeypatch):
    monkeypatch.chdir(ROOT)
    verify_net_in_out(
        net_id="network_def",
        config_file=str(FOLDER / "inference.json"),
        meta_file=str(FOLDER / "metadata.json"),
        device="cpu",
    )


def test_handlers_are_literal_and_never_sliced():
    for path in (ROOT / "bundles").glob("*/configs/*.json"):
        assert "#" not in path.read_text(), f"{path.name} picks list items by position"
    train = content("train")
    for handlers in (train["train"]["handlers"], train["validate"]["handlers"]):
        assert all("_target_" in (train[item[1:]] if isinstance(item, str) else item) for item in handlers)


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_own_parts_are_named_by_public_dotted_path(bundle):
    import importlib

    def targets(node):
        if isinstance(node, dict):
            yield from ([node["_target_"]] if "_target_" in node else [])
            for value in node.values():
                yield from targets(value)
        elif isinstance(node, list):
            for value in node:
                yield from targets(value)

    contents = [json.loads(path.read_text()) for path in (bundle / "configs").glob("*.json")]
    own = {target for content in contents for target in targets(content) if target.startswith("swinx")}
    assert own
    for target in own:
        package, name = target.rsplit(".", 1)
        assert package.count(".") == 1, f"{target} reaches into a module"
        assert name in importlib.import_module(package).__all__


def test_training_and_validation_differ_in_what_pseudo_labels_count():
    """What a network said is no reference to select a model by."""
    train = content("train")
    weights = [
        next(step for step in steps if step["_target_"] == "swinx.training.AnnotatedClassesd")
        for steps in (train["train"]["random_transforms"], train["validate"]["label_transforms"])
    ]
    assert weights[0] == weights[1] | {"pseudo_weight": "@pseudo_weight", "enabled": "@partial_labels"}
    assert weights[1]["pseudo_weight"] == 0


def test_a_flip_that_exchanges_labels_exchanges_what_is_known_of_them():
    steps = content("train")["train"]["random_transforms"]
    (flip,) = (step for step in steps if step["_target_"] == "swinx.training.RandLeftRightFlipd")
    (made,) = (step for step in steps if step["_target_"] == "swinx.training.AnnotatedClassesd")
    assert flip["per_class_keys"] == made.get("output_key", "class_weights")
