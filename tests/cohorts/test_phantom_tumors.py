"""Tumour kinds: each differs from its host in its own way."""

from __future__ import annotations

import numpy as np
import pytest

from swinx.cohorts.phantoms.phantom_canvas import Canvas
from swinx.cohorts.phantoms.phantom_tumors import TUMOR_KINDS, paint_tumor
from swinx.labels import FlareLabel

HOST_HU = 100.0


def _canvas() -> Canvas:
    """Return a liver, a big ball, in fat, with a wall of bone on its right."""
    points = np.stack(np.meshgrid(*[np.arange(-40, 40, 2, dtype=np.float32)] * 3, indexing="ij"))
    ball = np.linalg.norm(points, axis=0) < 30
    image = np.where(ball, np.float32(HOST_HU), np.float32(-100))
    label = np.where(ball, FlareLabel.LIVER, 0).astype(np.uint8)
    fixed = points[0] > 32
    return Canvas(points, image, label, fixed, margin_mm=8.0)


def _grow(kind: str, seed: int) -> tuple[Canvas, np.ndarray]:
    canvas = _canvas()
    assert paint_tumor(canvas, np.random.default_rng(seed), kind, 1.0)
    return canvas, canvas.image[canvas.label == FlareLabel.TUMOR]


@pytest.mark.parametrize("kind", TUMOR_KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_a_tumor_grows_from_its_host_and_spares_bone(kind, seed):
    before, (canvas, _) = _canvas(), _grow(kind, seed)
    tumor = canvas.label == FlareLabel.TUMOR
    assert (before.label[tumor] == FlareLabel.LIVER).sum() >= 6
    assert not canvas.fixed[tumor].any()
    np.testing.assert_array_equal(canvas.image[~tumor], before.image[~tumor])
    np.testing.assert_array_equal(canvas.label[~tumor], before.label[~tumor])


@pytest.mark.parametrize("seed", range(4))
def test_kinds_differ_from_the_host_as_they_are_named(seed):
    assert _grow("hypodense", seed)[1].max() < HOST_HU
    assert _grow("hyperdense", seed)[1].min() > HOST_HU
    rim = _grow("rim-enhancing", seed)[1]
    assert rim.max() > HOST_HU > rim.min()
    necrotic = _grow("necrotic", seed)[1]
    assert necrotic.min() <= 20 < necrotic.max() < HOST_HU


def test_without_a_host_in_view_nothing_is_painted():
    canvas = _canvas()
    canvas.label[:] = 0
    assert not paint_tumor(canvas, np.random.default_rng(0), "necrotic", 1.0)
    assert not canvas.label.any()


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="unknown kind of tumor 'cyst'"):
        paint_tumor(_canvas(), np.random.default_rng(0), "cyst", 1.0)
