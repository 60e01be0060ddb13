"""Mixed precision: on devices that have it, for trainings, with what comes out in single precision."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from swinx.mixed_precision import has_mixed_precision, in_bfloat16
from swinx.training import MixedPrecisionInferer


class Watched(nn.Module):
    """A layer that notes the type it computes in."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv3d(1, 2, 1)

    def forward(self, image):
        """Convolve, and keep what came out."""
        self.computed = self.layer(image)
        return self.computed


@pytest.mark.parametrize(("amp", "has", "kind"), [(True, True, "bf"), (True, False, ""), (False, True, "")])
def test_a_processor_computes_in_bfloat16_where_it_has_it_and_is_asked(monkeypatch, amp, has, kind):
    monkeypatch.setattr("swinx.training.mixed_precision_inferer.has_mixed_precision", lambda _: has)
    network, image = Watched(), torch.rand(1, 1, 4, 5, 6)
    out = MixedPrecisionInferer(amp=amp)(image, network)
    assert network.computed.dtype == (torch.bfloat16 if kind else torch.float32)
    assert out.dtype == torch.float32
    out.sum().backward()
    assert network.layer.weight.grad.dtype == torch.float32


def test_lists_of_outputs_come_in_single_precision():
    outputs = in_bfloat16(lambda image: [image @ image, (image @ image)[:1]], torch.eye(3))
    assert [tensor.dtype for tensor in outputs] == [torch.float32] * 2


@pytest.mark.parametrize(
    ("capabilities", "has"),
    [({}, False), ({"avx512_f": True}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True)],
)
def test_a_processor_without_the_instructions_is_left_in_single_precision(monkeypatch, capabilities, has):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert has_mixed_precision("cpu") == has


def test_every_gpu_has_it():
    assert has_mixed_precision("cuda:1")
    assert not has_mixed_precision("mps")


def gradients(forward, network: nn.Module) -> dict[str, torch.Tensor]:
    """Gradients of a network's parameters, after a heap was left full of NaN."""
    dirt = [torch.full((2**20 * size,), float("nan")) for size in (1, 2, 3)]
    del dirt
    network.zero_grad()
    forward().square().sum().backward()
    return {name: parameter.grad.clone() for name, parameter in network.named_parameters()}


@pytest.mark.parametrize("side", [1, 2, 3, 4])
@pytest.mark.parametrize("layer", [nn.Conv3d(64, 128, 3, padding=1), nn.ConvTranspose3d(64, 128, 2, stride=2)])
def test_gradients_of_small_maps_are_those_of_single_precision(layer, side):
    """PyTorch's own in bfloat16 are uninitialised memory for convolutions of sides below 3."""
    maps = torch.rand(2, 64, side, side, side, generator=torch.Generator().manual_seed(0))
    wanted = gradients(lambda: layer(maps), layer)
    for _ in range(5):
        found = gradients(lambda: in_bfloat16(layer, maps), layer)
        for name in wanted:
            torch.testing.assert_close(
                found[name], wanted[name], rtol=0.05, atol=0.02 * wanted[name].abs().max().item()
            )
