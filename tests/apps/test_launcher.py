"""What stops the launcher, told in one line, before MONAI Label loads; no server is started here."""

from __future__ import annotations

import importlib.util
import io
import itertools
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from support.label_server import LAUNCHER, free_port

FILES = ("configs/inference.json", "configs/metadata.json", "models/model.pt", "swinx/__init__.py")


@pytest.fixture(scope="module")
def launcher() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("serve", LAUNCHER)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(LAUNCHER.parent)  # as Python does for a program
        spec.loader.exec_module(module)
        yield module


@pytest.fixture
def _sample(launcher, monkeypatch) -> None:
    """Take what MONAI Label would copy from somewhere else."""

    def copied(folder: Path) -> Path:
        (folder / "monaibundle").mkdir()
        (folder / "monaibundle" / "main.py").write_text("class MyApp: ...\n")
        return folder / "monaibundle"

    monkeypatch.setattr(launcher, "_download_sample", copied)


def weights(value: float = 0.0) -> bytes:
    stream = io.BytesIO()
    torch.save({"layer.weight": torch.full((300,), value)}, stream)
    return stream.getvalue()


def write_bundle(path: Path, files=FILES, top: str = "swinx_seg/", **changed: bytes) -> Path:
    """Write a zip that the launcher takes; ``model=b"..."`` changes the file of that name."""
    contents = {"model": weights(), **changed}
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.writestr(top + file, contents.get(Path(file).stem, b"{}"))
    return path


def launch(*words: object, cwd: Path | None = None) -> str:
    """Start the launcher in vain and return what it says."""
    command = [sys.executable, str(LAUNCHER), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=cwd)
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


def stand_in(folder: Path) -> dict[str, str]:
    """A package that answers the launcher as MONAI Label does, and the environment in which it is found.

    It copies its sample app to where it is told to, seen from its working folder, and a server that it is to start
    ends at once, with its arguments and its working folder on the standard output.
    """
    package = folder / "stand_in" / "monailabel"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "main.py").write_text(
        """import json, os, pathlib, sys
if sys.argv[1] == "apps":
    app = pathlib.Path(sys.argv[sys.argv.index("--output") + 1]) / "monaibundle"
    app.mkdir(parents=True)
    (app / "main.py").write_text("class MyApp: ...")
    print("monaibundle is copied at:", app)
else:
    print(json.dumps([os.getcwd(), *sys.argv]))
"""
    )
    return os.environ | {"PYTHONPATH": str(package.parent)}


def test_a_port_in_use_is_named_and_the_way_to_another(tmp_path):
    bundle = write_bundle(tmp_path / "swinx_seg_v1.0.0.zip")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = launch("--bundle", bundle, "--studies", tmp_path, "--port", port, "--apps", tmp_path / "apps")
    assert len(said.splitlines()) == 1
    assert f"cannot listen at 127.0.0.1, port {port}" in said
    assert f"make label-server PORT={port + 1}" in said
    assert not (tmp_path / "apps").exists()


def test_a_host_of_another_machine_is_no_place_to_listen(launcher):
    with pytest.raises(launcher.CannotStartError, match=r"cannot listen at 192\.0\.2\.1"):
        launcher.check_port("192.0.2.1", free_port())


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_number_that_is_no_port_is_refused(launcher, port):
    with pytest.raises(launcher.CannotStartError, match=f"port {port}"):
        launcher.check_port("127.0.0.1", port)


@pytest.mark.parametrize("missing", FILES)
def test_a_bundle_that_lacks_something_is_not_served(launcher, tmp_path, missing):
    bundle = write_bundle(tmp_path / "swinx_seg.zip", [file for file in FILES if file != missing])
    with pytest.raises(launcher.CannotStartError, match=rf"swinx_seg\.zip: lacks {missing}; pack it"):
        launcher.bundle_files(bundle)


def test_the_folder_of_the_sources_is_no_packed_bundle(launcher):
    with pytest.raises(launcher.CannotStartError, match=r"lacks .*swinx/__init__\.py; pack it"):
        launcher.bundle_files(LAUNCHER.parents[2] / "bundles" / "swinx_seg")


