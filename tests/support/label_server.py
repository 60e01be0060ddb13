"""A real MONAI Label server, driven over HTTP as 3D Slicer drives it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from support.bundles import ROOT

LABEL_PYTHON = ROOT / ".venv-label" / "bin" / "python"
CASES = {"ct0": "RAS", "ct1": "LPS", "ct2": "PSR", "ct3": "LAI"}
"""Scans in the folder of studies, and the directions of their axes."""

LAUNCHER = ROOT / "apps" / "monai_label" / "serve.py"


def free_port() -> int:
    """A port of the loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LabelServer:
    """The server's process, its log, and requests to it."""

    def __init__(self, bundle: Path, studies: Path, apps: Path, log: Path) -> None:
        self.port = free_port()
        self.log_path = log
        self.apps = apps
        # Relative, as the default of the launcher is: what it hands on must not depend on the working folder.
        near = os.path.relpath(apps, ROOT)
        command = [LABEL_PYTHON, LAUNCHER, "--bundle", bundle, "--studies", studies, "--apps", near]
        command += ["--port", self.port, "--epistemic-samples", "2"]
        # A proxy that leads nowhere: whatever wants to leave the machine fails.
        offline = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment |= {**offline, "no_proxy": "127.0.0.1", "OMP_NUM_THREADS": "1"}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    def log(self) -> str:
        """All that the server and its own processes have said."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def wait_until_up(self, seconds: float = 300) -> None:
        """Wait for the first answer."""
        for _ in range(int(seconds * 2)):
            assert self.process.poll() is None, self.log()[-3000:]
            try:
                self.get("/info/")
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.5)
            else:
                return
        raise AssertionError(self.log()[-3000:])

    def stop(self) -> None:
        """End the process and what it has started."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def request(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        """Send a request and return the body of the answer."""
        url = f"http://127.0.0.1:{self.port}{path}"
        asked = urllib.request.Request(url, body, {"Content-Type": kind}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(asked, timeout=300) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error}\n{self.log()[-3000:]}") from error

    def get(self, path: str) -> Any:
        """Return an answer in JSON."""
        return json.loads(self.request("GET", path))

    def post(self, path: str, content: object) -> Any:
        """Send JSON and return JSON."""
        return json.loads(self.request("POST", path, json.dumps(content).encode()))

    def send_form(self, method: str, path: str, params: object, **files: Path) -> bytes:
        """Send a form with parameters and files."""
        mark = uuid.uuid4().hex
        parts = [f'--{mark}\r\nContent-Disposition: form-data; name="params"\r\n\r\n{json.dumps(params)}\r\n'.encode()]
        for name, file in files.items():
            head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{file.name}"\r\n\r\n'
            parts += [head.encode(), file.read_bytes(), b"\r\n"]
        parts.append(f"--{mark}--\r\n".encode())
        return self.request(method, path, b"".join(parts), f"multipart/form-data; boundary={mark}")

    def segment(self, case: str, target: Path, model: str = "swinx_seg", **params: object) -> Path:
        """Have a scan of the studies segmented and write the result."""
        params = {"device": "cpu", **params}
        target.write_bytes(self.send_form("POST", f"/infer/{model}?image={case}&output=image", params))
        return target

    def finish(self, task: str, seconds: float = 240) -> dict[str, Any]:
        """Wait for the end of a task in the background: ``train`` or ``scoring``."""
        for _ in range(int(seconds)):
            status: dict[str, Any] = self.get(f"/{task}/")
            if status["status"] not in ("SUBMITTED", "RUNNING"):
                return status
            time.sleep(1)
        raise AssertionError(f"{task} takes longer than {seconds} s: {self.log()[-3000:]}")
