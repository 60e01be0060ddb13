"""Checks between two settings of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from swinx.rules import RelationRules as Rule

__all__ = ["broken_relation", "long_default_warmup"]

_Values = Mapping[str, Any]


def broken_relation(values: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Return the contradiction between settings that are valid alone; empty if there is none.

    Args:
        values: Plain values by name. A relation is checked if all settings that it is about are here.
        given: Those that were given for this run. A warm-up that is the default of the bundle is only warned of, see
            :func:`long_default_warmup`, so that a short trial needs one setting.

    Examples:
        >>> broken_relation({"warmup_epochs": 20, "max_epochs": 10}, {"warmup_epochs": 20})
        'warmup_epochs is 20, longer than the run of 10 epochs; give 10 or less'
    """
    checks: tuple[tuple[tuple[str, ...], Callable[[_Values], str]], ...] = (
        (("roi_size", "depths", "embed_dim"), _divisible),  # of a Swin encoder alone
        (("depths", "num_heads"), _stages),
        (("region_size", "roi_size"), _region),
        (("roi_size", "block_size", "mask_ratio"), _blocks),
        (("embed_dim", "num_heads"), _heads),
        (("window_hu",), _window),
        (("positive_patches", "negative_patches"), _patches),
    )
    if values.get("skip_air") is True and values.get("intensity", "hu_window") != "hu_window":
        return Rule.NO_AIR.says(intensity=values["intensity"])
    if "warmup_epochs" in given and _is_long(values):
        return Rule.WARMUP.says(warmup=values["warmup_epochs"], epochs=values["max_epochs"])
    faults = (check(values) for names, check in checks if all(_is_plain(values.get(name)) for name in names))
    return next((fault for fault in faults if fault), "")


def long_default_warmup(values: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Return the warning of a warm-up that is longer than the run and was not given for it; empty if it is not."""
    if "warmup_epochs" in given or not _is_long(values):
        return ""
    return Rule.DEFAULT_WARMUP.says(warmup=values["warmup_epochs"], epochs=values["max_epochs"])


def _is_long(values: _Values) -> bool:
    warmup, epochs = values.get("warmup_epochs"), values.get("max_epochs")
    return isinstance(warmup, int) and isinstance(epochs, int) and warmup > epochs


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return isinstance(value, int | float)


def _divisible(values: _Values) -> str:
    roi = list(values["roi_size"])
    divisor = 2 ** (1 + len(values["depths"]))  # the patch embedding and each stage halve the sides
    if not any(side % divisor for side in roi):
        return ""
    example = [max(divisor, round(side / divisor) * divisor) for side in roi]
    return Rule.DIVISIBLE.says(value=roi, divisor=divisor, example=f'"{example}"')


def _stages(values: _Values) -> str:
    depths, heads = list(values["depths"]), list(values["num_heads"])
    return Rule.STAGES.says(heads=heads, depths=depths) if len(depths) != len(heads) else ""


def _region(values: _Values) -> str:
    region, roi = list(values["region_size"]), list(values["roi_size"])
    smaller = any(a < b for a, b in zip(region, roi, strict=True))
    return Rule.REGION.says(region=region, roi=roi) if smaller else ""


def _blocks(values: _Values) -> str:
    """Return the fault of masked blocks, or an empty text; see :class:`swinx.pretraining.RandBlockMaskd`."""
    if values.get("mask_block_mm") is not None:  # it chooses blocks that fit
        return ""
    roi, size, ratio = list(values["roi_size"]), values["block_size"], values["mask_ratio"]
    token = 2 ** len(values.get("depths", (2, 2, 2, 2)))  # one more merging than that of the patch tokens
    if not _fits(size, roi, token):
        examples = ", ".join(str(one) for one in range(4, math.gcd(*roi)) if _fits(one, roi, token))
        return Rule.BLOCKS.says(value=size, roi=roi, token=token, examples=examples)
    blocks = math.prod(side // size for side in roi)
    masked = math.ceil(ratio * blocks)
    return "" if 0 < masked < blocks else Rule.MASKED.says(value=ratio, masked=masked, blocks=blocks)


def _fits(size: int, roi: list[int], token: int) -> bool:
    """Return whether blocks fill a view, are whole embedded tokens of 2 voxels, and share a grid with patch tokens."""
    return not any(side % size for side in roi) and size % 2 == 0 and max(size, token) % min(size, token) == 0


def _heads(values: _Values) -> str:
    dim, heads = values["embed_dim"], list(values["num_heads"])
    for stage, head in enumerate(heads):
        if (channels := dim * 2**stage) % head:
            return Rule.HEADS.says(heads=heads, stage=stage + 1, channels=channels, dim=dim, head=head)
    return ""


def _window(values: _Values) -> str:
    low, high = values["window_hu"]
    return Rule.WINDOW.says(value=list(values["window_hu"])) if low >= high else ""


def _patches(values: _Values) -> str:
    return "" if values["positive_patches"] + values["negative_patches"] else Rule.NO_PATCH.says()
