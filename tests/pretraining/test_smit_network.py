"""Student and teacher: what is hidden, what moves, what transfers."""

from __future__ import annotations

import pytest
import torch

from swinx.networks import SwinEncoder, SwinXSeg, load_weights, save_weights
from swinx.pretraining import SmitNetwork, SmitPretrainer
from swinx.pretraining.distillation_head import DistillationHead

HEADS = {"out_dim": 32, "hidden_dim": 16, "bottleneck_dim": 8}


def build(**changes) -> SmitNetwork:
    torch.manual_seed(0)
    encoder = SwinEncoder(embed_dim=4, num_heads=(1, 2, 2, 4), drop_path_rate=changes.pop("drop_path_rate", 0.0))
    network = SmitNetwork(encoder, **(HEADS | changes))
    if network.reconstruction is not None:  # it starts at zero, and would hide what these tests look for
        torch.nn.init.normal_(network.reconstruction.weight, std=0.05)
    return network


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(2, 1, 32, 64, 32, generator=torch.Generator().manual_seed(1))


def half_mask() -> torch.Tensor:
    mask = torch.zeros(2, 1, 2, 4, 2)
    mask[:, :, 1] = 1
    return mask


def test_shapes_are_those_of_the_paper(image):
    output = build().distil(image, half_mask())
    assert output.patch_logits.shape == (2, 16, 32)
    assert output.image_logits.shape == (2, 1, 32)
    assert output.patch_tokens.shape == (2, 16, 32)  # 8 times embed_dim, one token for 16 voxels
    torch.testing.assert_close(output.image_token, output.patch_tokens.mean(dim=1))
    assert output.reconstruction.shape == image.shape
    assert output.patch_logits.abs().max() <= 1 + 1e-6


def test_paper_size_has_the_paper_s_dimensions():
    network = SmitNetwork(SwinEncoder())
    assert network.reconstruction.weight.shape[:2] == (32768, 768)
    assert network.patch_head.last_layer.weight.shape == (8192, 256)
    assert [layer.in_features for layer in network.patch_head.mlp[::2]] == [384, 2048, 2048]
    assert network.token_norm.eps == 1e-6


def test_the_student_cannot_see_a_hidden_block(image):
    network, mask = build().eval(), half_mask()
    changed = image.clone()
    changed[:, :, 16:] = torch.rand(2, 1, 16, 64, 32)
    with torch.no_grad():
        for one, other in zip(network.distil(image, mask), network.distil(changed, mask), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)
        assert (network(image) - network(changed)).abs().max() > 1e-3


def test_the_mask_token_starts_at_zero_and_learns_from_hidden_places_only(image):
    network = build()
    assert network.mask_token.abs().max() == 0
    network(image).sum().backward()
    assert network.mask_token.grad.abs().max() == 0
    network(image, half_mask()).sum().backward()
    assert network.mask_token.grad.abs().max() > 0


def test_token_mask_marks_the_tokens_of_the_hidden_blocks(image):
    mask = torch.zeros(2, 1, 1, 2, 1)  # blocks of 32 voxels: 2 x 2 x 2 tokens each
    mask[0, 0, 0, 1] = 1
    token_mask = build().distil(image, mask).token_mask.view(2, 2, 4, 2)
    assert token_mask[0, :, 2:].min() == 1
    assert token_mask[0, :, :2].max() == 0
    assert token_mask[1].max() == 0


def test_reconstruction_starts_at_zero(image):
    torch.manual_seed(0)
    network = SmitNetwork(SwinEncoder(embed_dim=4, num_heads=(1, 2, 2, 4)), **HEADS)
    assert network(image).abs().max() == 0


def test_reconstruction_puts_each_cube_where_its_bottleneck_token_is(image):
    network = build()
    torch.nn.init.zeros_(network.reconstruction.weight)
    with torch.no_grad():
        network.reconstruction.bias.copy_(torch.arange(32**3))
        cube = network(image)[0, 0, :, :32]
    assert torch.equal(cube, torch.arange(32.0**3).view(32, 32, 32))


