"""Label sets and label maps that break the rules."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rules.examples import example
from swinx.errors import LabelSetError
from swinx.labels import FLARE23, class_numbers, read_label_set
from swinx.rules import LabelSetRules

LUNGS = {"background": 0, "left lung": 1, "right lung": 2, "nodule": 3}


def refusal(action: Callable[[], Any]) -> str:
    """The message of a refusal, which is one line."""
    with pytest.raises(LabelSetError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    return message


def refused(labels: Any, **classes: Any) -> str:
    """The message of a label set that is refused."""
    return refusal(lambda: read_label_set({"labels": labels, "classes": classes} if classes else labels))


@example(LabelSetRules.NO_SET)
def a_label_set_that_there_is_not(_: Path) -> str:
    return refusal(lambda: read_label_set("flare99"))


@example(LabelSetRules.NO_FILE)
def a_file_that_is_not_there(folder: Path) -> str:
    return refusal(lambda: read_label_set(folder / "mine.json"))


@example(LabelSetRules.RESERVED)
def a_class_called_unknown(_: Path) -> str:
    return refused({"background": 0, "unknown": 1})


@example(LabelSetRules.CIRCLE)
def lesions_that_lie_in_each_other(_: Path) -> str:
    return refused(LUNGS, nodule={"inside": ["left lung"]}, **{"left lung": {"inside": ["nodule"]}})


@example(LabelSetRules.CHANGED)
def a_record_with_swapped_numbers(_: Path) -> str:
    content = read_label_set(LUNGS).as_json()
    content["labels"] |= {"left lung": 2, "right lung": 1}
    return refusal(lambda: read_label_set(content))


@example(LabelSetRules.KEY)
def a_label_set_with_an_entry_of_another_program(_: Path) -> str:
    return refused({"labels": LUNGS, "numTraining": 3})


@example(LabelSetRules.NAME)
def a_class_whose_name_has_two_lines(_: Path) -> str:
    return refused({"background": 0, "left\nlung": 1})


@example(LabelSetRules.NUMBER)
def a_region_of_several_numbers(_: Path) -> str:
    return refused({"background": 0, "whole tumor": [1, 2]})


@example(LabelSetRules.TWICE)
def two_numbers_of_one_name(_: Path) -> str:
    return refused({"0": "background", "1": "lung", "2": "lung"})


@example(LabelSetRules.ALIKE)
def two_spellings_of_one_name(_: Path) -> str:
    return refused({"background": 0, "left lung": 1, "Lung_Left": 2})


@example(LabelSetRules.SAME_NUMBER)
def two_classes_of_one_number(_: Path) -> str:
    return refused({"background": 0, "lung": 1, "nodule": 1})


@example(LabelSetRules.NO_BACKGROUND)
def a_class_of_number_0(_: Path) -> str:
    return refused({"lung": 0, "nodule": 1})


@example(LabelSetRules.NO_CLASSES)
def a_label_set_of_background_alone(_: Path) -> str:
    return refused({"background": 0})


@example(LabelSetRules.TOO_MANY)
def a_number_that_means_unknown(_: Path) -> str:
    return refused({"background": 0, "lung": 255})


@example(LabelSetRules.FACTS_OF)
def facts_of_a_class_that_there_is_not(_: Path) -> str:
    return refused(LUNGS, heart={"tolerance_mm": 1})


@example(LabelSetRules.FACT)
def a_fact_with_a_letter_missing(_: Path) -> str:
    return refused(LUNGS, nodule={"tolerance_m": 1})


@example(LabelSetRules.FACT_VALUE)
def a_tolerance_of_nothing(_: Path) -> str:
    return refused(LUNGS, nodule={"tolerance_mm": 0})


@example(LabelSetRules.OTHER_CLASS)
def a_lesion_in_an_organ_that_there_is_not(_: Path) -> str:
    return refused(LUNGS, nodule={"inside": ["lung"]})


@example(LabelSetRules.ONE_SIDED)
def a_partner_that_has_none(_: Path) -> str:
    return refused({"background": 0, "eye 1": 1, "eye 2": 2}, **{"eye 1": {"mirror": "eye 2"}})


@example(LabelSetRules.ALIAS)
def an_alias_of_two_classes(_: Path) -> str:
    return refused({"background": 0, "lung": 1, "nodule": 2}, nodule={"aliases": ["Lung"]})


@example(LabelSetRules.PAIRS)
def partners_by_their_names(_: Path) -> str:
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("swinx")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        read_label_set(LUNGS)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    return "\n".join(told)


@example(LabelSetRules.NO_CLASS)
def a_class_that_the_set_has_not(_: Path) -> str:
    return refusal(lambda: FLARE23.id_of("lung", "classes"))


@example(LabelSetRules.BACKGROUND_GIVEN)
def background_as_a_class(_: Path) -> str:
    return refusal(lambda: FLARE23.ids_of(["background"], "classes"))


@example(LabelSetRules.NO_MAP)
def a_label_map_that_there_is_not(_: Path) -> str:
    return refusal(lambda: class_numbers(FLARE23, "flare99"))


@example(LabelSetRules.MAP_NUMBER)
def a_label_map_from_names(_: Path) -> str:
    return refusal(lambda: class_numbers(FLARE23, {"liver": 1}))


@example(LabelSetRules.MAP_BACKGROUND)
def a_label_map_with_an_organ_as_background(_: Path) -> str:
    return refusal(lambda: class_numbers(FLARE23, {0: "liver", 1: "spleen"}))


@example(LabelSetRules.MAP_TWICE)
def a_label_map_with_one_class_twice(_: Path) -> str:
    return refusal(lambda: class_numbers(FLARE23, {1: "liver", 2: "liver"}))


@example(LabelSetRules.MAP_EMPTY)
def a_label_map_to_nothing(_: Path) -> str:
    return refusal(lambda: class_numbers(FLARE23, {1: 0}))
