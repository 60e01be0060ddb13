"""A budget is kept, or refused before it is spent."""

from __future__ import annotations

import logging
import time

import psutil
import pytest
import torch
from monai.data import MetaTensor

from swinx.errors import CaseError
from swinx.inferers import SlidingWindowLabelInferer, WindowBudget
from swinx.inferers.window_budget import Pace
from swinx.networks import SwinXSeg, TorchEngine
from swinx.resources import PeakMemory, ResourceMonitor

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

    monkeypatch.setattr("swinx.inferers.window_budget.ResourceMonitor", Monitor)


def scan(**meta: object) -> MetaTensor:
    image = torch.rand((1, 1, 40, 40, 40), generator=torch.Generator().manual_seed(0))
    return MetaTensor(image, meta=meta)


def windows_run(budget: WindowBudget | None, network: Slow, image: torch.Tensor, **knobs) -> int:
    SlidingWindowLabelInferer(ROI, budget=budget, **knobs)(image, network)
    return network.windows


def test_without_limits_nothing_is_measured_and_nothing_changes():
    assert windows_run(WindowBudget(), Slow(0), scan()) == windows_run(None, Slow(0), scan()) == 64


def test_a_budget_with_room_keeps_the_settings_and_says_what_it_predicts(caplog):
    caplog.set_level(logging.INFO)
    image = scan(filename_or_obj="anna.nii.gz")
    assert windows_run(WindowBudget(max_seconds=1000), Slow(0), image) - 64 in range(1, 9)
    assert "anna.nii.gz: 64 windows, " in caplog.text
    assert "overlap 0.5, margin 0, 1 windows at once, scores in single precision" in caplog.text


def test_too_little_time_lets_windows_overlap_less(caplog):
    caplog.set_level(logging.INFO)
    network = Slow(0.02)
    started = time.perf_counter()
    assert 27 <= windows_run(WindowBudget(max_seconds=1.1), network, scan()) < 64
    assert time.perf_counter() - started < 1.1
    assert "set aside overlap 0.5, margin 0, 1 windows at once" in caplog.text


def test_time_that_is_spent_already_counts(caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(CaseError, match="max_seconds 10"):
        windows_run(WindowBudget(max_seconds=10), Slow(0), scan(seconds_before=20.0))


@pytest.mark.parametrize("limit", ["max_seconds", "max_ram_mb"])
def test_a_limit_that_cannot_be_met_is_refused_before_the_windows(limit):
    network = Slow(0.001)
    with pytest.raises(CaseError, match=rf"bert.nii.gz: over the budget: {limit} 0.01 \(needs about .*Raise the limit"):
        windows_run(WindowBudget(**{limit: 0.01}), network, scan(filename_or_obj="bert.nii.gz"))
    assert network.windows < 10


def test_too_little_memory_runs_single_windows_first(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    have = psutil.Process().memory_info().rss / 2**20
    at_most(have + 2000, monkeypatch)
    windows_run(WindowBudget(max_ram_mb=have + 5000), Slow(0), scan(), sw_batch_size=4)
    assert "with overlap 0.5, margin 0, 1 windows at once, scores in single" in caplog.text


def test_windows_slower_than_predicted_are_cut_for_the_rest(caplog):
    torch.manual_seed(0)
    network = SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=4).eval()
    image = torch.rand((1, 1, 40, 40, 100), generator=torch.Generator().manual_seed(1))
    inferer = SlidingWindowLabelInferer((32, 32, 32), engine=TorchEngine())
    expected = inferer(image, network)

    class Late(WindowBudget):
        def plan(self, *args, **kwargs):
            chosen = super().plan(*args, **kwargs)
            return chosen._replace(pace=Pace(1e-9, chosen.plan.overlap / 2))

    inferer.budget = Late()
    found = inferer(image, network)
    assert "windows take longer than predicted: the others are cut to a margin of 0.25" in caplog.text
    assert (found == expected).float().mean() > 0.95
    (laid,) = inferer.laid
    assert laid.cut == laid.count - 3, "all but those that the pace was told from"


def test_pace_is_judged_by_what_is_done():
    assert not Pace(None, 0.25).is_late(1, 100)
    assert not Pace(1000, 0.25).is_late(1, 100)
    assert not Pace(1e-9, 0.25).is_late(0, 100)
    assert not Pace(1e-9, 0.25).is_late(2, 100), "the first windows may be slow"
    assert Pace(1e-9, 0.25).is_late(3, 100)


def test_a_case_that_took_longer_than_it_may_says_so(caplog):
    Pace(1000, 0.25).tell_if_late("carl")
    Pace(None, 0.25).tell_if_late("carl")
    assert not caplog.text
    Pace(1e-9, 0.25).tell_if_late("carl")
    assert "carl: over the budget: max_seconds left 0.0 s" in caplog.text


def test_making_the_network_ready_counts():
    class Compiled(TorchEngine):
        def __call__(self, network, roi_size):
            time.sleep(1)
            return super().__call__(network, roi_size)

    network = SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=4).eval()
    inferer = SlidingWindowLabelInferer((32, 32, 32), engine=Compiled(), budget=WindowBudget(max_seconds=0.9))
    with pytest.raises(CaseError, match=r"max_seconds 0\.9"):
        inferer(torch.rand(1, 1, 32, 32, 32), network)


