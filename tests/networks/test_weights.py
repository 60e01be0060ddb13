"""load_weights: reports what matched, refuses what does not fit, and then changes nothing."""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch

from swinx.errors import WeightsError
from swinx.networks import convert_reference_weights, load_weights, save_weights


def snapshot(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(network, state, only=""):
    return all(torch.equal(value, state[name]) for name, value in network.state_dict().items() if only in name)


@pytest.mark.parametrize("from_file", [True, False])
def test_own_checkpoint_loads_completely(build, tmp_path, from_file, capsys):
    trained, network = build(seed=1), build(seed=2)
    save_weights(trained, tmp_path / "model.pt")
    report = load_weights(network, tmp_path / "model.pt" if from_file else trained.state_dict())
    assert same(network, trained.state_dict())
    assert (report.missing, report.unexpected, report.mis_shaped) == ((), (), ())
    assert (report.encoder_fraction, report.total_fraction, report.window_order) == (1.0, 1.0, "standard")
    assert "100.0% of the encoder" in capsys.readouterr().err


def test_report_cannot_be_changed(build):
    report = load_weights(build(), build().state_dict())
    with pytest.raises(dataclasses.FrozenInstanceError, match="part"):
        report.part = "encoder"


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda s: {"model": s}, id="model"),
        pytest.param(lambda s: {"state_dict": {f"module.{n}": v for n, v in s.items()}, "epoch": 3}, id="parallel"),
        pytest.param(lambda s: {"student": {f"net.{n}": v for n, v in s.items()}}, id="student"),
    ],
)
def test_wrapped_checkpoints_load_completely(build, wrap):
    network, trained = build(seed=2), build(seed=1)
    load_weights(network, wrap(trained.state_dict()))
    assert same(network, trained.state_dict())


def test_network_in_a_parallel_wrapper_loads(build):
    network, trained = build(seed=2), build(seed=1)
    load_weights(torch.nn.DataParallel(network), trained.state_dict())
    assert same(network, trained.state_dict())


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(lambda build, _: build(seed=1).state_dict(), id="segmentation-network"),
        pytest.param(lambda _, build_encoder: build_encoder(seed=1).state_dict(), id="bare-encoder"),
        pytest.param(
            lambda _, build_encoder: {
                "model": {
                    **{f"teacher.encoder.{n}": torch.zeros_like(v) for n, v in build_encoder().state_dict().items()},
                    **{f"student.encoder.{n}": v for n, v in build_encoder(seed=1).state_dict().items()},
                    "student.head.weight": torch.zeros(3),
                }
            },
            id="pretraining-student",
        ),
    ],
)
@pytest.mark.parametrize("into_bare_encoder", [False, True])
def test_encoder_loads_from_any_checkpoint_that_has_one(build, build_encoder, state, into_bare_encoder):
    network = build_encoder(seed=2) if into_bare_encoder else build(seed=2)
    before = snapshot(network)
    report = load_weights(network, state(build, build_encoder), part="encoder")
    encoder = network if into_bare_encoder else network.encoder
    expected = state(build, build_encoder)
    expected = expected.get("model", expected)
    name = next(name for name in expected if name.endswith("mergings.3.reduction.weight") and "teacher" not in name)
    assert torch.equal(encoder.mergings[3].reduction.weight, expected[name])
    assert (report.encoder_fraction, report.missing, report.unexpected) == (1.0, (), ())
    assert report.window_order == "standard"
    if not into_bare_encoder:
        assert torch.equal(network.out.conv.conv.weight, before["out.conv.conv.weight"]), "the decoder stays"


def test_encoder_with_another_patch_embedding_loads_above_the_threshold(build, build_encoder):
    network, trained = build(seed=2, in_channels=2), build_encoder(seed=1)
    before = snapshot(network)
    report = load_weights(network, trained.state_dict(), part="encoder")
    assert [tuple(item) for item in report.mis_shaped] == [
        ("patch_embed.proj.weight", (4, 2, 2, 2, 2), (4, 1, 2, 2, 2))
    ]
    total = sum(parameter.numel() for parameter in network.encoder.parameters())
    assert report.encoder_fraction == pytest.approx(1 - 64 / total)
    assert torch.equal(network.encoder.patch_embed.proj.weight, before["encoder.patch_embed.proj.weight"])
    assert torch.equal(network.encoder.norms[0].weight, trained.norms[0].weight)


def refused(network, checkpoint, message, **options):
    before = snapshot(network)
    with pytest.raises(WeightsError, match=message):
        load_weights(network, checkpoint, **options)
    assert same(network, before), "a refused checkpoint must change nothing"


