"""Optional package nnunetv2, and its checkpoints read without running code in them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from swinx.errors import TeacherError

__all__ = ["NNUNET_VERSION", "find_trainer", "nnunet_scalars", "require_nnunet"]

NNUNET_VERSION = "2.8.1"
"""Release whose files and functions this room supports."""


def require_nnunet() -> None:
    """Make sure that nnU-Net can be imported.

    Raises:
        TeacherError: If it is not installed, or is another release than :data:`NNUNET_VERSION`.
    """
    install = f"pip install nnunetv2=={NNUNET_VERSION}"
    try:
        found = version("nnunetv2")
    except PackageNotFoundError as error:
        raise TeacherError(f"nnU-Net is not installed: {install}") from error
    if found != NNUNET_VERSION:
        raise TeacherError(f"nnunetv2 {found} is installed, {NNUNET_VERSION} is needed: {install}")


def find_trainer(name: str) -> type[Any]:
    """Return a trainer class of nnU-Net by its name, or one in the folders that ``nnUNet_extTrainer`` names.

    nnU-Net's own search imports every trainer on its way, and that of a transformer network, which comes before the
    variants of the plain trainer, cannot be imported without timm. If that ends the search, it goes on in the
    variants.

    Raises:
        RuntimeError: If there is no such class.
        ImportError: If the way to it leads over a package that is not installed.
    """
    import nnunetv2
    from nnunetv2.utilities.find_class_by_name import recursive_find_python_class
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name

    try:
        found: type[Any] = recursive_find_trainer_class_by_name(name)
    except ModuleNotFoundError as error:
        root = Path(nnunetv2.__path__[0])
        variants = str(root / "training" / "nnUNetTrainer" / "variants")
        module = "nnunetv2.training.nnUNetTrainer.variants"
        variant: type[Any] | None = recursive_find_python_class(variants, name, module, str(root))
        if variant is None:
            raise ImportError(f"no variant of nnU-Net's trainer has this name, and {error}") from error
        return variant
    return found


def nnunet_scalars() -> list[Any]:
    """Return the globals that ``torch.load`` must allow for the training log in nnU-Net's checkpoints.

    nnU-Net itself reads its checkpoints with ``weights_only=False``, which runs whatever code a file brings. Apart
    from tensors and plain Python values they hold nothing but numpy scalars, whose constructor runs no code.
    """
    scalar: Any = np.float64(0).__reduce__()[0]
    numbers = (np.bool_, np.int32, np.int64, np.float16, np.float32, np.float64)
    in_numpy_1 = (scalar, "numpy.core.multiarray.scalar")
    return [scalar, in_numpy_1, np.dtype, *[type(np.dtype(number)) for number in numbers]]