@pytest.mark.parametrize("top", ["", "/", "/swinx_seg/", "a/../../"])
def test_a_zip_that_would_be_unpacked_elsewhere_is_refused(launcher, tmp_path, top):
    bundle = write_bundle(tmp_path / "odd.zip", top=top)
    with pytest.raises(launcher.CannotStartError, match="one folder at its top"):
        launcher.bundle_files(bundle)


def test_what_is_neither_zip_nor_folder_is_refused(launcher, tmp_path):
    (tmp_path / "model.pt").write_bytes(b"weights")
    for path in (tmp_path / "model.pt", tmp_path / "absent.zip"):
        with pytest.raises(launcher.CannotStartError, match="neither a folder nor a zip"):
            launcher.bundle_files(path)


def test_a_folder_of_scans_that_is_not_there_is_not_made(tmp_path):
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    said = launch("--bundle", bundle, "--studies", tmp_path / "scans", "--port", free_port())
    assert "no such folder; give the folder of your scans" in said
    assert not (tmp_path / "scans").exists()


def test_paths_relative_to_the_working_folder_are_served_from_there(tmp_path):
    write_bundle(tmp_path / "dist.zip")
    (tmp_path / "scans").mkdir()
    command = [sys.executable, str(LAUNCHER), "--bundle", "dist.zip", "--studies", "scans", "--port", str(free_port())]
    environment = stand_in(tmp_path)
    for _ in range(2):  # the first start makes the app, the second finds it
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        folder, *words = json.loads(done.stdout.splitlines()[-1])
        (app,) = (tmp_path / "work" / "monai_label").iterdir()
        assert (app / "model" / "swinx_seg" / "models" / "model.pt").is_file()
        told = dict(itertools.pairwise(words))
        assert folder == told["--app"] == str(app.resolve())
        assert told["--studies"] == str((tmp_path / "scans").resolve())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dist.zip", "scans", "stand_in", "work"]


def test_without_studies_the_working_folder_is_not_served(tmp_path):
    """``make label-server`` hands over an empty word where STUDIES is not set."""
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    said = launch("--bundle", bundle, "--studies", "", "--port", free_port(), cwd=tmp_path)
    assert len(said.splitlines()) == 1
    assert "make label-server STUDIES=<folder>" in said
    assert [path.name for path in tmp_path.iterdir()] == ["swinx_seg.zip"]


def test_without_monai_label_the_way_to_install_it_is_told(tmp_path):
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    apps = tmp_path / "apps"
    said = launch("--bundle", bundle, "--studies", tmp_path, "--port", free_port(), "--apps", apps)
    assert "make install-label" in said
    assert list(apps.iterdir()) == []


@pytest.mark.usefixtures("_sample")
def test_what_was_learned_stays_for_the_same_bundle_and_another_gets_its_own_folder(launcher, tmp_path):
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    app, name = launcher.prepare_app(bundle, tmp_path / "apps")
    model = app / "model" / name / "models" / "model.pt"
    assert (app / "sample_app.py").is_file()
    assert "SwinxApp" in (app / "main.py").read_text()
    model.write_bytes(weights(1.0))
    assert launcher.prepare_app(bundle, tmp_path / "apps") == (app, name)
    assert model.read_bytes() == weights(1.0)
    other, _ = launcher.prepare_app(write_bundle(tmp_path / "other.zip", [*FILES, "LICENSE"]), tmp_path / "apps")
    assert other != app
    unpacked, name = launcher.prepare_app(app / "model" / "swinx_seg", tmp_path / "apps")
    assert (name, (unpacked / "model" / name / "models" / "model.pt").read_bytes()) == ("swinx_seg", weights(1.0))


