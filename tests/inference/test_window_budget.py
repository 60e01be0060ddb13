"""A budget is kept, or refused before it is spent."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import asdict

import numpy as np
import psutil
import pytest
import torch
from monai.data import MetaTensor

from support.inference import label_inferer
from swinx.errors import CaseError
from swinx.inference import TorchBackend, WindowBudget, WindowSettings
from swinx.inference.windows.measured_windows import MeasuredWindows, largest_part, measure_windows
from swinx.inference.windows.slab_logits import LabelGrid
from swinx.inference.windows.tiling import tile
from swinx.inference.windows.window_budget import Pace
from swinx.inference.windows.window_cost import ResamplingCost
from swinx.networks import SwinXSeg
from swinx.resources import PeakMemory, ResourceMonitor, memory_in_use_mb

ROI = (16, 16, 16)


class Slow:
    """Takes its time for every call; remembers its windows."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.windows = 0

    def __call__(self, windows: torch.Tensor) -> torch.Tensor:
        """Return scores of three classes."""
        time.sleep(self.seconds)
        self.windows += len(windows)
        return torch.cat([windows, windows**2, 1 - windows], dim=1)


def at_most(peak_mb: float, monkeypatch) -> None:
    """Let windows be measured as if the process had reached so many MiB."""

    class Monitor(ResourceMonitor):
        def stop(self) -> PeakMemory:
            super().stop()
            return PeakMemory(peak_mb)

    monkeypatch.setattr("swinx.inference.windows.measured_windows.ResourceMonitor", Monitor)


def scan(**meta: object) -> MetaTensor:
    image = torch.rand((1, 1, 40, 40, 40), generator=torch.Generator().manual_seed(0))
    return MetaTensor(image, meta=meta)


def windows_run(
    budget: WindowBudget | None, network: Slow, image: torch.Tensor, seconds_before: float = 0.0, **settings
) -> int:
    label_inferer(ROI, budget=budget, **settings)(image, network, seconds_before=seconds_before)
    return network.windows


def test_without_limits_nothing_is_measured_and_nothing_changes():
    assert windows_run(WindowBudget(), Slow(0), scan()) == windows_run(None, Slow(0), scan()) == 64


def test_a_budget_with_room_keeps_the_settings_and_says_what_it_predicts(caplog):
    caplog.set_level(logging.INFO)
    image = scan(filename_or_obj="anna.nii.gz")
    assert windows_run(WindowBudget(max_seconds=1000), Slow(0), image) - 64 in range(1, 9)
    assert "anna.nii.gz: 64 windows, " in caplog.text
    assert "overlap 0.5, margin 0, 1 windows at once, logits in single precision" in caplog.text


def test_too_little_time_lets_windows_overlap_less(caplog):
    caplog.set_level(logging.INFO)
    network = Slow(0.1)
    started = time.perf_counter()
    assert 27 <= windows_run(WindowBudget(max_seconds=6), network, scan()) < 64
    assert time.perf_counter() - started < 6
    assert "set aside overlap 0.5, margin 0, 1 windows at once" in caplog.text


