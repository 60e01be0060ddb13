"""score_table: one row per case, columns that survive a CSV file."""

from __future__ import annotations

import numpy as np
import pytest

from swinx.labels import FLARE23
from swinx.metrics import score_columns, score_table
from swinx.metrics.score_table import metric_values


def test_columns_are_in_class_order_without_blanks():
    assert score_columns()[:4] == ("liver_dsc", "liver_nsd", "right_kidney_dsc", "right_kidney_nsd")
    assert score_columns()[-2:] == ("tumor_dsc", "tumor_nsd")
    assert not any(" " in column for column in score_columns())


def test_values_come_back_by_metric_and_class():
    scores = {
        case: {
            name: {"dsc": row + label / 100, "nsd": -row - label / 100} for label, name in enumerate(FLARE23.names[1:])
        }
        for row, case in enumerate(["a", "b", "c"])
    }
    table = score_table(scores)
    assert table.index.tolist() == ["a", "b", "c"]
    expected = np.arange(3)[:, None] + np.arange(14) / 100
    np.testing.assert_allclose(metric_values(table, "dsc"), expected)
    np.testing.assert_allclose(metric_values(table, "nsd"), -expected)


def test_no_case_makes_an_empty_table_with_all_columns():
    assert score_table({}).shape == (0, 28)


def test_a_missing_column_is_named():
    table = score_table({}).drop(columns="left_kidney_nsd")
    with pytest.raises(ValueError, match=r"lacks the columns .*left_kidney_nsd"):
        metric_values(table, "nsd")
