"""A model that is loaded once and segments many scans, by the configuration of its bundle."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor, list_data_collate
from monai.networks.utils import eval_mode
from monai.transforms import Compose
from numpy.typing import NDArray

from swinx.bundle import check_overlay, nearest, overlays_of, read_settings, settings_of
from swinx.errors import BundleError, find_user_error, reason_of
from swinx.files import check_overrides
from swinx.geometry import find_image_notes, reader_notes
from swinx.inference import result_set
from swinx.labels import LabelSet
from swinx.networks import load_weights
from swinx.resources import ResourceMonitor
from swinx.rules import ModelRules as Rule
from swinx.segmentation.model_files import ModelFiles, find_model
from swinx.segmentation.one_scan import segment_image
from swinx.segmentation.scan_input import Scan
from swinx.segmentation.segmentation_result import Prediction, Segmentation
from swinx.segmentation.side_files import SideFiles
from swinx.tracking import read_sidecar
from swinx.visible_text import visible
from swinx.workarounds import silence_third_parties

__all__ = ["STANDARD", "LoadedModel", "load_model"]

STANDARD = "standard"


class LoadedModel:
    """A network with its weights, and the steps before and after it that its bundle's configuration describes.

    It is made by :func:`load_model`. ``inference.json`` is parsed as ``monai.bundle run inference`` does, with the
    profile over it, so that both give the same labels; the network is always in evaluation mode.

    Attributes:
        name: Name of the model.
        label_set: Its classes.
        device: Where the network runs.
        profile: Name of the profile.
        hu: Whether it is for CT in HU; False for MR and others.
        about: One line of its record that tells what the weights are and are not; empty if there is none.
    """

    def __init__(self, files: ModelFiles, profile: str, device: str, settings: Mapping[str, Any]) -> None:
        self.name, self.profile = files.name, profile
        self.device = torch.device(device)
        self._files = files  # keeps an unpacked zip
        parser = _configured(files, profile, device, settings)
        with _user_errors(str(files.bundle / "configs" / "inference.json")):
            self._build(parser)
        load_weights(parser.get_parsed_content("network_def"), files.checkpoint)
        self.about: str = read_sidecar(files.checkpoint).get("about") or ""
        if self.about:  # whatever the level of the log: what the weights are for is always said
            print(f"{self.name}: {self.about}", file=sys.stderr)
        self._network: torch.nn.Module = parser.get_parsed_content("network")
        self._network.requires_grad_(False).eval()
        self._prepared = False

    def _build(self, parser: ConfigParser) -> None:
        """Build the parts that segment."""
        self.label_set: LabelSet = parser.get_parsed_content("label_set")
        self._preprocessing: Compose = parser.get_parsed_content("preprocessing")
        self._inferer: Any = parser.get_parsed_content("inferer")
        self._amp = bool(parser.get_parsed_content("evaluator::amp"))
        self.hu: bool = parser.get_parsed_content("intensity") == "hu_window" if "intensity" in parser else True
        parser.get_parsed_content("network_def")
        self._settings = settings_of(parser)
        self._results: dict[tuple[str, ...] | None, dict[str, Any]] = {}

    def results(self, classes: Sequence[str] | None = None) -> dict[str, Any]:
        """Return the set of results of this model, for records, see :func:`swinx.inference.result_set`.

        Args:
            classes: Names of the classes that are kept; None for all, as a run of the bundle keeps them.
        """
        key = None if classes is None else tuple(classes)
        kept = {} if key is None else {"classes": list(key)}
        if key not in self._results:  # the weights are hashed once, not for each case
            self._results[key] = result_set(str(self._files.checkpoint), self._settings | kept)
        return self._results[key]

    def segment(
        self,
        image: Any,
        output: str | os.PathLike[str] | None = None,
        progress: bool = True,
        classes: str | Collection[str] | None = None,
        series: str | None = None,
        **files: bool,
    ) -> Segmentation:
        """Segment one scan, see :func:`swinx.segment`, which takes the same options but those of the model."""
        return segment_image(image, output, self, progress, classes, series, SideFiles(**files))

    def predict(self, scan: Scan, progress: bool = True, probabilities: bool = False) -> Prediction:
        """Segment one scan in memory.

        Args:
            scan: The scan.
            progress: Show a progress bar over windows.
            probabilities: Keep those of all classes, a byte for each class and voxel.

        Raises:
            CaseError: If the scan cannot be read or segmented.
        """
        monitor = ResourceMonitor(self.device)
        monitor.start()
        try:
            clock = [time.perf_counter()]
            first, *others = self._preprocessing.transforms
            with _user_errors():
                loaded: Any = Compose([first])(scan.item) if scan.path is not None else dict(scan.item)
                clock.append(time.perf_counter())
                batch: Any = list_data_collate([Compose(others)(loaded)])
            clock.append(time.perf_counter())
            clock.append(clock[-1] + self._prepare())
            self._inferer.keep_probabilities = probabilities
            labels = self._run(batch["image"], clock[2] - clock[0], progress)
            clock.append(time.perf_counter())
        finally:
            memory = monitor.stop()
        image: MetaTensor = loaded["image"]
        affine = np.asarray(image.affine.cpu().numpy(), dtype=np.float64)
        names = ("load", "preprocess", "prepare", "network")
        seconds = {name: clock[step + 1] - clock[step] for step, name in enumerate(names)}
        record: dict[str, Any] = {
            "case": scan.case,
            "image": str(scan.path or ""),
            "model": self.name,
            "profile": self.profile,
            "shape": list(labels.shape),
            "spacing_mm": [round(float(side), 4) for side in np.linalg.norm(affine[:3, :3], axis=0)],
            "network_shape": list(batch["image"].shape[2:]),
            "device": str(self.device),
            "seconds": {name: round(value, 3) for name, value in (*seconds.items(), ("total", sum(seconds.values())))},
            "peak_memory": asdict(memory),
            "labels": self.label_set.as_json(),
        }
        if self._inferer.tilings:
            record["windows"] = self._inferer.tilings[0].as_record()
        voxels: NDArray[np.float32] = image.as_tensor()[0].cpu().numpy()
        # a reader has told them of a file
        of_values = find_image_notes(voxels, self.hu, trained=True) if scan.path is None else []
        if warnings := [*reader_notes(loaded), *of_values]:
            record["warnings"] = warnings
        kept = self._inferer.probabilities[0].numpy() if probabilities else None
        return Prediction(labels, affine, voxels, record, kept)

    def _prepare(self) -> float:
        """Let the backend prepare the network for the first scan; return the seconds that it took, or 0."""
        if self._prepared:
            return 0.0
        self._inferer.prepare(self._network)
        self._prepared = True
        return float(self._inferer.seconds_to_prepare)

    def _run(self, image: MetaTensor, seconds_before: float, progress: bool) -> NDArray[np.uint8]:
        """Return class ids ``(X, Y, Z)``, as an evaluator of MONAI gets them."""
        self._inferer.progress = progress
        with eval_mode(self._network), torch.autocast(self.device.type, enabled=self._amp):
            found = self._inferer(image.to(self.device), self._network, seconds_before=seconds_before)
        labels: NDArray[np.uint8] = found.as_tensor()[0, 0].cpu().numpy()
        return labels


def load_model(
    model: str | os.PathLike[str] | None = None,
    profile: str | Collection[str] = STANDARD,
    device: str = "auto",
    progress: bool = True,
    **settings: Any,
) -> LoadedModel:
    """Load a model once, to segment many scans by ``load_model(...).segment(scan)``.

    Args:
        model: The folder of a bundle, a packed zip, a weights file, an address of MLflow (``models:/name/version``), or
            the name of a bundle that comes with swinx; by default what the last training in this folder left, or else
            the weights that come with swinx.
        profile: ``"standard"``, or an overlay of the bundle such as ``"fast"``; several in a list or with commas.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, or ``"auto"``: a CUDA GPU if there is one, else the CPU.
        progress: Tell on standard error which weights were loaded.
        settings: Further settings of the inference, such as ``overlap=0.25`` or ``max_ram_mb=8000``.

    Raises:
        BundleError: If there is no such model, profile, device or setting.
        WeightsError: If the weights cannot be read or are of another network.
    """
    silence_third_parties()
    chosen, overlays = _device(device), profile if isinstance(profile, str) else ",".join(profile)
    with _quiet(not progress):
        return LoadedModel(find_model(model), overlays, chosen, settings)


def _configured(files: ModelFiles, profile: str, device: str, settings: Mapping[str, Any]) -> ConfigParser:
    """Return the configuration of the inference with profile and settings, checked as a run checks them."""
    folder = files.bundle / "configs"
    parser = ConfigParser()
    parser.read_config([str(folder / "inference.json"), *map(str, _profile_files(folder, profile))])
    if (metadata := folder / "metadata.json").is_file():
        parser.read_meta(str(metadata))
    check_overrides(settings, "swinx.load_model")
    given = {**files.settings, **settings}
    places = {"bundle_root": str(files.bundle), "checkpoint": str(files.checkpoint), "device": device}
    configuration = {name: value for name, value in parser.get().items() if name != parser.meta_key}
    found, _ = read_settings({**configuration, **places, **given}, {**places, **given})
    for name, value in {**places, **given, **found}.items():
        parser[name] = value
    return parser


def _profile_files(folder: Path, profile: str) -> Iterator[Path]:
    for name in profile.split(","):
        if name.strip() in ("", STANDARD):
            continue
        path = folder / f"{name.strip()}.json"
        known = [STANDARD, *overlays_of(folder, ("inference",), "inference")]
        if not path.is_file():
            words = {"name": visible(name), "nearest": nearest(name, known), "known": ", ".join(known)}
            raise BundleError(Rule.PROFILE.says(**words))
        check_overlay(path, ("inference",), "inference", known)
        yield path


def _device(device: str) -> str:
    """Return the name of a device that is there."""
    text = str(device)
    if text.partition(":")[0] not in ("auto", "cpu", "cuda", "mps"):
        raise BundleError(Rule.DEVICE_NAME.says(device=visible(text)))
    if text == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=torch.device(text))
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        detail = str(error).strip().partition("\n")[0].partition(". ")[0]
        raise BundleError(Rule.DEVICE.says(device=visible(text), detail=visible(detail))) from error
    return text


@contextmanager
def _user_errors(config: str = "") -> Iterator[None]:
    """Raise the error that was written for users in place of those that MONAI wraps it in.

    Args:
        config: Configuration that is built; a program of others, whose own errors become one of the bundle.
    """
    try:
        yield
    except Exception as error:  # whatever the configuration calls may raise
        if (fault := find_user_error(error)) is not None:
            raise fault from error
        if config:
            raise BundleError(Rule.NOT_BUILT.says(config=visible(config), detail=reason_of(error))) from error
        raise


@contextmanager
def _quiet(enabled: bool) -> Iterator[None]:
    """Keep the report on loaded weights off the standard error."""
    with redirect_stderr(io.StringIO() if enabled else sys.stderr):
        yield