@pytest.mark.parametrize("width", [(32, 16, 8), (96, 256, 64), (384, 2048, 256)])
def test_a_head_begins_with_the_same_spread_of_outputs_at_any_width(width):
    """At std 0.02 whatever the width, the demo's head began with outputs 30 times smaller than the paper's."""
    torch.manual_seed(0)
    tokens = torch.nn.functional.layer_norm(torch.randn(256, width[0]), width[:1])
    with torch.no_grad():
        spreads = [DistillationHead(width[0], 32, *width[1:]).mlp(tokens).square().mean().sqrt() for _ in range(4)]
    assert 0.06 < float(torch.stack(spreads).mean()) < 0.12  # 0.09 at the paper's


def test_a_head_of_the_paper_s_size_has_the_paper_s_first_weights():
    torch.manual_seed(0)
    for layer in DistillationHead(384).mlp[::2]:
        assert float(layer.weight.detach().std()) == pytest.approx(0.02, rel=0.02)
        assert layer.bias.abs().max() == 0


def test_a_token_of_which_a_part_is_hidden_counts_by_its_share(image):
    mask = torch.zeros(2, 1, 4, 8, 4)  # blocks of 8 voxels: 8 in a token
    mask[0, 0, 0, 0, 0] = 1
    mask[1, 0, :2, :2, :2] = 1
    token_mask = build().distil(image, mask).token_mask.view(2, 2, 4, 2)
    assert token_mask[0].flatten().tolist() == [0.125] + [0.0] * 15
    assert token_mask[1].flatten().tolist() == [1.0] + [0.0] * 15


