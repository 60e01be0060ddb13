"""The benchmarks run, in their smallest sizes, and write what they promise."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from support.bundles import ROOT

pytestmark = pytest.mark.slow


def run(program: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / program), *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False, timeout=300)


def test_windows_in_several_ways_agree(tmp_path):
    """ONNX, whose export takes a minute, is compared in the tests of the export."""
    ways = {"channels last", "split, margin 0.25", "OpenVINO, margin 0.25"}
    done = run("windows.py", "--small", "--side", 32, "--rounds", 1, "--only", *sorted(ways), "--out", tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = tmp_path.glob("windows_small_*.json")
    record = json.loads(path.read_text())
    assert {"machine", "date", "versions", "command", "load_of_the_machine"} <= record.keys()
    differences = {name: row["largest_difference"] for name, row in record["window"].items() if name != "as it is"}
    assert differences.keys() == ways
    assert max(differences.values()) < 1e-4, differences
    assert all(row["seconds"] > 0 and row["peak_rss_mb"] > 100 for row in record["window"].values())


def test_a_way_that_is_none_is_refused(tmp_path):
    done = run("windows.py", "--small", "--side", 32, "--only", "Nonsense", "--out", tmp_path)
    assert done.returncode == 2
    assert "--only Nonsense: none of as it is, " in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_phantom_by_two_profiles(tmp_path):
    settings = {"embed_dim": 12, "num_heads": [1, 2, 4, 8], "decoder_channels": 16, "roi_size": [32, 32, 32]}
    words = ["--slices", 8, "--pixdim", 12, "--ways", "standard", "lowmem", "--out", tmp_path, "--cache", tmp_path]
    done = run(
        "pipeline.py", *words, "--settings", json.dumps(settings), "--checkpoint", small_weights(tmp_path, settings)
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = tmp_path.glob("pipeline_*.json")
    (case,) = json.loads(path.read_text())["cases"].values()
    assert set(case) == {"standard", "lowmem"}
    assert case["lowmem"]["windows"]["limits"] == {"max_gpu_mb": 4096, "max_ram_mb": 8192}
    assert case["standard"]["seconds"]["prepare"] > 0
    stages = {name: value for name, value in case["standard"]["seconds"].items() if name != "total"}
    assert sum(stages.values()) == pytest.approx(case["standard"]["seconds"]["total"], abs=0.01)
    assert 0 <= case["lowmem"]["same_labels"] <= 1


def small_weights(folder, settings):
    """Write weights of a small network as they are before training."""
    from swinx.networks import SwinXSeg, save_weights

    path = folder / "model.pt"
    save_weights(SwinXSeg(**{name: value for name, value in settings.items() if name != "roi_size"}), path)
    return path


def test_the_page_of_the_experiment_says_of_each_step_what_its_own_trainings_support(tmp_path):
    """Intervals of the committed records, merged anew, stand in the page; a step is decided if zero is outside."""
    records = sorted((ROOT / "benchmarks" / "results").glob("ablation_small_*.json"))
    done = run("ablation.py", "--merge", *records, "--out", tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = tmp_path.glob("ablation_small_seeds*.json")
    steps = json.loads(path.read_text())["organs_gained_by_step"]
    decided = {name: step["decided"] for name, step in steps.items()}
    assert decided["partial_as_complete to partial_loss"]
    assert not decided["partial_loss to refined"]
    assert not decided["refined to refined_pretrained"]
    page = (ROOT / "docs" / "experiment.md").read_text(encoding="utf-8")
    for name in ("partial_as_complete to partial_loss", "partial_loss to refined", "refined to refined_pretrained"):
        mean, (low, high) = steps[name]["mean"], steps[name]["interval"]
        assert f"{mean:+.1f} [{low:.1f}, {high:.1f}] | {'yes' if decided[name] else 'undecided'} |" in page
