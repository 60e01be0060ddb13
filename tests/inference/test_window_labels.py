"""Labels of sliding windows equal the argmax of MONAI's, in less memory."""

from __future__ import annotations

import pytest
import torch
from monai.data.utils import compute_importance_map, dense_patch_slices
from monai.inferers import sliding_window_inference
from torch import Tensor, nn

from support.inference import label_inferer
from swinx.inference import TorchBackend, WindowSettings
from swinx.inference.windows.tiling import interval_of
from swinx.networks import SwinXSeg


def labels_of(image, network, roi, sw_batch_size=1, **settings):
    return label_inferer(roi, sw_batch_size=sw_batch_size, **settings)(image, network)


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
    labels = labels_of(image, network, (16, 16, 16), 3, overlap=overlap, mode=mode)
    assert labels.dtype == torch.uint8
    assert labels.shape == (2, 1, *shape)
    top = scores.topk(2, dim=1).values
    clear = (top[:, 0] - top[:, 1])[:, None] > 1e-5
    assert clear.float().mean() > 0.99
    assert torch.equal(labels[clear].long(), scores.argmax(dim=1, keepdim=True)[clear])


def test_anisotropic_windows_and_batches_of_windows_give_the_same(network):
    image = torch.randn((1, 1, 30, 22, 14), generator=torch.Generator().manual_seed(2))
    one, four = (label_inferer((16, 12, 8), sw_batch_size=n)(image, network) for n in (1, 4))
    assert torch.equal(one, four)


def test_logits_never_exist_for_the_whole_volume():
    """The largest tensor holds logits and weights of the planes of one window, however long the scan."""
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
        labels_of(image, Spy(), (8, 8, 8))
    planes = (5 + 1) * 8 * 8 * (8 + 1) * 4
    assert max(sizes) <= max(planes, image.nbytes)


def test_overlap_of_one_is_refused(network):
    with pytest.raises(ValueError, match="overlap must be in"):
        labels_of(torch.zeros(1, 1, 8, 8, 8), network, (8, 8, 8), overlap=1.0)


def test_window_of_wrong_dimension_is_refused(network):
    with pytest.raises(ValueError, match="does not fit images"):
        labels_of(torch.zeros(1, 1, 8, 8, 8), network, (8, 8))


def blended(image, network, roi, overlap, margin):
    """Scores of all windows without their margins, blended the plain way."""
    size = image.shape[2:]
    weights = compute_importance_map(roi, mode="gaussian").float()
    interval = [interval_of(side, length, overlap) for side, length in zip(roi, size, strict=True)]
    total = 0
    for window in dense_patch_slices(size, roi, interval):
        x, y, z = window
        used = torch.zeros(roi)
        part = [
            slice(0 if w.start == 0 else margin, side if w.stop == length else side - margin)
            for w, length, side in zip(window, size, roi, strict=True)
        ]
        used[tuple(part)] = weights[tuple(part)]
        whole = torch.zeros((1, 5, *size))
        whole[:, :, x, y, z] = network(image[:, :, x, y, z]) * used
        total = total + whole
    return total


@pytest.mark.parametrize(("overlap", "margin"), [(0.5, 0), (0.5, 2), (0.5, 4), (0.25, 2), (0.7, 4), (0.3, 2)])
@pytest.mark.parametrize("shape", [(16, 16, 16), (33, 17, 20), (16, 40, 25)])
def test_margins_are_left_out_but_at_the_borders_of_the_volume(network, shape, overlap, margin):
    image = torch.randn((1, 1, *shape), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        scores = blended(image, network, (16, 16, 16), overlap, margin)
    labels = labels_of(image, network, (16, 16, 16), 3, overlap=overlap, margin=margin / 16)
    assert (scores != 0).any(dim=1).all(), "a voxel that no window covers"
    top = scores.topk(2, dim=1).values
    clear = (top[:, 0] - top[:, 1])[:, None] > 1e-5 * top[:, 0][:, None]
    assert torch.equal(labels[clear].long(), scores.argmax(dim=1, keepdim=True)[clear])


@pytest.mark.parametrize(("overlap", "margin"), [(0.5, 0.26), (0.5, 8), (0.5, -0.1), (0.0, 0.1)])
def test_margins_that_would_leave_gaps_are_refused(network, overlap, margin):
    with pytest.raises(ValueError, match=rf"margin must be from 0 to {overlap / 2:g}, .* not {margin}"):
        labels_of(torch.zeros(1, 1, 20, 20, 20), network, (16, 16, 16), overlap=overlap, margin=margin)


@pytest.mark.parametrize("margin", [0, 0.125, 0.25])
@pytest.mark.parametrize("channels_last", [True, False])
def test_a_split_network_gives_the_labels_of_the_whole_one(margin, channels_last):
    torch.manual_seed(0)
    whole = SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=4).eval()
    image = torch.rand((1, 1, 40, 70, 33), generator=torch.Generator().manual_seed(4))
    with torch.no_grad():  # so that no class wins everywhere
        whole.out.conv.conv.bias -= whole(image[..., :32, :32, :32]).mean(dim=(0, 2, 3, 4))
    plain, split = (
        label_inferer((32, 32, 32), backend, sw_batch_size=3, margin=margin)(image, whole)
        for backend in (None, TorchBackend(channels_last))
    )
    assert plain.unique().numel() > 3
    assert (plain == split).float().mean() > 0.9995


