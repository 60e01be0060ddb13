"""Several teachers as one: their maps side by side, and only what all of them know."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from swinx.errors import TeacherError
from swinx.refinement import Agreement, Prediction, RefineLabelsd, Teacher, TeacherEnsemble


def teacher(name: str, value: int, classes: tuple[int, ...], confidence: float | None = None, maps: int = 1):
    """A teacher who sees one class everywhere."""

    def predict(case: str, image: torch.Tensor) -> Prediction:
        labels = torch.full((maps, *image.shape[1:]), value, dtype=torch.uint8)
        return Prediction(labels, [f"{case} seen"], None if confidence is None else (confidence,) * maps)

    return SimpleNamespace(name=name, classes=classes, fingerprint=f"{name}{value}", predict=predict)


def test_the_maps_of_all_are_there_in_order(scan):
    ensemble = TeacherEnsemble([teacher("a", 1, (1, 3), 0.5), teacher("b", 3, (1, 3, 5), 0.75, maps=2)])
    assert isinstance(ensemble, Teacher)
    found = ensemble.predict("anna", scan)
    assert found.labels[:, 0, 0, 0].tolist() == [1, 3, 3]
    assert found.confidence == (0.5, 0.75, 0.75)
    assert found.notes == ["a: anna seen", "b: anna seen"]
    assert ensemble.classes == (1, 3)
    assert ensemble.name == "a + b"


def test_they_agree_where_they_say_the_same(scan):
    ensemble = TeacherEnsemble([teacher("a", 1, (1, 3)), teacher("b", 3, (1, 3)), teacher("c", 1, (1, 3))])
    pred = scan.__class__(ensemble.predict("anna", scan).labels, affine=scan.affine)
    for needed, value in ((2, 1), (3, 255)):
        item = {"pred": pred, "annotated": [], "case": "anna"}
        label = RefineLabelsd(policy=Agreement(needed), pseudo_classes=ensemble.classes)(item)["label"]
        assert label.unique().tolist() == [value]


def test_confidence_is_known_only_if_all_tell_it(scan):
    ensemble = TeacherEnsemble([teacher("a", 1, (1,), 0.5), teacher("b", 1, (1,))])
    assert ensemble.predict("anna", scan).confidence is None


def test_another_member_is_another_ensemble():
    one = TeacherEnsemble([teacher("a", 1, (1,)), teacher("b", 1, (1,))])
    other = TeacherEnsemble([teacher("a", 1, (1,)), teacher("b", 2, (1,))])
    assert one.fingerprint != other.fingerprint


def test_one_teacher_or_nothing_in_common_is_refused():
    with pytest.raises(TeacherError, match="two or more"):
        TeacherEnsemble([teacher("a", 1, (1,))])
    with pytest.raises(TeacherError, match="no class that all of them know"):
        TeacherEnsemble([teacher("a", 1, (1,)), teacher("b", 2, (2,))])
