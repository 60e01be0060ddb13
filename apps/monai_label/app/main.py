"""MONAI Label's sample app for bundles, with their profiles, a score of uncertainty and the strategy that goes by it.

The launcher puts this file into a copy of the sample app, whose own ``main.py`` it renames to ``sample_app.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import sample_app
from dropout_samples import label_votes, sampling
from monai.transforms import SaveImaged
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.tasks.infer_v2 import InferTask
from monailabel.interfaces.tasks.scoring import ScoringMethod
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.tasks.activelearning.epistemic import Epistemic
from monailabel.tasks.infer.bundle import BundleInferTask
from monailabel.tasks.scoring.epistemic_v2 import EpistemicScoring

__all__ = ["DropoutSamples", "ProfileInference", "SwinxApp"]

_PROFILES = ("fast", "lowmem")
"""Overlays of a bundle's inference that are offered as models of their own, ``<bundle>_<profile>``."""


class ProfileInference(BundleInferTask):
    """Inference of a bundle with a profile of it: the network and its weights are the same, the settings others."""

    def __init__(self, path: str, conf: dict[str, str], profile: str) -> None:
        self._overlay = str(Path(path, "configs", f"{profile}.json"))
        super().__init__(path, conf)
        self.description = f"{self.description} Profile: {profile}."

    def _load_bundle_config(self, path: str, config: str) -> Any:
        return super()._load_bundle_config(path, [config, self._overlay])  # MONAI's parser merges them


class DropoutSamples(BundleInferTask):
    """Inference of a bundle that draws a sample of its labels by dropout, for the epistemic score.

    The plain network runs, with the stochastic depth that it was trained with: backends fold dropout away.
    """

    def __init__(self, path: str, conf: dict[str, str], dropout: float) -> None:
        super().__init__(path, conf, train_mode=True, skip_writer=True, dropout=dropout, post_filter=[SaveImaged])

    def _load_bundle_config(self, path: str, config: str) -> Any:
        loaded = super()._load_bundle_config(path, config)
        loaded["backend"] = "plain"
        training = Path(path, "configs", "train.json")
        if training.is_file():
            loaded["network_def"]["drop_path_rate"] = json.loads(training.read_text(encoding="utf-8"))["drop_path_rate"]
        return loaded

    def inferer(self, data: dict[str, Any] | None = None) -> Callable[..., Any]:
        """Return the inferer of the bundle, with active dropout."""
        return sampling(super().inferer(data))

    def post_transforms(self, data: dict[str, Any] | None = None) -> Sequence[Callable[..., Any]]:
        """Return the postprocessing of the bundle, with votes for the classes at its end."""
        *steps, restored = super().post_transforms(data)
        votes = partial(
            label_votes, key=self.key_pred, ref_key=self.key_image, num_classes=max(self.labels.values()) + 1
        )
        return [*steps, votes, restored]


class SwinxApp(sample_app.MyApp, MONAILabelApp):
    """The sample app with profiles; its own score takes class probabilities, and no strategy of it uses a score.

    MONAI Label takes the class of this file that has ``MONAILabelApp`` among its direct bases.
    """

    def init_infers(self) -> dict[str, InferTask]:
        """Return the sample app's models, and one for each profile that a bundle has."""
        infers = super().init_infers()
        for name, folder in self.models.items():
            for profile in _PROFILES:
                if Path(folder, "configs", f"{profile}.json").is_file():
                    infers[f"{name}_{profile}"] = ProfileInference(folder, self.conf, profile)
        return infers

    def init_scoring_methods(self) -> dict[str, ScoringMethod]:
        """Return the epistemic score of each bundle that is to have one."""
        samples, size = getattr(self, "epistemic_max_samples", 0), getattr(self, "epistemic_simulation_size", 0)
        return {
            name: EpistemicScoring(
                DropoutSamples(folder, self.conf, self.epistemic_dropout), max_samples=samples, simulation_size=size
            )
            for name, folder in (self.epistemic_models or {}).items()
        }

    def init_strategies(self) -> dict[str, Strategy]:
        """Return the sample app's strategies, and ``epistemic``: the scan with the highest score first."""
        return {**super().init_strategies(), "epistemic": Epistemic()}
