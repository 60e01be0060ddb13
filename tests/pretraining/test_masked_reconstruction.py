"""MaskedReconstructionInferer: what is hidden stays hidden, and everything is put back where it was."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from support.geometry import oblique_affine
from swinx.networks import SwinEncoder
from swinx.pretraining import MaskedReconstructionInferer, SmitNetwork
from swinx.pretraining.masking import enlarge_blocks
from swinx.pretraining.reconstruction.save_reconstruction import token_affine

STRIDE = 4


class Mirror(nn.Module):
    """Puts out what it gets; its tokens are means of cubes of four voxels. Remembers its calls."""

    token_stride = STRIDE

    def __init__(self) -> None:
        super().__init__()
        self.views: list[Tensor] = []
        self.masks: list[Tensor] = []

    def forward(self, views: Tensor, mask: Tensor) -> Tensor:
        """Return the views."""
        self.views.append(views)
        self.masks.append(mask)
        return views

    def distil(self, views: Tensor) -> SimpleNamespace:
        """Return tokens ``(B, N, 1)`` and their means ``(B, 1)``."""
        tokens = functional.avg_pool3d(views, STRIDE).flatten(2).transpose(1, 2)
        return SimpleNamespace(patch_tokens=tokens, image_token=tokens.mean(dim=1))


def student() -> SmitNetwork:
    torch.manual_seed(0)
    encoder = SwinEncoder(embed_dim=4, num_heads=(1, 2, 2, 4))
    return SmitNetwork(encoder, out_dim=32, hidden_dim=16, bottleneck_dim=8).eval()


def scan(*shape: int) -> Tensor:
    return torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(1))


def inferer(side: int = 16, block_size: int = 4, **changes) -> MaskedReconstructionInferer:
    return MaskedReconstructionInferer((side, side, side), block_size=block_size, **changes)


@pytest.mark.parametrize("shape", [(16, 32, 16), (17, 16, 31), (5, 40, 3), (33, 18, 20)])
@pytest.mark.parametrize("sw_batch_size", [1, 5])
def test_what_the_network_puts_out_is_put_back_in_its_place(shape, sw_batch_size):
    image = scan(*shape)
    result = inferer(sw_batch_size=sw_batch_size)(image, Mirror())
    assert torch.equal(result["reconstruction"], image)
    assert result["mask"].shape == image.shape
    assert result["mask"].dtype == torch.uint8
    windows = np.ceil(np.array(shape) / 16).astype(int)
    assert result["patch_tokens"].shape == (1, *(windows * 16 // STRIDE), 1)
    assert result["image_tokens"].shape == (1, windows.prod(), 1)
    assert result["token_stride"].tolist() == [STRIDE]


def test_beyond_the_far_end_the_network_sees_air():
    network = Mirror()
    inferer()(scan(20, 16, 16) + 1, network)
    first, last = network.views
    assert first.min() >= 1
    assert last[:, :, :4].min() >= 1
    assert last[:, :, 4:].abs().max() == 0


def test_the_share_of_hidden_blocks_is_that_of_the_pretraining_in_every_window():
    network = Mirror()
    result = inferer(mask_ratio=0.7)(scan(32, 16, 48), network)
    for mask in network.masks:
        assert mask.sum() == np.ceil(0.7 * 64)
    assert result["mask"].double().mean() == np.ceil(0.7 * 64) / 64
    assert not torch.equal(network.masks[0], network.masks[1])


def test_hidden_marks_the_blocks_that_the_network_was_told_to_hide():
    network = Mirror()
    hidden = inferer()(scan(16, 16, 24), network)["mask"]
    covers = [enlarge_blocks(mask, (16, 16, 16)) for mask in network.masks]
    assert torch.equal(hidden.float(), torch.cat(covers, dim=-1)[..., :24])


@pytest.mark.parametrize("sw_batch_size", [1, 3])
def test_one_seed_always_hides_the_same_and_another_hides_other_voxels(sw_batch_size):
    image = scan(16, 32, 32)
    one = inferer(seed=1)
    first = one(image, Mirror())["mask"]
    one(scan(32, 32, 32), Mirror())
    assert torch.equal(first, one(image, Mirror())["mask"]), "other cases before it change nothing"
    assert torch.equal(first, inferer(seed=1, sw_batch_size=sw_batch_size)(image, Mirror())["mask"])
    assert not torch.equal(first, inferer(seed=2)(image, Mirror())["mask"])


def test_the_global_random_state_is_left_alone():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    inferer()(scan(16, 16, 16), Mirror())
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_the_reconstruction_does_not_depend_on_what_is_hidden():
    network, image = student(), scan(40, 32, 32)
    blind = inferer(32, 16)
    first = blind(image, network)
    changed = torch.where(first["mask"] > 0, 1 - image, image)
    second = blind(changed, network)
    assert torch.equal(first["mask"], second["mask"])
    torch.testing.assert_close(first["reconstruction"], second["reconstruction"], rtol=0, atol=0)
    assert (first["patch_tokens"] - second["patch_tokens"]).abs().max() > 1e-3, "tokens are those of the whole scan"


def test_tokens_are_those_of_the_unmasked_windows_and_in_their_places():
    network, image = student(), scan(64, 32, 64)
    result = inferer(32, 16, sw_batch_size=3)(image, network)
    with torch.no_grad():
        for number, (x, z) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
            view = image[:, :, 32 * x : 32 * x + 32, :, 32 * z : 32 * z + 32]
            whole = network.distil(view)
            place = result["patch_tokens"][:, 2 * x : 2 * x + 2, :, 2 * z : 2 * z + 2].reshape(1, 8, -1)
            torch.testing.assert_close(place, whole.patch_tokens, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(result["image_tokens"][:, number], whole.image_token, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR"])
def test_the_token_grid_is_where_the_tokens_voxels_are(codes, axis):
    """Of a scan that holds a world coordinate, a mean over a cube is the coordinate of the cube's centre."""
    affine, shape = oblique_affine(codes), (16, 35, 20)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    coordinate = (index @ affine[:3, :3].T + affine[:3, 3])[..., axis]
    result = inferer()(torch.from_numpy(coordinate)[None, None], Mirror())
    grid = token_affine(affine, int(result["token_stride"]))
    complete = [n // STRIDE for n in shape]  # further tokens lie partly or wholly in the padding
    tokens = result["patch_tokens"][0, : complete[0], : complete[1], : complete[2], 0].numpy()
    index = np.stack(np.meshgrid(*[np.arange(n) for n in complete], indexing="ij"), axis=-1)
    np.testing.assert_allclose(tokens, (index @ grid[:3, :3].T + grid[:3, 3])[..., axis], rtol=1e-5, atol=1e-3)


def test_no_gradient_is_kept():
    assert not any(value.requires_grad for value in inferer(32, 16)(scan(32, 32, 32), student()).values())


def test_half_precision_of_the_network_does_not_narrow_the_result():
    class Half(Mirror):
        def forward(self, views: Tensor, mask: Tensor) -> Tensor:
            return super().forward(views, mask).half()

    assert inferer()(scan(16, 16, 16), Half())["reconstruction"].dtype == torch.float32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"block_size": 5}, "mask blocks of 5 voxels do not fill a view of"),
        ({"mask_ratio": 0.0}, "mask ratio of 0.0 masks nothing"),
        ({"mask_ratio": 1.0}, "mask ratio of 1.0 masks everything"),
        ({"sw_batch_size": 0}, "sw_batch_size must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused_before_the_first_scan(settings, message):
    with pytest.raises(ValueError, match=message):
        inferer(**settings)


@pytest.mark.parametrize("shape", [(2, 1, 8, 8, 8), (1, 2, 8, 8, 8), (1, 8, 8, 8)])
def test_several_scans_or_channels_are_refused(shape):
    with pytest.raises(ValueError, match="one scan of one channel"):
        inferer()(torch.zeros(shape), Mirror())


def test_arguments_for_the_network_are_refused():
    with pytest.raises(ValueError, match="windows and masks only"):
        inferer()(scan(8, 8, 8), Mirror(), torch.zeros(1))
