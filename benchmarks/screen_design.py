"""Design of the screen of ``strong.json``: which parts each training has, its overlay, and the effects of the parts."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bundle_trial import ROOT
from numpy.typing import NDArray

__all__ = ["FACTORS", "Arm", "arm_name", "contrasts", "design", "overlay", "switched"]

FACTORS = ("augmentation", "centres", "deep_supervision", "batch_dice", "ema", "norm")
"""Parts of ``strong.json`` that a training has or has not; bounded gradients are in all."""

Arm = frozenset[str]

_CONFIGS = ROOT / "bundles" / "swinx_seg" / "configs"
_ONE_SETTING = {"deep_supervision": "deep_supervision", "batch_dice": "loss::batch_dice", "norm": "norm"}
_MEAN_OF_WEIGHTS = (
    "ema_momentum",
    "ema",
    "mean_network",
    "saved_network",
    "+kept_modules",
    "validate::evaluator::network",
)
_FULL_UP_TO = 4


def design(factors: Sequence[str]) -> list[Arm]:
    """Return the trainings of a two-level factorial design: those factors that each of them has.

    Up to four factors it is the full design. A fifth is the product of four others, and of six the last two are
    products of three: 16 trainings, in which the effect of a factor is mixed with those of three or more together
    alone, and not with that of any pair.

    Reference:
        Box, Hunter and Hunter, "Statistics for Experimenters", 2nd edition, 2005, chapter 6.

    Args:
        factors: One to six names.

    Raises:
        ValueError: If there are more, or none, or one twice.

    Examples:
        >>> [sorted(arm) for arm in design(["a", "b"])]
        [[], ['b'], ['a'], ['a', 'b']]
        >>> len(design(FACTORS))
        16
    """
    if not 1 <= len(factors) <= len(FACTORS) or len(set(factors)) < len(factors):
        raise ValueError(f"factors {', '.join(factors) or 'none'}: one to {len(FACTORS)}, each once")
    generated = {5: [(0, 1, 2, 3)], 6: [(0, 1, 2), (1, 2, 3)]}.get(len(factors), [])
    arms = []
    for signs in itertools.product((-1, 1), repeat=min(len(factors), _FULL_UP_TO)):
        levels = [*signs, *(math.prod(signs[at] for at in product) for product in generated)]
        arms.append(frozenset(name for name, level in zip(factors, levels, strict=True) if level > 0))
    return arms


def arm_name(arm: Arm) -> str:
    """Return the factors of an arm in their order, joined; ``"none"`` without any."""
    return "+".join(name for name in FACTORS if name in arm) or "none"


def switched(arm: Arm, factor: str) -> tuple[Arm, Arm]:
    """Return an arm with and without one factor."""
    return arm | {factor}, arm - {factor}


def overlay(arm: Arm) -> dict[str, Any]:
    """Return the overlay on ``train.json`` of an arm: the parts of ``strong.json`` that it has.

    All arms have bounded gradients and two patches of a scan. Without ``centres`` one of them is centred on an organ
    and one elsewhere, as by the paper.

    Args:
        arm: Names of :data:`FACTORS`.

    Raises:
        ValueError: If a name is none of them.
    """
    if unknown := sorted(arm - set(FACTORS)):
        raise ValueError(f"{', '.join(unknown)}: none of {', '.join(FACTORS)}")
    base, content = (json.loads((_CONFIGS / f"{name}.json").read_text("utf-8")) for name in ("train", "strong"))
    for factor, setting in _ONE_SETTING.items():
        if factor not in arm:
            del content[setting]
    if "ema" not in arm:
        content = {name: value for name, value in content.items() if name not in _MEAN_OF_WEIGHTS}
        content["+train::handlers"] = [handler for handler in content["+train::handlers"] if handler != "@ema"]
    if "centres" not in arm:
        content |= {"positive_patches": 1, "negative_patches": 1}
    lists = {True: content["train::random_transforms"], False: base["train"]["random_transforms"]}
    crop = _crop(lists["centres" in arm])
    content["train::random_transforms"] = [
        crop if _is_crop(transform) else transform for transform in lists["augmentation" in arm]
    ]
    return content


def _is_crop(transform: Mapping[str, Any]) -> bool:
    return "RandCrop" in transform["_target_"]


def _crop(transforms: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    (crop,) = filter(_is_crop, transforms)
    return crop


def contrasts(
    scores: Mapping[tuple[Arm, int], Mapping[str, float]], factors: Sequence[str], seeds: Sequence[int]
) -> dict[str, NDArray[np.floating[Any]]]:
    """Return the effect of each factor by seed and case: the mean of the trainings with it less that of the others.

    Args:
        scores: Dice of each case in points, by arm and seed; every arm with every seed.
        factors: Those of the design.
        seeds: Seeds of the trainings.

    Returns:
        By factor, ``(seeds, cases)``.
    """
    arms = list(dict.fromkeys(arm for arm, _ in scores))
    tables = {arm: np.array([list(scores[arm, seed].values()) for seed in seeds]) for arm in arms}
    return {
        factor: np.mean([tables[arm] for arm in arms if factor in arm], axis=0)
        - np.mean([tables[arm] for arm in arms if factor not in arm], axis=0)
        for factor in factors
    }