def test_a_backend_heeds_weights_that_have_changed():
    torch.manual_seed(0)
    whole = SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=4).eval()
    inferer = label_inferer((32, 32, 32), backend=TorchBackend())
    image = torch.rand((1, 1, 32, 32, 32))
    inferer(image, whole)
    with torch.no_grad():
        whole.out.conv.conv.bias[7] += 100
    assert (inferer(image, whole) == 7).all()


def test_windows_of_air_are_left_out_and_are_background(network):
    calls = []

    def counted(windows):
        calls.append(len(windows))
        return network(windows) + torch.tensor([0.0, 9, 0, 0, 0]).reshape(5, 1, 1, 1)

    image = torch.zeros((1, 1, 8, 8, 64))
    image[..., 20:28] = 1
    labels = labels_of(image, counted, (8, 8, 8), overlap=0.5, skip_air=True)
    assert sum(calls) == 3
    assert not labels[..., :16].any()
    assert (labels[..., 16:32] == 1).all()
    assert not labels[..., 32:].any()
    assert not labels_of(image * 0, counted, (8, 8, 8), skip_air=True).any()


def test_half_the_windows_at_once_where_memory_runs_out(network, caplog):
    sizes = []

    def greedy(windows):
        sizes.append(len(windows))
        if len(windows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return network(windows)

    image = torch.randn((1, 1, 16, 16, 40), generator=torch.Generator().manual_seed(5))
    expected = labels_of(image, network, (8, 8, 8))
    inferer = label_inferer((8, 8, 8), sw_batch_size=8)
    assert torch.equal(inferer(image, greedy), expected)
    assert inferer.tilings[0].settings.sw_batch_size == 2, "what fitted"
    assert sizes[:3] == [8, 4, 2]
    assert set(sizes[3:]) == {1, 2} or set(sizes[3:]) == {2}
    assert "memory ran out with 8 windows at once; going on with 4" in caplog.text


def test_other_errors_and_a_single_window_that_does_not_fit_are_not_hidden():
    def broken(windows):
        raise RuntimeError("out of memory" if len(windows) == 1 else "sizes differ")

    for batch, message in ((1, "out of memory"), (2, "sizes differ")):
        with pytest.raises(RuntimeError, match=message):
            labels_of(torch.zeros(1, 1, 16, 16, 8), broken, (8, 8, 8), batch)


def test_arguments_for_the_network_are_refused(network):
    with pytest.raises(ValueError, match=r"the network takes windows alone, no other arguments: \[1, 'mask'\]"):
        label_inferer((8, 8, 8))(torch.zeros(1, 1, 8, 8, 8), network, 1, mask=2)


def test_a_network_that_cannot_be_split_runs_as_it_is(network, caplog):
    caplog.set_level("INFO")
    image = torch.rand((1, 1, 24, 24, 24), generator=torch.Generator().manual_seed(3))
    plain, split = (label_inferer((16, 16, 16), backend)(image, network) for backend in (None, TorchBackend()))
    assert torch.equal(plain, split)
    assert "only SwinXSeg can be split, not Sequential, which runs as it is" in caplog.text


@pytest.mark.parametrize("count", [0, -1])
def test_no_windows_at_once_are_refused(network, count):
    with pytest.raises(ValueError, match=f"sw_batch_size must be 1 or more, not {count}"):
        label_inferer((16, 16, 16), sw_batch_size=count)(torch.rand(1, 1, 16, 16, 16), network)


def test_memory_that_numpy_cannot_have_halves_the_batch_too(network):
    class Greedy:
        def __call__(self, windows: Tensor) -> Tensor:
            if len(windows) > 1:
                raise MemoryError("Unable to allocate 9 GiB for an array")
            return network(windows)

    image = torch.rand((1, 1, 24, 24, 24), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        four = labels_of(image, Greedy(), (16, 16, 16), 4)
        assert torch.equal(four, labels_of(image, network, (16, 16, 16), 1))


def test_more_classes_than_a_label_can_tell_are_refused():
    with pytest.raises(ValueError, match="the network has 257 classes, and labels in uint8 are of 256 at most"):
        labels_of(torch.zeros(1, 1, 8, 8, 8), nn.Conv3d(1, 257, 1), (8, 8, 8))


def test_a_network_is_made_ready_before_the_first_case_and_once():
    made = []

    class Counted(TorchBackend):
        def __call__(self, network, roi_size):
            made.append(roi_size)
            return super().__call__(network, roi_size)

    network = SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=4).eval()
    inferer = label_inferer((32, 32, 32), backend=Counted())
    inferer.prepare(network)
    assert made == [(32, 32, 32)]
    assert inferer.seconds_to_prepare > 0
    with pytest.raises(ValueError, match=r"roi_size \[48, 32, 32\] must be multiples of 32 for this network"):
        label_inferer((48, 32, 32)).prepare(network)
    label_inferer((48, 32, 32)).prepare(nn.Conv3d(1, 2, 1))


def test_settings_are_frozen_and_comparable():
    first, second = WindowSettings([8, 8, 8]), WindowSettings((8, 8, 8))
    assert first == second
    assert hash(first) == hash(second)
    with pytest.raises(AttributeError):
        first.overlap = 0.1
