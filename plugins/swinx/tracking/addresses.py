"""Addresses of stores of runs: which are contacted, and what of them may be written down."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["credentials_held", "is_server", "local_store", "names_same_store", "sqlite_path", "without_credentials"]

_USER = re.compile(r"(?<=://)(?!/)(?:(?![\s'\"(<,=\[{][A-Za-z][\w+.-]*://)[^\n])*@")
"""All up to the last ``@`` before the next address: a password may hold anything, blanks and slashes as well."""

_TAIL = re.compile(r"(?P<place>\w://(?!/)[^\s;?#'\"]*)[;?#][^\s'\"]*")
_QUERY = re.compile(r"(?P<place>\w://[^\s?#'\"]*|/[^\s?#'\"]*(?=\?[^\s=?]+=))\?[^\s#'\"]*")
_VARIABLES = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_AUTH")
_SIGNED = "MLFLOW_TRACKING_AWS_SIGV4"
_SQLITE = "sqlite:///"
_FILES = (_SQLITE, "file:")


def without_credentials(text: object) -> str:
    """Return a text in which the addresses have no user, no password, no parameters, no query and no fragment.

    Where it is not clear what is a password, too much is left out: of a server ``http://host/a@b`` only ``b`` is left.

    Args:
        text: An address, or a message or a path that may hold some.

    Examples:
        >>> without_credentials("http://me:secret@tracker:5000/api?token=1 does not answer")
        'http://tracker:5000/api does not answer'
        >>> without_credentials("sqlite:////data/mlflow.db")
        'sqlite:////data/mlflow.db'
        >>> without_credentials("sqlite:////data/me@home/mlflow.db")
        'sqlite:////data/me@home/mlflow.db'
    """
    return _QUERY.sub(r"\g<place>", _TAIL.sub(r"\g<place>", _USER.sub("", str(text))))


def names_same_store(one: str, other: str) -> bool:
    """Return whether two addresses name one store, apart from credentials.

    Examples:
        >>> names_same_store("http://tracker:5000", "http://me:secret@Tracker:5000/")
        True
    """
    return _normal(one) == _normal(other)


def is_server(uri: str) -> bool:
    """Return whether an address leads over a network."""
    return "://" in uri and not uri.startswith(_FILES)


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a SQLite store as an absolute path; None for other stores."""
    return Path(uri.removeprefix(_SQLITE)).absolute() if uri.startswith(_SQLITE) else None


def local_store(uri: str, folders: Iterable[Path]) -> bool:
    """Return whether an address is that of an existing SQLite file in or below one of some folders.

    Args:
        uri: The address, as a record has it.
        folders: Folders that the user named.
    """
    path = sqlite_path(uri)
    if path is None or "?" in uri or not path.is_file():
        return False
    return any(path.resolve().is_relative_to(folder.resolve()) for folder in folders)


def credentials_held(uri: str) -> str | None:
    """Return the name of what MLflow would send to a server that the user's environment does not name.

    MLflow sends a token, or a user and a password, to whatever server it is given. The environment names the one
    that they belong to by ``MLFLOW_TRACKING_URI``.

    Args:
        uri: The server.

    Returns:
        The environment variable or the file; None if there is none, ``uri`` is no server, or it is the one named.
    """
    if not is_server(uri) or _origin(uri) == _origin(os.environ.get("MLFLOW_TRACKING_URI", "")):
        return None
    if held := next((name for name in _VARIABLES if os.environ.get(name)), None):
        return held
    if os.environ.get(_SIGNED, "").lower() in ("true", "1"):
        return _SIGNED
    file = Path(os.path.expanduser("~/.mlflow/credentials"))  # noqa: PTH111 - pathlib raises without a home folder
    return "~/.mlflow/credentials" if file.exists() else None


def _origin(uri: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port of an address."""
    try:
        parts = urlsplit(uri)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # a port that is none
        return (uri, None, None)
    return (parts.scheme.lower(), parts.hostname, port)


def _normal(uri: str) -> tuple[object, ...]:
    if is_server(uri):  # as a client splits it: what is shown of an address may be less, or that of another server
        return (*_origin(uri), _path(uri))
    plain = without_credentials(uri).rstrip("/")
    path = sqlite_path(plain)
    return (plain,) if path is None else ("sqlite", os.path.realpath(path))


def _path(uri: str) -> str:
    try:
        return urlsplit(uri).path.rstrip("/")
    except ValueError:  # a host that is none
        return uri
