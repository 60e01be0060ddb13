"""Scaling of intensities: HU by a window, other scans by their own values."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from swinx.preprocessing import CTPreprocessingd
from swinx.preprocessing.intensity import body_threshold, scale_intensities

AFFINE = torch.tensor([[-1.5, 0.2, 0, 40], [0.2, 1.5, 0, -30], [0, 0, 4, 7], [0, 0, 0, 1]], dtype=torch.float64)


def mr_volume(gain: float = 1.0, offset: float = 0.0) -> np.ndarray:
    """An ellipsoid of 400..900 with noise in a dark background of 0..30, off centre."""
    rng = np.random.default_rng(0)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in (48, 40, 24)), indexing="ij")
    inside = ((x - 0.2) / 0.6) ** 2 + (y / 0.5) ** 2 + (z / 0.7) ** 2 < 1
    values = np.where(inside, 400 + 500 * (x + 1) / 2, 15) + rng.normal(0, 5, x.shape)
    return (gain * values + offset).astype(np.float32)


def preprocessed(volume: np.ndarray, **settings) -> MetaTensor:
    image = MetaTensor(torch.from_numpy(volume)[None], affine=AFFINE)
    return CTPreprocessingd("image", pixdim=(2.0, 2.0, 4.0), **settings)({"image": image})["image"]


@pytest.mark.parametrize("intensity", ["percentiles", "zscore"])
@pytest.mark.parametrize(("gain", "offset"), [(0.01, 0.0), (37.0, 0.0), (2.0, -1000.0)])
def test_gain_and_offset_of_the_scanner_do_not_matter(intensity, gain, offset):
    plain = preprocessed(mr_volume(), intensity=intensity)
    other = preprocessed(mr_volume(gain, offset), intensity=intensity)
    assert plain.shape == other.shape
    torch.testing.assert_close(plain.as_tensor(), other.as_tensor(), rtol=0, atol=2e-3)


def test_percentiles_of_the_body_fill_0_to_1():
    out = preprocessed(mr_volume(), intensity="percentiles")
    assert out.min() == 0
    assert out.max() == 1
    body = out[out > 0.05]
    assert 0.3 < body.median() < 0.7


def test_zscores_of_the_body_have_mean_0_and_deviation_1():
    volume = torch.from_numpy(mr_volume())
    threshold = body_threshold(volume.numpy(), "zscore")
    body = volume > threshold
    scaled = scale_intensities(volume.clone(), "zscore", (0, 1), threshold)[body]
    assert abs(float(scaled.mean())) < 0.01
    assert abs(float(scaled.std()) - 1) < 0.01


@pytest.mark.parametrize("intensity", ["percentiles", "zscore"])
def test_the_box_is_that_of_the_body_and_not_of_the_background(intensity):
    whole = preprocessed(mr_volume(), intensity=intensity, body_crop=False)
    cropped = preprocessed(mr_volume(), intensity=intensity, body_margin_mm=0.0)
    assert all(small < large for small, large in zip(cropped.shape[1:], whole.shape[1:], strict=True))


def test_a_constant_scan_does_not_become_nan():
    for intensity in ("percentiles", "zscore"):
        out = preprocessed(np.full((20, 20, 10), 7, np.float32), intensity=intensity)
        assert torch.isfinite(out).all()


def test_hu_keep_their_window():
    volume = torch.tensor([-1000.0, -250.0, 0.0, 250.0, 3000.0])
    assert scale_intensities(volume, "hu_window", (-250, 250), 0.0).tolist() == [0, 0, 0.5, 1, 1]


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="intensity must be one of hu_window, percentiles, zscore, not 'mr'"):
        CTPreprocessingd("image", intensity="mr")
