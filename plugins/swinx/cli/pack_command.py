"""``swinx pack``: a bundle as one zip."""

from __future__ import annotations

from typing import Any

from swinx.cli.front.terminal import check_paths, say

__all__ = ["pack"]


def pack(bundle: str, out: str = "dist", weights: str | None = None, **settings: Any) -> None:
    """Pack a bundle with its weights and this package into one zip that needs MONAI alone.

    Args:
        bundle: Folder of the bundle, or the name of one that comes with swinx, such as swinx_seg.
        out: Folder for the zip.
        weights: The checkpoint; by default models/model.pt in the bundle. For pseudolabel: the folder of the nnU-Net
            model; by default models/teacher in the bundle.
        settings: Settings of the training, such as --embed_dim 24, where the sidecar of the weights lacks them.
    """
    check_paths(bundle, out, weights)
    from swinx.bundle import chosen_bundle
    from swinx.packaging import pack_bundle
    from swinx.tracking import artefact_hash

    archive = pack_bundle(chosen_bundle(bundle), out, weights=weights, settings=settings)
    say(f"{artefact_hash(archive)}  {archive}")
