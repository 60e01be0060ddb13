"""PretrainingHealth: the teacher of the step's loss, and the same numbers on every process."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents

from support.pretraining import start_pretraining
from support.warm_programs import run_in_processes
from swinx.pretraining import (
    PretrainingHealth,
    SmitLoss,
    SmitOutput,
    Temperatures,
    effective_rank,
    entropy_of_mean,
    mean_entropy,
    relative_spread,
    teacher_targets,
)

K = 8
NAMES = {
    *(f"{kind}_{name}" for kind in ("patch", "image") for name in ("entropy_of_mean", "mean_entropy", "information")),
    *(f"{kind}_{name}" for kind in ("patch", "image") for name in ("agreement", "centre_norm")),
    "rankme",
    "rankme_centred",
    "image_token_spread",
    "gradient_norm",
}


def output(patch, image, mask=None, tokens=None) -> SmitOutput:
    """Logits ``(2B, N, K)`` and ``(2B, 1, K)``."""
    mask = torch.ones(patch.shape[:2]) if mask is None else mask
    tokens = torch.ones(len(patch), 4) if tokens is None else tokens
    return SmitOutput(patch, image, patch, tokens, mask, None)


def step(student: SmitOutput, teacher: SmitOutput | None = None, loss: float = 1.0, **scalars: float) -> dict:
    output = {"student": student, "teacher": teacher or student, "temperatures": Temperatures(0.1, 0.2)}
    return output | {"loss": torch.tensor(loss), "scalars": scalars}


def favourites(*prototypes: int) -> torch.Tensor:
    """Logits that are sure of one prototype each."""
    return 50 * torch.eye(K)[torch.tensor(prototypes)].unsqueeze(1)


def random_steps(count: int, seed: int, views: int = 4) -> list[dict]:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    def side() -> SmitOutput:
        hidden = (draw(views, 3) > 0).float()
        return output(draw(views, 3, K) / 10, draw(views, 1, K) / 10, hidden, 5 + draw(views, 6))

    return [step(side(), side(), gradient_norm=float(draw(1).abs())) for _ in range(count)]


def measure(steps: list[dict], epochs: int = 1, **settings: int) -> dict[str, float]:
    engine = Engine(lambda _engine, batch: [batch])
    engine.loss_function = SmitLoss(K)
    PretrainingHealth(**settings).attach(engine)
    return dict(engine.run(steps, max_epochs=epochs).metrics)


def test_a_training_has_every_number_after_each_epoch_as_a_plain_float(tmp_path):
    seen = []
    training = start_pretraining(tmp_path, max_epochs=2, extra_handlers=(PretrainingHealth(),))
    training.trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda e: seen.append(dict(e.state.metrics)))
    training.run()
    for metrics in seen:
        assert set(metrics) == NAMES
        assert all(type(value) is float and math.isfinite(value) for value in metrics.values())
    assert seen[0] != seen[1]
    header = (tmp_path / "history.csv").read_text().splitlines()[0].split(",")
    assert set(header) >= NAMES


def test_the_teacher_is_that_of_the_loss_with_the_centres_from_before_their_update(tmp_path):
    targets = {"patch": [], "image": []}

    def record(engine) -> None:
        for kind, kept in targets.items():
            centre = getattr(engine.loss_function, f"{kind}_centre").centre
            output = engine.state.output[0]
            logits, temperature = getattr(output["teacher"], f"{kind}_logits"), getattr(output["temperatures"], kind)
            kept.append(teacher_targets(logits, centre, temperature).flatten(0, 1))

    training = start_pretraining(tmp_path, max_epochs=1, extra_handlers=(PretrainingHealth(),))
    training.trainer.add_event_handler(IterationEvents.LOSS_COMPLETED, record)
    metrics = training.run().trainer.state.metrics
    for kind, kept in targets.items():
        assert metrics[f"{kind}_entropy_of_mean"] == pytest.approx(entropy_of_mean(torch.cat(kept)))
        assert metrics[f"{kind}_mean_entropy"] == pytest.approx(mean_entropy(torch.cat(kept)))
        information = [entropy_of_mean(step_targets) - mean_entropy(step_targets) for step_targets in kept]
        assert metrics[f"{kind}_information"] == pytest.approx(sum(information) / len(information), abs=1e-9)
        centre = getattr(training.loss, f"{kind}_centre").centre
        assert metrics[f"{kind}_centre_norm"] == pytest.approx(float(centre.norm()))


def test_measuring_changes_nothing_of_the_training(tmp_path):
    with_it = start_pretraining(tmp_path / "a", max_epochs=2, extra_handlers=(PretrainingHealth(),)).run()
    without = start_pretraining(tmp_path / "b", max_epochs=2).run()
    for name, tensor in without.everything().items():
        assert torch.equal(with_it.everything()[name], tensor), name


def test_patches_agree_where_they_are_hidden_and_images_with_the_other_view():
    teacher = output(torch.zeros(4, 2, K), favourites(0, 1, 2, 3))
    teacher.patch_logits[..., 0] = 1
    mask = torch.tensor([[1.0, 0.0]] * 4)
    student = output(torch.zeros(4, 2, K), favourites(2, 3, 0, 7), mask)
    student.patch_logits[:, 1, 5] = 2  # other than the teacher, but not hidden
    student.patch_logits[:3, 0, 0] = 2
    student.patch_logits[3, 0, 5] = 2
    metrics = measure([step(student, teacher)])
    assert metrics["patch_agreement"] == 0.75
    assert metrics["image_agreement"] == 0.75


def test_both_kinds_of_collapse_have_no_information_and_each_its_entropies():
    one, uniform = output(favourites(3, 3, 3, 3), favourites(3, 3, 3, 3)), output(*torch.zeros(2, 4, 1, K))
    apart = output(favourites(0, 1, 2, 3), favourites(0, 1, 2, 3))
    for kind in ("patch", "image"):
        of_mean, single, information = f"{kind}_entropy_of_mean", f"{kind}_mean_entropy", f"{kind}_information"
        metrics = measure([step(one)] * 2)
        assert [metrics[name] for name in (of_mean, single, information)] == pytest.approx([0, 0, 0], abs=1e-6)
        metrics = measure([step(uniform)] * 2)
        assert [metrics[name] for name in (of_mean, single)] == pytest.approx([math.log(K)] * 2)
        assert metrics[information] == pytest.approx(0, abs=1e-6)
        metrics = measure([step(apart)] * 2)
        assert [metrics[name] for name in (of_mean, single, information)] == pytest.approx(
            [math.log(4), 0, math.log(4)]
        )


def test_a_favourite_that_changes_between_steps_is_no_information():
    steps = [step(output(favourites(*[i] * 4), favourites(*[i] * 4))) for i in range(K)]
    metrics = measure(steps)
    assert metrics["image_entropy_of_mean"] == pytest.approx(math.log(K))
    assert metrics["image_mean_entropy"] == pytest.approx(0, abs=1e-6)
    assert metrics["image_information"] == pytest.approx(0, abs=1e-6)


def test_the_two_views_of_one_scan_are_not_to_be_told_apart():
    metrics = measure([step(output(favourites(1, 1), favourites(1, 1)))])
    assert math.isnan(metrics["image_information"])
    assert metrics["patch_information"] == pytest.approx(0, abs=1e-6)


def test_the_last_tokens_of_the_epoch_are_ranked():
    steps = random_steps(5, seed=0)
    tokens = torch.cat([item["teacher"].image_token for item in steps])
    metrics = measure(steps, epochs=2, tokens=6)
    assert metrics["rankme"] == pytest.approx(effective_rank(tokens[-6:]))
    assert metrics["rankme_centred"] == pytest.approx(effective_rank(tokens[-6:], centred=True))
    assert metrics["image_token_spread"] == pytest.approx(relative_spread(tokens[-6:]))
    assert measure(steps)["image_token_spread"] == pytest.approx(relative_spread(tokens))


def test_an_interval_measures_the_first_step_of_each_epoch_and_every_so_many_after_it():
    steps = random_steps(5, seed=1)
    assert measure(steps, epochs=2, interval=2) == measure(steps[::2])
    assert measure(steps, interval=100) == measure(steps[:1])


def test_a_step_whose_loss_is_not_finite_is_left_out():
    steps = random_steps(3, seed=2)
    broken = step(output(*torch.full((2, 4, 1, K), math.nan), tokens=torch.full((4, 6), math.nan)), loss=math.nan)
    broken["scalars"]["gradient_norm"] = math.inf
    assert measure([*steps, broken]) == pytest.approx(measure(steps))
    alone = measure([broken])
    assert all(math.isnan(value) for name, value in alone.items() if not name.endswith("centre_norm"))
    assert "gradient_norm" not in alone


def test_without_a_hidden_patch_there_is_no_agreement_but_all_else():
    metrics = measure([step(output(torch.zeros(4, 2, K), favourites(0, 1, 2, 3), mask=torch.zeros(4, 2)))])
    assert math.isnan(metrics["patch_agreement"])
    assert metrics["image_agreement"] == 0
    assert "gradient_norm" not in metrics


def test_no_more_than_a_sum_over_tokens_and_the_last_image_tokens_is_kept():
    health = PretrainingHealth(tokens=6)
    engine = Engine(lambda _engine, batch: [batch])
    engine.loss_function = SmitLoss(K)
    health.attach(engine)
    engine.run(random_steps(9, seed=3))
    assert all(sums.ndim == 1 and len(sums) < K + 10 for sums in health._sums.values())
    assert len(health._tokens) == 6


@pytest.mark.parametrize(("interval", "tokens"), [(0, 512), (1, 1)])
def test_settings_that_measure_nothing_are_refused(interval, tokens):
    with pytest.raises(ValueError, match=r"must be 1 or more .* 2 or more"):
        PretrainingHealth(interval, tokens)


def test_an_epoch_without_a_step_cannot_be_measured():
    with pytest.raises(RuntimeError, match="without a step"):
        PretrainingHealth()._gather_tokens()


ONE_OF_TWO = """
import json, sys
from pathlib import Path
import ignite.distributed as idist
sys.path[:0] = json.loads(sys.argv[1])
from handlers_test import measure, random_steps
idist.initialize("gloo")
steps = random_steps(2 + idist.get_rank(), seed=10 + idist.get_rank())
Path(__file__).with_name(f"rank_{idist.get_rank()}.json").write_text(json.dumps(measure(steps, tokens=40)))
idist.finalize()
"""


@pytest.mark.slow
def test_two_processes_have_the_same_numbers_those_of_all_their_steps(tmp_path):
    """Here they differ in the number of their steps, too; a step that is not finite has the same effect."""
    tests = Path(__file__).parents[1]
    (tmp_path / "handlers_test.py").write_text(Path(__file__).read_text())
    (tmp_path / "one_of_two.py").write_text(ONE_OF_TWO)
    paths = json.dumps([str(tmp_path), str(tests), str(tests.parent / "plugins")])
    finished = run_in_processes([tmp_path / "one_of_two.py", paths], tmp_path)
    assert finished.returncode == 0, finished.stderr[-3000:]
    first, second = (json.loads((tmp_path / f"rank_{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    alone = measure([*random_steps(2, seed=10), *random_steps(3, seed=11)], tokens=40)
    assert first == pytest.approx(alone)