def test_time_that_is_spent_already_counts(caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(CaseError, match="max_seconds 10"):
        windows_run(WindowBudget(max_seconds=10), Slow(0), scan(), seconds_before=20.0)


@pytest.mark.parametrize("limit", ["max_seconds", "max_ram_mb"])
def test_a_limit_that_cannot_be_met_is_refused_before_the_windows(limit):
    network = Slow(0.001)
    with pytest.raises(CaseError, match=rf"bert.nii.gz: over the budget: {limit} 0.01 \(needs about .*Raise the limit"):
        windows_run(WindowBudget(**{limit: 0.01}), network, scan(filename_or_obj="bert.nii.gz"))
    assert network.windows < 10


def test_too_little_memory_runs_single_windows_first(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    have = memory_in_use_mb()
    at_most(have + 2000, monkeypatch)
    windows_run(WindowBudget(max_ram_mb=have + 5000), Slow(0), scan(), sw_batch_size=4)
    assert "with overlap 0.5, margin 0, 1 windows at once, logits in single" in caplog.text


def test_windows_slower_than_predicted_are_cut_for_the_rest(caplog):
    torch.manual_seed(0)
    network = SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=4).eval()
    image = torch.rand((1, 1, 40, 40, 100), generator=torch.Generator().manual_seed(1))
    inferer = label_inferer((32, 32, 32), backend=TorchBackend())
    expected = inferer(image, network)

    class Late(WindowBudget):
        def choose(self, *args, **kwargs):
            chosen = super().choose(*args, **kwargs)
            return chosen._replace(pace=Pace(1e-9, chosen.settings.overlap / 2))

    inferer.budget = Late()
    found = inferer(image, network)
    assert "windows take longer than predicted: the others are cut to a margin of 0.25" in caplog.text
    assert (found == expected).float().mean() > 0.95
    (tiling,) = inferer.tilings
    assert tiling.cut == tiling.count - 3, "all but those that the pace was told from"


def test_pace_is_judged_by_what_is_done():
    assert not Pace(None, 0.25).is_late(1, 0.01)
    assert not Pace(1000, 0.25).is_late(1, 0.01)
    assert not Pace(1e-9, 0.25).is_late(2, 0.02), "the first windows may be slow"
    assert Pace(1e-9, 0.25).is_late(3, 0.03)


def test_windows_at_a_border_may_take_longer_than_those_inside():
    """The first ones, of which most is used, must not get the others cut."""
    windows = tile(torch.rand(1, 1, 160, 160, 160), WindowSettings((64, 64, 64), margin=0.25))
    measured = MeasuredWindows(0.0, 1.0, 1, 0.0, 0.0, None, 0.0, 1)
    work = [measured.work(window.part) for window in windows]
    assert sum(work[:3]) / sum(work) > 3 / len(windows)
    by_share, by_count = Pace(1, 0.25, measured), Pace(1, 0.25)
    for pace in (by_share, by_count):
        pace.started -= 0.9 * sum(work[:3]) / sum(work)
    assert not by_share.is_late(3, by_share.shares(windows)[2])
    assert by_count.is_late(3, by_count.shares(windows)[2])
    for pace in (by_share, by_count):
        shares = pace.shares(windows)
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1)


def test_a_case_that_took_longer_than_it_may_says_so(caplog):
    Pace(1000, 0.25).tell_if_late("carl")
    Pace(None, 0.25).tell_if_late("carl")
    assert not caplog.text
    Pace(1e-9, 0.25).tell_if_late("carl")
    assert "carl: over the budget: max_seconds left 0.0 s" in caplog.text


def test_making_the_network_ready_counts():
    class Compiled(TorchBackend):
        def __call__(self, network, roi_size):
            time.sleep(1)
            return super().__call__(network, roi_size)

    network = SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=4).eval()
    inferer = label_inferer((32, 32, 32), backend=Compiled(), budget=WindowBudget(max_seconds=0.9))
    with pytest.raises(CaseError, match=r"max_seconds 0\.9"):
        inferer(torch.rand(1, 1, 32, 32, 32), network)


def test_memory_that_was_given_back_does_not_count(caplog):
    """A large scan earlier in the batch must not get small ones refused."""
    caplog.set_level(logging.INFO)
    have = memory_in_use_mb()
    large = torch.ones(int(1000 * 2**20 / 4))
    assert psutil.Process().memory_info().rss / 2**20 > have + 900
    del large
    windows_run(WindowBudget(max_ram_mb=have + 500), Slow(0), scan())
    assert " MB of RAM predicted" in caplog.text


def test_a_limit_of_the_gpu_alone_measures_nothing_on_a_cpu():
    assert windows_run(WindowBudget(max_gpu_mb=10), Slow(0), scan()) == 64


def test_the_settings_that_need_least_are_named():
    with pytest.raises(CaseError, match=r"even with overlap .*, 1 windows at once, logits in half precision"):
        windows_run(WindowBudget(max_ram_mb=1), Slow(0), scan(), sw_batch_size=4)


def test_margins_that_would_save_no_time_are_not_widened(caplog):
    class Late(WindowBudget):
        def choose(self, *args, **kwargs):
            chosen = super().choose(*args, **kwargs)
            return chosen._replace(pace=Pace(1e-9, chosen.pace.margin))

    network = Slow(0)
    expected = label_inferer(ROI)(scan(), network)
    found = label_inferer(ROI, budget=Late(max_seconds=1000))(scan(), network)
    assert torch.equal(found, expected)
    assert "cut to a margin" not in caplog.text