@pytest.mark.usefixtures("_sample")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"metadata": b"{"}, r"configs/metadata\.json is not JSON"),
        ({"inference": b"\xff"}, r"configs/inference\.json is not JSON"),
        ({"inference": b"[]"}, r"configs/inference\.json holds a list and no object"),
        ({"metadata": b"3"}, r"configs/metadata\.json holds a int and no object"),
        ({"inference": b"[" * 100_000}, r"configs/inference\.json is not JSON"),
        ({"model": b"hello"}, r"models/model\.pt holds no weights"),
        ({"model": weights()[:-400]}, r"models/model\.pt holds no weights"),
    ],
)
def test_a_bundle_that_could_not_segment_is_not_served(launcher, tmp_path, changed, reason):
    bundle = write_bundle(tmp_path / "swinx_seg.zip", **changed)
    with pytest.raises(launcher.CannotStartError, match=rf"swinx_seg\.zip: {reason}") as caught:
        launcher.prepare_app(bundle, tmp_path / "apps")
    assert len(str(caught.value).splitlines()) == 1
    assert list((tmp_path / "apps").iterdir()) == []


@pytest.mark.usefixtures("_sample")
def test_weights_that_are_no_dictionary_are_not_served(launcher, tmp_path):
    stream = io.BytesIO()
    torch.save(torch.zeros(3), stream)
    bundle = write_bundle(tmp_path / "swinx_seg.zip", model=stream.getvalue())
    with pytest.raises(launcher.CannotStartError, match="holds no weights"):
        launcher.prepare_app(bundle, tmp_path / "apps")


@pytest.mark.usefixtures("_sample")
def test_a_zip_that_was_damaged_on_its_way_is_not_served(launcher, tmp_path):
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    content = bytearray(bundle.read_bytes())
    content[content.index(b"models/model.pt") + 700] ^= 1
    bundle.write_bytes(content)
    with pytest.raises(launcher.CannotStartError, match=r"swinx_seg\.zip: damaged: Bad CRC-32"):
        launcher.prepare_app(bundle, tmp_path / "apps")


@pytest.mark.usefixtures("_sample")
@pytest.mark.parametrize("place", [16, 17, 18, 19])
def test_a_directory_of_entries_that_should_begin_elsewhere_is_damage(launcher, tmp_path, place):
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    content = bytearray(bundle.read_bytes())
    content[content.rindex(b"PK\x05\x06") + place] ^= 0x80
    bundle.write_bytes(content)
    with pytest.raises(launcher.CannotStartError, match=r"swinx_seg\.zip: damaged"):
        launcher.prepare_app(bundle, tmp_path / "apps")


def test_a_folder_for_apps_that_cannot_be_made_is_named_in_one_line(tmp_path):
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    for apps in ("/proc/nope", str(bundle)):
        said = launch("--bundle", bundle, "--studies", tmp_path, "--port", free_port(), "--apps", apps)
        assert len(said.splitlines()) == 1
        assert f"{apps}: cannot be written" in said
        assert "--apps" in said


def entry(name: str, mode: int = 0o100644, **changes: int) -> zipfile.ZipInfo:
    """An entry of a zip that says of itself what it likes."""
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name
    info.create_system, info.external_attr = 3, mode << 16
    for key, value in changes.items():
        setattr(info, key, value)
    return info


def with_entries(path: Path, *infos: zipfile.ZipInfo, content: bytes = b"content") -> Path:
    """A zip that the launcher takes, and further entries."""
    write_bundle(path)
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Duplicate name")
        for info in infos:
            archive.writestr(info, content)
    return path


def patched(path: Path, change: Callable[[bytearray], object]) -> Path:
    """A zip that the launcher takes, with some bytes changed."""
    content = bytearray(write_bundle(path).read_bytes())
    change(content)
    path.write_bytes(content)
    return path


def refused(launcher: ModuleType, bundle: Path, reason: str) -> None:
    """Make sure that a zip is refused with one sentence, and that nothing is left of it."""
    before = sorted(bundle.parent.rglob("*"))
    with pytest.raises(launcher.CannotStartError, match=reason) as caught:
        launcher.prepare_app(bundle, bundle.parent / "apps")
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).isascii()
    assert [path for path in sorted(bundle.parent.rglob("*")) if path.name != "apps"] == before