@pytest.mark.parametrize("cells", [(4, 8, 4), (8, 16, 8)])
def test_the_student_cannot_see_a_hidden_block_of_8_or_4_voxels(image, cells):
    network, mask = build().eval(), torch.zeros(2, 1, *cells)
    mask[:, :, 1] = 1
    hidden = slice(32 // cells[0], 2 * 32 // cells[0])
    changed = image.clone()
    changed[:, :, hidden] = torch.rand_like(changed[:, :, hidden])
    with torch.no_grad():
        torch.testing.assert_close(network(image, mask), network(changed, mask), rtol=0, atol=0)
        assert (network(image) - network(changed)).abs().max() > 1e-3


def test_a_reconstruction_by_a_decoder_starts_at_zero_sees_nothing_hidden_and_trains_the_skips(image):
    student = build_decoder()
    assert student(image).abs().max() == 0
    torch.nn.init.normal_(student.reconstruction.voxels.weight)
    changed, mask = image.clone(), half_mask()
    changed[:, :, 16:] = torch.rand(2, 1, 16, 64, 32)
    assert student(image).shape == image.shape
    with torch.no_grad():
        torch.testing.assert_close(student(image, mask), student(changed, mask), rtol=0, atol=0)
    pretrainer = SmitPretrainer(student)
    pretrainer(image, mask)[0].reconstruction.square().sum().backward()
    assert all(float(norm.weight.grad.abs().max()) > 0 for norm in student.encoder.norms)
    assert not any(norm.weight.requires_grad for norm in SmitPretrainer(build()).student.encoder.norms)


def build_decoder() -> SmitNetwork:
    torch.manual_seed(0)
    encoder = SwinEncoder(embed_dim=4, num_heads=(1, 2, 2, 4), drop_path_rate=0.0)
    return SmitNetwork(encoder, **HEADS, reconstruction_head="unet")


def test_an_unknown_reconstruction_is_refused():
    with pytest.raises(ValueError, match="reconstruction_head must be linear or unet, not 'cnn'"):
        build(reconstruction_head="cnn")


def test_without_distillation_the_teacher_does_not_run_and_still_follows(image, monkeypatch):
    pretrainer = SmitPretrainer(build(), distil=False)
    monkeypatch.setattr(pretrainer.teacher, "distil", lambda _views: pytest.fail("the teacher ran"))
    student, teacher = pretrainer(image, half_mask())
    assert torch.equal(student.image_token, teacher.image_token)
    assert not teacher.image_token.requires_grad
    with torch.no_grad():
        pretrainer.student.mask_token.add_(1.0)
    pretrainer.update_teacher(0.5)
    assert pretrainer.teacher.mask_token.tolist() == [0.5] * 4


@pytest.mark.parametrize("shape", [(2, 1, 3, 4, 2), (1, 1, 2, 4, 2), (2, 2, 2, 4, 2), (2, 1, 32, 4, 2)])
def test_masks_that_do_not_fit_are_refused(image, shape):
    with pytest.raises(ValueError, match="does not fit"):
        build()(image, torch.zeros(shape))


def test_the_teacher_is_a_copy_that_gets_no_gradient_and_stays_in_evaluation(image):
    pretrainer = SmitPretrainer(build(drop_path_rate=0.5)).train()
    assert pretrainer.student.training
    assert not any(module.training for module in pretrainer.teacher.modules())
    student, teacher = pretrainer(image, half_mask())
    (student.patch_logits.sum() + student.reconstruction.sum() + teacher.patch_logits.sum()).backward()
    assert all(parameter.grad is None for parameter in pretrainer.teacher.parameters())
    with torch.no_grad():
        torch.testing.assert_close(pretrainer.student.eval().distil(image)[0], pretrainer.teacher.distil(image)[0])


def test_every_parameter_that_wants_a_gradient_gets_one(image):
    """A data-parallel training waits for all of them."""
    pretrainer = SmitPretrainer(build())
    student, _ = pretrainer(image, half_mask())
    (student.patch_logits[..., 0].sum() + student.image_logits[..., 0].sum() + student.reconstruction.sum()).backward()
    wanting = {name for name, parameter in pretrainer.named_parameters() if parameter.requires_grad}
    without = {name for name in wanting if pretrainer.get_parameter(name).grad is None}
    assert not without


def test_teacher_moves_by_the_momentum():
    pretrainer = SmitPretrainer(build())
    before = {name: tensor.clone() for name, tensor in pretrainer.teacher.named_parameters()}
    with torch.no_grad():
        for parameter in pretrainer.student.parameters():
            parameter.add_(1.0)
    pretrainer.update_teacher(0.75)
    for name, tensor in pretrainer.teacher.named_parameters():
        torch.testing.assert_close(tensor, before[name] + 0.25)
    pretrainer.restart_teacher()
    for name, tensor in pretrainer.teacher.named_parameters():
        assert torch.equal(tensor, pretrainer.student.get_parameter(name))


@pytest.mark.parametrize("momentum", [-0.1, 1.1])
def test_momentum_outside_its_range_is_refused(momentum):
    with pytest.raises(ValueError, match="momentum"):
        SmitPretrainer(build()).update_teacher(momentum)


def test_a_student_without_reconstruction_is_refused(image):
    with pytest.raises(ValueError, match="reconstruction"):
        SmitPretrainer(build(reconstruct=False))
    with pytest.raises(ValueError, match="without a reconstruction"):
        build(reconstruct=False)(image)


def test_heads_are_apart_unless_shared():
    apart = build()
    assert apart.patch_head is not apart.image_head
    shared = SmitPretrainer(build(shared_head=True))
    assert shared.student.patch_head is shared.student.image_head
    assert shared.teacher.patch_head is shared.teacher.image_head
    assert shared.teacher.patch_head is not shared.student.patch_head


def test_rows_of_the_last_layer_have_length_one_whatever_their_weights(image):
    network = build().eval()
    with torch.no_grad():
        before = network.distil(image).patch_logits
        network.patch_head.last_layer.weight.mul_(7)
        torch.testing.assert_close(network.distil(image).patch_logits, before)


@pytest.mark.parametrize("saved", ["student", "pretrainer"])
def test_every_tensor_of_the_encoder_transfers_to_the_segmentation_network(saved, tmp_path, capsys):
    student = build()
    pretrainer = SmitPretrainer(student)
    with torch.no_grad():
        for parameter in pretrainer.teacher.parameters():
            parameter.zero_()
    save_weights(student if saved == "student" else pretrainer, tmp_path / "ssl.pt")
    torch.manual_seed(5)
    network = SwinXSeg(embed_dim=4, num_heads=(1, 2, 2, 4), decoder_channels=4)
    report = load_weights(network, tmp_path / "ssl.pt", part="encoder")
    assert report.encoder_fraction == 1
    assert "100.0% of the encoder" in capsys.readouterr().err
    for name, tensor in student.encoder.state_dict().items():
        assert torch.equal(network.encoder.state_dict()[name], tensor), name