def test_memory_that_was_given_back_does_not_count(caplog):
    """A large scan earlier in the batch must not get small ones refused."""
    caplog.set_level(logging.INFO)
    have = psutil.Process().memory_info().rss / 2**20
    large = torch.ones(int(1000 * 2**20 / 4))
    assert psutil.Process().memory_info().rss / 2**20 > have + 900
    del large
    windows_run(WindowBudget(max_ram_mb=have + 500), Slow(0), scan())
    assert " MB of RAM predicted" in caplog.text


def test_a_limit_of_the_gpu_alone_measures_nothing_on_a_cpu():
    assert windows_run(WindowBudget(max_gpu_mb=10), Slow(0), scan()) == 64


def test_the_settings_that_need_least_are_named():
    with pytest.raises(CaseError, match=r"even with overlap .*, 1 windows at once, scores in half precision"):
        windows_run(WindowBudget(max_ram_mb=1), Slow(0), scan(), sw_batch_size=4)


def test_margins_that_would_save_no_time_are_not_widened(caplog):
    class Late(WindowBudget):
        def plan(self, *args, **kwargs):
            chosen = super().plan(*args, **kwargs)
            return chosen._replace(pace=Pace(1e-9, chosen.pace.margin))

    network = Slow(0)
    expected = SlidingWindowLabelInferer(ROI)(scan(), network)
    found = SlidingWindowLabelInferer(ROI, budget=Late(max_seconds=1000))(scan(), network)
    assert torch.equal(found, expected)
    assert "cut to a margin" not in caplog.text


def test_memory_is_predicted_from_the_scores_that_are_held(caplog, monkeypatch):
    """Of two lays of windows that differ in overlap alone, the one that holds less is told to take less."""
    caplog.set_level(logging.INFO)
    at_most(0.0, monkeypatch)
    monkeypatch.setattr("swinx.inferers.window_budget._rss_mb", lambda: 100.0)
    image = torch.rand((1, 1, 100, 100, 200))
    told = []
    for margin in (0, 0.25):
        SlidingWindowLabelInferer((32, 32, 32), margin=margin, budget=WindowBudget(max_ram_mb=1e6))(image, Slow(0))
        told.append(float(caplog.records[-1].getMessage().split(" MB of RAM")[0].split()[-1]))
    held = 3 * 4 * 16 * 100 * 100 / 2**20  # a plane of overlap; the rows of overlap on top
    assert told[0] - told[1] == pytest.approx(held, rel=0.7)
    assert told[0] - told[1] > held