def test_encoder_below_the_threshold_is_refused(build, build_encoder):
    other = {name: value for name, value in build_encoder(seed=1).state_dict().items() if "stages.3" not in name}
    refused(build(), other, r"(?s)missing: stages\.3.*at least 90% of the encoder must match", part="encoder")
    assert load_weights(build(), other, part="encoder", min_matched=0.1).encoder_fraction < 0.9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"out_channels": 4}, r"out\.conv\.conv\.weight \(3, 4, .* in the network, \(4, 4", id="head"),
        pytest.param({"embed_dim": 8}, r"mis-shaped: .* more", id="width"),
        pytest.param({"depths": (2, 2, 4, 2)}, r"unexpected: encoder\.stages\.2\.blocks\.2", id="deeper"),
        pytest.param({"depths": (1, 2, 2, 2)}, r"missing: encoder\.stages\.0\.blocks\.1", id="shallower"),
    ],
)
def test_weights_of_another_network_are_refused(build, tmp_path, changes, message):
    save_weights(build(**changes), tmp_path / "other.pt")
    refused(build(), tmp_path / "other.pt", rf"(?s)other\.pt.*{message}.*weights of another network")


def test_a_refusal_is_one_line_with_the_advice_of_who_asked(build, tmp_path):
    save_weights(build(embed_dim=8), tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="another network: give --embed_dim; nothing was loaded") as caught:
        load_weights(build(), tmp_path / "other.pt", advice="give --embed_dim")
    assert len(str(caught.value).splitlines()) == 1


def test_foreign_network_is_refused(build, tmp_path):
    torch.save(torch.nn.Linear(3, 3).state_dict(), tmp_path / "linear.pt")
    refused(build(), tmp_path / "linear.pt", r"linear\.pt: 0\.0% of the encoder")
    refused(build(), tmp_path / "linear.pt", r"linear\.pt: 0\.0% of the encoder", part="encoder")


def test_diverged_weights_are_refused(build):
    state = snapshot(build())
    state["out.conv.conv.bias"][0] = float("nan")
    refused(build(), state, r"1 tensors hold NaN or infinity, out\.conv\.conv\.bias")


@pytest.mark.parametrize("part", ["all", "encoder"])
@pytest.mark.parametrize("published", [False, True])
def test_weights_of_the_other_window_order_are_refused_unless_allowed(build, part, published):
    trained, network = build(seed=1, published_window_order=not published), build(published_window_order=published)
    state = trained.state_dict()
    refused(network, state, f"published_window_order={not published}.*allow_window_order_mismatch=True", part=part)
    load_weights(network, state, part=part, allow_window_order_mismatch=True)
    assert torch.equal(network.encoder.norms[0].weight, trained.encoder.norms[0].weight)
    assert network.encoder.published_window_order is published


def test_weights_without_a_record_are_loaded_and_reported_as_such(build):
    state = {name: value for name, value in build(seed=1).state_dict().items() if "_extra_state" not in name}
    assert load_weights(build(published_window_order=True), state).window_order == "unrecorded"


@pytest.mark.parametrize("convert_first", [False, True])
def test_reference_checkpoints_load_in_their_order_only(reference_weights, reference_network, tmp_path, convert_first):
    state = convert_reference_weights(reference_weights) if convert_first else reference_weights
    torch.save({"state_dict": state}, tmp_path / "reference.pt")
    report = load_weights(reference_network(published_window_order=True), tmp_path / "reference.pt")
    assert (report.total_fraction, report.window_order) == (1.0, "published")
    refused(reference_network(published_window_order=False), tmp_path / "reference.pt", "wrong voxels")


def test_reference_pretraining_loads_into_the_encoder(reference_weights, reference_network):
    pretrained = {n: v for n, v in reference_weights.items() if n.startswith("transformer.")} | {"head": torch.ones(2)}
    network = reference_network(published_window_order=True)
    assert load_weights(network, {"state_dict": pretrained}, part="encoder").encoder_fraction == 1.0
    expected = reference_weights["transformer.norm3.bias"]
    assert torch.equal(network.encoder.norms[3].bias, expected)


def test_arguments_out_of_range_are_refused(build):
    with pytest.raises(ValueError, match=re.escape("part 'decoder'")):
        load_weights(build(), {}, part="decoder")
    with pytest.raises(ValueError, match=re.escape("min_matched 90 within 0..1")):
        load_weights(build(), {}, min_matched=90)
    with pytest.raises(ValueError, match="Linear has 0 Swin encoders"):
        load_weights(torch.nn.Linear(1, 1), {})
