"""Errors that a user can act on: they name the file, the value found and what to do."""

from __future__ import annotations

import re
from os import PathLike, fspath

from swinx.visible_text import visible

__all__ = [
    "BundleError",
    "CaseError",
    "DataListError",
    "ExportError",
    "LabelSetError",
    "RecordError",
    "RunError",
    "TeacherError",
    "TrainingError",
    "WeightsError",
    "find_case_error",
    "find_user_error",
    "is_known",
    "reason_of",
]


class BundleError(ValueError):
    """A bundle, or its metadata, cannot be used as a whole."""


class CaseError(ValueError):
    """One case cannot be used; a batch reports it and goes on with the others.

    Args:
        path: The file, or the name of the case, that is at fault.
        reason: What was found and, where it helps, what to do.
    """

    def __init__(self, path: str | PathLike[str], reason: str) -> None:
        self.path = fspath(path)
        self.reason = reason
        super().__init__(f"{visible(self.path)}: {reason}")

    def __reduce__(self) -> tuple[type[CaseError], tuple[str, str]]:
        """Survive the trip from a data loader's worker process."""
        return type(self), (self.path, self.reason)


class DataListError(ValueError):
    """A data list, or the folder given in its place, cannot be used as a whole."""


class ExportError(ValueError):
    """A network cannot be exported, or an exported one cannot be used."""


class LabelSetError(ValueError):
    """A label set or a label map breaks a rule, or a class is not in its label set."""


class RecordError(BundleError):
    """A file of plain data, such as a sidecar, holds more than plain data, or a name is not a known setting."""


class RunError(RuntimeError):
    """A run cannot begin, or its results cannot be used, because of another run."""


class TeacherError(ValueError):
    """A model, or a folder of predictions, cannot serve as a teacher."""


class TrainingError(RuntimeError):
    """A training cannot usefully go on."""


class WeightsError(ValueError):
    """A checkpoint does not fit the network it was given for."""


def find_case_error(error: BaseException) -> CaseError | None:
    """Return the :class:`CaseError` that ``error`` is or was raised from, or None.

    MONAI wraps what a transform raises, and a data loader's worker process sends only the text of its
    traceback; both are searched.

    Examples:
        >>> try:
        ...     try:
        ...         raise CaseError("scan.nii", "single slice")
        ...     except CaseError as fault:
        ...         raise RuntimeError("applying transform") from fault
        ... except RuntimeError as wrapped:
        ...     find_case_error(wrapped).reason
        'single slice'
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, CaseError):
            return current
        if sent := _SENT_BY_WORKER.search(str(current)):
            return CaseError(sent["path"], sent["reason"])
        waiting += [current.__context__, current.__cause__]
    return None


def find_user_error(error: BaseException) -> Exception | None:
    """Return the error of this module that ``error`` is or was raised from, or None.

    Examples:
        >>> try:
        ...     try:
        ...         raise WeightsError("a.pt: no such file")
        ...     except WeightsError as inner:
        ...         raise RuntimeError("Failed to instantiate component") from inner
        ... except RuntimeError as outer:
        ...     find_user_error(outer)
        WeightsError('a.pt: no such file')
    """
    own = (current for current in _chain(error) if isinstance(current, (*_FOR_USERS, RunError)))
    return next(own, None) or find_case_error(error)


_SENT_BY_WORKER = re.compile(
    rf"^{re.escape(CaseError.__module__)}\.CaseError: (?P<path>.+?): (?P<reason>.+)$", re.MULTILINE
)


def reason_of(error: BaseException) -> str:
    """Return the message for a user of an error that libraries have wrapped in their own.

    An error that was written for users wins, wherever it is in the chain. Next comes the outermost
    ``OSError``, which names its file. Otherwise it is the innermost cause, with its type.

    Examples:
        >>> try:
        ...     try:
        ...         raise CaseError("a.nii.gz", "is empty")
        ...     except CaseError as inner:
        ...         raise RuntimeError("applying transform ...") from inner
        ... except RuntimeError as outer:
        ...     reason_of(outer)
        'a.nii.gz: is empty'
    """
    chain = _chain(error)
    for current in chain:
        if isinstance(
            current,
            BundleError
            | CaseError
            | DataListError
            | ExportError
            | LabelSetError
            | RunError
            | TeacherError
            | TrainingError
            | WeightsError,
        ):
            return str(current)
    if fault := find_case_error(error):
        return str(fault)
    for current in chain:
        if isinstance(current, OSError):
            # one without an error number is a sentence of this package, not the system's
            place = "" if current.filename is None else f"{visible(str(current.filename))}: "
            return str(current) if current.errno is None else f"{place}{current.strerror}"
    return f"{type(chain[-1]).__name__}: {chain[-1]}"


def is_known(error: BaseException) -> bool:
    """Return whether the reason of an error was written for users, so that a traceback adds nothing.

    Examples:
        >>> is_known(WeightsError("a.pt: no such file")), is_known(KeyError("a"))
        (True, False)
    """
    chain = _chain(error)
    own = any(isinstance(current, OSError) and current.errno is None and current.args for current in chain)
    return any(isinstance(current, _FOR_USERS) for current in chain) or own or find_case_error(error) is not None


_FOR_USERS = (
    BundleError,
    CaseError,
    DataListError,
    ExportError,
    LabelSetError,
    TeacherError,
    TrainingError,
    WeightsError,
)


def _chain(error: BaseException) -> list[BaseException]:
    """Return ``error`` and its causes as a traceback would show them, outermost first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        hidden = current.__suppress_context__ and current.__cause__ is None
        current = None if hidden else current.__cause__ or current.__context__
    return chain
