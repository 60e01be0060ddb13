"""Handler that draws the student's reconstructions of the same few views, every so many epochs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Events
from monai.data import list_data_collate
from monai.data.utils import set_rnd
from monai.engines import Workflow
from torch import Tensor
from torch.utils.data import Dataset

from swinx.pretraining.smit_network import SmitNetwork

__all__ = ["ReconstructionPictures"]


class ReconstructionPictures:
    """Handler that draws masked view, reconstruction and original of a few scans: ``<folder>/epoch_<n>.png``.

    The views are drawn once, from a seed of their own, so that pictures of different epochs can be compared.

    Args:
        network: The student itself.
        dataset: Items with ``view_1`` ``(1, D, H, W)`` and ``mask_1`` ``(1, d, h, w)``, such as the training set.
        draw: ``draw(path, views, mask, reconstruction, title)`` with tensors ``(n, 1, D, H, W)`` writes the picture.
        folder: Where the pictures go.
        interval: Draw every so many epochs, and after the last; 0 for never.
        count: Scans in a picture.
        seed: Seed of the views and masks.
    """

    def __init__(
        self,
        network: SmitNetwork,
        dataset: Dataset[Any],
        draw: Callable[..., object],
        folder: str,
        interval: int = 10,
        count: int = 4,
        seed: int = 0,
    ) -> None:
        self.network = network
        self.dataset = dataset
        self.draw = draw
        self.folder = Path(folder)
        self.interval = interval
        self.count = count
        self.seed = seed
        self.logger = logging.getLogger(__name__)
        self._views: tuple[Tensor, Tensor] | None = None

    def attach(self, engine: Workflow) -> None:
        """Listen to the trainer, on the first process only."""
        if self.interval > 0 and idist.get_rank() == 0:
            engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    @torch.no_grad()
    def __call__(self, engine: Workflow) -> None:
        """Draw after every ``interval`` epochs and after the last one."""
        epoch = engine.state.epoch
        last = epoch == engine.state.max_epochs or bool(getattr(engine, "should_terminate", False))
        if epoch % self.interval and not last:
            return
        views, mask = (tensor.to(engine.state.device) for tensor in self._fixed_views())
        training = self.network.training
        self.network.eval()
        reconstruction = torch.cat([self.network(v[None], m[None]) for v, m in zip(views, mask, strict=True)])
        self.network.train(training)
        path = self.folder / f"epoch_{epoch:04d}.png"
        self.draw(path, views.cpu(), mask.cpu(), reconstruction.float().cpu(), f"epoch {epoch}")
        self.logger.info("reconstructions drawn in %s", path)

    def _fixed_views(self) -> tuple[Tensor, Tensor]:
        if self._views is None:
            set_rnd(self.dataset, self.seed)  # the training seeds it anew at the start of each epoch
            items = [self.dataset[index] for index in range(min(self.count, len(self.dataset)))]  # type: ignore[arg-type]
            batch = list_data_collate([{key: item[key] for key in ("view_1", "mask_1")} for item in items])
            self._views = torch.as_tensor(batch["view_1"]), torch.as_tensor(batch["mask_1"])
        return self._views
