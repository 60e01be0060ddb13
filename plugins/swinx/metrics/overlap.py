"""Volume overlap of masks and of label maps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from swinx.labels import FLARE23, LabelSet

__all__ = ["dice", "dice_per_class"]


def dice(reference: npt.NDArray[np.bool_], prediction: npt.NDArray[np.bool_]) -> float:
    """Return twice the overlap of two masks over the sum of their sizes; nan if both are empty.

    Examples:
        >>> dice(np.array([True, True, False]), np.array([True, False, False]))
        0.6666666666666666
    """
    total = int(np.count_nonzero(reference)) + int(np.count_nonzero(prediction))
    return 2 * int(np.count_nonzero(reference & prediction)) / total if total else float("nan")


def dice_per_class(
    reference: npt.NDArray[np.integer], prediction: npt.NDArray[np.integer], label_set: LabelSet = FLARE23
) -> dict[str, float]:
    """Return the Dice of every class over the whole volume, in one pass.

    This is plain overlap, for pictures and progress; :func:`swinx.metrics.score_case` has the challenge's rules.

    Args:
        reference: Class ids, shape ``(X, Y, Z)``.
        prediction: Class ids, same shape.
        label_set: The classes.

    Returns:
        Class name to Dice in class order, nan where neither map has the class.

    Raises:
        ValueError: If the shapes differ.

    Examples:
        >>> dice_per_class(np.array([[[1, 1, 3]]]), np.array([[[1, 0, 3]]]))["spleen"]
        1.0
    """
    if reference.shape != prediction.shape:
        raise ValueError(f"reference {reference.shape} and prediction {prediction.shape} differ in shape")
    classes = label_set.num_classes
    counts = np.zeros((classes, classes), dtype=np.int64)
    for index in range(reference.shape[-1]):  # slice by slice: pairs of a whole scan would need 8 bytes a voxel
        pairs = reference[..., index].astype(np.intp) * classes + prediction[..., index]
        counts += np.bincount(pairs.ravel(), minlength=classes**2).reshape(counts.shape)
    sizes = counts.sum(axis=0) + counts.sum(axis=1)
    with np.errstate(invalid="ignore"):
        scores = 2 * counts.diagonal() / sizes
    return {name: float(score) for name, score in zip(label_set.names[1:], scores[1:], strict=True)}
