"""Start MONAI Label with a packed bundle, without a network.

Run it by the Python of MONAI Label's environment; ``make label-server`` does. Everything that the server needs stands
in its app folder: MONAI Label's sample app for bundles and the unpacked bundle, which later trainings change. The
folder is named after the content of the bundle, so that a server that is started again goes on with what was learned,
and another bundle never gets in the way. A bundle is a program: its configurations import and call what they name, and
it brings a package along. Serve bundles that you trust.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bundle_zip import BundleZipError, check_room, read_entries, unpack

__all__ = ["bundle_files", "check_port", "main", "prepare_app", "server_command", "server_environment"]

HERE = Path(__file__).resolve().parent
_NEEDED = ("configs/inference.json", "configs/metadata.json", "models/model.pt", "swinx/__init__.py")
_SAMPLE = "monaibundle"


class CannotStartError(Exception):
    """Something that the user can put right; the message says how."""


def bundle_files(bundle: Path) -> tuple[str, list[str]]:
    """Return the name of a packed bundle and the names of its files, relative to its folder.

    Args:
        bundle: A zip with one folder at its top, or that folder unpacked.

    Raises:
        CannotStartError: If it is neither, or lacks something.
    """
    if bundle.is_dir():
        name = bundle.resolve().name
        files = _files_in(bundle)
    elif bundle.is_file() and zipfile.is_zipfile(bundle):
        with _refusals_told():
            name, entries = read_entries(bundle)
        files = list(entries)
    else:
        raise CannotStartError(f"{bundle}: neither a folder nor a zip; pack a bundle with make pack WEIGHTS=<file>")
    if missing := [needed for needed in _NEEDED if needed not in files]:
        advice = "pack it, with weights and package: make pack WEIGHTS=<file>, then give the zip in dist"
        raise CannotStartError(f"{bundle}: lacks {', '.join(missing)}; {advice}")
    return name, sorted(file for file in files if "__pycache__" not in file)


def check_port(host: str, port: int) -> None:
    """Find out whether the server can listen, which MONAI Label would only find out after a minute of loading.

    Raises:
        CannotStartError: If it cannot.
    """
    if not 1 <= port <= 65535:
        raise CannotStartError(f"port {port} is none; choose one from 1 to 65535, such as 8000")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CannotStartError(
            f"cannot listen at {host}, port {port}: {error}; if another server is at work there, stop it, or choose "
            f"another port with --port (make label-server PORT={port + 1}) and give that one to 3D Slicer, too"
        ) from error


def prepare_app(bundle: Path, apps: Path) -> tuple[Path, str]:
    """Make the app folder of a bundle, unless there is one from an earlier start.

    Args:
        bundle: See :func:`bundle_files`.
        apps: Folder that gets a folder for each bundle.

    Returns:
        The app folder as an absolute path, and the name of the bundle in it.

    Raises:
        CannotStartError: If the bundle lacks something or is damaged, MONAI Label is not installed, or the folder
            cannot be written.
    """
    name, files = bundle_files(bundle)
    apps = apps.resolve()  # MONAI Label gets paths on its command line and works in another folder
    app = apps / f"{name}-{_fingerprint(bundle, files)}"
    if app.is_dir():
        return app, name
    try:
        apps.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=apps) as folder:
            partial = _download_sample(Path(folder))
            (partial / "main.py").rename(partial / "sample_app.py")
            for module in (HERE / "app").glob("*.py"):
                shutil.copyfile(module, partial / module.name)
            _copy_bundle(bundle, files, partial / "model" / name)
            _check_bundle(bundle, partial / "model" / name)
            partial.rename(app)
    except OSError as error:
        advice = 'give a folder that can be, on a disk with room: make label-server LABEL_ARGS="--apps <folder>"'
        raise CannotStartError(f"{apps}: cannot be written: {error}; {advice}") from error
    return app, name


def server_command(app: Path, name: str, args: argparse.Namespace) -> list[str]:
    """Return the command line of the server: this bundle alone, nothing from the Internet."""
    settings = {"models": name, "zoo_source": "ngc", "sam2": "false"}
    if args.epistemic_samples:
        settings |= {
            "epistemic_model": name,
            "epistemic_simulation_size": str(args.epistemic_samples),
            "epistemic_dropout": str(args.epistemic_dropout),
        }
    settings |= dict(args.conf or [])
    command = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(app)]
    command += ["--studies", str(args.studies), "--host", args.host, "--port", str(args.port)]
    return command + [word for key, value in settings.items() for word in ("--conf", key, value)]


def server_environment() -> dict[str, str]:
    """Return the environment of the server and of all that it starts."""
    places = [str(HERE / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    # A request can ask MONAI for tracking; the bundle's own would write a database beside the app.
    settings = {"PYTHONPATH": os.pathsep.join(places), "SWINX_MLFLOW": "off", "PYTHONUNBUFFERED": "1"}
    # A score takes several segmentations of each scan: too much to begin with whenever the server starts.
    return {"MONAI_LABEL_AUTO_UPDATE_SCORING": "false", **os.environ, **settings}


def main(words: Sequence[str] | None = None) -> None:
    """Become the server, or end with one line that says why not."""
    args = _parser().parse_args(words)
    try:
        args.studies = _studies(args.studies)
        check_port(args.host, args.port)
        app, name = prepare_app(args.bundle, args.apps)
    except CannotStartError as error:
        sys.exit(f"MONAI Label cannot start: {error}")
    command = server_command(app, name, args)
    sys.stdout.write(f"{name}, studies {args.studies}\nFor 3D Slicer: http://{args.host}:{args.port}\n")
    sys.stdout.write(f"Weights that a training changes, and logs: {app}\n")
    sys.stdout.flush()
    os.chdir(app)  # what is written to the working folder is written there
    os.execve(command[0], command, server_environment())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Start MONAI Label with a packed bundle, without a network.")
    parser.add_argument("--bundle", type=Path, required=True, help="zip made by make pack, or that zip unpacked")
    parser.add_argument("--studies", required=True, help="folder with the scans, *.nii.gz, *.nii or *.nrrd")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--apps", type=Path, default=Path("work/monai_label"), help="folder for app folders")
    parser.add_argument("--epistemic-samples", type=int, default=5, help="of dropout, for each score; 0: no scores")
    parser.add_argument("--epistemic-dropout", type=float, default=0.2, help="rate of that dropout")
    parser.add_argument("--conf", nargs=2, action="append", metavar=("KEY", "VALUE"), help="for MONAI Label's app")
    return parser


def _studies(words: str) -> Path:
    if not words:  # as a path, nothing would be the working folder
        raise CannotStartError("no studies: name the folder of your scans: make label-server STUDIES=<folder>")
    if not Path(words).is_dir():
        raise CannotStartError(
            f"studies {words!r}: no such folder; give the folder of your scans: make label-server STUDIES=<folder>"
        )
    return Path(words).resolve()


def _fingerprint(bundle: Path, files: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in [bundle / file for file in files] if bundle.is_dir() else [bundle]:
        digest.update(path.name.encode())
        with path.open("rb") as reader:
            while block := reader.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:12]


def _download_sample(folder: Path) -> Path:
    """Let MONAI Label copy its sample app from where it is installed."""
    command = [
        sys.executable,
        "-m",
        "monailabel.main",
        "apps",
        "--download",
        "--name",
        _SAMPLE,
        "--output",
        str(folder),
    ]
    done = subprocess.run(command, env=server_environment(), cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not (folder / _SAMPLE / "main.py").is_file():
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
        raise CannotStartError(f"MONAI Label gave no app {_SAMPLE!r}: {last[0]}; install it with make install-label")
    return folder / _SAMPLE


def _files_in(bundle: Path) -> list[str]:
    """Return the files in a folder by their names in it, without what links lead out to."""
    found = [path for path in bundle.rglob("*") if path.is_file()]
    for path in found:
        if not path.resolve().is_relative_to(bundle.resolve()):
            raise CannotStartError(f"{path}: leads out of the bundle by a link; put the file itself in its place")
    return [path.relative_to(bundle).as_posix() for path in found]


def _copy_bundle(bundle: Path, files: Sequence[str], target: Path) -> None:
    if bundle.is_dir():
        for file in files:
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle / file, target / file)
        return
    with _refusals_told():
        _, entries = read_entries(bundle)
        wanted = {name: entries[name] for name in files if name in entries}
        check_room(bundle, wanted, next(folder for folder in target.parents if folder.is_dir()))
        unpack(bundle, wanted, target)


@contextmanager
def _refusals_told() -> Iterator[None]:
    try:
        yield
    except BundleZipError as error:
        raise CannotStartError(str(error)) from error


def _check_bundle(bundle: Path, copy: Path) -> None:
    """Find out what the server would answer each request with, as an error of its own."""
    for file in ("configs/metadata.json", "configs/inference.json"):
        try:
            content = json.loads((copy / file).read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise CannotStartError(f"{bundle}: {file} is not JSON: {error}; pack it again with make pack") from error
        if not isinstance(content, dict):
            kind = type(content).__name__
            raise CannotStartError(f"{bundle}: {file} holds a {kind} and no object; pack it again with make pack")
    advice = "pack it again: make pack WEIGHTS=<file>"
    import torch  # takes seconds, and other faults are told sooner

    try:
        weights = torch.load(copy / "models" / "model.pt", map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling foreign bytes raises almost anything, from KeyError on
        raise CannotStartError(f"{bundle}: models/model.pt holds no weights that PyTorch reads; {advice}") from error
    if not isinstance(weights, dict) or not weights:
        raise CannotStartError(f"{bundle}: models/model.pt holds no weights by name; {advice}")


if __name__ == "__main__":
    main()
