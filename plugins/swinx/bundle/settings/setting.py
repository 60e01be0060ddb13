"""One row of the table of settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from swinx.bundle.settings.kinds import Kind, MisfitError

__all__ = [
    *("NETWORKS", "PREDICTIONS", "PRETRAININGS", "REFINEMENTS", "RUNS", "SEGMENTATIONS", "TRAININGS"),
    *("Setting", "Stage"),
]

Stage = Literal[
    "pretraining",
    "reconstruction",
    "probes",
    "teacher",
    "refinement",
    "one case",
    "rounds",
    "training",
    "inference",
    "evaluation",
    "tracking",
]

RUNS: tuple[Stage, ...] = (
    *("pretraining", "reconstruction", "probes", "teacher", "refinement", "one case", "rounds"),
    *("training", "inference", "evaluation"),
)
"""All commands that ``monai.bundle run`` knows."""

PRETRAININGS: tuple[Stage, ...] = ("pretraining", "reconstruction", "probes")
"""Commands of the network that is pretrained."""

SEGMENTATIONS: tuple[Stage, ...] = ("training", "inference", "evaluation")
"""Commands of the network that segments."""

NETWORKS: tuple[Stage, ...] = (*PRETRAININGS, *SEGMENTATIONS)
"""Commands with an encoder and its preprocessing."""

TRAININGS: tuple[Stage, ...] = ("pretraining", "training")
PREDICTIONS: tuple[Stage, ...] = ("inference", "evaluation")
REFINEMENTS: tuple[Stage, ...] = ("refinement", "one case")

_NONE = ("none", "null")


@dataclass(frozen=True)
class Setting:
    """A setting that stands at the top of configurations.

    Attributes:
        name: Its name, in configurations and on the command line.
        kind: The values that it takes.
        meaning: A noun phrase, in Markdown.
        stages: The commands that have it.
        optional: It may be null, written as ``none`` on a command line.
    """

    name: str
    kind: Kind
    meaning: str
    stages: tuple[Stage, ...]
    optional: bool = False

    @property
    def wanted(self) -> str:
        """The values, as a message names them after "give"."""
        return f"{self.kind.wanted}, or none" if self.optional else self.kind.wanted

    def read(self, value: Any) -> Any:
        """Return the value that is meant, such as None for ``"none"`` and True for ``"yes"``.

        Raises:
            MisfitError: If the setting cannot have the value.
        """
        if self.optional and (value is None or (isinstance(value, str) and value.lower() in _NONE)):
            return None
        if value is None:
            raise MisfitError
        return self.kind.read(value)
