"""Errors that a user can act on: they name the file, the value found and what to do."""

from __future__ import annotations

from os import PathLike, fspath

__all__ = ["CaseError", "DataListError", "WeightsError"]


class CaseError(ValueError):
    """One case cannot be used; a batch reports it and goes on with the others.

    Args:
        path: The file, or the name of the case, that is at fault.
        reason: What was found and, where it helps, what to do.
    """

    def __init__(self, path: str | PathLike[str], reason: str) -> None:
        self.path = fspath(path)
        self.reason = reason
        super().__init__(f"{self.path}: {reason}")

    def __reduce__(self) -> tuple[type[CaseError], tuple[str, str]]:
        """Survive the trip from a data loader's worker process."""
        return type(self), (self.path, self.reason)


class DataListError(ValueError):
    """A data list, or the folder given in its place, cannot be used as a whole."""


class WeightsError(ValueError):
    """A checkpoint does not fit the network it was given for."""
