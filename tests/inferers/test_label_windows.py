"""Label windows equal the argmax of MONAI's sliding window, in less memory."""

from __future__ import annotations

import pytest
import torch
from monai.inferers import sliding_window_inference
from torch import Tensor, nn

from swinx.inferers import SlidingWindowLabelInferer, sliding_window_labels


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv3d(8, 5, 3, padding=1)).eval()


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.7])
@pytest.mark.parametrize("shape", [(16, 16, 16), (33, 17, 20), (9, 40, 16), (5, 6, 7), (18, 16, 51)])
@pytest.mark.parametrize("mode", ["gaussian", "constant"])
def test_labels_equal_monais_argmax(network, shape, overlap, mode):
    image = torch.randn((2, 1, *shape), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        scores = sliding_window_inference(image, (16, 16, 16), 3, network, overlap=overlap, mode=mode)
    labels = sliding_window_labels(image, network, (16, 16, 16), 3, overlap, mode)
    assert labels.dtype == torch.uint8
    assert labels.shape == (2, 1, *shape)
    top = scores.topk(2, dim=1).values
    clear = (top[:, 0] - top[:, 1])[:, None] > 1e-5
    assert clear.float().mean() > 0.99
    assert torch.equal(labels[clear].long(), scores.argmax(dim=1, keepdim=True)[clear])


def test_anisotropic_windows_and_batches_of_windows_give_the_same(network):
    image = torch.randn((1, 1, 30, 22, 14), generator=torch.Generator().manual_seed(2))
    one, four = (SlidingWindowLabelInferer((16, 12, 8), sw_batch_size=n)(image, network) for n in (1, 4))
    assert torch.equal(one, four)


def test_scores_never_exist_for_the_whole_volume():
    """The largest tensor made is a slab of scores, however long the scan."""
    sizes = []

    class Spy(nn.Module):
        def forward(self, window: Tensor) -> Tensor:
            return window.new_zeros((window.shape[0], 5, *window.shape[2:]))

    from torch.utils._python_dispatch import TorchDispatchMode

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if isinstance(result, Tensor) and result.untyped_storage().nbytes():
                sizes.append(result.untyped_storage().nbytes())
            return result

    image = torch.zeros((1, 1, 8, 8, 400))
    with Watch():
        sliding_window_labels(image, Spy(), (8, 8, 8))
    slab = 5 * 8 * 8 * 8 * 4
    assert max(sizes) <= max(slab, image.nbytes)


def test_overlap_of_one_is_refused(network):
    with pytest.raises(ValueError, match="overlap must be in"):
        sliding_window_labels(torch.zeros(1, 1, 8, 8, 8), network, (8, 8, 8), overlap=1.0)


def test_window_of_wrong_dimension_is_refused(network):
    with pytest.raises(ValueError, match="does not fit images"):
        sliding_window_labels(torch.zeros(1, 1, 8, 8, 8), network, (8, 8))