def test_memory_is_predicted_from_the_planes_that_are_held(caplog, monkeypatch):
    """Of two tilings that differ in the margin alone, the one that holds fewer planes is predicted to take less."""
    caplog.set_level(logging.INFO)
    at_most(0.0, monkeypatch)
    monkeypatch.setattr("swinx.inference.windows.measured_windows.memory_in_use_mb", lambda: 100.0)
    image = torch.rand((1, 1, 100, 100, 200))
    predicted = []
    for margin in (0, 0.25):
        inferer = label_inferer((32, 32, 32), margin=margin, budget=WindowBudget(max_ram_mb=1e6))
        inferer(image, Slow(0))
        predicted.append(inferer.tilings[0].predicted.ram_mb)
    planes = 8 * 100 * 100 * (3 + 1) * 4 / 2**20  # a part at a border is a margin shorter
    assert predicted[0] - predicted[1] == pytest.approx(planes)


def test_no_larger_part_is_measured_than_will_be_used():
    """Else a margin could not be had within the memory that it needs."""
    parts = []

    class Spy(TorchBackend):
        def __call__(self, network, roi_size):
            scores = super().__call__(network, roi_size)
            run = scores.head
            scores.head = lambda image, features: (parts.append(image.shape[2:].numel()), run(image, features))[1]
            return scores

    torch.manual_seed(0)
    network = SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=16).eval()
    image, roi = torch.rand(1, 1, 64, 64, 64), (32, 32, 32)
    measured = {}
    for margin in (0, 0.25):
        largest = largest_part(tile(image, WindowSettings(roi, margin=margin)), (64, 64, 64), roi)
        parts.clear()
        measured[margin] = measure_windows(image, Spy()(network, roi), roi, largest)
        assert max(parts) == measured[margin].voxels
    assert measured[0.25].voxels < measured[0].voxels == 32**3


def test_measuring_that_fails_leaves_no_thread_behind():
    def broken(_windows):
        raise RuntimeError("sizes differ")

    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(RuntimeError, match="sizes differ"):
            label_inferer(ROI, budget=WindowBudget(max_seconds=10))(scan(), broken)
    assert threading.active_count() == before


def test_memory_that_runs_out_within_a_single_window_is_told_of_the_case():
    def greedy(_windows):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    with pytest.raises(CaseError, match=r"carl.nii.gz: memory ran out within a single window: CUDA out of memory"):
        label_inferer(ROI, budget=WindowBudget(max_seconds=10))(scan(filename_or_obj="carl.nii.gz"), greedy)


def restoring(planes: int, reached: int) -> ResamplingCost:
    """What it costs to restore a scan of so many planes of which the volume reaches some."""
    positions = (np.linspace(0, 39, 64), np.linspace(0, 39, 64), np.linspace(0, 39, reached))
    beyond = np.full(planes - reached, 99.0)
    grid = LabelGrid((64, 64, planes), (0, 1, 2), (*positions[:2], np.concatenate([positions[2], beyond])))
    return ResamplingCost(grid, (40, 40, 41), (slice(0, 40),) * 2 + (slice(0, 40),))


def test_restoring_is_measured_and_counts_the_planes_that_the_volume_reaches():
    part, whole = restoring(1000, 50), restoring(1000, 1000)
    assert part.axis == 2
    assert 0 < part.seconds(5, 5) < whole.seconds(5, 5)
    assert whole.seconds(50, 5) > 2 * whole.seconds(5, 5), "more classes than come at a time"
    assert restoring(10, 0).seconds(5, 5) == 0


def test_a_network_on_a_cpu_says_once_that_a_limit_of_the_gpu_is_not_looked_at(caplog):
    caplog.set_level(logging.INFO)
    budget = WindowBudget(max_gpu_mb=10)
    for _ in range(2):
        windows_run(budget, Slow(0), scan())
    assert caplog.text.count("max_gpu_mb 10 is not checked") == 1


def test_what_was_wanted_and_what_was_allowed_is_recorded(monkeypatch):
    have = memory_in_use_mb()
    at_most(have + 2000, monkeypatch)
    inferer = label_inferer(ROI, sw_batch_size=4, budget=WindowBudget(max_ram_mb=have + 5000))
    inferer(scan(), Slow(0))
    record = inferer.tilings[0].as_record()
    assert record["backend"] == "plain"
    assert record["limits"] == {"max_ram_mb": have + 5000}
    assert record["wanted"] == asdict(inferer.settings)
    assert record["sw_batch_size"] == 1
    assert have + 2000 < record["predicted"]["ram_mb"] <= have + 5000
