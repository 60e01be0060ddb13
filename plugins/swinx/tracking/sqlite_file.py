"""A SQLite file as MLflow's store: its address, its artifacts, and processes that begin it at once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["alone_in", "artifacts_beside", "sqlite_uri"]

_LONGEST_WAIT_S = 120


def sqlite_uri(path: str | os.PathLike[str]) -> str:
    """Return the tracking URI of a SQLite file.

    Examples:
        >>> sqlite_uri("/data/mlflow.db")
        'sqlite:////data/mlflow.db'
    """
    return f"sqlite:///{Path(path).absolute()}"


@contextlib.contextmanager
def alone_in(uri: str) -> Iterator[None]:
    """Keep other processes out of a SQLite file while its tables may be made; nothing for a server."""
    if not uri.startswith("sqlite:///"):
        yield
        return
    from filelock import FileLock

    path = Path(uri.removeprefix("sqlite:///")).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab"):  # where this cannot be written, MLflow would try for minutes
        pass
    with FileLock(f"{path}.lock", timeout=_LONGEST_WAIT_S):
        yield


def artifacts_beside(uri: str) -> str | None:
    """Return where the artifacts of a SQLite store go, beside it; a server knows its own place."""
    if not uri.startswith("sqlite:///"):
        return None
    return (Path(uri.removeprefix("sqlite:///")).absolute().parent / "mlruns").as_uri()
