"""Protocols of scoring: their names, and the label sets that they are for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from swinx.errors import LabelSetError
from swinx.labels import FLARE23, LabelSet
from swinx.rules import ScoreRules

__all__ = ["PROTOCOLS", "Protocol", "fitting_protocol", "read_protocol", "tubular_classes"]

Protocol = Literal["flare23", "standard"]
"""``flare23`` reproduces the organisers' script, ``standard`` is without its quirks."""

PROTOCOLS: tuple[Protocol, ...] = ("flare23", "standard")
"""Both protocols, the organisers' first."""

_ALIASES: Mapping[str, Protocol] = MappingProxyType({"fixed": "standard"})
"""Names of protocols in earlier versions."""

_TUBULAR = ("aorta", "inferior vena cava", "esophagus")


def read_protocol(name: str) -> Protocol:
    """Return the protocol with a name or with an earlier name.

    Raises:
        ValueError: If there is none.

    Examples:
        >>> read_protocol("fixed")
        'standard'
    """
    for protocol in PROTOCOLS:
        if _ALIASES.get(name, name) == protocol:
            return protocol
    raise ValueError(f"protocol {name!r} is not one of {PROTOCOLS}")


def fitting_protocol(name: str, label_set: LabelSet = FLARE23) -> Protocol:
    """Return the protocol with a name, if it is for the classes.

    Args:
        name: ``"flare23"``, ``"standard"``, or ``"auto"`` for the first with the classes of FLARE-23 and for the second
            with any others.
        label_set: The classes.

    Raises:
        LabelSetError: If ``flare23`` is asked for other classes than those of FLARE-23.
        ValueError: If there is no protocol of that name.

    Examples:
        >>> from swinx.labels import read_label_set
        >>> fitting_protocol("auto"), fitting_protocol("auto", read_label_set("amos"))
        ('flare23', 'standard')
    """
    is_flare = label_set.same_classes(FLARE23)
    if name == "auto":
        return "flare23" if is_flare else "standard"
    protocol = read_protocol(name)
    if protocol == "flare23" and not is_flare:
        raise LabelSetError(ScoreRules.OTHER_CLASSES.says(name=label_set.name or "given here"))
    return protocol


def tubular_classes(label_set: LabelSet = FLARE23) -> tuple[int, ...]:
    """Return the ids of the classes that run on beyond any annotation and are scored on annotated slices only.

    These are aorta, inferior vena cava and esophagus, by name or alias, as far as the set has them.

    Examples:
        >>> FLARE23.listed(tubular_classes())
        'aorta, inferior vena cava, esophagus'
    """
    return tuple(label for name in _TUBULAR if (label := label_set.find(name)) is not None)
