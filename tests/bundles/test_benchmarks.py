"""The benchmarks run, in their smallest sizes, and write what they promise."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from support.bundles import ROOT
from support.warm_programs import run_with_children

pytestmark = pytest.mark.slow


def run(program: str, *words: object) -> subprocess.CompletedProcess[str]:
    return run_with_children([sys.executable, ROOT / "benchmarks" / program, *words], ROOT)


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
    weights = small_weights(tmp_path, settings)
    settings["backend"] = "torch"
    done = run("pipeline.py", *words, "--settings", json.dumps(settings), "--checkpoint", weights)
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


def test_the_check_of_a_gpu_keeps_a_record_of_each_part(tmp_path):
    """Steps and tests start a process each and are left to the command itself: with them it takes three minutes."""
    done = run("gpu.py", "--small", "--parts", "windows", "cases", "--out", tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    windows, cases = (
        json.loads(next(tmp_path.glob(f"gpu_{part}_small_*.json")).read_text()) for part in ("windows", "cases")
    )
    assert {"machine", "date", "versions", "command"} <= windows.keys()
    assert {"fp32", "bf16"} <= windows["ceiling"].keys()
    assert windows["window"]["fp32"]["largest_difference"] < 1e-5
    assert 0 < windows["window"]["bf16"]["largest_difference"] < 0.1
    assert windows["window"]["fp32"]["gflop_a_window"] == windows["gflop_a_window"] > 0
    for profile in ("standard", "fast"):
        shapes = [tuple(case["shape"]) for case in cases["cases"][profile].values()]
        assert shapes == [(48, 48, 16), (48, 48, 24)]
        assert all(case["seconds"]["total"] > 0 for case in cases["cases"][profile].values())
    assert cases["reference pipeline"]["slices_016"]["network_shape"]


def test_a_row_that_fails_costs_no_other_and_late_rows_are_named(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setattr(sys, "argv", ["gpu_part.py", "--seconds", "100", "--out", str(tmp_path)])
    part = importlib.import_module("gpu_part").Part("trial", None)

    def fails() -> dict:
        raise RuntimeError("no kernel\nfor this device")

    part.rows("rows", {"bad": fails, "good": lambda: {"seconds": 1.0}})
    part.rows("rows", {"late": fails}, at_least=1000)
    (path,) = tmp_path.glob("trial_*.json")
    record = json.loads(path.read_text())
    assert record["rows"] == {"bad": {"failed": "RuntimeError: no kernel"}, "good": {"seconds": 1.0}}
    assert record["no_time_for"] == ["rows: late"]


def test_a_part_that_takes_too_long_is_ended_and_the_others_run(monkeypatch, capfd):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    gpu = importlib.import_module("gpu")
    programs = {"windows": "import time; time.sleep(600)", "cases": "print('cases ran')"}
    monkeypatch.setattr(gpu, "commands", lambda name, *_: [sys.executable, "-c", programs[name]])
    monkeypatch.setattr(gpu, "STARTING_SECONDS", 0)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--minutes", "0.5", "--parts", "windows", "cases"])
    monkeypatch.setattr(gpu, "PARTS", (gpu.Share("windows", 1, 1), gpu.Share("cases", 29, 1)))
    assert gpu.main() == 1
    printed = capfd.readouterr().out
    assert "windows: ended after 1 s" in printed
    assert "cases ran" in printed
    assert "1 of 2 parts done; not windows" in printed


def test_the_gain_of_a_pretraining_is_judged_and_a_second_run_trains_nothing(tmp_path):
    """Two arms, two seeds and networks that learn nothing: everything runs, and nothing is decided."""
    words = ["--small", "--seeds", 0, 1, "--pretrainings", 1, "--arms", "random", "pretrained"]
    words += ["--work", tmp_path / "work", "--out", tmp_path / "out"]
    done = run("pretraining_gain.py", *words)
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = (tmp_path / "out").glob("pretraining_gain_small_2_labels_*.json")
    record = json.loads(path.read_text())
    claim = record["claims"]["pretrained over random"]
    assert claim["verdict"] in ("undecided", "does not")
    assert len(claim["by_seed"]) == 2
    assert record["gates"][0]["random_probes"] == 5
    assert len(record["by_case"]["random, seed 0"]) == 2
    lists = [json.loads(file.read_text()) for file in (tmp_path / "work" / "small" / "cohort").glob("labels_*/*.json")]
    first, second = ({item["image"] for item in content["training"]} for content in lists)
    assert not first & second, "each seed has cases of its own"
    models = {file: file.stat().st_mtime_ns for file in (tmp_path / "work").rglob("model.pt")}
    assert len(models) == 5
    assert run("pretraining_gain.py", *words).returncode == 0
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "work").rglob("model.pt")} == models


def test_a_test_scan_under_another_name_is_found_by_its_content(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    cohort = importlib.import_module("gain_cohort")
    for name, content in (("a", b"1"), ("copy_of_a", b"1"), ("b", b"2")):
        (tmp_path / name).write_bytes(content)
    one, other = [{"image": str(tmp_path / name)} for name in ("copy_of_a", "b")], [{"image": str(tmp_path / "a")}]
    assert cohort.common_scans(one, other) == ["copy_of_a"]


def test_an_encoder_that_was_made_useless_does_not_pass_the_gate(tmp_path, monkeypatch):
    """Its reconstruction is that of a constant; its probe is as good as any."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    scores = importlib.import_module("gain_scores")
    from swinx.networks import SwinEncoder, save_weights
    from swinx.pretraining import SmitNetwork

    settings = {"embed_dim": 4, "num_heads": [1, 2, 2, 4], "roi_size": [32, 32, 32], "region_size": [32, 32, 32]}
    heads = {"out_dim": 8, "hidden_dim": 8, "bottleneck_dim": 8, "reconstruction_head": "unet"}
    student = SmitNetwork(SwinEncoder(embed_dim=4, num_heads=(1, 2, 2, 4)), **heads)
    save_weights(student, tmp_path / "model.pt")
    probe = {"encoders": {name: {"balanced_accuracy": 0.4} for name in ("pretrained", "random 1")}}
    probe["encoders"]["pretrained"]["balanced_accuracy"] = 0.6
    (tmp_path / "probe.json").write_text(json.dumps(probe))
    lists = SimpleNamespace(unseen=[{"image": "scan"}])
    blobs = torch.rand(1, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    scan = torch.nn.functional.interpolate(blobs, scale_factor=8, mode="trilinear")[0]
    monkeypatch.setattr(scores, "_scan", lambda _item, _settings: (scan, scan))
    found = scores.gate(tmp_path / "model.pt", tmp_path / "probe.json", lists, settings | heads, 0.8, True)
    assert not found["passed"]
    assert found["masked_share_of_constant"] > 1
    assert scores.gate(tmp_path / "model.pt", tmp_path / "probe.json", lists, settings | heads, 9.0, True)["passed"]
    probe["encoders"]["random 1"]["balanced_accuracy"] = 0.7
    (tmp_path / "probe.json").write_text(json.dumps(probe))
    assert not scores.gate(tmp_path / "model.pt", tmp_path / "probe.json", lists, settings | heads, 9.0, True)["passed"]


def test_the_search_of_a_short_pretraining_keeps_a_row_of_each_setting(tmp_path):
    words = ["--small", "--work", tmp_path / "work", "--out", tmp_path / "out"]
    done = run("pretraining_search.py", *words)
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = (tmp_path / "out").glob("pretraining_search_small_*.json")
    rows = json.loads(path.read_text())["rows"]
    assert [row["reconstruction_head"] for row in rows] == ["unet", "linear"]
    assert all(row["masked_share"] > 0 for row in rows)
