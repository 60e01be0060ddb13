"""Plans: the published protocol for the published collection, and monotony in what collections and machines have."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pytest

from support.fingerprints import FLARE23, collections, fingerprint_from, scaled
from swinx.bundle import SETTINGS, read_setting, read_settings
from swinx.planning import plan
from swinx.planning.grid_rules import SPACINGS_MM
from swinx.planning.schedule_rules import EPOCHS

COLLECTIONS = [pytest.param(fingerprint, id=name) for name, fingerprint in collections().items()]
MACHINES = [
    replace(FLARE23, gpu_gb=gpu, memory_mb=memory, labelled=labelled)
    for gpu in (None, 4.0, 12.0, 24.0, 41.0, 80.0, 139.0)
    for memory in (1000, 9000, 24105, 66000, 500_000, 4_000_000)
    for labelled in (12, 150, 2200)
]
PUBLISHED = {
    "pixdim": [1.0, 1.0, 1.0],
    "roi_size": [96, 96, 96],
    "window_hu": [-250, 250],
    "positive_patches": 2,
    "negative_patches": 2,
    "scans_per_batch": 1,
    "max_epochs": 100,
    "overlap": 0.5,
}


def steps_between(name, planned, published):
    """Steps from one value to the other on the ladder that a rule climbs, the worst axis counted."""
    if name in ("pixdim", "max_epochs"):
        ladder = SPACINGS_MM if name == "pixdim" else EPOCHS
        pairs = zip(planned, published, strict=True) if name == "pixdim" else [(planned, published)]
        return max(abs(ladder.index(a) - ladder.index(b)) for a, b in pairs)
    step = {"roi_size": 32, "window_hu": 50, "overlap": 0.25}.get(name, 1)
    pairs = zip(planned, published, strict=True) if isinstance(planned, list) else [(planned, published)]
    return max(abs(a - b) / step for a, b in pairs)


@pytest.mark.parametrize("gpu_gb", [24.0, 40.0, 80.0])
@pytest.mark.parametrize("slices_mm", [1.5, 2.0, 2.5, 3.0])
def test_the_published_collection_gets_the_published_protocol_within_one_step(slices_mm, gpu_gb):
    values = plan(replace(FLARE23, spacings_mm=((0.8, 0.8, slices_mm),), gpu_gb=gpu_gb)).values
    for name, published in PUBLISHED.items():
        assert steps_between(name, values[name], published) <= 1 + 1e-9, (name, values[name])


def test_the_published_grid_comes_out_exactly():
    values = plan(FLARE23).values
    assert (values["pixdim"], values["roi_size"], values["intensity"]) == ([1.0] * 3, [96] * 3, "hu_window")


@pytest.mark.parametrize("fingerprint", COLLECTIONS)
def test_every_value_passes_the_table_of_settings_and_the_relations_of_a_training(fingerprint):
    overlay = plan(fingerprint).overlay()
    for name, value in overlay.items():
        assert read_setting(SETTINGS[name], value) == value
    network = {"embed_dim": 48, "depths": [2, 2, 2, 2], "num_heads": [3, 6, 12, 24], "warmup_epochs": 5}
    uses = {"network_def": {"_target_": "Net"} | {name: f"@{name}" for name in (overlay | network)}}
    assert read_settings(network | overlay | uses, {}) == ({}, [])
    assert {"pixdim", "roi_size", "max_epochs", "overlap", "cache_rate"} <= set(overlay)
    assert "folds" not in overlay


@pytest.mark.parametrize("fingerprint", COLLECTIONS)
def test_every_reason_names_a_number_of_the_fingerprint(fingerprint):
    facts = " ".join(fingerprint.facts().values()).replace(",", "")
    known = set(re.findall(r"-?\d+(?:\.\d+)?", facts))
    known |= {f"{value:g}" for value in fingerprint.percentiles}
    for setting in plan(fingerprint).settings:
        found = set(re.findall(r"-?\d+(?:\.\d+)?", setting.reason.replace(",", "")))
        assert found & known, setting
        assert "\n" not in setting.reason


@pytest.mark.parametrize("fingerprint", COLLECTIONS)
def test_the_same_fingerprint_gives_the_same_plan_also_after_a_trip_through_json(fingerprint):
    again = fingerprint_from(json.loads(json.dumps(fingerprint.as_json())))
    assert again == fingerprint
    assert plan(again) == plan(fingerprint)


@pytest.mark.parametrize("fingerprint", COLLECTIONS)
@pytest.mark.parametrize("factor", [1.01, 1.5, 2.0, 7.0])
def test_a_coarser_collection_never_gets_a_finer_grid(fingerprint, factor):
    before, after = (plan(one).values["pixdim"] for one in (fingerprint, scaled(fingerprint, factor)))
    assert all(a >= b for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize("fingerprint", COLLECTIONS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_axis_that_is_coarser_makes_no_axis_of_the_grid_finer(fingerprint, axis):
    before = plan(fingerprint).values["pixdim"]
    for factor in (1.1, 1.7, 3.0, 12.0):
        coarser = tuple(
            tuple(size * (factor if number == axis else 1) for number, size in enumerate(spacing))
            for spacing in fingerprint.spacings_mm
        )
        after = plan(replace(fingerprint, spacings_mm=coarser)).values["pixdim"]
        assert all(a >= b for a, b in zip(after, before, strict=True)), factor
        before = after if factor == 12.0 else before


@pytest.mark.parametrize("fingerprint", COLLECTIONS)
def test_the_grid_makes_no_more_than_three_voxels_of_one_and_wastes_no_more_than_rounding_does(fingerprint):
    finest = SPACINGS_MM[0]
    for step, size in zip(plan(fingerprint).values["pixdim"], fingerprint.spacing_mm, strict=True):
        assert step <= max(1.5 * size, finest) + 1e-9
        assert step >= min(size / 3, SPACINGS_MM[-1]) / 1.34


@pytest.mark.parametrize("fingerprint", MACHINES)
def test_half_the_memory_enlarges_neither_window_nor_batch_nor_cache(fingerprint):
    half = replace(
        fingerprint, memory_mb=fingerprint.memory_mb // 2, gpu_gb=fingerprint.gpu_gb and fingerprint.gpu_gb / 2
    )
    whole, less = plan(fingerprint).values, plan(half).values
    assert all(a <= b for a, b in zip(less["roi_size"], whole["roi_size"], strict=True))
    for name in ("positive_patches", "negative_patches", "scans_per_batch", "cache_rate", "num_workers"):
        assert less[name] <= whole[name], name


def test_fewer_cases_get_no_fewer_folds_and_no_fewer_epochs_down_to_five_patients():
    counts = [5000, 2200, 500, 101, 100, 99, 50, 20, 7, 5]
    values = [plan(replace(FLARE23, labelled=count, patients=count)).values for count in counts]
    for name in ("folds", "max_epochs"):
        found = [value[name] for value in values]
        assert found == sorted(found), name
    assert (values[0]["folds"], values[-1]["folds"]) == (1, 5)


def test_folds_are_no_more_than_patients():
    assert plan(replace(FLARE23, labelled=30, patients=2)).values["folds"] == 2


@pytest.mark.parametrize("fingerprint", COLLECTIONS)
def test_windows_are_multiples_of_32_no_larger_than_the_published_one_and_cover_no_more_than_the_body(fingerprint):
    values = plan(fingerprint).values
    assert math.prod(values["roi_size"]) <= 96**3
    for side, step, body in zip(values["roi_size"], values["pixdim"], fingerprint.body_mm, strict=True):
        assert side % 32 == 0
        assert side == 32 or (side - 32) * step < body + step


def test_a_flat_scan_gets_a_flat_window_that_is_wide_in_plane():
    flat = replace(FLARE23, bodies_mm=((360.0, 280.0, 30.0),))
    roi = plan(flat).values["roi_size"]
    assert roi[2] == 32
    assert min(roi[:2]) > 96


def test_values_that_are_no_hu_are_scaled_by_percentiles_and_need_no_window():
    values = plan(collections()["no HU"]).values
    assert values["intensity"] == "percentiles"
    assert "window_hu" not in values


def test_the_window_holds_nine_tenths_of_the_classes_and_leaves_out_gas_and_metal():
    for low, high in ((-10.0, 190.0), (-850.0, 400.0), (20.0, 60.0)):
        wide = replace(FLARE23, percentiles=(-1000.0, low, 50.0, high, 2900.0))
        start, stop = plan(wide).values["window_hu"]
        assert start <= low < high <= stop
        assert start > -1000 - 50
        assert stop <= high + (high - low) + 50
