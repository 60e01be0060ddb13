"""take_as_absent: no class is left free in every case."""

from __future__ import annotations

import logging

from swinx.training import take_as_absent


def test_a_class_that_nobody_annotated_is_absent_everywhere_and_named(caplog):
    items = [{"case": "a", "annotated": [1, 2]}, {"case": "b", "annotated": list(range(3, 13))}]
    with caplog.at_level(logging.WARNING):
        completed = take_as_absent(items)
    assert [item["annotated"] for item in completed] == [[1, 2, 13, 14], [*range(3, 13), 13, 14]]
    assert "never predicted: left kidney, tumor" in caplog.text
    assert items[0]["annotated"] == [1, 2], "the argument stays"


def test_a_class_annotated_once_stays_as_it_is(caplog):
    items = [{"case": "a", "annotated": [1]}, {"case": "b", "annotated": list(range(1, 15))}]
    assert take_as_absent(items) == items
    assert take_as_absent([{"case": "a", "annotated": [1]}, {"case": "b"}])[0]["annotated"] == [1]
    assert take_as_absent([]) == []
    assert not caplog.text
