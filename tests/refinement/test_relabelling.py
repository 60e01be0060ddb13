"""relabel: each id becomes the one it is mapped to, and nothing is guessed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swinx.refinement.teachers.class_maps import relabel, unknown_ids


@given(st.dictionaries(st.integers(0, 300), st.integers(0, 14), min_size=1), st.integers(0, 2**32 - 1))
def test_every_voxel_gets_the_id_that_its_own_is_mapped_to(ids, seed):
    labels = np.random.default_rng(seed).choice(list(ids), (3, 4, 2))
    renamed = relabel(labels, ids)
    assert renamed.dtype == np.uint8
    assert renamed.tolist() == np.vectorize(ids.get)(labels).tolist()


def test_ids_that_are_stored_as_whole_floats_are_read():
    assert relabel(np.array([[0.0, 7.0]], dtype=np.float32), {0: 0, 7: 3}).tolist() == [[0, 3]]


def test_an_unknown_id_is_named():
    labels = np.array([[[0, 5], [300, 5]]])
    assert unknown_ids(labels, {0: 0, 1: 1}) == [5, 300]
    with pytest.raises(ValueError, match=r"\[5, 300\] are not in the mapping"):
        relabel(labels, {0: 0, 1: 1})