@pytest.mark.usefixtures("_sample")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("swinx_seg/../../evil.py", "would be written elsewhere"),
        ("/etc/evil", "would be written elsewhere"),
        ("swinx_seg//evil", "would be written elsewhere"),
        ("swinx_seg/./evil", "would be written elsewhere"),
        ("swinx_seg\\..\\evil", "has a backslash or a colon in its name"),
        ("C:/evil", "has a backslash or a colon in its name"),
        ("swinx_seg/a:stream", "has a backslash or a colon in its name"),
        ("swinx_seg/a\0b", "has control characters in its name"),
        ("swinx_seg/a\nb", "has control characters in its name"),
        ("swinx_seg/a\u202eb", "has control characters in its name"),
        ("swinx_seg/a\x1b[2Jb", "has control characters in its name"),
        ("swinx_seg/a.", "a name that not every file system has"),
        ("swinx_seg/a /b", "a name that not every file system has"),
        ("swinx_seg/" + "a" * 256, "a name that not every file system has"),
        ("swinx_seg/" + "a/" * 600 + "b", "has a name that is too long"),
        ("other/file", "one folder at its top"),
        ("file", "one folder at its top"),
    ],
)
def test_an_entry_of_a_strange_name_is_refused(launcher, tmp_path, name, reason):
    refused(launcher, with_entries(tmp_path / "odd.zip", entry(name)), reason)


@pytest.mark.usefixtures("_sample")
def test_an_entry_without_a_name_is_refused(launcher, tmp_path):
    refused(launcher, with_entries(tmp_path / "odd.zip", entry("")), "has an empty name")


@pytest.mark.usefixtures("_sample")
@pytest.mark.parametrize(
    "names",
    [
        ("swinx_seg/LICENSE", "swinx_seg/LICENSE"),
        ("swinx_seg/LICENSE", "swinx_seg/license"),
        ("swinx_seg/\u00e9", "swinx_seg/e\u0301"),
        ("swinx_seg/\ufb01le", "swinx_seg/file"),
        ("swinx_seg/stra\u00dfe", "swinx_seg/STRASSE"),
        ("swinx_seg/configs/metadata.json",),
        ("swinx_seg/CONFIGS/inference.json",),
    ],
)
def test_entries_that_would_be_one_file_are_refused(launcher, tmp_path, names):
    refused(launcher, with_entries(tmp_path / "odd.zip", *map(entry, names)), "are one file")


@pytest.mark.usefixtures("_sample")
@pytest.mark.parametrize("name", ["swinx_seg/configs", "swinx_seg/models/model.pt/evil", "swinx_seg/Configs"])
def test_an_entry_that_is_a_file_and_a_folder_is_refused(launcher, tmp_path, name):
    refused(launcher, with_entries(tmp_path / "odd.zip", entry(name)), "is a file and a folder")


@pytest.mark.usefixtures("_sample")
@pytest.mark.parametrize(
    ("mode", "reason"),
    [(0o120777, "is a link"), (0o010644, "is no regular file"), (0o020644, "is no regular file"), (0o40755, "regular")],
)
def test_an_entry_that_is_no_regular_file_is_refused(launcher, tmp_path, mode, reason):
    refused(launcher, with_entries(tmp_path / "odd.zip", entry("swinx_seg/odd", mode), content=b"/etc/passwd"), reason)


@pytest.mark.usefixtures("_sample")
@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_of_compression_are_refused(launcher, tmp_path, method):
    odd = entry("swinx_seg/odd", compress_type=method)
    refused(launcher, with_entries(tmp_path / "odd.zip", odd), f"is compressed by method {method}, and only stored")


@pytest.mark.usefixtures("_sample")
def test_methods_that_nobody_knows_and_encryption_are_refused(launcher, tmp_path):
    def method(content: bytearray) -> None:
        at = content.rindex(b"PK\x01\x02")
        content[at + 10 : at + 12] = b"\x63\x00"

    def encrypted(content: bytearray) -> None:
        content[content.rindex(b"PK\x01\x02") + 8] |= 1

    refused(launcher, patched(tmp_path / "odd.zip", method), "is compressed by method 99")
    refused(launcher, patched(tmp_path / "odd.zip", encrypted), "is encrypted")


