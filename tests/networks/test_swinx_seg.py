"""SwinXSeg: size, shapes, settings, and exports that equal the network."""

from __future__ import annotations

import pytest
import torch

from swinx.networks import ReductionBlock, SwinXSeg


def test_default_network_has_the_published_number_of_parameters():
    assert sum(parameter.numel() for parameter in SwinXSeg().parameters()) == 30_298_677


def test_sides_need_not_be_equal(build, image):
    with torch.no_grad():
        assert build()(image).shape == (1, 3, *image.shape[2:])


@pytest.mark.parametrize("shape", [(1, 1, 64, 48, 64), (1, 1, 33, 32, 32), (1, 32, 32, 32), (1, 1, 32, 32, 0)])
def test_other_sides_are_refused_by_name(build, shape):
    with pytest.raises(ValueError, match=rf"multiples of 32, got sides \({shape[2]}, {shape[3]}"):
        build()(torch.zeros(shape))


def test_three_stages_accept_multiples_of_sixteen(build):
    network = build(depths=(1, 1, 2), num_heads=(1, 1, 2))
    with torch.no_grad():
        assert network(torch.zeros(1, 1, 16, 32, 48)).shape == (1, 3, 16, 32, 48)


def test_decoder_widths_run_from_full_resolution_to_the_deepest_level(build, image):
    network = build(decoder_channels=(3, 5, 7, 9, 11))
    assert [block.transp_conv.conv.out_channels for block in network.up_blocks] == [3, 5, 7, 9, 11]
    with torch.no_grad():
        assert network(image).shape[1] == 3


@pytest.mark.parametrize("widths", [(4, 4, 4, 4), (4, 4, 4, 4, 0), 0])
def test_decoder_widths_that_fit_no_level_are_refused(build, widths):
    with pytest.raises(ValueError, match=r"decoder_channels .* 5 of them"):
        build(decoder_channels=widths)


def test_reduction_adds_its_input_before_the_activation():
    block = ReductionBlock(2, 3).eval()
    torch.nn.init.zeros_(block.conv1.conv.weight)
    torch.nn.init.ones_(block.conv2.conv.weight)
    features = torch.tensor([2.0, -100.0]).reshape(1, 2, 1, 1, 1)
    block.norm1.eps = block.norm2.eps = 0.0
    torch.testing.assert_close(block(features).flatten(), torch.full((3,), 2.0 - 100 * 0.01))


def test_every_parameter_learns(build, image):
    network = build().train()
    network(image).square().sum().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_dropout_makes_a_training_pass_random_and_leaves_evaluation_alone(build, image):
    plain, dropped = build(drop_path_rate=0.0), build(drop_path_rate=0.0, dropout=0.3)
    with torch.no_grad():
        torch.testing.assert_close(plain(image), dropped(image), rtol=0, atol=0)
        assert torch.equal(plain.train()(image), plain(image))
        assert not torch.equal(dropped.train()(image), dropped(image))


@pytest.mark.parametrize("published_window_order", [False, True])
def test_recomputing_activations_gives_the_same_gradient(build, image, published_window_order):
    gradients = []
    for use_checkpoint in (False, True):
        network = build(use_checkpoint=use_checkpoint, published_window_order=published_window_order).train()
        torch.manual_seed(1)  # stochastic depth
        network(image).square().mean().backward()
        gradients.append(network.encoder.patch_embed.proj.weight.grad)
    assert gradients[0].abs().max() > 0
    torch.testing.assert_close(gradients[1], gradients[0])


@pytest.fixture
def two_stages(build):
    """Two stages, for exports: quick, yet with windows that are shifted, padded and clipped."""

    def network(published_window_order):
        return build(depths=(2, 2), num_heads=(1, 2), published_window_order=published_window_order)

    return network, torch.rand(2, 1, 8, 24, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("published_window_order", [False, True])
@pytest.mark.parametrize("autograd", [False, True])
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*torch.jit.*:DeprecationWarning")
def test_traced_network_equals_the_network(two_stages, published_window_order, autograd):
    network, image = two_stages[0](published_window_order), two_stages[1]
    with torch.set_grad_enabled(autograd):
        torch.testing.assert_close(torch.jit.trace(network, image)(image), network(image))


@pytest.mark.parametrize("published_window_order", [False, True])
def test_exported_program_equals_the_network(two_stages, published_window_order):
    network, image = two_stages[0](published_window_order), two_stages[1]
    with torch.no_grad():
        torch.testing.assert_close(torch.export.export(network, (image,)).module()(image), network(image))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_reduced_precision_stays_finite_and_near(build, image, dtype):
    network = build()
    with torch.no_grad():
        exact = network(image)
        with torch.autocast("cpu", dtype):
            reduced = network(image)
    assert reduced.dtype == dtype
    assert (reduced.float() - exact).abs().max() < 0.02 * exact.abs().max()


def test_channels_last_memory_gives_the_same_output(build, image):
    network = build()
    with torch.no_grad():
        expected = network(image)
        network.to(memory_format=torch.channels_last_3d)
        torch.testing.assert_close(network(image.to(memory_format=torch.channels_last_3d)), expected)


@pytest.mark.parametrize("norm", ["instance", "group"])
def test_other_norms_than_batch_norm_have_no_running_means(build, norm):
    network = build(embed_dim=12, num_heads=(1, 1, 1, 1), decoder_channels=4, norm=norm)
    names = set(network.state_dict())
    assert not any("running_mean" in name for name in names)
    assert names < set(build(embed_dim=12, num_heads=(1, 1, 1, 1), decoder_channels=4).state_dict())


def test_group_norm_gives_the_same_in_training_and_evaluation(build, image):
    network = build(embed_dim=12, num_heads=(1, 1, 1, 1), decoder_channels=4, norm="group", drop_path_rate=0.0)
    with torch.no_grad():
        torch.testing.assert_close(network.train()(image), network.eval()(image))


def test_an_unknown_norm_is_refused_by_name(build):
    with pytest.raises(ValueError, match="batch, instance, group, not 'layer'"):
        build(norm="layer")