@pytest.mark.usefixtures("_sample")
def test_a_zip_that_would_fill_the_disk_is_refused(launcher, tmp_path, monkeypatch):
    bomb = entry("swinx_seg/zeros", compress_type=zipfile.ZIP_DEFLATED)
    refused(launcher, with_entries(tmp_path / "bomb.zip", bomb, content=bytes(100 << 20)), "made to fill the disk")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1 << 20))
    refused(launcher, write_bundle(tmp_path / "large.zip"), "has 1 MB free, of which 256 MB stay")


@pytest.mark.usefixtures("_sample")
@pytest.mark.parametrize("size", [3, 10_000_000])
def test_an_entry_of_another_size_than_it_says_is_refused(launcher, tmp_path, size):
    def other(content: bytearray) -> None:
        at = content.rindex(b"PK\x01\x02")
        content[at + 24 : at + 28] = size.to_bytes(4, "little")

    refused(launcher, patched(tmp_path / "odd.zip", other), "damaged|not as long as it says")


@pytest.mark.usefixtures("_sample")
def test_entries_that_overlap_are_refused(launcher, tmp_path):
    def overlap(content: bytearray) -> None:
        at = content.rindex(b"PK\x01\x02")
        content[at + 20 : at + 24] = len(content).to_bytes(4, "little")

    refused(launcher, patched(tmp_path / "odd.zip", overlap), "so they overlap")


@pytest.mark.usefixtures("_sample")
def test_a_count_of_entries_that_would_fill_the_memory_is_refused(launcher, tmp_path):
    def many(content: bytearray) -> None:
        at = content.rindex(b"PK\x05\x06")
        content[at + 10 : at + 12] = b"\xff\xff"

    refused(launcher, patched(tmp_path / "odd.zip", many), "says it has 65535 entries, and a packed bundle has at most")
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(20_001):
            archive.writestr(f"swinx_seg/{number}", b"")
    refused(launcher, tmp_path / "many.zip", "has 20001 entries, and a packed bundle")


@pytest.mark.usefixtures("_sample")
@pytest.mark.parametrize("seed", range(60))
def test_a_zip_with_damaged_bytes_is_refused_in_one_sentence_or_is_whole(launcher, tmp_path, seed):
    rng = random.Random(seed)

    def damage(content: bytearray) -> None:
        start = content.index(b"PK\x01\x02") if seed % 2 else 0
        for _ in range(rng.randint(1, 4)):
            content[rng.randrange(start, len(content))] = rng.randrange(256)

    bundle = patched(tmp_path / "odd.zip", damage)
    said, apps = "", tmp_path / "apps"
    try:
        launcher.prepare_app(bundle, apps)
    except launcher.CannotStartError as error:
        said = str(error)
    left = list(apps.iterdir()) if apps.exists() else []
    assert (len(said.splitlines()), len(left)) in ((1, 0), (0, 1))


@pytest.mark.usefixtures("_sample")
@pytest.mark.parametrize("top", ["-rf", "a,b", "a b", "\u00e9"])
def test_a_bundle_is_called_by_a_plain_word(launcher, tmp_path, top):
    refused(launcher, write_bundle(tmp_path / "odd.zip", top=f"{top}/"), "which names no bundle|not every file system")


def test_a_pipe_is_no_bundle(launcher, tmp_path):
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(launcher.CannotStartError, match="neither a folder nor a zip"):
        launcher.bundle_files(tmp_path / "pipe.zip")


@pytest.mark.usefixtures("_sample")
def test_a_folder_with_a_link_out_of_it_is_not_served(launcher, tmp_path):
    bundle = write_bundle(tmp_path / "swinx_seg.zip")
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path / "unpacked")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "unpacked" / "swinx_seg" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(launcher.CannotStartError, match="link: leads out of the bundle by a link"):
        launcher.prepare_app(tmp_path / "unpacked" / "swinx_seg", tmp_path / "apps")
